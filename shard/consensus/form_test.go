package consensus

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/raft"
	"github.com/stretchr/testify/require"

	"github.com/leasecache/leasecache/shard/control"
)

// ends waits for the end of a node that cannot go on.
func (r *running) ends() error {
	select {
	case err := <-r.ended:
		return err
	case <-time.After(10 * time.Second):
		return nil
	}
}

func TestRefusals(t *testing.T) {
	o := newObserver(t)
	n1 := o.start(o.config("n1"))
	o.allServed(5 * time.Second)
	n2 := o.start(o.config("n2", n1.Addr().String()))
	o.eventually("n2 owns shards", 10*time.Second, func() bool { _, by := o.served(); return by["n2"] == 16 })
	x := newObserver(t)
	elsewhere := x.config("x1")
	elsewhere.ClusterID = "elsewhere"
	x1 := x.start(elsewhere)
	x.allServed(5 * time.Second)

	join := func(node string, change func(*Config)) error {
		c := o.config(node, n1.Addr().String())
		change(&c)
		return o.start(c).ends()
	}
	require.NoError(t, n2.halt())
	require.ErrorContains(t, join("n2", func(*Config) {}),
		"the data directory of n2 was wiped or replaced: start it under another --node-id, or run `leasectl forget n2` first")
	require.ErrorContains(t, join("n1", func(*Config) {}), "two nodes are called n1: start one of them under another --node-id")
	require.ErrorContains(t, join("n4", func(c *Config) { c.Shards = 64 }), "was made with 32 shards, which cannot be changed: start n4 with --shards 32")
	require.ErrorContains(t, join("n5", func(c *Config) { c.ClusterID = "other" }), "correct --join, or leave --cluster-id out")

	// A directory with a cluster never joins another.
	require.NoError(t, x1.halt())
	moved := x1.cfg
	moved.Join = []string{n1.Addr().String()}
	x1 = x.start(moved)
	x.allServed(5 * time.Second)
	require.Equal(t, "elsewhere", x1.Map().Cluster)
	n1.View(func(st *control.State) { require.Len(t, st.Members, 2) })
}

func TestRefusalsOfTheDirectory(t *testing.T) {
	o := newObserver(t)
	n := o.start(o.config("n1"))
	o.allServed(5 * time.Second)
	refused := func(sentence string, change func(*Config)) {
		t.Helper()
		c := n.cfg
		change(&c)
		_, err := Open(c)
		require.ErrorContains(t, err, sentence)
	}
	refused("is in use by another process", func(*Config) {})
	o.eventually("it is a member", time.Second, func() bool {
		data, err := os.ReadFile(filepath.Join(n.cfg.Dir, identityName))
		return err == nil && strings.Contains(string(data), `"member"`)
	})
	require.NoError(t, n.halt())
	refused("is that of node n1: start it with --node-id n1", func(c *Config) { c.NodeID = "n2" })
	refused("leave --cluster-id out", func(c *Config) { c.ClusterID = "other" })
	refused("start with --shards 32, or without", func(c *Config) { c.Shards = 64 })

	require.NoError(t, os.Remove(filepath.Join(n.cfg.Dir, "raft.db")))
	require.NoError(t, os.RemoveAll(filepath.Join(n.cfg.Dir, "snapshots")))
	require.ErrorContains(t, o.start(n.cfg).ends(), "has lost the log of n1")
	require.NoError(t, os.WriteFile(filepath.Join(n.cfg.Dir, "raft.db"), nil, 0o600))
	require.NoError(t, os.Remove(filepath.Join(n.cfg.Dir, identityName)))
	refused("put that file back", func(*Config) {})
}

// TestDamagedLog: what the disk changed is not taken for what was agreed on.
func TestDamagedLog(t *testing.T) {
	o := newObserver(t)
	n := o.start(o.config("n1"))
	o.allServed(5 * time.Second)
	require.NoError(t, n.halt())
	d, err := openDisk(n.cfg.Dir, raftLog(n.cfg.Logger))
	require.NoError(t, err)
	var l raft.Log
	last, err := d.bolt.LastIndex()
	require.NoError(t, err)
	require.NoError(t, d.bolt.GetLog(last-1, &l))
	l.Data = append([]byte(nil), l.Data...)
	l.Data[len(l.Data)/2] ^= 1
	require.NoError(t, d.bolt.StoreLog(&l))
	require.NoError(t, d.bolt.Close())
	require.ErrorContains(t, o.start(n.cfg).ends(), fmt.Sprintf("entry %d of the log is damaged", last-1))
}

// TestANodeThatJoinsWaits for those it joins, and passes over its own address.
func TestANodeThatJoinsWaits(t *testing.T) {
	o := newObserver(t)
	c1 := o.config("n1")
	n1, err := Open(c1)
	require.NoError(t, err)
	addr := n1.Addr().String()
	require.NoError(t, n1.Stop(t.Context()))

	c2 := o.config("n2", "127.0.0.1:1", addr)
	c2.Cluster = "127.0.0.1:0"
	n2, err := Open(c2)
	require.NoError(t, err)
	n2.cfg.Join = append([]string{n2.Addr().String()}, n2.cfg.Join...)
	r2 := &running{Node: n2, host: o.host("n2"), ended: make(chan error, 1)}
	go func() { r2.ended <- n2.Run(r2.host) }()
	t.Cleanup(func() { _ = r2.halt() })
	time.Sleep(300 * time.Millisecond)
	c1.Cluster = addr
	o.start(c1)
	t.Log("even after", o.eventually("shards are even", 10*time.Second, func() bool {
		_, by := o.served()
		return by["n1"] == 16 && by["n2"] == 16
	}))
}

func TestANodeThatWaitsToJoinCanBeStopped(t *testing.T) {
	o := newObserver(t)
	n := o.start(o.config("n1", "127.0.0.1:1"))
	time.Sleep(100 * time.Millisecond)
	_, ok, why := n.Leader()
	require.False(t, ok)
	require.Equal(t, "this node has not joined yet", why)
	require.NoError(t, n.halt())
	require.NoError(t, <-n.ended)
}

// TestALateNodeGetsASnapshot and goes on from there.
func TestALateNodeGetsASnapshot(t *testing.T) {
	o := newObserver(t)
	nodes := o.three()
	leader, others := leaderOf(t, nodes)
	late := others[0]
	require.NoError(t, late.halt())
	o.allServed(2 * time.Second)
	c := leader.raft.ReloadableConfig()
	c.TrailingLogs = 1
	require.NoError(t, leader.raft.ReloadConfig(c))
	time.Sleep(time.Second) // some renewals
	require.NoError(t, leader.raft.Snapshot().Error())
	time.Sleep(time.Second)

	late = o.start(late.cfg)
	t.Log("even again after", o.eventually("shards are even", 10*time.Second, func() bool {
		sum, by := o.served()
		return sum == 32 && by[late.ID()] >= 10
	}))
	snaps, err := late.disk.snaps.List()
	require.NoError(t, err)
	require.NotEmpty(t, snaps, "no snapshot was sent")
	first, err := late.disk.bolt.FirstIndex()
	require.NoError(t, err)
	require.Greater(t, first, snaps[0].Index, "what was before the snapshot is still there")
}

func TestAnotherTTLIsIgnoredWithAWarning(t *testing.T) {
	o := newObserver(t)
	n1 := o.start(o.config("n1"))
	o.allServed(5 * time.Second)
	for _, given := range []time.Duration{0, 3 * time.Second, 5 * time.Second} {
		c := o.config(fmt.Sprintf("n%d", 2+given/time.Second), n1.Addr().String())
		var log said
		c.Logger, c.SessionTTL = log.logger(), given
		n := o.start(c)
		o.eventually("it owns shards", 20*time.Second, func() bool { _, by := o.served(); return by[n.ID()] > 0 })
		warned := func() bool { return log.has("--session-ttl counts where a cluster is made: the one given is ignored") }
		if given == 5*time.Second {
			o.eventually("it warns", 5*time.Second, warned)
		} else {
			require.False(t, warned())
		}
		n.View(func(st *control.State) { require.Equal(t, 3*time.Second, st.Settings.TTL) })
	}
}
