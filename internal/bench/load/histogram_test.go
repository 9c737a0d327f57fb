package load

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestPercentilesAreThoseOfTheSortedList(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	var h Histogram
	all := make([]time.Duration, 20_000)
	for i := range all {
		all[i] = time.Duration(math.Exp(r.Float64() * 25))
		h.Add(all[i])
	}
	slices.Sort(all)
	for _, p := range []float64{0, 1, 50, 90, 99, 99.9, 99.99, 100} {
		want := all[max(int(math.Ceil(p/100*float64(len(all)))), 1)-1]
		got := h.Percentile(p)
		require.GreaterOrEqual(t, got, want, "p%v", p)
		require.LessOrEqual(t, float64(got), float64(want)*(1+1.0/subs)+1, "p%v", p)
	}
	require.Equal(t, all[len(all)-1], h.Max())
	require.Equal(t, uint64(len(all)), h.Count())
}

func TestEveryDurationHasABucketThatHoldsIt(t *testing.T) {
	last := -1
	for _, v := range []uint64{0, 1, 63, 64, 65, 127, 128, 129, 1000, 1 << 20, 1<<20 + 1, 1<<39 + 1} {
		b := bucketOf(v)
		require.GreaterOrEqual(t, b, last)
		require.GreaterOrEqual(t, lastOf(b), v)
		if b > 0 {
			require.Less(t, lastOf(b-1), v)
		}
		last = b
	}
	require.Equal(t, buckets-1, bucketOf(1<<62))
}

func TestEmptyHistogram(t *testing.T) {
	var h Histogram
	require.Zero(t, h.Percentile(99))
	h.Add(-5)
	require.Zero(t, h.Percentile(99))
	h.Add(7)
	h.Reset()
	require.Zero(t, h.Count())
}
