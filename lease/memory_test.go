package lease

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

// deaf is a reader who hears nothing; a test looks at the table instead.
type deaf struct{ _ byte } // not of size zero: each is another

func (*deaf) Answer(*Answer) {}
func (d *deaf) Park() Reader { return d }
func key(i int) []byte       { return fmt.Appendf(nil, "key%d", i) }
func absent(key string) bool { return false }
func someLimits(n int) Limits {
	return Limits{LeaseFor: second, IntentFor: second, Leases: n, Intents: n, Doubts: n, Tags: n}
}

// TestLeaseMemoryIsBounded has more keys with a waiting reader at the head of
// the list than are looked at to make room.
func TestLeaseMemoryIsBounded(t *testing.T) {
	const limit, crowd = 50, 40
	table := New(NewSequence(1), newMapStore(), someLimits(limit), Start{})
	long := Read{LeaseFor: 100 * second, Wait: 100 * second}
	for i := range crowd {
		table.Lease(second, 0, key(i), long, new(deaf))
		table.Lease(second, 0, key(i), long, new(deaf))
	}
	for i := crowd; i < 10*limit; i++ {
		table.Lease(second, 0, key(i), Read{}, new(deaf))
		require.LessOrEqual(t, table.leased.len, limit+crowd/16+1)
		require.NoError(t, check(table, second, absent))
	}
	require.Equal(t, crowd, table.Stats().Parked)
}

// TestWaitersOfAKeyAreBounded has a crowd wait for one key: beyond the limit
// readers are told for how long the lease may last, and those who wait already
// go on waiting.
func TestWaitersOfAKeyAreBounded(t *testing.T) {
	limits := someLimits(10)
	limits.Waiters = 3
	table := New(NewSequence(1), newMapStore(), limits, Start{})
	long := Read{LeaseFor: 100 * second, Wait: 100 * second}
	for range 10 {
		table.Lease(second, 0, key(1), long, new(deaf))
		require.NoError(t, check(table, second, absent))
	}
	require.Equal(t, 3, table.Stats().Parked)
	require.Equal(t, Busy, table.decided.Kind)
	table.Invalidate(second, 0, key(1), 0)
	require.Equal(t, 2, table.Stats().Parked, "one has the new lease, the others wait for it")
	table.Lease(second, 0, key(1), long, new(deaf))
	require.Equal(t, 3, table.Stats().Parked)
}

// TestNoMemoryAtAll gives every limit as zero: leases of one call, no intents,
// and tags that void all tagged values.
func TestNoMemoryAtAll(t *testing.T) {
	store := newMapStore()
	table := New(NewSequence(1), store, someLimits(0), Start{})
	for i := range 3 {
		table.Lease(second, 0, key(i), Read{}, new(deaf))
		require.Equal(t, 1, table.Stats().Leases)
	}
	_, _, err := table.Begin(second, 0, key(1), Fenced, 0, nil)
	require.ErrorIs(t, err, ErrFull)
	for i := range 3 {
		v, err := table.Put(second, 0, key(i), Set, Item{Value: key(i), Tags: AppendTag(nil, key(i))})
		require.NoError(t, err)
		require.NotZero(t, v)
	}
	table.BumpTag(second, key(0))
	table.BumpTag(second, key(1))
	_, ok := table.Get(second, 0, key(2))
	require.False(t, ok, "the floor is above it")
	require.NoError(t, check(table, second, func(k string) bool { return store.items[k] != nil }))
}

// TestSettledMemoryIsFree lets everything run out: nothing is left of any key.
func TestSettledMemoryIsFree(t *testing.T) {
	table := New(NewSequence(1), newMapStore(), DefaultLimits(), Start{})
	now := second
	for i := range 300 {
		table.Lease(now, 0, key(i), Read{}, new(deaf))
		table.Lease(now, 0, key(i), Read{Wait: second}, new(deaf))
		if i%3 == 0 {
			_, _, err := table.Begin(now, 0, key(i), Bounded, 0, nil)
			require.NoError(t, err)
		}
		if i%3 == 1 {
			table.Invalidate(now, 0, key(i), 0)
		}
		now += second / 100
	}
	for due := table.NextDue(); due != 0; due = table.NextDue() {
		now = max(now, due)
		table.Advance(now)
		require.NoError(t, check(table, now, absent))
	}
	require.Empty(t, table.entries)
	require.Zero(t, table.Stats().Parked)
	require.True(t, table.Quiet(now))
}

// TestSequence holds tokens to what DESIGN.md says of them.
func TestSequence(t *testing.T) {
	s := NewSequence(3)
	require.Equal(t, FirstToken(3)+1, s.Next())
	s.raise(4)
	require.Equal(t, FirstToken(4), s.Last())
	require.Panics(t, func() { s.raise(4) }, "an epoch only grows")
	require.Less(t, uint64(FirstToken(1<<23-1)+maxSequence), uint64(1)<<63)
	s.last = FirstToken(5) - 1
	require.Zero(t, s.Left())
	require.Panics(t, func() { s.Next() }, "the next number is another epoch's")
}
