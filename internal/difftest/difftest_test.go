package difftest

import (
	"cmp"
	"flag"
	"math/rand/v2"
	"os"
	"sort"
	"sync"
	"testing"
	"time"

	"github.com/leasecache/leasecache/internal/apptest"
	"github.com/stretchr/testify/require"
)

var (
	longer = flag.Duration("difftest.for", 3*time.Second, "how long random streams are compared")
	seeded = flag.Uint64("difftest.seed", 0, "compare streams of this seed alone; 0 is a fixed and a random one")
	only   = flag.Int("difftest.round", -1, "compare this round of the seed alone")
	many   = flag.Int("difftest.reports", 1, "how many differences to report before giving up")
)

func TestMain(m *testing.M) { os.Exit(apptest.Main(m)) }

// TestMemcached compares leasecached with the memcached that is installed, or that
// MEMCACHED names.
func TestMemcached(t *testing.T) {
	path := findMemcached(t)
	if path == "" {
		return
	}
	t.Parallel()
	ref := startMemcached(t, path)
	expected := expectedFrom(ref.patch)
	t.Run("streams", func(t *testing.T) {
		t.Parallel()
		compareStreams(t, ref.addr, startLeasecached(t), expected)
	})
	t.Run("timed", func(t *testing.T) {
		t.Parallel()
		compareTimed(t, startMemcached(t, path).addr, startLeasecached(t), expected)
	})
}

// TestReferenceAgainstItself shows that what is compared is determined by what is
// sent: a memcached differs from its own twin in nothing.
func TestReferenceAgainstItself(t *testing.T) {
	path := findMemcached(t)
	if path == "" {
		return
	}
	t.Parallel()
	compareStreams(t, startMemcached(t, path).addr, startMemcached(t, path).addr, hidden())
	if *longer > time.Minute {
		compareTimed(t, startMemcached(t, path).addr, startMemcached(t, path).addr, hidden())
	}
}

// TestVersions compares the memcached that MEMCACHED_OLD names with the reference,
// for those who keep the table of Versions.
func TestVersions(t *testing.T) {
	old := os.Getenv("MEMCACHED_OLD")
	if old == "" {
		t.Log("MEMCACHED_OLD is not set: two versions of memcached are not compared")
		return
	}
	was, is := startMemcached(t, old), startMemcached(t, findMemcached(t))
	require.Less(t, was.patch, contract)
	require.GreaterOrEqual(t, is.patch, contract)
	compareStreams(t, was.addr, is.addr, append(hidden(), Versions...))
}

// compareStreams plays rounds before two servers for as long as the flag says.
func compareStreams(t *testing.T, ref, ours string, expected []Difference) {
	seeds := []uint64{1, rand.Uint64N(1 << 32)}
	if *seeded != 0 {
		seeds = []uint64{*seeded}
	}
	t.Logf("seeds %d", seeds)
	p := NewPair(ref, ours, expected)
	defer p.Close()
	began, reports := time.Now(), 0
	for round := 0; time.Since(began) < *longer && reports < *many; round++ {
		for _, seed := range seeds {
			if *only >= 0 {
				round = *only
			}
			if report(t, p, seed, round, Generate) {
				reports++
			}
		}
		if *only >= 0 {
			break
		}
	}
	took := time.Since(began)
	c := p.Count
	t.Logf("%d rounds, %d steps, %.0f a second, %d bytes of replies, %d steps without an end, %d times keys were given up", c.Rounds, c.Steps, float64(c.Steps)/took.Seconds(), c.Bytes, len(c.Silent), c.Parted)
	for _, step := range c.Silent[:min(len(c.Silent), 10)] {
		t.Logf("no end: %s", short(step))
	}
	var names []string
	for name := range c.Excused {
		names = append(names, name)
	}
	sort.Strings(names)
	for _, name := range names {
		t.Logf("%6d times: %s", c.Excused[name], name)
	}
}

// compareTimed plays rounds in which time passes, side by side. They have servers of
// their own, where nobody flushes.
func compareTimed(t *testing.T, ref, ours string, expected []Difference) {
	if *only >= 0 {
		return
	}
	seed := cmp.Or(*seeded, rand.Uint64N(1<<32))
	t.Logf("seed %d", seed)
	var wg sync.WaitGroup
	for i := range 24 {
		wg.Go(func() {
			p := NewPair(ref, ours, expected)
			p.Timed = true
			defer p.Close()
			report(t, p, seed, i, GenerateTimed)
		})
	}
	wg.Wait()
}

// report plays a round and says whether it found something.
func report(t *testing.T, p *Pair, seed uint64, round int, generate func(uint64, int) []Step) bool {
	found, fleeting, err := p.Round(Thin(generate(seed, round), p.Expected, seed, round))
	if !assertNoError(t, err) {
		return true
	}
	if fleeting != nil {
		t.Logf("seed %d, round %d: seen once and not again: %s\n%s\n%s\n%s", seed, round, fleeting.How, short(fleeting.Step.text()), short(string(fleeting.Ref.bytes)), short(string(fleeting.Ours.bytes)))
	}
	if found == nil {
		return false
	}
	found.Seed, found.Round = seed, round
	t.Errorf("%v", found)
	return true
}

func assertNoError(t *testing.T, err error) bool {
	if err != nil {
		t.Error(err)
	}
	return err == nil
}
