package memory

import (
	"bytes"
	"fmt"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/leasecache/leasecache/shard"
)

const kib, mib = 1 << 10, 1 << 20

func newCache(t testing.TB, bytes int64, maxItem int) *Cache {
	c, err := New(Options{Bytes: bytes, MaxItem: maxItem})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, c.Close()) })
	return c
}

// onePartition is a cache of a single partition of about a mebibyte.
func onePartition(t testing.TB) (*Cache, *Partition) {
	c := newCache(t, mib-8*kib, 4*kib)
	require.Equal(t, 1, c.Partitions())
	return c, c.Partition(0)
}

func put(t testing.TB, p *Partition, key string, it Item) {
	require.NoError(t, p.Put(p.hashOf([]byte(key)), []byte(key), it))
}

func get(p *Partition, key string, now int64) (Item, bool) {
	return p.Get(p.hashOf([]byte(key)), []byte(key), now)
}

func peek(p *Partition, key string, now int64) (Item, bool) {
	return p.Peek(p.hashOf([]byte(key)), []byte(key), now)
}

func value(n int, fill byte) []byte { return bytes.Repeat([]byte{fill}, n) }

func TestRoundTrip(t *testing.T) {
	_, p := onePartition(t)
	it := Item{
		Version: 1<<63 - 1, CAS: 1 << 63, Flags: 1<<32 - 1, StaleUntil: 1 << 41, Bits: 0xa, Fetched: true,
		Expires: 900 * TimeStep, Stored: -3 * TimeStep, Accessed: 5 * TimeStep,
		Tags: value(MaxTags, 't'), Value: value(4*kib, 'v'),
	}
	put(t, p, "k", it)
	got, ok := peek(p, "k", 6*TimeStep)
	require.True(t, ok)
	require.Equal(t, it, got)
	require.Equal(t, len(got.Value), cap(got.Value), "an append by the caller must not write into the store")
	require.Equal(t, len(got.Tags), cap(got.Tags))

	put(t, p, "", Item{})
	got, ok = peek(p, "", 7)
	require.True(t, ok)
	require.Empty(t, got.Value)
	require.Nil(t, got.Tags)
}

func TestGetMarksAndShowsTheStateBefore(t *testing.T) {
	_, p := onePartition(t)
	put(t, p, "k", Item{Stored: TimeStep, Accessed: TimeStep})
	_, _ = peek(p, "k", 5*TimeStep)
	it, _ := get(p, "k", 9*TimeStep)
	require.False(t, it.Fetched)
	require.EqualValues(t, TimeStep, it.Accessed)
	it, _ = get(p, "k", 20*TimeStep)
	require.True(t, it.Fetched)
	require.EqualValues(t, 9*TimeStep, it.Accessed)
	require.EqualValues(t, TimeStep, it.Stored)
}

func TestOverwriteInPlaceGrowShrink(t *testing.T) {
	_, p := onePartition(t)
	where := func() int {
		_, at, ok := p.index.find(p.index.part(p.hashOf([]byte("k"))), []byte("k"))
		require.True(t, ok)
		return at
	}
	put(t, p, "other", Item{Value: value(10, 'o')})
	put(t, p, "k", Item{Value: value(1000, 'a')})
	first := where()
	for _, n := range []int{1000, 950, 1000, 990} { // an eighth of the room may be wasted, and is had again
		put(t, p, "k", Item{Value: value(n, byte(n))})
		require.Equal(t, first, where())
		it, _ := get(p, "k", 0)
		require.Equal(t, value(n, byte(n)), it.Value)
	}
	for _, n := range []int{1001, 100, 0, 4 * kib} {
		before := where()
		put(t, p, "k", Item{Value: value(n, byte(n))})
		require.NotEqual(t, before, where(), "size %d", n)
		it, _ := get(p, "k", 0)
		require.Equal(t, n, len(it.Value))
	}
	require.Equal(t, 2, p.items)
}

func TestUpdate(t *testing.T) {
	_, p := onePartition(t)
	key := []byte("k")
	h := shard.Hash(key)
	require.False(t, p.Update(h, key, Item{Version: 1}))
	put(t, p, "k", Item{Version: 1, Stored: TimeStep, Tags: []byte("tag"), Value: []byte("value")})
	changed := Item{Version: 2, CAS: 3, Flags: 4, StaleUntil: 1 << 41, Bits: 0xa, Fetched: true, Expires: 1 << 40}
	require.True(t, p.Update(h, key, changed))
	changed.Stored, changed.Tags, changed.Value = TimeStep, []byte("tag"), []byte("value")
	it, ok := peek(p, "k", 2)
	require.True(t, ok)
	require.Equal(t, changed, it)
	require.True(t, p.Update(h, key, Item{Version: 5}), "fields are cleared in place")
	it, _ = peek(p, "k", 1<<41)
	require.Equal(t, Item{Version: 5, Stored: TimeStep, Tags: []byte("tag"), Value: []byte("value")}, it)
	require.True(t, p.Update(h, key, Item{Expires: 1 << 41}))
	require.False(t, p.Update(h, key, Item{}), "expired is absent")
}

func TestTooLarge(t *testing.T) {
	_, p := onePartition(t)
	longKey := string(value(MaxKey+1, 'k'))
	for name, it := range map[string]Item{
		"value": {Value: value(4*kib+1, 'v')},
		"tags":  {Tags: value(MaxTags+1, 't')},
	} {
		put(t, p, "k", Item{Value: []byte("old")})
		require.ErrorIs(t, p.Put(shard.Hash([]byte("k")), []byte("k"), it), ErrTooLarge, name)
		_, ok := get(p, "k", 0)
		require.False(t, ok, "after an error the key is absent")
	}
	require.ErrorIs(t, p.Put(shard.Hash([]byte(longKey)), []byte(longKey), Item{}), ErrTooLarge)
	require.Zero(t, p.items)
}

func TestLargestRecords(t *testing.T) {
	t.Parallel()
	c := newCache(t, 70*mib, DefaultMaxItem)
	require.Equal(t, 8, c.Partitions())
	p := c.Partition(3)
	for i := range 40 {
		key := fmt.Sprintf("%0*d", MaxKey, i)
		it := Item{CAS: 1, Flags: 1, Expires: 1 << 60, Tags: value(MaxTags, byte(i)), Value: value(DefaultMaxItem, byte(i))}
		put(t, p, key, it)
		got, ok := get(p, key, 1)
		require.True(t, ok)
		require.Equal(t, it.Value, got.Value)
		require.Equal(t, it.Tags, got.Tags)
	}
	require.GreaterOrEqual(t, p.items, 6)
}

func TestCollisions(t *testing.T) {
	_, p := onePartition(t)
	p.hashOf = func([]byte) uint64 { return 12345 << 40 }
	for i := range 300 {
		put(t, p, fmt.Sprint("k", i), Item{Version: uint64(i), Value: value(100, byte(i))})
	}
	for i := range 300 {
		it, ok := get(p, fmt.Sprint("k", i), 0)
		require.True(t, ok)
		require.EqualValues(t, i, it.Version)
	}
	for i := 0; i < 300; i += 2 {
		require.True(t, p.Delete(p.hashOf(nil), fmt.Append(nil, "k", i)))
	}
	for i := range 300 {
		_, ok := get(p, fmt.Sprint("k", i), 0)
		require.Equal(t, i%2 == 1, ok)
	}

	// More than a page takes: the longest there goes, and the search stays short.
	for i := range 2000 {
		put(t, p, fmt.Sprint("more", i), Item{Version: uint64(i)})
		it, ok := get(p, fmt.Sprint("more", i), 0)
		require.True(t, ok)
		require.EqualValues(t, i, it.Version)
	}
	require.Equal(t, maxAlike, p.items)
	_, ok := get(p, "more1999", 0)
	require.True(t, ok)
	_, ok = get(p, "k1", 0)
	require.False(t, ok)
}

func TestEach(t *testing.T) {
	_, p := onePartition(t)
	want := map[string]string{}
	for i := range 1000 {
		key := fmt.Sprint("k", i)
		it := Item{Value: []byte(key)}
		if i%3 == 0 {
			it.Expires = 100 * ExpiryStep
		} else {
			want[key] = key
		}
		put(t, p, key, it)
	}
	got := map[string]string{}
	p.Each(100*ExpiryStep, func(key []byte, it Item) bool {
		got[string(key)] = string(it.Value)
		return true
	})
	require.Equal(t, want, got)
	calls := 0
	p.Each(100*ExpiryStep, func([]byte, Item) bool { calls++; return calls < 5 })
	require.Equal(t, 5, calls)
}

func TestBudgets(t *testing.T) {
	for _, o := range []Options{
		{Bytes: 0}, {Bytes: -1}, {Bytes: mib}, {Bytes: 8 * mib}, {Bytes: 100 * kib, MaxItem: 1}, {Bytes: 1 << 40, MaxItem: -1},
		{Bytes: 1 << 50, MaxItem: 1<<30 + 1}, {Bytes: 1 << 50},
	} {
		c, err := New(o)
		require.Nil(t, c, "%+v", o)
		require.Error(t, err, "%+v", o)
	}
	_, err := New(Options{Bytes: mib})
	require.EqualError(t, err, "a memory budget of 1048576 bytes is too small: with items of up to 1048576 bytes it takes at least 8421824")

	for _, maxItem := range []int{1, 100, 64 * kib, mib, 5 * mib} {
		_, err := layoutFor(0, maxItem, maxPartitions)
		var budget, need int64
		var n int
		_, scanErr := fmt.Sscanf(err.Error(), "a memory budget of %d bytes is too small: with items of up to %d bytes it takes at least %d", &budget, &n, &need)
		require.NoError(t, scanErr)
		l, err := layoutFor(need, maxItem, maxPartitions)
		require.NoError(t, err, "what the error asks for is enough")
		require.Equal(t, 1, l.partitions)
	}
	for budget, want := range map[int64]int{9 * mib: 1, 17 * mib: 2, 64 * mib: 4, 100 * mib: 8, 1 << 30: 32, 1 << 34: 64} {
		l, err := layoutFor(budget, DefaultMaxItem, maxPartitions)
		require.NoError(t, err)
		require.Equal(t, want, l.partitions, "%d", budget)
		require.LessOrEqual(t, int64(l.partitions)*int64(l.segments)*int64(l.segment), budget)
	}
}

func TestClose(t *testing.T) {
	c, err := New(Options{Bytes: 16 * mib})
	require.NoError(t, err)
	put(t, c.Partition(0), "k", Item{})
	require.NoError(t, c.Close())
	require.NoError(t, c.Close())
	require.Panics(t, func() { get(c.Partition(0), "k", 0) })
	require.EqualValues(t, 1, c.Stats().Items)
}

func TestAHashOfAnotherKeyIsFoundOut(t *testing.T) {
	_, p := onePartition(t)
	require.Panics(t, func() {
		for i := range 100_000 {
			key := fmt.Append(nil, i)
			_ = p.Put(shard.Hash(key)+1<<40, key, Item{Value: key})
		}
	})
}

// Statistics are read while partitions work under their locks; the race
// detector sees whether that is right.
func TestStatsWhileWorking(t *testing.T) {
	c := newCache(t, 4*mib, 4*kib)
	var wg sync.WaitGroup
	for i := range c.Partitions() {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for n := range 5000 {
				key := fmt.Sprint(i, n)
				put(t, c.Partition(i), key, Item{Value: value(500, 'v')})
				_, _ = get(c.Partition(i), key, int64(n))
			}
		}()
	}
	for range 200 {
		s := c.Stats()
		require.LessOrEqual(t, s.Used, s.Limit)
	}
	wg.Wait()
	require.Positive(t, c.Stats().Evictions)
}

func TestNoAllocations(t *testing.T) {
	_, p := onePartition(t)
	keys := make([][]byte, 4000)
	hashes := make([]uint64, len(keys))
	for i := range keys {
		keys[i] = fmt.Appendf(nil, "key:%d", i)
		hashes[i] = shard.Hash(keys[i])
	}
	it := Item{CAS: 1, Tags: []byte("tag")}
	buf := value(900, 'v')
	i := 0
	op := func(f func(h uint64, key []byte)) float64 {
		return testing.AllocsPerRun(20_000, func() {
			i = (i + 1) % len(keys)
			f(hashes[i], keys[i])
		})
	}
	put := func(h uint64, key []byte) {
		it.Value = buf[:(i*37)%len(buf)]
		_ = p.Put(h, key, it)
	}
	op(put)
	require.Zero(t, op(put), "Put, with cleaning and eviction")
	require.Positive(t, p.cleaned)
	require.Zero(t, op(func(h uint64, key []byte) { p.Get(h, key, 1) }), "Get")
	require.Zero(t, op(func(h uint64, key []byte) { p.Peek(h, key, 1) }), "Peek")
	require.Zero(t, op(func(h uint64, key []byte) { p.Update(h, key, Item{Expires: 1 << 50, Flags: 1}) }), "Update")
	require.Zero(t, op(func(h uint64, key []byte) { p.Delete(h, key); put(h, key) }), "Delete")
}
