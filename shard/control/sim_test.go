package control

import (
	"container/heap"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/leasecache/leasecache/shard"
)

var (
	simSeed  = flag.Uint64("seed", 0, "run the simulation once, with this seed, and print every step")
	simFirst = flag.Uint64("first", 1, "the first seed that TestSimulation tries")
	simRuns  = flag.Uint64("runs", 1200, "how many seeds TestSimulation tries")
	simAny   = flag.Bool("mutant", false, "do not ask for everything to have happened in some run")
)

// TestSimulation plays whole clusters, a minute or so each, with every fault there
// is: processes that pause, sleep, crash, come back twice; links that are cut, slow,
// doubling, out of order; clocks that run as differently as they may, and wall clocks
// that jump; leaders that are none any more. An observer who knows the true time
// looks after every event (sim.judge). A failure prints its events and its seed;
// -seed=N plays that run again.
func TestSimulation(t *testing.T) {
	if *simSeed != 0 {
		s := newSim(*simSeed)
		s.trace = func(line string) { fmt.Fprintln(os.Stdout, line) }
		require.NoError(t, s.run())
		return
	}
	seen := make(map[string]int)
	for seed := *simFirst; seed < *simFirst+*simRuns; seed++ {
		s := newSim(seed)
		s.seen = seen
		if err := s.run(); err != nil {
			again := newSim(seed)
			var lines []string
			again.trace = func(line string) { lines = append(lines, line) }
			require.EqualError(t, again.run(), err.Error(), "a run is decided by its seed")
			t.Fatalf("seed %d: %v\n%s", seed, err, strings.Join(lines[max(0, len(lines)-150):], "\n"))
		}
	}
	for _, what := range slices.Sorted(maps.Keys(seen)) {
		t.Logf("%9d %s", seen[what], what)
	}
	for _, what := range simMustSee {
		if *simAny {
			break
		}
		require.NotZero(t, seen[what], "the simulation never showed: %s", what)
	}
}

// simMustSee is what must have happened in some run, or the simulation proves less
// than it seems to.
var simMustSee = []string{
	"served", "opened cold", "opened moved", "risen", "given up", "ran out", "stood still",
	"entry of an old term", "leader deposed", "over", "over refused", "released", "released by the lock",
	"registered again", "two processes of a node", "intent", "intent of an owner that is gone", "note refused",
	"doubt fenced", "moved with an intent", "opened closed", "quiet", "quiet refused", "cancelled", "snapshot taken over",
	"recovered", "TTL changed", "drained", "left", "forgotten", "late renewal granted nothing", "shards even at the end",
}

const simSecond = int64(time.Second)

// sim is one run. Time in it is the true one, in nanoseconds, which no process knows.
type sim struct {
	rng    *rand.Rand
	now    int64
	events simEvents
	order  uint64

	nodes   int        // names n0 to n…
	procs   []*simProc // every process that may still do something
	cut     map[[2]int]bool
	fences  bool // who meets doubt fences the source, soon
	lazy    bool // intents are rare
	calm    bool // no faults but drifting clocks and a slow network
	log     simLog
	writers []*simIntent // those that the source may still see a commit of

	owners map[At]simOwner     // who has served a shard at an epoch
	newest map[shard.ID]uint64 // token given in a shard
	lives  uint64
	err    error
	seen   map[string]int
	trace  func(string)
}

type simOwner struct {
	proc    *simProc
	session shard.Session
}

// simEvent happens at its time, or when its process, if it has one, can act again.
type simEvent struct {
	at    int64
	order uint64
	proc  *simProc
	do    func()
}

type simEvents []simEvent

func (q simEvents) Len() int { return len(q) }
func (q simEvents) Less(i, j int) bool {
	return q[i].at < q[j].at || q[i].at == q[j].at && q[i].order < q[j].order
}
func (q simEvents) Swap(i, j int) { q[i], q[j] = q[j], q[i] }
func (q *simEvents) Push(x any)   { *q = append(*q, x.(simEvent)) }
func (q *simEvents) Pop() any {
	last := len(*q) - 1
	e := (*q)[last]
	*q = (*q)[:last]
	return e
}

func newSim(seed uint64) *sim {
	s := &sim{
		rng: rand.New(rand.NewPCG(seed, 1)), cut: make(map[[2]int]bool),
		owners: make(map[At]simOwner), newest: make(map[shard.ID]uint64),
	}
	s.nodes = []int{1, 2, 3, 3, 3, 5}[s.rng.IntN(6)]
	s.calm, s.fences, s.lazy = s.one(6), !s.one(3), s.one(3)
	settings := DefaultSettings()
	settings.TTL = time.Duration(1+s.rng.Int64N(4)) * time.Second
	settings.Intent = 5 * time.Second
	first := Init{Cluster: "c", Incarnation: 1, Settings: settings}
	for range 1 + s.rng.IntN(6) {
		first.Shards = append(first.Shards, Former{Epoch: 5})
	}
	s.log.base = new(State).Snapshot()
	s.log.ref = new(State)
	s.commit(Encode(first), 0)
	for i := range s.nodes {
		s.commit(Encode(PutMember{Node: name(i), Birth: "b", Weight: 1 + s.rng.Uint64N(3)}), 0)
	}
	for i := range s.nodes {
		s.start(i)
	}
	s.after(nil, 0, s.elect)
	s.after(nil, s.upTo(3*simSecond), s.disturb)
	return s
}

func name(i int) string { return fmt.Sprintf("n%d", i) }

// one is true once in n times.
func (s *sim) one(n int) bool { return s.rng.IntN(n) == 0 }

func (s *sim) upTo(d int64) int64 { return 1 + s.rng.Int64N(d) }

// moment is a delay: mostly short, sometimes of seconds.
func (s *sim) moment() int64 {
	n := s.rng.IntN(30)
	if s.log.settled {
		n = 3
	}
	switch n {
	case 0:
		return s.upTo(4 * simSecond)
	case 1, 2:
		return s.upTo(simSecond / 2)
	}
	return s.upTo(simSecond / 50)
}

func (s *sim) after(p *simProc, d int64, do func()) {
	s.order++
	heap.Push(&s.events, simEvent{s.now + d, s.order, p, do})
}

func (s *sim) saw(what string) {
	if s.seen != nil {
		s.seen[what]++
	}
}

func (s *sim) say(format string, a ...any) {
	if s.trace != nil {
		s.trace(fmt.Sprintf("%8.3fs ", float64(s.now)/float64(simSecond)) + fmt.Sprintf(format, a...))
	}
}

func (s *sim) fail(format string, a ...any) {
	if s.err == nil {
		s.err = fmt.Errorf(format, a...)
	}
}

func (s *sim) run() error {
	s.play((15 + s.rng.Int64N(40)) * simSecond)
	if s.err == nil {
		s.rest()
	}
	return s.err
}

// play lets everything happen up to a time.
func (s *sim) play(end int64) {
	for len(s.events) > 0 && s.events[0].at <= end && s.err == nil {
		e := heap.Pop(&s.events).(simEvent)
		if p := e.proc; p != nil {
			if p.dead {
				continue
			}
			if p.stopped > e.at { // it does then what it was about to do now
				e.at = p.stopped + s.rng.Int64N(simSecond/100)
				heap.Push(&s.events, e)
				continue
			}
		}
		s.now = e.at
		e.do()
		s.judge()
	}
}

// rest heals everything and lets it settle: then every shard must be served again,
// and evenly.
func (s *sim) rest() {
	s.say("everything is healed")
	clear(s.cut)
	s.calm = true
	for _, p := range s.procs {
		p.stopped, p.asleep, p.since = min(p.stopped, s.now), min(p.asleep, s.now), min(p.since, s.now)
		p.forget, p.stopping = false, false
	}
	for i := range s.nodes {
		if s.proc(i) == nil {
			s.start(i)
		}
		s.propose(s.log.newest(), Drain{Node: name(i)})
	}
	s.log.settled = true
	settle := 40 * simSecond
	if s.log.ref.Incarnation > 1 {
		settle += 40 * simSecond // there may be a recovery to wait for
	}
	s.play(s.now + settle)
	if s.err != nil {
		return
	}
	for id := range s.log.ref.Shards {
		if s.served(shard.ID(id)) == nil {
			s.fail("shard %d is served by nobody although everything was healed: %+v", id, s.log.ref.Shards[id])
		}
	}
	g := Grantor{}
	g.Elected(0, s.log.ref)
	if duties := g.Duties(0, s.log.ref); len(duties) > 0 {
		s.fail("it is not even in the end: %+v", duties)
	}
	s.saw("shards even at the end")
}
