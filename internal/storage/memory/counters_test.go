package memory

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestStoredCountsEveryPut(t *testing.T) {
	c, p := onePartition(t)
	put(t, p, "a", Item{})
	put(t, p, "a", Item{Value: value(3, 'x')})   // in place
	put(t, p, "a", Item{Value: value(300, 'x')}) // elsewhere
	require.Error(t, p.Put(p.hashOf([]byte("a")), []byte("a"), Item{Value: value(5*kib, 'x')}))
	require.False(t, p.Update(p.hashOf([]byte("a")), []byte("a"), Item{}), "it is gone")
	s := c.Stats()
	require.EqualValues(t, 3, s.Stored)
	require.Zero(t, s.Items)
}

// Whoever meets an expired item counts it, also who overwrites it.
func TestExpiredIsCountedOnce(t *testing.T) {
	c, p := onePartition(t)
	for i, meet := range []func(key string){
		func(key string) { _, _ = get(p, key, 20*ExpiryStep) },
		func(key string) { _, _ = peek(p, key, 20*ExpiryStep) },
		func(key string) { p.Delete(p.hashOf([]byte(key)), []byte(key)) },
		func(key string) { put(t, p, key, Item{Stored: 20 * ExpiryStep}) },
		func(key string) { put(t, p, key, Item{Stored: 20 * ExpiryStep, Value: value(300, 'x')}) },
	} {
		p.now = 0
		key := fmt.Sprint("k", i)
		put(t, p, key, Item{Expires: 10 * ExpiryStep})
		p.now = 20 * ExpiryStep
		meet(key)
		require.EqualValues(t, i+1, c.Stats().Expired, "%d", i)
		_, _ = get(p, key, 20*ExpiryStep)
		require.EqualValues(t, i+1, c.Stats().Expired, "%d", i)
	}
	require.Zero(t, c.Stats().Reclaimed)
}

func TestWhatWasEvicted(t *testing.T) {
	c, p := onePartition(t)
	const idle = 100 * TimeStep
	n := fillTo(t, p, 0.85, 300, 0)
	for i := range n / 2 {
		_, _ = get(p, fmt.Sprint("fill", i), 0) // one chance each
	}
	for i := range 10 * n {
		put(t, p, fmt.Sprint("more", i), Item{Stored: idle, Accessed: idle, Expires: 1 << 50, Value: value(300, 'm')})
	}
	s := c.Stats()
	require.Greater(t, s.Evictions, uint64(9*n))
	few := uint64(n / 20) // go although they were read, as no call looks for others for ever
	require.LessOrEqual(t, s.Evictions-s.EvictedUnfetched, few, "the half that was read is proven")
	require.GreaterOrEqual(t, s.Evictions-s.EvictedExpiring, uint64(n/2)-few, "the first ones had no end")
	require.LessOrEqual(t, s.Evictions-s.EvictedExpiring, uint64(n/2)+few)
	require.LessOrEqual(t, s.EvictedActive, few)
	require.Zero(t, s.EvictedIdle, "the last ones evicted were of the same moment")

	p.now = idle + 7*TimeStep
	before := s.Evictions
	for i := 0; c.Stats().Evictions == before; i++ {
		put(t, p, fmt.Sprint("late", i), Item{Stored: p.now, Value: value(300, 'l')})
	}
	require.EqualValues(t, 7*TimeStep, c.Stats().EvictedIdle)
}

// What everybody reads goes all the same when there is no room, and counts as
// active.
func TestEvictedActive(t *testing.T) {
	t.Parallel()
	c, p := onePartition(t)
	for i := 0; c.Stats().EvictedActive == 0; i++ {
		put(t, p, fmt.Sprint(i), Item{Value: value(300, 'x')})
		_, _ = get(p, fmt.Sprint(i), 0)
		for j := i % 8; j < i; j += 8 {
			_, _ = get(p, fmt.Sprint(j), 0)
		}
		require.Less(t, i, 20_000)
	}
	require.Zero(t, c.Stats().EvictedUnfetched)
}

func TestReclaimedUnfetched(t *testing.T) {
	c, p := onePartition(t)
	n := fillTo(t, p, 0.9, 300, 10*ExpiryStep)
	for i := range n / 4 {
		_, _ = get(p, fmt.Sprint("fill", i), 5)
	}
	for i := range 2 * n {
		put(t, p, fmt.Sprint("new", i), Item{Stored: 20 * ExpiryStep, Value: value(300, 'n')})
	}
	s := c.Stats()
	require.EqualValues(t, n, s.Reclaimed)
	require.EqualValues(t, n-n/4, s.ExpiredUnfetched)
}

func TestIdle(t *testing.T) {
	_, p := onePartition(t)
	require.Zero(t, p.Idle(0))
	put(t, p, "gone", Item{})
	put(t, p, "old", Item{Accessed: 2 * TimeStep})
	p.Delete(p.hashOf([]byte("gone")), []byte("gone"))
	for i := range 1000 {
		put(t, p, fmt.Sprint(i), Item{Stored: 5 * TimeStep, Accessed: 5 * TimeStep, Value: value(300, 'x')})
	}
	require.EqualValues(t, 7*TimeStep, p.Idle(9*TimeStep))
	_, _ = get(p, "old", 9*TimeStep)
	require.EqualValues(t, TimeStep, p.Idle(10*TimeStep))
}
