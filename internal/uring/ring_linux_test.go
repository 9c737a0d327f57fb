package uring

import (
	"bytes"
	"fmt"
	"os"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

func newRing(t *testing.T, n int) *Ring {
	t.Helper()
	runtime.LockOSThread()
	t.Cleanup(runtime.UnlockOSThread)
	r, err := New(n)
	if err != nil && os.Getenv("LEASECACHE_REQUIRE_URING") == "" {
		t.Skipf("no io_uring here (Linux 6.0 and a container that allows it): %v", err)
	}
	require.NoError(t, err)
	t.Cleanup(r.Close)
	return r
}

func pair(t *testing.T) (a, b int) {
	t.Helper()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	require.NoError(t, err)
	t.Cleanup(func() { _ = unix.Close(fds[0]); _ = unix.Close(fds[1]) })
	return fds[0], fds[1]
}

func TestSendsAndReceivesInOneGo(t *testing.T) {
	const n = 8
	r := newRing(t, n)
	var left, right [n]int
	for i := range n {
		left[i], right[i] = pair(t)
	}
	in := make([]byte, 100*n)
	for round := range 100 { // the queues are rings
		k := round%n + 1
		for i := range k {
			r.Send(left[i], fmt.Appendf(nil, "round %d, to %d", round, i))
		}
		require.NoError(t, r.Do())
		for i := range k {
			sent, errno := r.Result(i)
			require.Zero(t, errno)
			require.Equal(t, len(fmt.Sprintf("round %d, to %d", round, i)), sent)
			r.Receive(right[i], in[100*i:100*i+100])
		}
		require.NoError(t, r.Do())
		for i := range k {
			got, errno := r.Result(i)
			require.Zero(t, errno)
			require.Equal(t, fmt.Sprintf("round %d, to %d", round, i), string(in[100*i:100*i+got]))
		}
	}
}

// What would block, what fails and what is done stand side by side, and nothing is
// waited for.
func TestNothingWaits(t *testing.T) {
	r := newRing(t, 8)
	a, b := pair(t)
	gone, closed := pair(t)
	require.NoError(t, unix.Shutdown(closed, unix.SHUT_RDWR))
	full, _ := pair(t)
	for {
		if _, err := unix.Write(full, make([]byte, 1<<16)); err != nil {
			require.ErrorIs(t, err, unix.EAGAIN)
			break
		}
	}
	in := make([]byte, 100)
	r.Receive(b, in)              // 0: nothing there
	r.Receive(-1, in)             // 1: no socket
	r.Send(a, []byte("x"))        // 2
	r.Receive(gone, in[50:])      // 3: the end
	r.Send(gone, []byte("x"))     // 4: no signal
	r.Send(full, make([]byte, 9)) // 5: no room
	r.Receive(b, in)              // 6: what 2 has sent
	require.NoError(t, r.Do())
	for i, want := range []unix.Errno{unix.EAGAIN, unix.EBADF, 0, 0, unix.EPIPE, unix.EAGAIN, 0} {
		n, errno := r.Result(i)
		require.Equal(t, want, errno, i)
		require.Equal(t, map[int]int{2: 1, 6: 1}[i], n, i)
	}
	require.Equal(t, byte('x'), in[0])
	require.NoError(t, r.Do(), "nothing to do")
}

// A large send is done in part, as send does it.
func TestSendInPart(t *testing.T) {
	r := newRing(t, 2)
	a, b := pair(t)
	big := bytes.Repeat([]byte("v"), 8<<20)
	r.Send(a, big)
	require.NoError(t, r.Do())
	n, errno := r.Result(0)
	require.Zero(t, errno)
	require.Less(t, n, len(big))
	require.Positive(t, n)
	got := 0
	for in := make([]byte, 1<<16); ; {
		k, err := unix.Read(b, in)
		if err != nil {
			break
		}
		got += k
	}
	require.Equal(t, n, got)
}

func TestDoDoesNotAllocate(t *testing.T) {
	r := newRing(t, 4)
	a, b := pair(t)
	out, in := []byte("hello"), make([]byte, 10)
	require.Zero(t, testing.AllocsPerRun(100, func() {
		r.Send(a, out)
		r.Receive(b, in)
		_ = r.Do()
	}))
	n, errno := r.Result(1)
	require.Zero(t, errno)
	require.Equal(t, "hello", string(in[:n]))
}

func TestTooMany(t *testing.T) {
	_, err := New(1 << 30)
	require.ErrorIs(t, err, unix.EINVAL)
}
