package consensus

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/leasecache/leasecache/shard"
	"github.com/leasecache/leasecache/shard/control"
)

// older is a directory with what an earlier keeper left: 32 shards at epoch 7, fenced
// intents noted in shard 3.
func (o *observer) older() (Config, string) {
	c := o.config("")
	c.Shards = 0
	file := filepath.Join(c.Dir, "older")
	require.NoError(o.t, os.WriteFile(file, nil, 0o600))
	c.Former = func() (*Former, error) {
		if _, err := os.Stat(file); err != nil {
			return nil, nil
		}
		e := control.Init{Cluster: "old-cluster", Version: 1 << 20, Settings: control.Settings{TTL: 2 * time.Second, Intent: 20 * time.Second}}
		for range 32 {
			e.Shards = append(e.Shards, control.Former{Epoch: 7})
		}
		e.Shards[3].Noted = shard.Note{Fenced: true}
		e.Shards[4].DoubtBelow = shard.Epoch(6).Base()
		return &Former{Node: "old", First: e, Over: func() error { return os.Remove(file) }}, nil
	}
	return c, file
}

// goesOn checks a node that runs with what older left.
func (o *observer) goesOn(n *running, file string) {
	o.t.Helper()
	o.allServed(5 * time.Second)
	o.eventually("it is told to be over", 5*time.Second, func() bool { _, err := os.Stat(file); return err != nil })
	require.Equal(o.t, "old", n.ID())
	m := n.Map()
	require.Equal(o.t, "old-cluster", m.Cluster)
	require.Greater(o.t, m.Version, uint64(1<<20), "clients have had a map, and take no older one")
	n.View(func(st *control.State) {
		require.NoError(o.t, st.Check())
		require.Equal(o.t, 2*time.Second, st.Settings.TTL)
		require.Equal(o.t, 20*time.Second, st.Settings.Intent)
		for i := range st.Shards {
			require.Greater(o.t, st.Shards[i].Epoch, shard.Epoch(7))
			require.Equal(o.t, i == 3 || i == 4, st.Shards[i].DoubtBelow != 0, "shard %d", i)
		}
	})
}

func TestAnOlderDirectoryIsTakenOver(t *testing.T) {
	o := newObserver(t)
	c, file := o.older()
	n := o.start(c)
	o.goesOn(n, file)
	require.NoError(t, n.halt())
	n = o.start(n.cfg)
	o.goesOn(n, file)
	n2 := o.start(o.config("n2", n.Addr().String()))
	o.eventually("n2 owns half", 10*time.Second, func() bool { _, by := o.served(); return by["n2"] == 16 })
	require.Equal(t, "old-cluster", n2.Map().Cluster)
}

// TestATakeoverThatCrashed goes on at the next start, wherever it was.
func TestATakeoverThatCrashed(t *testing.T) {
	t.Run("before the directory has an identity", func(t *testing.T) {
		o := newObserver(t)
		c, file := o.older()
		wrong := c
		wrong.Join = []string{"127.0.0.1:1"}
		_, err := Open(wrong)
		require.ErrorContains(t, err, "two clusters cannot merge: leave --join out")
		o.goesOn(o.start(c), file)
	})
	t.Run("before it knows its cluster", func(t *testing.T) {
		o := newObserver(t)
		c, file := o.older()
		n, err := Open(c)
		require.NoError(t, err)
		require.NoError(t, n.Stop(t.Context()))
		require.FileExists(t, filepath.Join(c.Dir, identityName))
		o.goesOn(o.start(c), file)
	})
	t.Run("before the first entry", func(t *testing.T) {
		o := newObserver(t)
		c, file := o.older()
		n, err := Open(c)
		require.NoError(t, err)
		require.NoError(t, n.Enter(t.Context()))
		require.NoError(t, n.Stop(t.Context()))
		require.FileExists(t, file)
		o.goesOn(o.start(c), file)
	})
	t.Run("before the directory knows of the first entry", func(t *testing.T) {
		o := newObserver(t)
		c, file := o.older()
		n := o.start(c)
		o.goesOn(n, file)
		epoch := n.Map().Epochs[0]
		n.die(errKilled)
		<-n.done
		id, err := whoAmI(c.Dir, &Config{})
		require.NoError(t, err)
		id.Phase = forming
		require.NoError(t, id.save(c.Dir))
		require.NoError(t, os.WriteFile(file, nil, 0o600))
		n = o.start(c)
		o.goesOn(n, file)
		require.Greater(t, n.Map().Epochs[0], epoch, "the log goes before what was kept before")
	})
	t.Run("before the older keeper is told", func(t *testing.T) {
		o := newObserver(t)
		c, file := o.older()
		n := o.start(c)
		o.goesOn(n, file)
		require.NoError(t, n.halt())
		require.NoError(t, os.WriteFile(file, nil, 0o600))
		o.goesOn(o.start(c), file)
	})
}

func TestAnOlderDirectoryIsHeldAgainstTheFlags(t *testing.T) {
	o := newObserver(t)
	c, _ := o.older()
	refused := func(sentence string, change func(*Config)) {
		t.Helper()
		wrong := c
		change(&wrong)
		_, err := Open(wrong)
		require.ErrorContains(t, err, sentence)
		require.NoFileExists(t, filepath.Join(c.Dir, identityName))
	}
	refused("start it with --node-id old", func(c *Config) { c.NodeID = "n1" })
	refused("leave --cluster-id out", func(c *Config) { c.ClusterID = "other" })
	refused("start with --shards 32, or without", func(c *Config) { c.Shards = 64 })
	refused("epochs are used up", func(c *Config) {
		read := c.Former
		c.Former = func() (*Former, error) {
			f, err := read()
			f.First.Shards[1].Epoch = shard.MaxEpoch
			return f, err
		}
		c.Dir = t.TempDir()
	})
}
