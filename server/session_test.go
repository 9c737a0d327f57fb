package server

import (
	"fmt"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// fed is a session without a transport.
type fed struct {
	*session
	t testing.TB
}

func newFed(t testing.TB) fed {
	s := start(t, nil)
	ours, theirs := net.Pipe()
	t.Cleanup(func() { _, _ = ours.Close(), theirs.Close() })
	return fed{newSession(s, &newBlocking(ours, time.Second, maxHeld, new(atomic.Uint64), newBudget(&Config{})).replies), t}
}

// do feeds whole requests and returns the replies, which hold until the next.
func (f fed) do(b []byte) []byte {
	used, state := f.feed(b, f.srv.read())
	if used != len(b) || state != feedMore {
		f.t.Fatalf("%q: used %d of %d, state %d", b, used, len(b), state)
	}
	return f.taken()
}

// all is do for a request that is too much to be done at once.
func (f fed) all(b []byte) (replies []byte) {
	for {
		used, state := f.feed(b, f.srv.read())
		replies, b = append(replies, f.taken()...), b[used:]
		if state != feedFull {
			require.Equal(f.t, feedMore, state)
			require.Empty(f.t, b)
			return replies
		}
	}
}

// The commands of the read path, with what they answer.
func exchanges(t testing.TB, f fed) map[string][]byte {
	token := tokenOf(t, string(f.do([]byte("lg key\r\n"))))
	require.Equal(t, "HD\r\n", string(f.do(fmt.Appendf(nil, "ls key 100 L%s T600\r\n%0100d\r\n", token, 7))))
	return map[string][]byte{
		"get":      []byte("get key\r\n"),
		"gets":     []byte("gets key\r\n"),
		"get miss": []byte("get absent\r\n"),
		"lg":       []byte("lg key v f t c\r\n"),
		"lg wait":  []byte("lg key v w1000 Oabc k\r\n"),
	}
}

// A hit costs no allocation, plain or by lease; nor does a round of miss, fill
// and invalidation, once there is room for the replies.
func TestReadsDoNotAllocate(t *testing.T) {
	f := newFed(t)
	for name, request := range exchanges(t, f) {
		require.Zero(t, testing.AllocsPerRun(1000, func() { f.do(request) }), name)
	}
	r := newRound()
	require.Zero(t, testing.AllocsPerRun(1000, func() { r.run(f) }), "lg, ls, ld")
}

// round is a miss, its fill and an invalidation.
type round struct {
	fill []byte
}

func newRound() *round { return &round{fill: make([]byte, 0, 1024)} }

var (
	roundAsk  = []byte("lg round v\r\n")
	roundDrop = []byte("ld round\r\n")
	roundBody = fmt.Appendf(nil, " T600\r\n%0100d\r\n", 7)
)

func (r *round) run(f fed) {
	reply := f.do(roundAsk)
	if string(reply[:4]) != "LE L" {
		f.t.Fatalf("%q", reply)
	}
	end := 4
	for reply[end] != ' ' {
		end++
	}
	r.fill = append(r.fill[:0], "ls round 100 L"...)
	r.fill = append(r.fill, reply[4:end]...)
	r.fill = append(r.fill, roundBody...)
	if reply := f.do(r.fill); string(reply) != "HD\r\n" {
		f.t.Fatalf("%q", reply)
	}
	f.do(roundDrop)
}

func BenchmarkSession(b *testing.B) {
	f := newFed(b)
	for name, request := range exchanges(b, f) {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				f.do(request)
			}
		})
	}
	b.Run("lg+ls+ld", func(b *testing.B) {
		b.ReportAllocs()
		r := newRound()
		for b.Loop() {
			r.run(f)
		}
	})
}

// noreply hides errors as well. A client that sent it reads no reply, and would
// take the error for the answer to its next command, and so on for ever.
func TestNoReplyHidesErrors(t *testing.T) {
	f := newFed(t)
	require.NoError(t, f.owner.Stop(t.Context()))
	for _, request := range []string{"set k 0 0 1 noreply\r\nx\r\n", "delete k noreply\r\n", "touch k 1 noreply\r\n", "flush_all noreply\r\n", "set k 0 0 2000000 noreply\r\n" + string(make([]byte, 2000000)) + "\r\n"} {
		require.Empty(t, string(f.do([]byte(request))), "%.30q", request)
	}
	require.Contains(t, string(f.do([]byte("get k\r\n"))), "SERVER_ERROR unavailable")
}
