package apptest

import (
	"context"
	"fmt"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/leasecache/leasecache/shard"
)

// faultShards is how many shards the clusters have that faults are done to. The last two
// hold no key of the actors.
const faultShards = 16

// boundedShard has the keys with bounded writers.
const boundedShard = 9

func faultFlags(more ...string) []string {
	return append(more, "--shards", fmt.Sprint(faultShards))
}

// keyOf names a key that only the test itself uses.
func keyOf(level string, s int) string { return inShard(level, shard.ID(s), faultShards, 1)[0] }

// stage is a cluster of which each node votes and owns its part, with a play on it that
// goes on during all faults: a database, readers and writers. Some of them talk to one
// node alone, whatever happens to it.
type stage struct {
	*Cluster
	t     *testing.T
	w     *world
	small bool // the data directories are on small disks
}

func newStage(t *testing.T, nodes ...Options) *stage {
	s := &stage{Cluster: StartCluster(t, nodes...), t: t}
	s.AwaitVoters()
	s.AwaitEven()
	var keys []string
	for id := range shard.ID(9) {
		keys = append(keys, inShard("f", id, faultShards, 1)...)
	}
	keys = append(keys, inShard("b", boundedShard, faultShards, 2)...)
	for id := shard.ID(10); id < 14; id++ {
		keys = append(keys, inShard("l", id, faultShards, 1)...)
	}
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed) // of the choices; what they meet is the scheduler's
	ctx, cancel := context.WithCancel(context.Background())
	s.w = newWorld(ctx, t, len(nodes), faultShards, keys)
	for i := range nodes {
		addr := s.Listen(i)
		s.w.addrs[i].Store(&addr)
	}
	wait := s.w.play(seed, cast{readers: 12, writers: 9, meddlers: 3, think: 30, only: func(i int) func(int) bool {
		if i%2 == 0 {
			return nil
		}
		return func(node int) bool { return node == i/2%len(nodes) }
	}})
	t.Cleanup(func() {
		cancel()
		wait()
		t.Log(s.w.seen)
		for i, p := range s.Nodes {
			require.NotContains(t, p.Log(), "panic", "n%d", i+1)
		}
		if !t.Failed() {
			for _, what := range []string{"hit", "fill", "commit", "doubt fill", "unavailable"} {
				require.NotZero(t, s.w.seen[what], "never seen: %s", what)
			}
		}
	})
	return s
}

// act runs a part of the play. What comes after one that failed would mean nothing.
func (s *stage) act(name string, f func(t *testing.T)) {
	if !s.t.Run(name, func(t *testing.T) {
		f(t)
		require.False(t, s.t.Failed(), "an actor has seen what must not be")
	}) {
		s.t.FailNow()
	}
}

// owns is what a node owns, by its own word.
func (s *stage) owns(t *testing.T, i int) []int {
	t.Helper()
	owned, err := s.Owned(i, i)
	require.NoError(t, err)
	require.NotEmpty(t, owned, "n%d owns nothing", i+1)
	return owned
}

// others are the other nodes, the one that leads last, if it is among them.
func (s *stage) others(i int) []int {
	leader := s.Leader()
	var others []int
	for j := range s.Nodes {
		if j != i && j != leader {
			others = append(others, j)
		}
	}
	if leader != i {
		others = append(others, leader)
	}
	return others
}

// freeze stops a node's process, and thaw has it go on.
func (s *stage) freeze(t *testing.T, i int) {
	s.w.pauses[i].Add(1)
	require.NoError(t, s.Nodes[i].Signal(syscall.SIGSTOP))
}

func (s *stage) thaw(t *testing.T, i int) {
	require.NoError(t, s.Nodes[i].Signal(syscall.SIGCONT))
	s.w.pauses[i].Add(1)
}

// epochs are all shards' by the newest map that a node knows.
func (s *stage) epochs(t *testing.T) []uint64 {
	t.Helper()
	epochs := make([]uint64, faultShards)
	for i := range s.Nodes {
		m, err := mapAt(s.Listen(i))
		require.NoError(t, err)
		for id, e := range m.Epochs {
			epochs[id] = max(epochs[id], e)
		}
	}
	return epochs
}

// ask asks a node and returns the first line of its reply.
func (s *stage) ask(t *testing.T, i int, request string) string {
	t.Helper()
	line, err := askOnce(s.Listen(i), request+"\r\n")
	require.NoError(t, err)
	return line
}

// inTime is a bound on what was measured; the race detector alone costs more than the
// promise leaves.
func inTime(t *testing.T, what string, took, limit time.Duration) {
	t.Helper()
	t.Logf("%s: %v (limit %v)", what, took.Round(time.Millisecond), limit)
	if !raceEnabled {
		require.LessOrEqual(t, took, limit, what)
	}
}

// patience bounds what is waited for, where the limit is checked later.
const patience = 15 * time.Second

// What is promised (R16a): an owner lost, and one that leads, too. A session that is over is
// seen 3.7 s after its last renewal was agreed on, which may have been 0.25 s after it was
// sent, and 0.1 s late. An election takes 0.5 to 1.5 s. The rest is for machines such as CI's.
const (
	ownerLost  = 4*time.Second + slack
	leaderLost = 5500*time.Millisecond + slack
	slack      = 500 * time.Millisecond
	sessionTTL = 3 * time.Second
)
