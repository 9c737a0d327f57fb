package server

import (
	"bufio"
	"math"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/leasecache/leasecache/server/owner"
	"github.com/leasecache/leasecache/shard"
)

// member is a Keeper that opens nothing by itself. A test may stop the process, as it
// were, in the command lm.
type member struct {
	Keeper
	pause atomic.Pointer[func()]
}

func (m *member) Map(addr string) shard.Map {
	if f := m.pause.Load(); f != nil {
		(*f)()
	}
	return m.Keeper.Map(addr)
}

// far is an end that is not reached, and not for ever either.
const far = math.MaxInt64 - 1

func startMember(t *testing.T, loops int) (*Server, *member) {
	m := &member{}
	s := start(t, func(c *Config) {
		m.Keeper = c.Keeper
		c.Keeper, c.Loops = m, loops
	})
	return s, m
}

func openAll(t *testing.T, h Host, epoch shard.Epoch) {
	t.Helper()
	for id := range shard.ID(16) {
		require.NoError(t, h.Open(id, owner.Start{Epoch: epoch}))
	}
}

// R2, U8: who holds a session goes by whichever clock is first. All is dropped before
// the batch that finds it is done, and the session is over for good.
func TestSchedule_R2_HolderGoesByEitherClock(t *testing.T) {
	for _, loops := range []int{0, 2} {
		s, _ := startMember(t, loops)
		h, p := s.Host(), dial(t, s)
		p.send("get k\n")
		p.expect("SERVER_ERROR unavailable: this node does not own the shard: it has no session at present; nothing was done")
		require.True(t, h.Extend(1, far, far))
		p.send("get k\n")
		p.expect("SERVER_ERROR unavailable: this node does not own the shard; nothing was done")
		openAll(t, h, 5)
		p.send("set k 0 0 1\nv\nget k\nlg l\n")
		p.expect("STORED")
		p.expect("VALUE k 0 1")
		p.expect("v")
		p.expect("END")
		require.Contains(t, p.line(), "LE L")
		waits := dial(t, s)
		waits.send("lg l w60000\nversion\n")
		require.Eventually(t, func() bool { return s.owner.Stats().Parked == 1 }, 5*time.Second, time.Millisecond)

		_, wall := h.Clock()
		require.True(t, h.Extend(1, far, wall)) // as if the machine slept: the monotonic clock has not gone on
		p.send("get k\n")
		p.expect("SERVER_ERROR unavailable: this node does not own the shard: it has no session at present; nothing was done")
		waits.expect("SERVER_ERROR unavailable: this node does not own the shard any more; nothing was done")
		require.Contains(t, waits.line(), "VERSION")
		require.False(t, h.Extend(1, far, far), "a session that was over is over")

		require.True(t, h.Extend(2, far, far))
		openAll(t, h, 6)
		p.send("get k\nset k 0 0 1\nw\nget k\n")
		p.expect("END")
		p.expect("STORED")
		p.expect("VALUE k 0 1")
		p.expect("w")
		p.expect("END")
		mono, _ := h.Clock()
		require.True(t, h.Extend(2, mono, far))
		p.send("get k\n")
		p.expect("SERVER_ERROR unavailable: this node does not own the shard: it has no session at present; nothing was done")
	}
}

// The schedule of Server.live: a process that is stopped in a batch, for longer than
// its session, does not send what it read before.
func TestRepliesOfAStoppedBatchDoNotLeave(t *testing.T) {
	for _, loops := range []int{0, 1} {
		s, m := startMember(t, loops)
		h, p := s.Host(), dial(t, s)
		require.True(t, h.Extend(1, far, far))
		openAll(t, h, 5)
		p.send("set k 0 0 1\nv\n")
		p.expect("STORED")
		other := dial(t, s)
		other.send("get k\n")
		other.expect("VALUE k 0 1")
		other.expect("v")
		other.expect("END")

		paused := make(chan struct{})
		pause := func() {
			m.pause.Store(nil)
			close(paused)
			time.Sleep(50 * time.Millisecond) // others are heard of in the same batch
			_, wall := h.Clock()
			require.True(t, h.Extend(1, far, wall))
		}
		m.pause.Store(&pause)
		p.send("get k\nlm\nget k\n")
		<-paused
		silent(t, p)
		fresh := dial(t, s)
		fresh.send("get k\n")
		fresh.expect("SERVER_ERROR unavailable: this node does not own the shard: it has no session at present; nothing was done")
	}
}

// silent expects that a connection ends without another word.
func silent(t *testing.T, p *peer) {
	t.Helper()
	require.NoError(t, p.nc.SetReadDeadline(time.Now().Add(10*time.Second)))
	_, err := bufio.NewReader(p.nc).ReadByte()
	require.Error(t, err)
	require.NotErrorIs(t, err, os.ErrDeadlineExceeded, "it stays open")
}

// A writer's intent goes along with a planned move, over the wire; what is damaged on
// the way opens nothing.
func TestHostHandsOver(t *testing.T) {
	from, m := startMember(t, 0)
	to, _ := startMember(t, 2)
	epoch := m.Keeper.(alone).State(0).Epoch // in which it notes
	a, b := from.Host(), to.Host()
	require.True(t, a.Extend(1, far, far))
	require.True(t, b.Extend(2, far, far))
	openAll(t, a, epoch)
	p, q := dial(t, from), dial(t, to)
	p.send("lw k F\n")
	token := strings.Fields(p.line())[1]
	id := shard.Of([]byte("k"), 16)
	_, ok := a.Leave(id, epoch-1)
	require.False(t, ok)
	p.send("flush_all 1\n")
	p.expect("OK")
	moved, ok := a.Leave(id, epoch)
	require.True(t, ok)
	p.send("lg k\n")
	p.expect("SERVER_ERROR unavailable: this node does not own the shard: it is being moved; nothing was done")

	require.Error(t, b.OpenMoved(id, owner.Start{Epoch: epoch + 1}, moved[:len(moved)-1]))
	q.send("lg k\n")
	q.expect("SERVER_ERROR unavailable: this node does not own the shard; nothing was done")
	require.NoError(t, b.OpenMoved(id, owner.Start{Epoch: epoch + 1}, moved))
	q.send("lg k\n")
	require.Contains(t, q.line(), "QU")
	q.send("lc k " + token + "\nset k 0 0 1\nv\nget k\n")
	q.expect("HD")
	q.expect("STORED")
	q.expect("VALUE k 0 1")
	q.expect("v")
	q.expect("END")
	require.Eventually(t, func() bool {
		q.send("mg k\n")
		return q.line() == "EN"
	}, 5*time.Second, 10*time.Millisecond, "the flush that was asked for at the former owner")
	require.Equal(t, []shard.ID{id}, b.Rest(2))
	require.Len(t, a.Rest(1), 15)
}
