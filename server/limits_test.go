package server

import (
	"fmt"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/leasecache/leasecache/lease"
	"github.com/leasecache/leasecache/shard"
)

// empty is a store that keeps nothing.
type empty struct{}

func (empty) Get(uint64, []byte, int64) (lease.Item, bool)  { return lease.Item{}, false }
func (empty) Peek(uint64, []byte, int64) (lease.Item, bool) { return lease.Item{}, false }
func (empty) Put(uint64, []byte, lease.Item) error          { return nil }
func (empty) Update(uint64, []byte, lease.Item) bool        { return false }
func (empty) Delete(uint64, []byte) bool                    { return false }

type deaf struct{}

func (deaf) Answer(*lease.Answer) {}
func (d deaf) Park() lease.Reader { return d }

func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// What leaseLimits takes a lease, an intent, a doubt and a tag to cost is what
// they cost, with keys of an ordinary length, as the tables' limits are reached.
func TestLeaseStateKeepsItsMemory(t *testing.T) {
	const share, shards = 64 << 20, 16
	limits, err := leaseLimits(share*leaseShareOf, shards)
	require.NoError(t, err)
	budget := func(part, of int) float64 { return float64(share / shards * part / of) }
	key := func(i int) []byte { return fmt.Appendf(nil, "customer:%08d:orders", i) }
	for name, fill := range map[string]struct {
		n      int
		budget float64
		one    func(*lease.Table, int)
	}{
		"leases": {limits.Leases, budget(3, 8), func(l *lease.Table, i int) { l.Lease(1, 0, key(i), lease.Read{}, deaf{}) }},
		"tags":   {limits.Tags, budget(3, 8), func(l *lease.Table, i int) { l.BumpTag(1, key(i)) }},
		"intents": {limits.Intents, budget(1, 8), func(l *lease.Table, i int) {
			_, _, err := l.Begin(1, 0, key(i), lease.Fenced, 0, []byte("0123456789abcdef0123456789abcdef"))
			require.NoError(t, err)
		}},
		"doubts": {limits.Doubts, budget(1, 8), func(l *lease.Table, i int) {
			_, _, err := l.Begin(int64(i)*10, 0, key(i), lease.Fenced, 1, []byte("0123456789abcdef0123456789abcdef"))
			require.NoError(t, err)
		}},
	} {
		before := heap()
		table := lease.New(lease.NewSequence(1), empty{}, limits, lease.Start{})
		for i := range fill.n {
			fill.one(table, i)
		}
		table.Advance(1 << 20)
		used := float64(heap()) - float64(before)
		t.Logf("%s: %d, %.0f bytes each", name, fill.n, used/float64(fill.n))
		require.LessOrEqual(t, used, fill.budget, name)
		require.Greater(t, used, fill.budget/4, "%s: the limit is needlessly low", name)
		runtime.KeepAlive(table)
	}
}

// However many shards there are, what they may have at the least is bounded.
func TestLeaseLimitsAreBounded(t *testing.T) {
	for _, memory := range []int64{1 << 20, 64 << 20, 1 << 30, 1 << 34} {
		for shards := uint32(1); shards <= shard.MaxCount; shards *= 2 {
			l, err := leaseLimits(memory, shards)
			if err != nil {
				require.ErrorIs(t, err, ErrMemory)
				require.Greater(t, shards, uint32(8192), "%d bytes", memory)
				require.Less(t, memory, int64(1<<30), "the default has room for any number of them")
				continue
			}
			worst := int64(l.Leases*perLease+(l.Intents+l.Doubts)*perIntent+l.Tags*perTag) * int64(shards)
			require.LessOrEqual(t, worst, max(memory/leastShareOf, leastMemory)+memory/leaseShareOf, "%d bytes, %d shards: %+v", memory, shards, l)
		}
	}
	l, err := leaseLimits(1<<30, 1024)
	require.NoError(t, err)
	require.Equal(t, []int{64, 32, 32, 128}, []int{l.Leases, l.Intents, l.Doubts, l.Tags}, "as docs/operations.md says")

	_, err = leaseLimits(64<<20, 65536)
	require.EqualError(t, err, "too little memory for 65536 shards: their leases alone may take 200 MiB, so give 800 MiB, or begin a new cluster with fewer shards")
	_, err = leaseLimits(800<<20, 65536)
	require.NoError(t, err)
}
