package consensus

import (
	"bytes"
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

// plan has a shard moved, as an operator would.
func (o *observer) plan(by, from, to *running, id shard.ID) control.Transfer {
	o.t.Helper()
	at := by.record(id)
	_, err := by.Propose(within3s(o.t), control.Plan{From: from.mine(), Moves: []control.Owner{{Shard: id, Epoch: at.Epoch, To: to.mine()}}})
	require.NoError(o.t, err)
	planned := by.record(id).Transfer
	require.NotZero(o.t, planned.ID)
	return planned
}

// handedOn says whether what a shard's owner handed over at an epoch is with who serves it
// now, maybe after more moves.
func (o *observer) handedOn(id shard.ID, at shard.Epoch) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	now := o.clock()
	for _, h := range o.hosts {
		if !h.cut && h.serves(id, now) {
			return bytes.Contains(h.kept[id], []byte{byte(at)})
		}
	}
	return false
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
	require.True(t, o.handedOn(id, at))
	s := nodes[1].record(id)
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
	half, longest, moves := o.shutFor()
	t.Logf("drained after %v; gates of %d moves were shut for %v, at most %v", time.Since(begin), moves, half, longest)
	_, by := o.served()
	require.Zero(t, by[leader.ID()])
	o.allServed(time.Second)
	time.Sleep(200 * time.Millisecond)
	_, by = o.served()
	require.Zero(t, by[leader.ID()], "it is given shards again")
	require.NoError(t, leader.halt())
}

// R17: a clean stop says where no writer is outstanding, before the session is given back:
// only the others are in doubt afterwards.
func TestSchedule_R17_AStopLeavesDoubtWhereWritersAre(t *testing.T) {
	o := newObserver(t)
	n := o.start(o.config("n1"))
	o.allServed(5 * time.Second)
	note := control.Note{Session: n.mine()}
	for id := range shard.ID(3) {
		note.Items = append(note.Items, control.Noted{Shard: id, Epoch: n.record(id).Epoch, Note: fenced})
	}
	_, err := n.Propose(within3s(t), note)
	require.NoError(t, err)
	o.mu.Lock()
	n.host.writers = map[shard.ID]bool{1: true}
	o.mu.Unlock()
	require.NoError(t, n.halt())
	n = o.start(n.cfg)
	o.allServed(5 * time.Second)
	require.Zero(t, n.record(0).DoubtBelow)
	require.NotZero(t, n.record(1).DoubtBelow)
	require.Zero(t, n.record(2).DoubtBelow)
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

// settles waits until one node serves a shard.
func (o *observer) settles(nodes []*running, id shard.ID, limit time.Duration) {
	o.t.Helper()
	o.eventually("the shard has one owner, who serves it", limit, func() bool {
		o.mu.Lock()
		defer o.mu.Unlock()
		n, now := 0, o.clock()
		for _, h := range o.hosts {
			if !h.cut && h.serves(id, now) {
				n++
			}
		}
		return n == 1
	})
	for _, r := range nodes {
		r.View(func(st *control.State) { require.NoError(o.t, st.Check()) })
	}
}

// trio is who leads, and two others to move shards between.
func trio(t testing.TB, nodes []*running) (leader, source, target *running) {
	leader, others := leaderOf(t, nodes)
	return leader, others[0], others[1]
}

// R15: the receiver is gone before the move. The gate is never shut: who serves goes on,
// at a higher epoch as what was planned is called off.
func TestSchedule_R15_TheReceiverIsGone(t *testing.T) {
	o, w := newObserver(t), newNetwork()
	nodes := o.threeOn(w)
	leader, source, target := trio(t, nodes)
	id := source.one(t)
	at := source.record(id)
	w.tear(source.ID(), target.ID())
	before := o.moves()
	o.plan(leader, source, target, id)
	o.eventually("it is called off", readyLimit+2*time.Second, func() bool { return source.record(id).Epoch > at.Epoch })
	require.Equal(t, source.mine(), source.record(id).Session)
	require.Equal(t, at.Since, source.record(id).Since, "it keeps what it has")
	o.settles(nodes, id, time.Second)
	require.Equal(t, before, o.moves(), "it was shut for a receiver who never answered")
	w.mend(source.ID(), target.ID())
}

// R15: the receiver dies when the gate is shut already.
func TestSchedule_R15_TheReceiverDiesUnderTheShutGate(t *testing.T) {
	o, w := newObserver(t), newNetwork()
	nodes := o.threeOn(w)
	leader, source, target := trio(t, nodes)
	id := source.one(t)
	at := source.record(id)
	source.host.leaves(id, func() { w.tear(source.ID(), target.ID()) })
	begin := time.Now()
	o.plan(leader, source, target, id)
	o.eventually("it is called off", shutLimit+2*time.Second, func() bool { return source.record(id).Epoch > at.Epoch })
	o.settles(nodes, id, time.Second)
	t.Log("served again after", time.Since(begin))
	require.Less(t, time.Since(begin), shutLimit+time.Second)
	require.Equal(t, source.mine(), source.record(id).Session)
	require.Equal(t, at.Since, source.record(id).Since)
	require.NoError(t, target.halt())
}

// R15: the receiver has everything; that the move is done reaches nobody. Nobody serves
// the shard, until it does; then the receiver, with what was handed over.
func TestSchedule_R15_MovedIsLost(t *testing.T) {
	o, w := newObserver(t), newNetwork()
	nodes := o.threeOn(w)
	leader, source, target := trio(t, nodes)
	id := source.one(t)
	at := source.record(id)
	source.host.leaves(id, func() { w.tear(source.ID(), leader.ID()) })
	planned := o.plan(leader, source, target, id)
	_, err := leader.Propose(within3s(t), control.Note{Session: source.mine(), Items: []control.Noted{{Shard: id, Epoch: at.Epoch, Note: fenced}}})
	require.NoError(t, err)
	o.eventually("all is handed over", time.Second, func() bool {
		return target.imports.holds(transfer{id, planned.ID}, target.mine())
	})
	time.Sleep(300 * time.Millisecond)
	require.Equal(t, at.Epoch, leader.record(id).Epoch)
	sum, _ := o.served()
	require.Equal(t, 31, sum, "the gate was opened though the move may have been agreed on")

	w.mend(source.ID(), leader.ID())
	o.settles(nodes, id, 3*time.Second)
	require.Greater(t, leader.record(id).Since, at.Epoch)
	require.Zero(t, leader.record(id).DoubtBelow)
	require.True(t, o.handedOn(id, at.Epoch), "it is served without what was handed over")
	require.False(t, target.imports.holds(transfer{id, planned.ID}, target.mine()), "it is taken once")
}

// R15: the receiver dies when he has everything. If the move is agreed on it is his, until
// his session is over; then another's, in doubt of what was noted.
func TestSchedule_R15_TheReceiverDiesWithTheShard(t *testing.T) {
	o, w := newObserver(t), newNetwork()
	nodes := o.threeOn(w)
	leader, source, target := trio(t, nodes)
	id := source.one(t)
	at := source.record(id)
	_, err := leader.Propose(within3s(t), control.Note{Session: source.mine(), Items: []control.Noted{{Shard: id, Epoch: at.Epoch, Note: fenced}}})
	require.NoError(t, err)
	source.host.leaves(id, func() { w.tear(source.ID(), leader.ID()) })
	planned := o.plan(leader, source, target, id)
	o.eventually("all is handed over", time.Second, func() bool {
		return target.imports.holds(transfer{id, planned.ID}, target.mine())
	})
	target.kill()
	w.mend(source.ID(), leader.ID())
	o.settles([]*running{leader, source}, id, 6*time.Second)
	require.NotZero(t, leader.record(id).DoubtBelow)
	o.allServed(time.Second)
}

// The receiver's session ends when he has everything and before the move is agreed on:
// what he held is dropped, and the shard is reset, in doubt.
func TestSchedule_R6_TheReceiverHasLapsed(t *testing.T) {
	o, w := newObserver(t), newNetwork()
	nodes := o.threeOn(w)
	leader, source, target := trio(t, nodes)
	id := source.one(t)
	at := source.record(id)
	_, err := leader.Propose(within3s(t), control.Note{Session: source.mine(), Items: []control.Noted{{Shard: id, Epoch: at.Epoch, Note: fenced}}})
	require.NoError(t, err)
	source.host.leaves(id, func() { w.tear(source.ID(), leader.ID()) })
	planned := o.plan(leader, source, target, id)
	held := func() bool { return target.imports.holds(transfer{id, planned.ID}, planned.To) }
	o.eventually("all is handed over", time.Second, held)
	o.mu.Lock()
	target.host.over = true
	o.mu.Unlock()
	o.eventually("it is dropped with the session", 2*time.Second, func() bool { return !held() })
	w.mend(source.ID(), leader.ID())
	o.settles(nodes, id, 6*time.Second)
	s := leader.record(id)
	if s.Session == source.mine() {
		require.Equal(t, at.Since, s.Since, "it was called off: the source has what it had")
	} else {
		require.NotZero(t, s.DoubtBelow)
	}
	o.allServed(3 * time.Second)
}

// R15: a batch of another transfer, of another session, or that nobody waits for is
// refused; copies and parts that come twice do no harm.
func TestSchedule_R15_PartsOfOtherTransfers(t *testing.T) {
	n := &Node{id: identity{Node: "n1"}}
	n.fsm = newFSM(func() {}, func(err error) { t.Error(err) })
	log := func(index uint64, e control.Entry) {
		r := n.fsm.Apply(entry(index, e)).(control.Result)
		require.Equal(t, control.OK, r.Code)
	}
	log(2, made(4))
	for i, node := range []string{"n1", "n2"} {
		log(uint64(3+2*i), control.PutMember{Node: node, Birth: "b"})
		log(uint64(4+2*i), control.Register{Node: node, Birth: "b", Life: 1, Count: 1})
	}
	log(7, control.Assign{Owners: []control.Owner{{Shard: 0, Epoch: 1, To: 6}, {Shard: 1, Epoch: 1, To: 6}, {Shard: 2, Epoch: 1, To: 4}}})
	log(8, control.Plan{From: 6, Moves: []control.Owner{{Shard: 0, Epoch: 2, To: 4}, {Shard: 1, Epoch: 2, To: 4}}})
	log(9, control.Plan{From: 4, Moves: []control.Owner{{Shard: 2, Epoch: 2, To: 6}}})
	hand := func(p part) verdict {
		payload := p.payload()
		said, _ := n.handed(append(payload[0], payload[1]...))
		return said
	}
	of := transfer{0, 8}
	require.Equal(t, taken, hand(part{of: of, to: 4}), "ready")
	require.Equal(t, refused, hand(part{of: of, to: 6}))
	require.Equal(t, refused, hand(part{of: transfer{2, 9}, to: 6}), "another node's")
	require.Equal(t, refused, hand(part{of: transfer{3, 8}, to: 4}), "not in the plan")
	require.Equal(t, refused, hand(part{of: transfer{0, 7}, to: 4}))
	require.Equal(t, refused, hand(part{of: transfer{9, 8}, to: 4}))
	require.Equal(t, later, hand(part{of: transfer{0, 10}, to: 4}), "this node has not followed")
	said, _ := n.handed([]byte{partForm})
	require.Equal(t, refused, said)

	first := part{of: of, to: 4, total: 5, data: []byte("abc")}
	second := part{of: of, to: 4, total: 5, offset: 3, data: []byte("de")}
	require.Equal(t, refused, hand(second), "the first is missing")
	require.Equal(t, taken, hand(first))
	require.Equal(t, refused, hand(part{of: of, to: 4, total: 6, offset: 3, data: []byte("de")}))
	require.False(t, n.imports.holds(of, 4))
	require.Equal(t, complete, hand(second))
	require.Equal(t, complete, hand(first), "a copy")
	require.True(t, n.imports.holds(of, 4))
	require.False(t, n.imports.holds(of, 6))
	require.Equal(t, complete, hand(part{of: transfer{1, 8}, to: 4, total: 1, data: []byte("x")}))

	// What the State has no use for is forgotten, and nothing else.
	log(11, control.Cancel{Shard: 1, Transfer: 8, Epoch: 2, From: 6})
	n.fsm.view(n.imports.sweep)
	require.False(t, n.imports.holds(transfer{1, 8}, 4))
	log(12, control.Moved{Shard: 0, Transfer: 8, Epoch: 2, From: 6, To: 4})
	n.fsm.view(n.imports.sweep)
	require.Equal(t, "abcde", string(n.imports.adopt(of)))
	require.Nil(t, n.imports.adopt(of))
	require.Zero(t, n.imports.size)

	log(13, control.Plan{From: 6, Moves: []control.Owner{{Shard: 1, Epoch: 3, To: 4}}})
	again := part{of: transfer{1, 13}, to: 4, total: 1, data: []byte("y")}
	require.Equal(t, complete, hand(again))
	n.imports.lapse(4)
	require.False(t, n.imports.holds(again.of, 4))
	require.Equal(t, refused, hand(again), "the session is over by our own clocks")
	require.Zero(t, n.imports.size)
}

// What waits here is bounded: a handover that is too much stays where it is.
func TestImportsAreBounded(t *testing.T) {
	var i imports
	big := part{of: transfer{1, 1}, to: 4, total: maxImport, data: make([]byte, maxImport)}
	for range maxImports / maxImport {
		require.Equal(t, complete, first(i.take(&big)))
		big.of.shard++
	}
	require.Equal(t, refused, first(i.take(&big)))
	require.NotNil(t, i.adopt(transfer{2, 1}))
	require.Equal(t, complete, first(i.take(&big)))
	_, err := readPart(append((&part{of: big.of, to: 4, total: maxImport + 1}).payload()[0], 1))
	require.Error(t, err)
}

func first(v verdict, _ string) verdict { return v }

// FuzzReadPart: whatever another node sends is refused, or is a part that goes in a frame
// as the same bytes.
func FuzzReadPart(f *testing.F) {
	for _, p := range []part{
		{of: transfer{3, 9}, to: 4},
		{of: transfer{1 << 16, 1 << 63}, to: 1 << 40, total: maxImport, offset: maxImport - 2, data: []byte("ab")},
	} {
		payload := p.payload()
		f.Add(append(payload[0], payload[1]...))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := readPart(b)
		if err != nil {
			return
		}
		payload := p.payload()
		require.Equal(t, b, append(payload[0], payload[1]...))
		var i imports
		said, _ := i.take(&p)
		require.Equal(t, p.to > 0 && p.total > 0 && len(p.data) == p.total, said == complete)
	})
}
