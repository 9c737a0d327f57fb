package consensus

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/leasecache/leasecache/shard"
	"github.com/leasecache/leasecache/shard/control"
)

// record is the newest of a shard that a node has applied.
func (r *running) record(id shard.ID) (s control.Shard) {
	r.View(func(st *control.State) { s = st.Shards[id] })
	return s
}

// mine is a node's session.
func (r *running) mine() (s shard.Session) {
	r.View(func(st *control.State) { s = st.Members[r.ID()].Session })
	return s
}

// one is a shard that a node serves.
func (r *running) one(t testing.TB) shard.ID {
	t.Helper()
	r.host.o.mu.Lock()
	defer r.host.o.mu.Unlock()
	for id := range r.host.open {
		if !r.host.shut[id] {
			return id
		}
	}
	require.FailNow(t, r.ID()+" serves nothing")
	return 0
}

// pin keeps the leader from making it even again, as an operator's settings could: nothing
// is planned while a session is not heard of.
func (o *observer) plan(by, from, to *running, id shard.ID) control.Transfer {
	o.t.Helper()
	at := by.record(id)
	_, err := by.Propose(within3s(o.t), control.Plan{From: from.mine(), Moves: []control.Owner{{Shard: id, Epoch: at.Epoch, To: to.mine()}}})
	require.NoError(o.t, err)
	planned := by.record(id).Transfer
	require.NotZero(o.t, planned.ID)
	return planned
}

func (o *observer) kept(r *running, id shard.ID) []byte {
	o.mu.Lock()
	defer o.mu.Unlock()
	return r.host.kept[id]
}

// What a shard's owner handed over is with the next owner, after however many moves; and
// nothing is in doubt.
func TestPlannedMovesKeepState(t *testing.T) {
	o := newObserver(t)
	nodes := o.three()
	from := nodes[0]
	id := from.one(t)
	at := from.record(id).Epoch
	_, err := from.Propose(within3s(t), control.Note{Session: from.mine(), Items: []control.Noted{{Shard: id, Epoch: at, Note: fenced}}})
	require.NoError(t, err)

	require.NoError(t, from.halt())
	sum, _ := o.served()
	require.Equal(t, 32, sum, "it stopped before others had all")
	next := nodes[1]
	if o.kept(next, id) == nil {
		next = nodes[2]
	}
	require.Equal(t, byte(at), o.kept(next, id)[len(o.kept(next, id))-1])
	s := next.record(id)
	require.Zero(t, s.DoubtBelow)
	require.True(t, s.Noted.Fenced, "R4")
	require.NotZero(t, s.Via)

	// It comes back and gets its part, though nobody takes a drain back.
	again := o.start(from.cfg)
	o.eventually("shards are even", 10*time.Second, func() bool {
		sum, by := o.served()
		return sum == 32 && by["n1"] >= 10
	})
	again.View(func(st *control.State) {
		require.NoError(t, st.Check())
		for id := range st.Shards {
			require.Zero(t, st.Shards[id].DoubtBelow, "shard %d", id)
		}
	})
}

// A drain takes all shards away while they are served, and the node stays a member.
func TestDrain(t *testing.T) {
	o := newObserver(t)
	nodes := o.three()
	leader, _ := leaderOf(t, nodes)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	begin := time.Now()
	leader.Drain(ctx)
	t.Log("drained after", time.Since(begin))
	_, by := o.served()
	require.Zero(t, by[leader.ID()])
	o.allServed(time.Second)
	time.Sleep(200 * time.Millisecond)
	_, by = o.served()
	require.Zero(t, by[leader.ID()], "it is given shards again")
	require.NoError(t, leader.halt())
}

// TestStopOfAll at once: nobody waits for the others to take what nobody will have.
func TestStopOfAll(t *testing.T) {
	o := newObserver(t)
	nodes := o.three()
	id := nodes[0].one(t)
	at := nodes[0].record(id).Epoch
	_, err := nodes[0].Propose(within3s(t), control.Note{Session: nodes[0].mine(), Items: []control.Noted{{Shard: id, Epoch: at, Note: fenced}}})
	require.NoError(t, err)
	done := make(chan error, 3)
	begin := time.Now()
	for _, n := range nodes {
		go func() { done <- n.halt() }()
	}
	for range nodes {
		require.NoError(t, <-done)
	}
	t.Log("all stopped after", time.Since(begin))
	require.Less(t, time.Since(begin), 9*time.Second)
}
