package consensus

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/leasecache/leasecache/shard"
	"github.com/leasecache/leasecache/shard/control"
)

func operatorTime(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func refusal(t *testing.T, err error, sentence string) {
	t.Helper()
	var r *control.Refusal
	require.ErrorAs(t, err, &r)
	require.ErrorContains(t, err, sentence)
}

func TestAnOperatorOnAnyNode(t *testing.T) {
	o := newObserver(t)
	nodes := o.three()
	_, others := leaderOf(t, nodes)
	asked, other := others[0].Operator(), others[1]

	o.eventually("all are heard of", 5*time.Second, func() bool {
		for _, m := range asked.Overview().Nodes {
			if m.Heard < 0 || m.Heard > 2*time.Second {
				return false
			}
		}
		return true
	})
	v := asked.Overview()
	require.Equal(t, others[0].ID(), v.Node)
	require.NotEmpty(t, v.Leader)
	require.Empty(t, v.Why)
	require.Len(t, v.Nodes, 3)
	sum := 0
	for _, m := range v.Nodes {
		require.True(t, m.Votes)
		require.NotZero(t, m.Session)
		require.NotEmpty(t, m.Peer)
		require.Equal(t, 3*time.Second, m.TTL)
		sum += m.Shards
	}
	require.Equal(t, 32, sum)
	g := asked.Gauges()
	require.False(t, g.Leads)
	require.NotZero(t, g.Term)
	require.Greater(t, g.Left, time.Second)
	require.InDelta(t, 11, g.Owned, 1)

	// Drained, it owns nothing; then it gets its part again.
	require.NoError(t, asked.Drain(operatorTime(t), other.ID(), true))
	o.eventually("it is empty", 20*time.Second, func() bool {
		sum, by := o.served()
		return sum == 32 && by[other.ID()] == 0
	})
	require.NotZero(t, other.Operator().Gauges().Moved)
	refusal(t, asked.Move(operatorTime(t), 0, other.ID()), "`leasectl drain "+other.ID()+" --undo` first")
	require.NoError(t, asked.Drain(operatorTime(t), other.ID(), false))
	o.eventually("it has its part", 20*time.Second, func() bool {
		sum, by := o.served()
		return sum == 32 && by[other.ID()] >= 10
	})
}

func TestAnOperatorMovesAShard(t *testing.T) {
	o := newObserver(t)
	nodes := o.three()
	asked := nodes[0].Operator()
	o.eventually("nothing moves", 20*time.Second, func() bool {
		for _, s := range asked.Overview().Shards {
			if s.To != "" {
				return false
			}
		}
		return true
	})
	was := asked.Overview().Shards[0]
	to := "n2"
	if was.Owner == to {
		to = "n3"
	}
	require.NoError(t, asked.Move(operatorTime(t), 0, to))
	is := asked.Overview().Shards[0]
	require.Equal(t, to, is.Owner)
	require.Greater(t, is.Epoch, was.Epoch)

	refusal(t, asked.Move(operatorTime(t), 0, to), "shard 0 is "+to+"'s already")
	refusal(t, asked.Move(operatorTime(t), 32, to), "they are numbered from 0 to 31")
	refusal(t, asked.Move(operatorTime(t), shard.ID(1), "n9"), "no node is called n9: `leasectl nodes` lists them")
}

func TestAnOperatorForgetsANode(t *testing.T) {
	o := newObserver(t)
	nodes := o.three()
	leader, others := leaderOf(t, nodes)
	gone, stays := others[0], others[1]
	asked := leader.Operator()
	refusal(t, asked.Forget(operatorTime(t), gone.ID()), "`leasectl drain "+gone.ID()+"` first")
	refusal(t, asked.Forget(operatorTime(t), "n9"), "no node is called n9")
	gone.kill()
	o.allServed(20 * time.Second)

	// The other one is needed, whether it owns anything or not.
	require.NoError(t, asked.Drain(operatorTime(t), stays.ID(), true))
	o.eventually("it is empty", 20*time.Second, func() bool {
		v := asked.Overview()
		m, err := find(&v, stays.ID())
		return err == nil && m.Shards == 0
	})
	refusal(t, asked.Forget(operatorTime(t), stays.ID()),
		"without "+stays.ID()+" 1 of 2 voters can be reached, and a majority is needed: start "+gone.ID()+" first, or forget it instead")
	refusal(t, asked.Drain(operatorTime(t), leader.ID(), true), "there is no other node to take the shards of "+leader.ID())

	require.NoError(t, asked.Forget(operatorTime(t), gone.ID()))
	o.eventually("it is out", 5*time.Second, func() bool { return len(leader.servers()) == 2 && len(asked.Overview().Nodes) == 2 })
	refusal(t, asked.Forget(operatorTime(t), gone.ID()), "no node is called")
}

func TestAnOperatorOfALostMajority(t *testing.T) {
	o := newObserver(t)
	nodes := o.three()
	nodes[0].kill()
	nodes[1].kill()
	asked := nodes[2].Operator()
	o.eventually("it knows of no leader", 5*time.Second, func() bool { return asked.Overview().Leader == "" })
	ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
	defer cancel()
	require.ErrorIs(t, asked.Drain(ctx, "n2", true), ErrNoLeader)
}
