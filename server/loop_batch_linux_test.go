package server

import (
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// bothWays runs a test with a ring and without. The ring belongs to the test's thread.
func bothWays(t *testing.T, test func(t *testing.T, ring bool)) {
	t.Run("ring", func(t *testing.T) {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		test(t, true)
	})
	t.Run("no ring", func(t *testing.T) { test(t, false) })
}

// inHands are connections of one loop that does not run.
func inHands(t *testing.T, s *Server, ring bool, n int) (*loop, []*loopConn, []*peer) {
	t.Helper()
	first, p := inHand(t, s)
	if ring {
		first.loop.useRing()
		if first.loop.ring == nil && os.Getenv("LEASECACHE_REQUIRE_URING") == "" {
			t.Skip("no io_uring here")
		}
		require.NotNil(t, first.loop.ring)
		t.Cleanup(first.loop.leaveRing)
	}
	conns, peers := []*loopConn{first}, []*peer{p}
	for len(conns) < n {
		c, p := inHandOn(t, s, first.loop)
		conns, peers = append(conns, c), append(peers, p)
	}
	return first.loop, conns, peers
}

func TestBatchAnswersEachItsOwn(t *testing.T) { bothWays(t, batchAnswersEachItsOwn) }

func batchAnswersEachItsOwn(t *testing.T, ring bool) {
	s := start(t, nil)
	l, conns, peers := inHands(t, s, ring, 3*batchConns)
	for i, p := range peers {
		p.send(fmt.Sprintf("set k%d %d 0 2\nv%d\nget k%d\nbad\n", i, i, i%10, i))
	}
	l.serve(sent(conns...))
	for i, p := range peers {
		p.expect("STORED", fmt.Sprintf("VALUE k%d %d 2", i, i), fmt.Sprintf("v%d", i%10), "END", "ERROR")
	}
	require.Empty(t, l.out)
	require.Empty(t, l.leaving)
	for i := range l.arrived[:cap(l.arrived)] {
		require.Nil(t, l.arrived[:cap(l.arrived)][i].c, "nothing is held on to")
	}
}

// Whose request is not whole, who waits, who leaves and who is gone are in one batch
// with others.
func TestBatchOfAllKinds(t *testing.T) { bothWays(t, batchOfAllKinds) }

func batchOfAllKinds(t *testing.T, ring bool) {
	s := start(t, nil)
	holder := dial(t, s)
	token := holder.lease("leased")
	l, conns, peers := inHands(t, s, ring, 7)
	plain, cut, waits, quits, gone, big, last := peers[0], peers[1], peers[2], peers[3], peers[4], peers[5], peers[6]
	size := storeBig(t, s, "big")
	plain.send("mn\n")
	cut.send("mn\nset cut 0 0 3\nab")
	waits.send("mn\nlg leased w60000\nmn\n")
	quits.send("mn\nquit\n")
	gone.send("mn\n")
	require.NoError(t, gone.nc.Close())
	big.send("mn\nget big\nget big\n")
	last.send("mn\n")
	l.serve(sent(conns...))
	for _, p := range []*peer{plain, cut, waits, quits, big, last} {
		p.expect("MN")
	}
	_, err := quits.r.ReadByte()
	require.ErrorIs(t, err, io.EOF)
	require.True(t, conns[3].closed)

	cut.send("c\nget cut\n")
	plain.send("get cut\n")
	l.serve(sent(conns[1], conns[0]))
	cut.expect("STORED", "VALUE cut 0 3", "abc", "END")
	plain.expect("VALUE cut 0 3", "abc", "END")

	holder.send("ls leased 1 L" + token + "\nv\n")
	holder.expect("HD")
	for !l.somethingPosted() {
		time.Sleep(time.Millisecond)
	}
	l.takePosted()
	require.Contains(t, waits.line(), "HD")
	waits.expect("MN")

	require.NotZero(t, conns[5].deadline, "it does not read all of it")
	require.Equal(t, uint32(unix.EPOLLOUT), conns[5].armed)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for len(conns[5].unsent) > 0 || conns[5].more {
			conns[5].writable()
		}
	}()
	value := strings.Repeat("v", size)
	for range 2 {
		big.expect(fmt.Sprintf("VALUE big 0 %d", size), value, "END")
	}
	<-done
}

// A reply that the socket did not take when the batch was written goes on later, in
// order.
func TestBatchKeepsWhatASocketDoesNotTake(t *testing.T) {
	bothWays(t, batchKeepsWhatASocketDoesNotTake)
}

func batchKeepsWhatASocketDoesNotTake(t *testing.T, ring bool) {
	s := start(t, nil)
	l, conns, peers := inHands(t, s, ring, 2)
	slow, other := peers[0], peers[1]
	value := strings.Repeat("v", 10_000)
	slow.send(fmt.Sprintf("set k 0 0 %d\n%s\n", len(value), value))
	l.serve(sent(conns[0]))
	slow.expect("STORED")
	asked := 0
	for len(conns[0].unsent) == 0 {
		slow.send("get k\n")
		other.send("mn\n")
		asked++
		l.serve(sent(conns...))
		other.expect("MN")
	}
	require.Equal(t, uint32(unix.EPOLLOUT), conns[0].armed)
	require.NotZero(t, conns[0].deadline)
	slow.send("mn\n") // not read before what is there is written
	want := strings.Repeat(fmt.Sprintf("VALUE k 0 %d\r\n%s\r\nEND\r\n", len(value), value), asked) + "MN\r\n"
	got := make([]byte, len(want))
	done := make(chan error)
	go func() {
		_, err := io.ReadFull(slow.r, got)
		done <- err
	}()
	rest := func() {
		for len(conns[0].unsent) > 0 {
			conns[0].writable()
		}
	}
	rest()
	l.serve(sent(conns...))
	rest() // the peer may not have taken all of it yet
	require.NoError(t, <-done)
	require.Equal(t, want, string(got))
	require.Zero(t, conns[0].deadline)
}

func TestBatchDoesNotAllocate(t *testing.T) { bothWays(t, batchDoesNotAllocate) }

func batchDoesNotAllocate(t *testing.T, ring bool) {
	s := start(t, nil)
	l, conns, peers := inHands(t, s, ring, 20)
	peers[0].send("set k 0 0 100\n" + strings.Repeat("v", 100) + "\n")
	l.serve(sent(conns[0]))
	peers[0].expect("STORED")
	events := sent(conns...)
	request, reply := []byte("get k\r\n"), make([]byte, 1000)
	allocs := testing.AllocsPerRun(50, func() {
		for _, p := range peers {
			_, _ = p.nc.Write(request)
		}
		l.serve(events)
		for _, p := range peers {
			_, _ = p.nc.Read(reply)
		}
	})
	require.Zero(t, allocs)
}

// A ring that fails is left, and nobody loses anything by it.
func TestRingThatFails(t *testing.T) {
	runtime.LockOSThread() // the ring is this thread's
	defer runtime.UnlockOSThread()
	s := start(t, nil)
	l, conns, peers := inHands(t, s, true, 3)
	for _, p := range peers {
		p.send("mn\n")
	}
	served := make(chan struct{})
	go func() { // it is another thread's, which the kernel refuses
		defer close(served)
		runtime.LockOSThread() // never unlocked: the thread ends
		l.serve(sent(conns...))
	}()
	<-served
	require.Nil(t, l.ring)
	l.serve(sent(conns...))
	for _, p := range peers {
		p.expect("MN")
	}
}
