package consensus_test

import (
	"encoding/binary"
	"flag"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/leasecache/leasecache/server/owner"
	"github.com/leasecache/leasecache/shard"
	"github.com/leasecache/leasecache/shard/consensus"
)

var (
	simSeed  = flag.Uint64("seed", 0, "run the simulation of whole nodes with this seed alone, and print what happens")
	simFirst = flag.Uint64("first", 1, "the first seed that TestSimulation tries")
	simOf    = flag.String("faults", "", "only these faults of TestSimulation, by name, with commas; see allFaults")
	simRuns  = flag.Uint64("runs", 0, "how many seeds TestSimulation tries; 0 is 1000, and 40 under the race detector")
)

const simShards = 4

// sim is one run of a cluster of three whole nodes: the Node with its raft, the connections
// between nodes, the Keeper and an owner.Owner that serves. It lives in a bubble of
// testing/synctest: time passes only when everybody waits for it, so half a minute takes
// some tens of milliseconds, and true time is known.
//
// The seed decides which faults happen when, and what clients do. Goroutines take turns
// as they like, and raft throws dice of its own: a seed that fails does so again often, but
// not always.
type sim struct {
	t     *testing.T
	rng   *rand.Rand
	seed  uint64
	begin time.Time
	dir   string
	ttl   time.Duration
	bug   bug
	of    []fault                // that may happen; nil is all
	left  func(*plane, shard.ID) // is told of every handover that begins; may be nil
	net   *simNet
	nodes []*simNode
	src   *source
	procs sync.WaitGroup
	tasks sync.WaitGroup // clients
	over  chan struct{}  // closed: no client begins anything

	mu     sync.Mutex // of what follows; nothing blocks under it
	broken string     // the first promise that was
	planes []*plane
	book   [simShards][]opening
	seen   map[string]int
	lines  []string
}

func newSim(t *testing.T, seed uint64, dir string, b bug) *sim {
	s := &sim{
		t: t, rng: rand.New(rand.NewPCG(seed, 3)), seed: seed, begin: time.Now(), dir: dir, bug: b,
		over: make(chan struct{}), seen: make(map[string]int),
	}
	s.ttl = []time.Duration{1500 * time.Millisecond, 2 * time.Second, 3 * time.Second}[s.rng.IntN(3)]
	jitter := rand.New(rand.NewPCG(seed, 4))
	s.net = newSimNet(func(d time.Duration) time.Duration { return d/10 + time.Duration(jitter.Int64N(int64(d))) })
	s.src = newSource()
	fastest := 1.2
	if b == bugDrift {
		fastest = 1.7
	}
	for _, name := range []string{"n1", "n2", "n3"} {
		// The ends of what is allowed, mostly.
		rate := []float64{1, 1, fastest, fastest, 1 + (fastest-1)*s.rng.Float64()}[s.rng.IntN(5)]
		n := s.newNode(name, rate)
		n.clock.one = b == bugOneClock
		s.nodes = append(s.nodes, n)
	}
	return s
}

// run plays one seed and returns what was broken, or "".
func (s *sim) run(play func()) string {
	for i, n := range s.nodes {
		n.start()
		if i == 0 {
			s.wait("the first node serves", 20*time.Second, s.allServed)
		}
	}
	s.wait("all vote", 20*time.Second, s.allVote)
	if !s.failed() {
		play()
	}
	close(s.over)
	s.tasks.Wait()
	for _, n := range s.nodes {
		n.rest.end()
		if n.proc != nil {
			n.proc.kill(false)
		}
	}
	s.procs.Wait()
	for _, w := range s.planes {
		w.end()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.broken
}

func (s *sim) say(format string, a ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sayLocked(format, a...)
}

func (s *sim) sayLocked(format string, a ...any) {
	line := fmt.Sprintf("%8.3fs ", time.Since(s.begin).Seconds()) + fmt.Sprintf(format, a...)
	if *simSeed != 0 {
		fmt.Fprintln(os.Stdout, line)
	}
	s.lines = append(s.lines, line)
}

func (s *sim) saw(what string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seen[what]++
}

func (s *sim) fail(format string, a ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.failLocked(format, a...)
}

func (s *sim) failLocked(format string, a ...any) {
	s.sayLocked("BROKEN: "+format, a...)
	if s.broken == "" {
		s.broken = fmt.Sprintf(format, a...)
	}
}

func (s *sim) failed() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.broken != ""
}

func (s *sim) logger(node string) *slog.Logger {
	if *simSeed == 0 || !testing.Verbose() {
		return nil
	}
	return slog.New(slog.NewTextHandler(os.Stdout, nil)).With("at", node)
}

func (s *sim) allVote() bool {
	for _, n := range s.nodes {
		if n.proc == nil || n.proc.node.Voters() != len(s.nodes) {
			return false
		}
	}
	return true
}

// allServed says that some node answers for each shard, by its own clocks.
func (s *sim) allServed() bool {
	for id := range shard.ID(simShards) {
		if s.serves(id) == nil {
			return false
		}
	}
	return true
}

func (s *sim) serves(id shard.ID) *plane {
	for _, n := range s.nodes {
		if w := n.proc.serving(); w != nil && w.answers(id) {
			return w
		}
	}
	return nil
}

// keeper is that of a node, without what a mutant leaves out.
func (s *sim) keeper(k *consensus.Keeper) owner.Keeper {
	if s.bug == bugNoNote {
		return forgetful{k}
	}
	return k
}

// simDir is where nodes keep what they keep: in memory, where there is such a place, as
// they sync every write.
func simDir(t *testing.T) string {
	if at, err := os.MkdirTemp("/dev/shm", "leasecache-sim"); err == nil {
		t.Cleanup(func() { _ = os.RemoveAll(at) })
		return at
	}
	return t.TempDir()
}

// simulate plays a seed in a bubble of its own.
func simulate(t *testing.T, seed uint64, b bug, play func(*sim) func()) (broken string, s *sim) {
	dir := simDir(t)
	synctest.Test(t, func(t *testing.T) {
		s = newSim(t, seed, dir, b)
		broken = s.run(play(s))
	})
	return broken, s
}

// faults plays what the flags say.
func faults(s *sim) func() {
	for name := range strings.SplitSeq(*simOf, ",") {
		if name != "" {
			require.Contains(s.t, allFaults, name)
			s.of = append(s.of, allFaults[name])
		}
	}
	return s.play
}

// TestSimulation plays clusters of three whole nodes with every fault there is (see
// faults); an observer who knows the true time looks at every opening and every command
// (see observer), and clients look at every value (see source).
// A failure prints its events and its seed; -seed=N plays that run again.
func TestSimulation(t *testing.T) {
	if *simSeed != 0 {
		broken, _ := simulate(t, *simSeed, 0, faults)
		require.Empty(t, broken)
		return
	}
	runs := *simRuns
	if runs == 0 {
		runs = defaultSimRuns
	}
	var mu sync.Mutex
	seen := make(map[string]int)
	began := time.Now()
	t.Run("runs", func(t *testing.T) {
		for seed := *simFirst; seed < *simFirst+runs; seed++ {
			t.Run(fmt.Sprintf("seed=%d", seed), func(t *testing.T) {
				t.Parallel()
				broken, s := simulate(t, seed, 0, faults)
				mu.Lock()
				defer mu.Unlock()
				for what, n := range s.seen {
					seen[what] += n
				}
				if broken != "" {
					t.Fatalf("seed %d: %s\n%s", seed, broken, strings.Join(s.lines[max(0, len(s.lines)-150):], "\n"))
				}
			})
		}
	})
	for _, what := range slices.Sorted(maps.Keys(seen)) {
		t.Logf("%9d %s", seen[what], what)
	}
	t.Logf("%d runs in %v", runs, time.Since(began))
	for _, what := range simMustSee {
		if *simOf != "" {
			break
		}
		require.NotZero(t, seen[what], "the simulation never showed: %s", what)
	}
}

// simMustSee is what must have happened in some run, or the simulation proves less than it
// seems to.
var simMustSee = []string{
	"a shard is opened", "a command is done", "a command is done late", "a hit", "a value is stored", "a fill is refused",
	"a read is refused", "a read waits", "a key is closed", "the source is fenced", "an invalidation",
	"an intent", "an intent is refused", "a commit under an intent", "a writer is gone", "a writer is slow",
	"a writer meets the fence", "a bounded writer is too late", "a drain is agreed on", "a shard is handed over", "a shard is taken over", "a node lives on as a zombie",
}

func valueOf(version uint64) []byte { return binary.BigEndian.AppendUint64(nil, version) }

func versionOf(value []byte) uint64 { return binary.BigEndian.Uint64(value) }

var _ consensus.Host = (*plane)(nil)
