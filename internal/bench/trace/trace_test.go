package trace

import (
	"hash/fnv"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

// Ranks come as often as their weights say, on both sides of alpha = 1 and on it.
func TestZipfHasItsFrequencies(t *testing.T) {
	const n, draws = 1000, 100_000
	for _, alpha := range []float64{0.5, 0.7, 0.9, 1, 1.2, 2} {
		z := newZipf(rand.New(rand.NewPCG(1, 2)), alpha, n)
		var seen [n]int
		for range draws {
			seen[z.next()]++
		}
		total := 0.0
		for k := range n {
			total += math.Pow(float64(k+1), -alpha)
		}
		for _, k := range []int{0, 1, 2, 9, 99} {
			want := draws * math.Pow(float64(k+1), -alpha) / total
			require.InDelta(t, want, seen[k], 6*math.Sqrt(want)+1, "alpha %v, rank %d", alpha, k+1)
		}
		require.InDelta(t, draws*0.0, seen[n-1], draws/100, "the last rank is rare")
	}
}

func TestTracesAreTheSameInEveryRun(t *testing.T) {
	const keys, length = 2000, 30_000
	sums := map[uint64]string{}
	for _, s := range All {
		a, b := s.Make(keys, length), s.Make(keys, length)
		require.Equal(t, a, b, s.Name)
		require.Len(t, a.Requests, length)
		h := fnv.New64()
		size := map[uint32]uint32{}
		for _, r := range a.Requests {
			require.Less(t, r.Key, a.Keys)
			require.NotZero(t, r.Size)
			if old, ok := size[r.Key]; ok {
				require.Equal(t, old, r.Size, "%s: key %d has two sizes", s.Name, r.Key)
			}
			size[r.Key] = r.Size
			_, _ = h.Write([]byte{byte(r.Key), byte(r.Key >> 8), byte(r.Key >> 16), byte(r.Size), byte(r.Size >> 8)})
		}
		require.NotContains(t, sums, h.Sum64(), "%s is another trace", s.Name)
		sums[h.Sum64()] = s.Name
		require.NotEmpty(t, s.Description)
	}
}

func find(t *testing.T, name string) *Trace {
	for _, s := range All {
		if s.Name == name {
			return s.Make(2000, 40_000)
		}
	}
	require.Fail(t, "no trace", name)
	return nil
}

func TestTracesAreWhatTheyAreDescribedAs(t *testing.T) {
	wonders := find(t, "one-hit wonders")
	times := map[uint32]int{}
	for _, r := range wonders.Requests {
		times[r.Key]++
	}
	once := 0
	for k, n := range times {
		if k >= 4*2000 {
			require.Equal(t, 1, n)
			once++
		}
	}
	require.InDelta(t, 0.4*40_000, once, 500)

	scanned := 0
	for _, r := range find(t, "scans").Requests {
		if r.Key >= 2000 {
			scanned++
		}
	}
	require.Equal(t, 8*125, scanned)

	shift := find(t, "sizes shift").Requests
	mean := func(from, to int) (sum float64) {
		for _, r := range shift[from:to] {
			sum += float64(r.Size) / float64(to-from)
		}
		return sum
	}
	require.Less(t, mean(0, 13_000), 128.0)
	require.Greater(t, mean(25_000, 28_000), 500.0)
	require.InDelta(t, 300, mean(39_000, 40_000), 60)

	moved := find(t, "popularity shifts").Requests
	top := func(from, to int) (best uint32) {
		seen := map[uint32]int{}
		for _, r := range moved[from:to] {
			if seen[r.Key]++; seen[r.Key] > seen[best] {
				best = r.Key
			}
		}
		return best
	}
	require.NotEqual(t, top(0, 4000), top(4000, 8000))
}
