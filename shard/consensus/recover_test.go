package consensus

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/leasecache/leasecache/shard"
	"github.com/leasecache/leasecache/shard/control"
)

// lateClock is the tests' clock, which can be put forward: whoever waits has waited.
type lateClock struct {
	mu   sync.Mutex
	read func() control.Reading
	by   time.Duration
}

func (c *lateClock) now() control.Reading {
	c.mu.Lock()
	defer c.mu.Unlock()
	r := c.read()
	return control.Reading{Mono: r.Mono + control.Mono(c.by), Wall: r.Wall + control.Wall(c.by)}
}

func (c *lateClock) forward(by time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.by += by
}

// said is a log that a test looks into.
type said struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *said) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *said) has(text string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.Contains(s.b.String(), text)
}

func (s *said) logger() *slog.Logger { return slog.New(slog.NewTextHandler(s, nil)) }

func TestRecoverFromALostMajority(t *testing.T) {
	o := newObserver(t)
	clock := &lateClock{read: o.clock}
	o.clock = clock.now
	nodes := o.three()
	left, lost := nodes[2], nodes[:2]
	noted := shard.ID(slices.Index(left.Map().Owners, 2))
	require.NoError(t, left.Keeper().Note(t.Context(), noted, left.Map().Epochs[noted], shard.Note{Fenced: true}))
	before := left.Map()
	for _, n := range nodes {
		n.kill()
	}

	r, err := Recover(left.cfg.Dir, false)
	require.NoError(t, err)
	require.Equal(t, "n3", r.Node)
	require.Equal(t, []string{"n1", "n2", "n3"}, r.Voters)
	require.Equal(t, 36*time.Second, r.Wait.Truncate(time.Second))
	d, err := openDisk(left.cfg.Dir, raftLog(slog.New(slog.DiscardHandler)))
	require.NoError(t, err)
	was, err := d.replay()
	require.NoError(t, err)
	require.EqualValues(t, 1, was.st.Incarnation, "without being sure nothing is changed")
	require.NoError(t, d.bolt.Close())

	_, err = Recover(left.cfg.Dir, true)
	require.NoError(t, err)
	_, err = Recover(left.cfg.Dir, true)
	require.ErrorContains(t, err, "n3 is the only voter, so no majority is lost: start it")
	left.cfg.Cluster = left.Addr().String() // where the others look for it
	left = o.start(left.cfg)
	o.eventually("it leads", 5*time.Second, func() bool { id, ok, _ := left.Leader(); return ok && id == "n3" })
	time.Sleep(4 * time.Second)
	sum, _ := o.served()
	require.Zero(t, sum, "whoever was cut off may serve as long as any session can last")
	clock.forward(30 * time.Second)
	time.Sleep(time.Second)
	sum, _ = o.served()
	require.Zero(t, sum)
	clock.forward(2200 * time.Millisecond)
	o.allServed(5 * time.Second)
	after := left.Map()
	require.Equal(t, before.Cluster, after.Cluster)
	require.Greater(t, after.Version, before.Version)
	for i := range after.Epochs {
		require.Greater(t, after.Epochs[i], before.Epochs[i]+4096)
	}
	left.View(func(st *control.State) {
		require.NoError(t, st.Check())
		for i := range st.Shards {
			require.NotZero(t, st.Shards[i].DoubtBelow)
		}
	})
	require.NoError(t, left.Keeper().Note(t.Context(), 3, after.Epochs[3], shard.Note{Fenced: true}), "writers go on")

	// Who was in the cluster is told what to do, and does nothing to it.
	old := lost[0].cfg
	var log said
	old.Logger = log.logger()
	ghost := o.start(old)
	o.eventually("the old one is told", 10*time.Second, func() bool {
		return log.has("was recovered without n1: start n1 on an empty data directory under another --node-id, with --join")
	})
	o.eventually("it says so", 10*time.Second, func() bool {
		_, ok, why := ghost.Leader()
		return !ok && strings.Contains(why, "1 of 3 voters reachable; waiting for n2 or n3 (") && strings.HasSuffix(why, "with --join)")
	})
	require.NoError(t, ghost.halt())

	// A new one joins, and gets what was recovered.
	n4 := o.start(o.config("n4", left.Addr().String()))
	o.eventually("the new one owns half", 20*time.Second, func() bool {
		sum, by := o.served()
		return sum == 32 && by["n4"] == 16
	})
	n4.View(func(st *control.State) {
		left.View(func(other *control.State) { require.Equal(t, other.Incarnation, st.Incarnation) })
	})
}

// TestARecoveryThatCrashed is run again before the node starts. What a crash can leave of
// it: nothing but the mark that it began; the new snapshot beside the old log; all but the
// end of the mark.
func TestARecoveryThatCrashed(t *testing.T) {
	o := newObserver(t)
	nodes := o.three()
	for _, n := range nodes {
		n.kill()
	}
	for name, undo := range map[string][]string{
		"at its beginning": {"raft.db", "snapshots"}, "before the log was removed": {"raft.db"}, "at its end": nil,
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			require.NoError(t, os.CopyFS(dir, os.DirFS(nodes[0].cfg.Dir)))
			_, err := Recover(dir, true)
			require.NoError(t, err)
			for _, name := range undo {
				require.NoError(t, os.RemoveAll(filepath.Join(dir, name)))
			}
			if undo != nil {
				was := filepath.Join(t.TempDir(), "was")
				require.NoError(t, os.CopyFS(was, os.DirFS(nodes[0].cfg.Dir)))
				for _, name := range undo {
					require.NoError(t, os.Rename(filepath.Join(was, name), filepath.Join(dir, name)))
				}
			}
			id, err := whoAmI(dir, &Config{})
			require.NoError(t, err)
			id.Phase = recovering
			require.NoError(t, id.save(dir))
			cfg := nodes[0].cfg
			cfg.Dir = dir
			_, err = Open(cfg)
			require.ErrorContains(t, err, "a recovery was interrupted: run `leasectl recover` again")

			_, err = Recover(dir, true)
			require.NoError(t, err)
			d, err := openDisk(dir, raftLog(slog.New(slog.DiscardHandler)))
			require.NoError(t, err)
			defer d.bolt.Close()
			k, err := d.replay()
			require.NoError(t, err)
			require.NoError(t, k.st.Check())
			require.Greater(t, k.st.Incarnation, uint64(1)<<32)
			require.Len(t, k.voters.Servers, 1)
			first, err := d.log.FirstIndex()
			require.NoError(t, err)
			require.Zero(t, first, "a node that joins would get the old log")
		})
	}
}

func TestRecoverRefuses(t *testing.T) {
	refused := func(dir, sentence string) {
		t.Helper()
		_, err := Recover(dir, true)
		require.ErrorContains(t, err, sentence)
	}
	empty := t.TempDir()
	refused(empty, "give --data-dir the one that leasecached was started with")
	refused(filepath.Join(empty, "missing"), "is no data directory of a node")
	names, err := os.ReadDir(empty)
	require.NoError(t, err)
	require.Empty(t, names)

	o := newObserver(t)
	n := o.start(o.config("n1"))
	o.allServed(5 * time.Second)
	refused(n.cfg.Dir, "stop the node first")
	require.NoError(t, n.halt())
	refused(n.cfg.Dir, "n1 is the only voter, so no majority is lost: start it")
	o.start(n.cfg)
	o.allServed(5 * time.Second)

	joins, err := Open(o.config("n2"))
	require.NoError(t, err)
	require.NoError(t, joins.Stop(t.Context()))
	refused(joins.cfg.Dir, "n2 knows nothing of its cluster yet")
}

func TestTwoRecoveriesAreTwoClusters(t *testing.T) {
	require.NotEqual(t, incarnationAfter(1), incarnationAfter(1))
	require.Greater(t, incarnationAfter(incarnationAfter(1)), incarnationAfter(1))
}
