package policy

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/leasecache/leasecache/internal/bench/load"
	"github.com/leasecache/leasecache/internal/bench/trace"
)

const one = load.KeyLen + 84 // Payload of value

func ask(p Policy, keys ...uint32) (hits []bool) {
	for _, k := range keys {
		hits = append(hits, p.Ask(load.Request{Key: k, Size: 84}))
	}
	return hits
}

func TestLRU(t *testing.T) {
	l := NewLRU(10, 2*one)
	require.Equal(t, []bool{false, false, true, false, true, false}, ask(l, 1, 2, 1, 3, 1, 2), "3 drops 2")
	require.False(t, l.Ask(load.Request{Key: 4, Size: 1 << 20}), "too large for it")
	require.Equal(t, []bool{true, true}, ask(l, 1, 2), "and nothing went for that")
}

func TestS3FIFO(t *testing.T) {
	s := NewS3FIFO(100, 10*one)
	// Asked for again while new: it survives any number of keys that come once.
	require.Equal(t, []bool{false, true, true}, ask(s, 1, 1, 1))
	for k := uint32(10); k < 60; k++ {
		require.Equal(t, []bool{false}, ask(s, k))
	}
	require.Equal(t, []bool{true}, ask(s, 1))
	// 59 is still new; 50 went, but is remembered: it comes back among the others,
	// where keys that come once do not push it out.
	require.Equal(t, []bool{false}, ask(s, 50-5))
	for k := uint32(60); k < 90; k++ {
		ask(s, k)
	}
	require.Equal(t, []bool{true}, ask(s, 50-5))
}

func TestBeladyDropsWhatComesLast(t *testing.T) {
	order := []uint32{1, 2, 3, 1, 2, 4, 1, 2, 3}
	var requests []load.Request
	for _, k := range order {
		requests = append(requests, load.Request{Key: k, Size: 84})
	}
	b := NewBelady(requests, 10, 2*one)
	require.Equal(t, []bool{false, false, false, true, true, false, true, true, false}, ask(b, order...))
}

// best is the hit ratio of the best decisions there are, by trying all of them.
func best(requests []load.Request, held map[uint32]bool, capacity int64) int {
	if len(requests) == 0 {
		return 0
	}
	r, rest := requests[0], requests[1:]
	hit := 0
	if held[r.Key] {
		hit = 1
	}
	var keys []uint32
	for k := range held {
		keys = append(keys, k)
	}
	if hit == 0 {
		keys = append(keys, r.Key)
	}
	most := 0
	for mask := range 1 << len(keys) {
		kept := map[uint32]bool{}
		used := int64(0)
		for i, k := range keys {
			if mask>>i&1 == 1 {
				kept[k] = true
				used += Payload(load.Request{Size: sizeOf(k)})
			}
		}
		if used <= capacity {
			most = max(most, best(rest, kept, capacity))
		}
	}
	return hit + most
}

func sizeOf(k uint32) uint32 { return 84 + k%3*40 }

// On traces so short that all ways can be tried: Belady is the best one if sizes
// are equal, and the bound is never below the best one.
func TestOptimalAgainstAllWays(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	for range 60 {
		var equal, sized []load.Request
		for range 9 {
			k := r.Uint32N(5)
			equal = append(equal, load.Request{Key: k, Size: sizeOf(0)})
			sized = append(sized, load.Request{Key: k, Size: sizeOf(k)})
		}
		const capacity = 2*one + 50
		want := bestOfSlots(equal, map[uint32]bool{}, int(capacity/one))
		got := HitRatio(NewBelady(equal, 5, capacity), equal, 0) * float64(len(equal))
		require.InDelta(t, want, got, 1e-9, "%v", equal)
		bound := NewBound(equal, 5, 0).HitRatio(capacity) * float64(len(equal))
		require.GreaterOrEqual(t, bound+1e-9, float64(want))

		want = best(sized, map[uint32]bool{}, capacity)
		bound = NewBound(sized, 5, 0).HitRatio(capacity) * float64(len(sized))
		require.GreaterOrEqual(t, bound+1e-9, float64(want), "%v", sized)
	}
}

func bestOfSlots(requests []load.Request, held map[uint32]bool, slots int) int {
	if len(requests) == 0 {
		return 0
	}
	k, rest := requests[0].Key, requests[1:]
	if held[k] {
		return 1 + bestOfSlots(rest, held, slots)
	}
	most := bestOfSlots(rest, held, slots)
	with := func(without uint32) {
		next := map[uint32]bool{k: true}
		for h := range held {
			if h != without {
				next[h] = true
			}
		}
		most = max(most, bestOfSlots(rest, next, slots))
	}
	if len(held) < slots {
		with(none)
	}
	for h := range held {
		with(h)
	}
	return most
}

// Nobody passes the bound, and nobody passes Belady where sizes are equal.
func TestNothingPassesTheOptimum(t *testing.T) {
	const keys, length, warm = 1000, 15_000, 3000
	for _, s := range trace.All {
		tr := s.Make(keys, length)
		for _, capacity := range []int64{10_000, 30_000, 75_000} {
			bound := NewBound(tr.Requests, tr.Keys, warm).HitRatio(capacity)
			belady := HitRatio(NewBelady(tr.Requests, tr.Keys, capacity), tr.Requests, warm)
			lru := HitRatio(NewLRU(tr.Keys, capacity), tr.Requests, warm)
			s3 := HitRatio(NewS3FIFO(tr.Keys, capacity), tr.Requests, warm)
			require.LessOrEqual(t, belady, bound, s.Name)
			require.LessOrEqual(t, lru, bound, s.Name)
			require.LessOrEqual(t, s3, bound, s.Name)
			require.Positive(t, lru, s.Name)
			if tr.Requests[0].Size == 100 {
				require.LessOrEqual(t, lru, belady, s.Name)
				require.LessOrEqual(t, s3, belady, s.Name)
			}
		}
	}
}

// The store is asked over the same trace: it gains with its budget, holds less
// than that, and stays below the bound for what it held.
func TestStore(t *testing.T) {
	const keys, length, warm = 300_000, 300_000, 100_000
	tr := trace.All[1].Make(keys, length)
	last := 0.0
	for _, budget := range []int64{9 << 20, 12 << 20} {
		s, err := NewStore(budget, length/20)
		require.NoError(t, err)
		got := HitRatio(s, tr.Requests, warm)
		require.Greater(t, got, last)
		require.Less(t, s.Held(), budget)
		require.Greater(t, s.Held(), budget/3)
		bound := NewBound(tr.Requests, tr.Keys, warm).HitRatio(budget)
		require.Less(t, got, bound)
		last = got
		require.NoError(t, s.Close())
	}
}
