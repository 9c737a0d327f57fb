package consensus

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/leasecache/leasecache/shard"
	"github.com/leasecache/leasecache/shard/control"
)

func TestOneNodeFormsByItself(t *testing.T) {
	o := newObserver(t)
	n := o.start(o.config(""))
	t.Log("served after", o.allServed(5*time.Second))
	n.View(func(st *control.State) {
		require.NoError(t, st.Check())
		require.Equal(t, n.ID(), st.Leader)
		require.NoError(t, shard.CheckName(st.Cluster))
	})
	m := n.Map()
	require.NoError(t, m.Check())
	require.EqualValues(t, 32, m.Shards)
	require.NoError(t, n.halt())
	require.NoError(t, <-n.ended)
	sum, _ := o.served()
	require.Zero(t, sum)
}

func TestARestartGoesOnWithTheState(t *testing.T) {
	o := newObserver(t)
	n := o.start(o.config("n1"))
	o.allServed(5 * time.Second)
	cluster := n.Map().Cluster
	require.NoError(t, n.halt())

	again := n.cfg
	again.NodeID, again.Shards = "", 0
	n = o.start(again)
	t.Log("after a clean stop served after", o.allServed(3*time.Second))
	require.Equal(t, cluster, n.Map().Cluster)
	require.Equal(t, "n1", n.ID())
	require.NoError(t, n.raft.Snapshot().Error())
	n.die(errKilled) // its host too: the process is gone
	<-n.done
	require.ErrorIs(t, <-n.ended, errKilled)

	// The lock shows that the process is gone: nobody waits for its session's end.
	n = o.start(again)
	t.Log("after a crash served after", o.allServed(2500*time.Millisecond))
	require.Equal(t, cluster, n.Map().Cluster)
}

func TestAShardThatCannotBeOpenedGetsAnotherEpoch(t *testing.T) {
	o := newObserver(t)
	n, err := Open(o.config("n1"))
	require.NoError(t, err)
	r := &running{Node: n, host: o.host("n1"), ended: make(chan error, 1)}
	r.host.refuse[7] = 2
	go func() { r.ended <- n.Run(r.host) }()
	t.Cleanup(func() { _ = r.halt() })
	o.allServed(5 * time.Second)
	m := n.Map()
	require.Equal(t, m.Epochs[6]+2, m.Epochs[7])
}

// TestAHostThatFindsItsSessionOver before the agent does has dropped all: the session is
// given back, and another begins.
func TestAHostThatFindsItsSessionOver(t *testing.T) {
	o := newObserver(t)
	n := o.start(o.config("n1"))
	o.allServed(5 * time.Second)
	o.mu.Lock()
	before := n.host.session
	n.host.over = true
	o.mu.Unlock()
	o.eventually("all is opened anew", 3*time.Second, func() bool {
		o.mu.Lock()
		defer o.mu.Unlock()
		return n.host.session > before && len(n.host.open) == 32
	})
}
