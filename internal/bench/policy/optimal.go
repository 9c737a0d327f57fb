package policy

import (
	"slices"

	"github.com/leasecache/leasecache/internal/bench/load"
)

// never is the next use of what is not asked for again.
const never = 1<<32 - 1

// nextUses says for each request when its key comes next.
func nextUses(requests []load.Request, keys uint32) []uint32 {
	next := make([]uint32, len(requests))
	seen := make([]uint32, keys)
	for i := range seen {
		seen[i] = never
	}
	for i := len(requests) - 1; i >= 0; i-- {
		k := requests[i].Key
		next[i] = seen[k]
		seen[k] = uint32(i)
	}
	return next
}

// Belady knows the future: it drops what is asked for last, and does not take
// what would be dropped at once. With items of one size nothing is better; with
// several it is only good, and [Bound] says what nothing can pass.
type Belady struct {
	capacity, used int64
	next           []uint32 // by request
	now            int
	due            []uint32 // by key, while it is held
	bytes          []int32  // by key; 0: not there
	far            heap
}

// NewBelady makes one that is to be asked exactly these requests.
func NewBelady(requests []load.Request, keys uint32, capacity int64) *Belady {
	return &Belady{
		capacity: capacity,
		next:     nextUses(requests, keys),
		due:      make([]uint32, keys),
		bytes:    make([]int32, keys),
	}
}

// Ask implements Policy.
func (b *Belady) Ask(r load.Request) bool {
	due := b.next[b.now]
	b.now++
	hit := b.bytes[r.Key] > 0
	if hit {
		b.used -= int64(b.bytes[r.Key])
		b.bytes[r.Key] = 0
	}
	need := Payload(r)
	if due == never || need > b.capacity {
		return hit
	}
	for b.used+need > b.capacity {
		k, at := b.farthest()
		if at <= due {
			return hit
		}
		b.far.pop()
		b.used -= int64(b.bytes[k])
		b.bytes[k] = 0
	}
	b.bytes[r.Key], b.due[r.Key] = int32(need), due
	b.used += need
	b.far.push(uint64(due)<<32 | uint64(r.Key))
	return hit
}

// farthest is what is held and asked for last. Entries of the heap that are out
// of date are dropped on the way.
func (b *Belady) farthest() (key, due uint32) {
	for {
		e := b.far[0]
		k, at := uint32(e), uint32(e>>32)
		if b.bytes[k] > 0 && b.due[k] == at {
			return k, at
		}
		b.far.pop()
	}
}

// heap has the largest first.
type heap []uint64

func (h *heap) push(v uint64) {
	*h = append(*h, v)
	a := *h
	for i := len(a) - 1; i > 0; {
		up := (i - 1) / 2
		if a[up] >= a[i] {
			return
		}
		a[up], a[i] = a[i], a[up]
		i = up
	}
}

func (h *heap) pop() {
	a := *h
	last := len(a) - 1
	a[0] = a[last]
	a = a[:last]
	*h = a
	for i := 0; ; {
		down := 2*i + 1
		if down >= last {
			return
		}
		if down+1 < last && a[down+1] > a[down] {
			down++
		}
		if a[i] >= a[down] {
			return
		}
		a[i], a[down] = a[down], a[i]
		i = down
	}
}

// Bound is a hit ratio that no cache passes, whatever the sizes: a hit takes the
// item's bytes from its last request to this one, and no cache has more than
// capacity times requests of that to give. The cheapest hits come first. (Berger,
// Beckmann and Harchol-Balter, "Practical bounds on optimal caching with
// variable object sizes", 2018: PFOO-L.)
type Bound struct {
	costs   []int64 // of the hits, sorted
	counted int64   // requests
}

// NewBound looks at a trace; hits count from request warm on.
func NewBound(requests []load.Request, keys uint32, warm int) *Bound {
	b := &Bound{counted: int64(len(requests) - warm)}
	for i, due := range nextUses(requests, keys) {
		if due != never && int(due) >= warm {
			b.costs = append(b.costs, Payload(requests[i])*int64(int(due)-max(i, warm)))
		}
	}
	slices.Sort(b.costs)
	return b
}

// HitRatio is the bound for a capacity.
func (b *Bound) HitRatio(capacity int64) float64 {
	left := capacity * b.counted
	for i, cost := range b.costs {
		if left -= cost; left < 0 {
			return float64(i+1) / float64(b.counted)
		}
	}
	return float64(len(b.costs)) / float64(b.counted)
}
