package consensus

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hashicorp/raft"
	"github.com/stretchr/testify/require"

	"github.com/leasecache/leasecache/shard"
	"github.com/leasecache/leasecache/shard/control"
)

func within3s(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func TestAnyNodeProposes(t *testing.T) {
	o, w := newObserver(t), newNetwork()
	n1 := o.startOn(w, o.config("n1"))
	o.allServed(5 * time.Second)
	n2 := o.startOn(w, o.config("n2", n1.Addr().String()))
	o.eventually("n2 owns shards", 10*time.Second, func() bool { _, by := o.served(); return by["n2"] == 16 })

	// Whoever proposed has applied it when he hears of it.
	for _, n := range []*running{n1, n2} {
		r, err := n.Propose(within3s(t), control.Drain{Node: n.ID(), On: true})
		require.NoError(t, err)
		require.Equal(t, control.OK, r.Code)
		n.View(func(st *control.State) { require.True(t, st.Members[n.ID()].Draining) })
	}
	r, err := n2.Propose(within3s(t), control.Drain{Node: "nobody", On: true})
	require.NoError(t, err)
	require.Equal(t, control.NotFound, r.Code)
	id, ok, _ := n2.Leader()
	require.True(t, ok)
	require.Equal(t, "n1", id)

	// n1 votes alone. Whoever cannot reach it hears that nothing can be agreed on, and
	// what is missing; or that it is unknown, if it was on its way.
	w.lose("n1")
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Second)
	defer cancel()
	_, err = n2.Propose(ctx, control.Drain{Node: "n2", On: false})
	require.ErrorIs(t, err, ErrUnknown)
	o.eventually("n2 knows of no leader", 3*time.Second, func() bool { _, ok, _ := n2.Leader(); return !ok })
	_, _, why := n2.Leader()
	require.Contains(t, why, "0 of 1 voters reachable; waiting for n1")
	o.eventually("n2 says so", 10*time.Second, func() bool {
		ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
		defer cancel()
		_, err = n2.Propose(ctx, control.Drain{Node: "n2", On: false})
		return err != nil && !errors.Is(err, ErrUnknown)
	})
	require.ErrorIs(t, err, ErrNoLeader)
	w.find("n1")
}

func TestAnEntryNobodyUnderstandsEndsTheNode(t *testing.T) {
	o := newObserver(t)
	n := o.start(o.config("n1"))
	o.allServed(5 * time.Second)
	f := n.raft.Apply([]byte{0xff, 0xff}, time.Second)
	require.NoError(t, f.Error())
	_, failed := f.Response().(error)
	require.True(t, failed)
	require.ErrorContains(t, n.ends(), "this node cannot follow its cluster any more")
	sum, _ := o.served()
	require.Zero(t, sum, "it still serves")
}

// TestALeaderWhoseDiskHangsEnds, so that another leads.
func TestALeaderWhoseDiskHangsEnds(t *testing.T) {
	o := newObserver(t)
	c := o.config("n1")
	var hangs atomic.Bool
	goOn := make(chan struct{})
	c.store = func(s raft.LogStore) raft.LogStore { return hangsLater{s, &hangs, goOn} }
	n := o.start(c)
	o.allServed(5 * time.Second)
	hangs.Store(true)
	t.Log("ended after", o.eventually("it ends", 5*time.Second, n.isOver))
	close(goOn)
	require.ErrorIs(t, n.ends(), errStuck)
}

type hangsLater struct {
	raft.LogStore
	hangs *atomic.Bool
	goOn  chan struct{}
}

func (h hangsLater) StoreLogs(l []*raft.Log) error {
	if h.hangs.Load() {
		<-h.goOn
	}
	return h.LogStore.StoreLogs(l)
}

// What could not be read again must not come into the log, from whichever way: it would end
// every node.
func TestWhatIsNoEntryIsNotProposed(t *testing.T) {
	o := newObserver(t)
	n := o.start(o.config("n1"))
	o.allServed(5 * time.Second)
	bad := control.Raise{Session: n.mine(), Shard: 1, From: shard.MaxEpoch, AtLeast: shard.MaxEpoch + 1}
	_, err := n.Propose(within3s(t), bad)
	require.ErrorIs(t, err, control.ErrDamaged)
	n.send(bad)
	require.True(t, n.proposed(append([]byte{firstHop}, control.Encode(bad)...)).Refused, "another node's")
	time.Sleep(50 * time.Millisecond)
	_, err = n.Propose(within3s(t), control.Drain{Node: "n1"})
	require.NoError(t, err, "the node lives")
}
