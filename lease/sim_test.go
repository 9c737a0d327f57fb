package lease

import (
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var (
	simSeed = flag.Uint64("seed", 0, "run the simulation once, with this seed, and print every step")
	simRuns = flag.Uint64("runs", 25_000, "how many seeds TestSimulation tries")
	simOnly = flag.Bool("promises", false, "judge only what clients can see, not the table's books")
)

// TestSimulation plays clients, a database and every fault there is on one
// shard, many short runs of it. After every step no value may stand in the
// store that is older than what has to be seen; see sim.judge. A failure prints
// its steps and its seed; -seed=N plays that run again.
func TestSimulation(t *testing.T) {
	if *simSeed != 0 {
		s := newSim(*simSeed)
		s.trace = func(line string) { fmt.Fprintln(os.Stdout, line) }
		require.NoError(t, s.run())
		return
	}
	seen := make(map[string]int)
	for seed := uint64(1); seed <= *simRuns; seed++ {
		s := newSim(seed)
		s.seen = seen
		if err := s.run(); err != nil {
			again := newSim(seed)
			var steps []string
			again.trace = func(line string) { steps = append(steps, line) }
			require.EqualError(t, again.run(), err.Error(), "a run is decided by its seed")
			t.Fatalf("seed %d: %v\n%s", seed, err, strings.Join(steps, "\n"))
		}
	}
	for _, what := range slices.Sorted(maps.Keys(seen)) {
		t.Logf("%9d %s", seen[what], what)
	}
	for _, what := range simMustSee {
		require.NotZero(t, seen[what], "the simulation never showed: %s", what)
	}
}

// simMustSee is what must have happened in some run, or the simulation proves
// less than it seems to.
var simMustSee = []string{
	"hit", "hit after waiting", "stale hit", "won a refresh", "lease handed on",
	"doubt lease", "doubt lease filled", "late fill stored",
	"refused i", "refused s", "refused q", "refused o", "refused t", "refused u", "refused d",
	"commit", "commit after the deadline", "commit fenced off", "unknown outcome", "unknown outcome commits",
	"ended late", "ended unknown", "intent run out", "bounded too late", "nonce used again", "intent refused",
	"fold", "lease dropped", "value lost", "tag floor rose",
	"restart", "restart in doubt", "restart closed", "raise", "shard doubt over", "delayed flush",
}

// simKey is a key and its row.
type simKey struct {
	name  string
	level simLevel
	tag   string // every value of the key has it; "" is none

	version    int   // of the row: what a reader of the database finds
	floor      int   // no hit may be older
	staleUntil int64 // until then a stale copy may be shown to who asks
}

// simLevel is how the writers of a key behave, see DESIGN.md, section 1.
type simLevel int

const (
	intentLevel simLevel = iota // writes are inside intents: no hit is older than the row
	leaseLevel                  // a write, then an invalidation: no hit is older than at its ack
	plainLevel                  // a write and a plain store at one moment
)

// sim is one run. Everything that can happen next, be it a message that arrives
// or a step of a client, waits in the pool, and the seed picks.
type sim struct {
	rng   *rand.Rand
	now   int64
	table *Table
	store *mapStore
	keys  []*simKey
	pool  []simEvent
	steps int
	fence Token // the database's fence row

	limits Limits
	calm   bool // no faults but those of clients and of the network
	bounds int  // so many of four writers are bounded
	keeper simKeeper
	newest Token // largest token seen
	life   int   // which owner's life it is

	readers []*simReader // those parked
	crowd   int          // the most that were parked at a time
	err     error
	seen    map[string]int
	trace   func(string)
}

type simEvent struct {
	what string
	at   int  // the step from which on it may happen
	mail bool // it comes over the network: it may be lost, and come twice
	do   func()
}

// simKeeper is what outlives an owner.
type simKeeper struct {
	noted      bool
	bound      int64
	doubtBelow Token
}

func newSim(seed uint64) *sim {
	s := &sim{rng: rand.New(rand.NewPCG(seed, 1)), now: 1000 * second}
	s.calm, s.bounds = s.one(3), []int{0, 0, 1, 4}[s.rng.IntN(4)]
	s.limits = Limits{
		LeaseFor:  s.length(6),
		IntentFor: s.length(5),
		Linger:    s.length(10),
		Leases:    1 + s.rng.IntN(3),
		Intents:   1 + s.rng.IntN(4),
		Doubts:    s.rng.IntN(4),
		Tags:      1 + s.rng.IntN(2),
	}
	for i := range 1 + s.rng.IntN(3) {
		k := &simKey{name: "k" + strconv.Itoa(i)}
		if s.one(3) {
			k.level = simLevel(s.rng.IntN(3))
		}
		k.tag = []string{"", "x", "y"}[s.rng.IntN(3)]
		s.keys = append(s.keys, k)
	}
	s.open(1, Start{})
	return s
}

func (s *sim) open(epoch uint32, start Start) {
	s.life++
	s.store = newMapStore()
	s.table = New(NewSequence(epoch), s.store, s.limits, start)
}

// one is true once in n times.
func (s *sim) one(n int) bool { return s.rng.IntN(n) == 0 }

// length is a random time of up to so many seconds, never zero.
func (s *sim) length(seconds int64) int64 { return 1 + s.rng.Int64N(seconds*second) }

func (s *sim) key() *simKey { return s.keys[s.rng.IntN(len(s.keys))] }

// clock is a reading of the owner's clock that may be a little old, as when a
// batch of commands was read before another took the lock.
func (s *sim) clock() int64 {
	if s.one(5) {
		return s.now - s.rng.Int64N(second/5)
	}
	return s.now
}

func (s *sim) saw(what string) {
	if s.seen != nil {
		s.seen[what]++
	}
}

func (s *sim) say(format string, a ...any) {
	if s.trace != nil {
		s.trace(fmt.Sprintf("%8.2fs ", float64(s.now)/float64(second)-1000) + fmt.Sprintf(format, a...))
	}
}

func (s *sim) fail(format string, a ...any) {
	if s.err == nil {
		s.err = fmt.Errorf(format, a...)
	}
}

// send puts a message on its way; later puts a client's next step off. Most come
// soon, some after much else has happened.
func (s *sim) send(what string, do func()) {
	s.pool = append(s.pool, simEvent{what: what, at: s.steps + s.delay(), mail: true, do: do})
}

func (s *sim) later(what string, do func()) {
	s.pool = append(s.pool, simEvent{what: what, at: s.steps + s.delay(), do: do})
}

func (s *sim) delay() int { return s.rng.IntN([]int{1, 1, 1, 6, 40}[s.rng.IntN(5)]) }

// ready picks one of the events whose step has come.
func (s *sim) ready() (int, bool) {
	n, picked := 0, 0
	for i := range s.pool {
		if s.pool[i].at <= s.steps {
			n++
			if s.one(n) {
				picked = i
			}
		}
	}
	return picked, n > 0
}

// run plays the run to its end.
func (s *sim) run() error {
	steps := 20 + s.rng.IntN(100)
	for s.steps < steps {
		s.steps++
		s.step()
		s.judge()
		if s.err != nil {
			return s.err
		}
	}
	s.rest()
	return s.err
}

func (s *sim) step() {
	if s.one(2) {
		s.now += s.rng.Int64N([]int64{second / 5, second, 4 * second}[s.rng.IntN(3)])
	}
	if s.one(2) { // otherwise the timer is late
		s.table.Advance(s.now)
	}
	if i, ok := s.ready(); ok && s.rng.IntN(8) > 0 {
		e := s.pool[i]
		if e.mail && s.one(8) { // it comes once more
			s.pool[i].at = s.steps + s.delay()
		} else {
			s.pool[i] = s.pool[len(s.pool)-1]
			s.pool = s.pool[:len(s.pool)-1]
		}
		if e.mail && s.one(25) {
			s.say("lost: %s", e.what)
			return
		}
		s.say("%s", e.what)
		e.do()
		return
	}
	s.begin()
}

// begin has somebody start something.
func (s *sim) begin() {
	k := s.key()
	n := s.rng.IntN(100)
	if s.calm && n >= 80 {
		n -= 50
	}
	switch {
	case n < 50:
		s.read(k)
	case n < 75:
		s.write(k)
	case n < 80:
		it, ok := s.table.Get(s.clock(), 0, []byte(k.name))
		if ok {
			s.hit(k, &it, "get")
			if it.StaleUntil != 0 {
				s.fail("get shows a stale copy of %s", k.name)
			}
		}
	case n < 84:
		s.say("%s is lost from the store", k.name)
		if s.store.Delete(0, []byte(k.name)) {
			s.saw("value lost")
		}
	case n < 87 && len(s.readers) > 0:
		s.hangUp(s.readers[s.rng.IntN(len(s.readers))])
	case n < 89:
		k.void(s, "ld")
	case n < 90:
		s.bump([]string{"x", "y", "z"}[s.rng.IntN(3)])
	case n < 91:
		s.say("touch %s", k.name)
		if it, ok := s.table.Get(s.now, 0, []byte(k.name)); ok && it.StaleUntil == 0 {
			s.table.Touch(s.now, 0, []byte(k.name), s.expiry())
		}
	case n < 92:
		s.say("flush, later")
		s.table.Flush(s.now, s.now+s.length(5))
		s.saw("delayed flush")
	case n < 94:
		s.raise(s.table.Epoch() + 1 + uint32(s.rng.IntN(2)))
	case n < 95:
		s.foreignFence()
	case n < 98:
		s.restart()
	}
}

// judge looks at everything after a step: no value may be older than its key's
// floor, and the table's books must be right.
func (s *sim) judge() {
	for _, k := range s.keys {
		it, ok := s.store.Peek(0, []byte(k.name), s.now)
		if ok && it.StaleUntil == 0 && !s.table.tags.void(it.Version, it.Tags) && versionOf(&it) < k.floor {
			s.fail("%s is stored as of version %d, must be seen: %d", k.name, versionOf(&it), k.floor)
		}
		if ok && it.Version > s.table.Last() {
			s.fail("%s has version %s, the newest token is %s", k.name, show(it.Version), show(s.table.Last()))
		}
	}
	if *simOnly {
		return
	}
	s.crowd = max(s.crowd, len(s.readers))
	if s.table.leased.len > max(s.limits.Leases, s.crowd+1) {
		s.fail("%d leases are remembered", s.table.leased.len)
	}
	if err := check(s.table, s.now, func(key string) bool { return s.store.items[key] != nil }); err != nil {
		s.fail("%w", err)
	}
	if last := s.table.Last(); last < s.newest {
		s.fail("the newest token fell from %s to %s", show(s.newest), show(last))
	}
}

// rest lets time pass until nothing is due: everybody who waits must be told.
func (s *sim) rest() {
	for due := s.table.NextDue(); due != 0; due = s.table.NextDue() {
		s.now = max(s.now, due)
		s.table.Advance(s.now)
		s.judge()
		if next := s.table.NextDue(); next != 0 && next <= s.now {
			s.fail("Advance left something due")
		}
		if s.err != nil {
			return
		}
	}
	if len(s.readers) > 0 {
		s.fail("%d readers were never answered", len(s.readers))
	}
	st := s.table.Stats()
	for _, n := range []struct {
		count uint64
		what  string
	}{
		{st.RefusedInvalidated, "refused i"}, {st.RefusedSuperseded, "refused s"}, {st.RefusedQuarantine, "refused q"},
		{st.RefusedOtherEpoch, "refused o"}, {st.RefusedTag, "refused t"}, {st.RefusedUnknown, "refused u"},
		{st.RefusedFenced, "refused d"}, {st.Folds, "fold"}, {st.Dropped, "lease dropped"},
		{st.FloorRises, "tag floor rose"}, {st.IntentsRunOut, "intent run out"},
	} {
		if s.seen != nil && n.count > 0 {
			s.seen[n.what] += int(n.count)
		}
	}
}

// fresh takes note of a token that was just made.
func (s *sim) fresh(t Token) {
	if t <= s.newest {
		s.fail("token %s after %s", show(t), show(s.newest))
	}
	s.newest = t
}

// above takes note of the token that a call made before it handed a lease on.
func (s *sim) above(before, t Token) {
	if t <= before {
		s.fail("token %s after %s", show(t), show(before))
	}
	s.newest = max(s.newest, t)
}

func versionOf(it *Item) int {
	n, err := strconv.Atoi(string(it.Value))
	if err != nil {
		return -1
	}
	return n
}
