package consensus

import (
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/raft"
	"github.com/stretchr/testify/require"

	"github.com/leasecache/leasecache/shard/control"
)

// three starts a cluster of three voters that own the shards evenly.
func (o *observer) three() []*running {
	o.t.Helper()
	n1 := o.start(o.config("n1"))
	o.allServed(5 * time.Second)
	join := n1.Addr().String()
	nodes := []*running{n1, o.start(o.config("n2", join)), o.start(o.config("n3", join))}
	o.t.Log("even after", o.eventually("shards are even", 20*time.Second, func() bool {
		sum, by := o.served()
		return sum == 32 && by["n1"] <= 11 && by["n2"] <= 11 && by["n3"] <= 11
	}))
	o.t.Log("three voters after", o.eventually("all vote", 10*time.Second, func() bool { return allVote(nodes) }))
	return nodes
}

// allVote says that all know of as many voters. Before that the leader may be the only one
// to know: without it the others are no majority.
func allVote(nodes []*running) bool {
	for _, n := range nodes {
		if voters(raft.Configuration{Servers: n.servers()}) != len(nodes) {
			return false
		}
	}
	return true
}

// leaderOf is the node that leads by the State of the first.
func leaderOf(t testing.TB, nodes []*running) (leads *running, others []*running) {
	t.Helper()
	for _, n := range nodes {
		if n.leaderID() == n.ID() {
			leads = n
		} else {
			others = append(others, n)
		}
	}
	require.NotNil(t, leads)
	return leads, others
}

func TestThreeNodes(t *testing.T) {
	o := newObserver(t)
	nodes := o.three()
	for _, n := range nodes {
		n.View(func(st *control.State) { require.NoError(t, st.Check()) })
		m := n.Map()
		require.Len(t, m.Nodes, 3)
	}
}

func TestAnOwnerThatDiesIsReplaced(t *testing.T) {
	o := newObserver(t)
	nodes := o.three()
	_, others := leaderOf(t, nodes)
	others[0].kill()
	took := o.allServed(5500 * time.Millisecond)
	t.Log("served again after", took)
	require.Greater(t, took, 2*time.Second, "the dead owner's session was not waited for")
}

func TestALeaderThatDiesIsReplaced(t *testing.T) {
	o := newObserver(t)
	nodes := o.three()
	leader, others := leaderOf(t, nodes)
	leader.kill()
	t.Log("served again after", o.allServed(5500*time.Millisecond))
	for _, n := range others {
		n.View(func(st *control.State) { require.NoError(t, st.Check()) })
	}

	// It comes back, at another address, with the same command line.
	again := leader.cfg
	o.start(again)
	t.Log("even again after", o.eventually("shards are even", 10*time.Second, func() bool {
		sum, by := o.served()
		return sum == 32 && by[leader.ID()] >= 10
	}))
}

func TestACleanStopIsNotWaitedFor(t *testing.T) {
	o := newObserver(t)
	nodes := o.three()
	leader, _ := leaderOf(t, nodes)
	require.NoError(t, leader.halt())
	took := o.allServed(5 * time.Second)
	t.Log("served again after", took)
	require.Less(t, took, 1500*time.Millisecond)
}

// TestAllDieAtOnce and come back: two of them at other addresses, which they can tell the
// leader only through the third, or tell each other.
func TestAllDieAtOnce(t *testing.T) {
	o := newObserver(t)
	nodes := o.three()
	for _, n := range nodes {
		n.kill()
	}
	nodes[0].cfg.Cluster = nodes[0].Addr().String()
	for i, n := range nodes {
		nodes[i] = o.start(n.cfg)
	}
	t.Log("served again after", o.allServed(9*time.Second))
	t.Log("even again after", o.eventually("shards are even", 10*time.Second, func() bool {
		sum, by := o.served()
		return sum == 32 && by["n1"] >= 10 && by["n2"] >= 10 && by["n3"] >= 10
	}))
}

// TestAllComeBackElsewhere: nobody is where the logs say. By themselves they say what is
// missing; --join leads them to each other, if it names one that is there.
func TestAllComeBackElsewhere(t *testing.T) {
	o := newObserver(t)
	nodes := o.three()
	for _, n := range nodes {
		n.kill()
	}
	for i, n := range nodes[:2] {
		nodes[i] = o.start(n.cfg)
		nodes[i].cfg.Join = nil
	}
	o.eventually("it is told what to do", 10*time.Second, func() bool {
		_, ok, why := nodes[0].Leader()
		return !ok && strings.HasPrefix(why, "1 of 3 voters reachable; waiting for n2 or n3 (n2: ") &&
			strings.HasSuffix(why, "if they are at other addresses now, start this node with --join and the address of one")
	})
	require.NoError(t, nodes[1].halt())

	nodes[1].cfg.Join = []string{nodes[0].Addr().String()}
	nodes[1] = o.start(nodes[1].cfg)
	t.Log("two of them serve after", o.allServed(30*time.Second))
	nodes[2].cfg.Join = []string{"127.0.0.1:1", nodes[1].Addr().String()}
	nodes[2] = o.start(nodes[2].cfg)
	t.Log("even again after", o.eventually("shards are even", 30*time.Second, func() bool {
		sum, by := o.served()
		return sum == 32 && by["n1"] >= 10 && by["n2"] >= 10 && by["n3"] >= 10
	}))
	o.eventually("all know where all are", 10*time.Second, func() bool {
		for _, n := range nodes {
			for _, other := range nodes {
				if addr, _ := n.address(other.ID()); addr != other.Addr().String() && n != other {
					return false
				}
			}
		}
		return true
	})
}

func TestAForgottenNodeLeaves(t *testing.T) {
	o := newObserver(t)
	nodes := o.three()
	leader, others := leaderOf(t, nodes)
	require.NoError(t, others[0].halt())
	r, err := leader.Propose(within3s(t), control.Forget{Node: others[0].ID()})
	require.NoError(t, err)
	require.Equal(t, control.OK, r.Code)
	o.eventually("it is out", 5*time.Second, func() bool { return len(leader.servers()) == 2 })
	o.allServed(5 * time.Second)

	// It does not come back by itself.
	require.ErrorContains(t, o.start(others[0].cfg).ends(), "was forgotten")
	require.Len(t, leader.servers(), 2)
	leader.View(func(st *control.State) { require.Len(t, st.Members, 2) })
}
