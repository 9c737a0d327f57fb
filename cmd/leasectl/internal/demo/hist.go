package demo

import (
	"math/bits"
	"time"
)

// histogram counts durations in buckets that are a sixteenth of their size wide: a quantile is right to 6 %. It has one writer;
// readers and writers each keep their own and the run adds them up, so that measuring costs no shared cache line.
type histogram struct {
	counts [64 * 16]int64
	n      int64
}

func (h *histogram) add(d time.Duration) {
	h.counts[bucket(uint64(max(d, 0)))]++
	h.n++
}

func (h *histogram) merge(o *histogram) {
	for i, c := range o.counts {
		h.counts[i] += c
	}
	h.n += o.n
}

// quantile gives the middle of the bucket that holds the q-th of all; 0 when nothing was added.
func (h *histogram) quantile(q float64) time.Duration {
	rank := int64(q * float64(h.n))
	for i, c := range h.counts {
		if rank -= c; rank < 0 {
			return time.Duration(middle(i))
		}
	}
	return 0
}

// bucket is v itself below 16; above, the position of the highest bit and the four bits that follow it.
func bucket(v uint64) int {
	if v < 16 {
		return int(v)
	}
	shift := bits.Len64(v) - 5
	return (shift+1)*16 + int(v>>shift)&15
}

func middle(i int) uint64 {
	if i < 16 {
		return uint64(i)
	}
	shift := i/16 - 1
	return uint64(16+i%16)<<shift + uint64(1)<<shift/2
}
