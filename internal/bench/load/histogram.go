package load

import (
	"math"
	"math/bits"
	"time"
)

const (
	subBits = 6 // 64 steps for every doubling: within 1.6 %
	subs    = 1 << subBits
	buckets = (40 - subBits + 1) * subs // up to 18 minutes
)

// Histogram counts durations. The zero value is empty.
type Histogram struct {
	counts [buckets]uint64
	n      uint64
	max    time.Duration
}

// Add counts a duration; a negative one counts as 0.
func (h *Histogram) Add(d time.Duration) {
	d = max(d, 0)
	h.counts[bucketOf(uint64(d))]++
	h.n++
	h.max = max(h.max, d)
}

// Count is the number of durations.
func (h *Histogram) Count() uint64 { return h.n }

// Max is the longest duration, exactly.
func (h *Histogram) Max() time.Duration { return h.max }

// Percentile is the duration that p percent of all do not pass, rounded up to
// what the histogram distinguishes; 0 if there are none.
func (h *Histogram) Percentile(p float64) time.Duration {
	if h.n == 0 {
		return 0
	}
	rank := uint64(math.Ceil(p / 100 * float64(h.n)))
	rank = min(max(rank, 1), h.n)
	var seen uint64
	for i, n := range &h.counts {
		if seen += n; seen >= rank {
			return min(time.Duration(lastOf(i)), h.max)
		}
	}
	return h.max
}

// Reset empties the histogram.
func (h *Histogram) Reset() { *h = Histogram{} }

// bucketOf: the first 64 buckets hold one value each, then each 64 a doubling.
func bucketOf(v uint64) int {
	if v < subs {
		return int(v)
	}
	shift := bits.Len64(v) - subBits - 1
	return min((shift+1)*subs+int(v>>shift)-subs, buckets-1)
}

// lastOf is the largest value of a bucket.
func lastOf(i int) uint64 {
	if i < subs {
		return uint64(i)
	}
	shift := i/subs - 1
	return (uint64(i%subs)+subs+1)<<shift - 1
}
