package memory

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

// fillTo puts items of about size bytes until live bytes reach a share of the
// capacity, and returns how many it put.
func fillTo(t testing.TB, p *Partition, share float64, size int, expires int64) int {
	n := 0
	for float64(p.live) < share*float64(p.capacity()) {
		put(t, p, fmt.Sprint("fill", n), Item{Expires: expires, Value: value(size, byte(n))})
		n++
	}
	require.Zero(t, p.evictions)
	return n
}

func requireAll(t testing.TB, p *Partition, n int, now int64) {
	for i := range n {
		_, ok := peek(p, fmt.Sprint("fill", i), now)
		require.True(t, ok, "item %d of %d", i, n)
	}
}

func TestHotOverwriterEvictsNobodyThatFits(t *testing.T) {
	t.Parallel()
	for _, size := range []int{20, 100, 1000, 4000} {
		for _, hot := range []int{10, 500, 4000} {
			t.Run(fmt.Sprintf("items of %d, overwrites to %d", size, hot), func(t *testing.T) {
				_, p := onePartition(t)
				n := fillTo(t, p, 0.8, size, 0)
				r := rand.New(rand.NewPCG(1, 2))
				for i := range 20_000 {
					put(t, p, "hot", Item{Version: uint64(i), Value: value(1+r.IntN(hot), 'h')})
				}
				it, ok := get(p, "hot", 0)
				require.True(t, ok)
				require.EqualValues(t, 19_999, it.Version)
				requireAll(t, p, n, 0)
				require.Zero(t, p.evictions)
			})
		}
	}
}

// Overwriting at random with changing sizes scatters dead records over all
// segments; everything still fits.
func TestScatteredOverwritesEvictNobodyThatFits(t *testing.T) {
	_, p := onePartition(t)
	n := fillTo(t, p, 0.7, 300, 0)
	r := rand.New(rand.NewPCG(3, 4))
	for range 50_000 {
		put(t, p, fmt.Sprint("fill", r.IntN(n)), Item{Value: value(200+r.IntN(200), 'x')})
	}
	requireAll(t, p, n, 0)
	require.Zero(t, p.evictions)
	require.Positive(t, p.cleaned)
}

// A change of value sizes leaves nothing behind that the new ones cannot use.
func TestSizesShiftWithoutLosingRoom(t *testing.T) {
	t.Parallel()
	_, p := onePartition(t)
	for _, size := range []int{50, 4000, 700, 20, 4000} {
		for i := range 3 * p.capacity() / (size + 40) {
			put(t, p, fmt.Sprint(size, "-", i), Item{Value: value(size, 'x')})
		}
		payload := 0
		p.Each(0, func(key []byte, it Item) bool { payload += len(key) + len(it.Value) + fixedHeader; return true })
		require.Greater(t, float64(payload), 0.85*float64(p.capacity()), "size %d", size)
	}
}

func TestDeletedRoomIsUsedAgain(t *testing.T) {
	_, p := onePartition(t)
	n := fillTo(t, p, 0.95, 300, 0)
	for i := range n {
		require.True(t, p.Delete(p.hashOf(fmt.Append(nil, "fill", i)), fmt.Append(nil, "fill", i)))
	}
	require.Zero(t, p.live)
	fillTo(t, p, 0.95, 1000, 0)
}

func TestExpiryFreesRoom(t *testing.T) {
	c, p := onePartition(t)
	fillTo(t, p, 0.95, 300, 1000*ExpiryStep)
	for i := range 500 {
		put(t, p, fmt.Sprint("new", i), Item{Stored: 1000 * ExpiryStep, Value: value(1000, 'n')})
	}
	require.Zero(t, p.evictions, "what expired goes first, without anybody having asked for it")
	for i := range 500 {
		_, ok := get(p, fmt.Sprint("new", i), 1001*ExpiryStep)
		require.True(t, ok)
	}
	s := c.Stats()
	require.Positive(t, s.Reclaimed)
	require.Zero(t, s.Expired)

	put(t, p, "short", Item{Expires: 2000 * ExpiryStep})
	live := p.live
	_, ok := peek(p, "short", 2000*ExpiryStep-1)
	require.True(t, ok)
	_, ok = peek(p, "short", 2000*ExpiryStep)
	require.False(t, ok)
	require.Less(t, p.live, live, "freed when it was met")
	_, ok = peek(p, "short", 2000*ExpiryStep-1)
	require.False(t, ok, "time does not go back")
	require.EqualValues(t, 1, c.Stats().Expired)
}

func TestSecondChanceKeepsWhatIsRead(t *testing.T) {
	_, p := onePartition(t)
	n := fillTo(t, p, 0.9, 300, 0)
	hot := n / 5
	for i := range hot {
		_, _ = get(p, fmt.Sprint("fill", i), 0)
	}
	for i := range 20 * n {
		put(t, p, fmt.Sprint("cold", i), Item{Value: value(300, 'c')})
		_, _ = get(p, fmt.Sprint("fill", i%hot), 0)
	}
	kept := 0
	for i := range hot {
		if _, ok := peek(p, fmt.Sprint("fill", i), 0); ok {
			kept++
		}
	}
	require.Equal(t, hot, kept, "read in every round, they outlive twenty times the budget")
	left := 0
	for i := hot; i < n; i++ {
		if _, ok := peek(p, fmt.Sprint("fill", i), 0); ok {
			left++
		}
	}
	require.Less(t, left*300, p.seg.size, "at most what is left of a segment that the proven took over")
}

// When everything was read lately something has to go all the same, and soon.
func TestAllHot(t *testing.T) {
	_, p := onePartition(t)
	for i := range 20_000 {
		key := fmt.Sprint("k", i)
		cleaned := p.cleaned
		put(t, p, key, Item{Value: value(1+i%4000, 'x')})
		require.LessOrEqual(t, p.cleaned-cleaned, uint64(8))
		for range maxUse {
			_, ok := get(p, key, 0)
			require.True(t, ok)
		}
	}
	require.Positive(t, p.evictions)
}

// Records as large as a segment find room among small ones that all were read.
func TestLargeAmongHot(t *testing.T) {
	t.Parallel()
	const large = 120 * kib
	m := newModel(t, Options{Bytes: 1200 * kib, MaxItem: large})
	for i := range 30_000 {
		key := fmt.Sprint("k", i)
		require.NoError(t, m.put(key, Item{Version: uint64(i), Value: value(i%150, 'x')}))
		for range maxUse {
			require.NoError(t, m.get(key, true))
		}
		if i%1000 == 0 {
			key := fmt.Sprint("large", i)
			require.NoError(t, m.put(key, Item{Value: value(large, 'l')}))
			_, ok := peek(m.p, key, m.now)
			require.True(t, ok)
			require.NoError(t, m.check())
		}
	}
}

// No call copies more than about a segment, whatever the mix.
func TestCleaningIsBounded(t *testing.T) {
	t.Parallel()
	c := newCache(t, 20*mib, 200*kib)
	p := c.Partition(0)
	r := rand.New(rand.NewPCG(5, 6))
	worst := uint64(0)
	for i := range 60_000 {
		size := r.IntN(300)
		if r.IntN(50) == 0 {
			size = r.IntN(200 * kib)
		}
		key := fmt.Sprint("k", r.IntN(20_000))
		if i%2 == 0 {
			_, _ = get(p, key, 0)
		}
		moved := p.moved
		put(t, p, key, Item{Value: value(size, 'x')})
		worst = max(worst, (p.moved-moved)/uint64(p.seg.size))
	}
	require.Positive(t, p.evictions)
	require.LessOrEqual(t, worst, uint64(4))
}

func TestUsedNeverAboveLimit(t *testing.T) {
	t.Parallel()
	c := newCache(t, 3*mib, 30*kib)
	r := rand.New(rand.NewPCG(7, 8))
	require.Less(t, c.Stats().Used, c.Stats().Limit/4, "memory is taken as items come")
	for i := range 60_000 {
		p := c.Partition(r.IntN(c.Partitions()))
		size := []int{0, 30, 300, 30 * kib}[i/1000%4]
		put(t, p, fmt.Sprint(i), Item{Value: value(r.IntN(size+1), 'x')})
		s := c.Stats()
		require.LessOrEqual(t, s.Used, s.Limit)
		require.LessOrEqual(t, s.Bytes+s.Index, s.Used)
	}
	s := c.Stats()
	require.Greater(t, s.Used, s.Limit/10*9)
}

// What was read on probation outlives any number of keys that come once, although
// nobody reads it meanwhile.
func TestScanLeavesTheProvenAlone(t *testing.T) {
	_, p := onePartition(t)
	n := fillTo(t, p, 0.9, 300, 0)
	proven := n / 2
	for i := range proven {
		_, _ = get(p, fmt.Sprint("fill", i), 0)
	}
	for i := range 20 * n {
		put(t, p, fmt.Sprint("scan", i), Item{Value: value(300, 's')})
	}
	left := 0
	for i := range proven {
		if _, ok := peek(p, fmt.Sprint("fill", i), 0); ok {
			left++
		}
	}
	require.Greater(t, left, proven*95/100)
}

// ask reads a key and stores it if it is not there.
func ask(t *testing.T, p *Partition, key string) bool {
	_, ok := get(p, key, 0)
	if !ok {
		put(t, p, key, Item{Value: value(300, 'v')})
	}
	return ok
}

// Keys that come round and would all have room displace what is not read any more:
// their traces say that they come again.
func TestLoopTakesThePlaceOfTheProven(t *testing.T) {
	t.Parallel()
	c, err := New(Options{Bytes: 16 * mib, MaxItem: 64 * kib, MaxPartitions: 1})
	require.NoError(t, err)
	defer func() { require.NoError(t, c.Close()) }()
	p := c.Partition(0)
	n := fillTo(t, p, 0.9, 300, 0)
	for i := range n {
		_, _ = get(p, fmt.Sprint("fill", i), 0)
	}
	hits := 0
	for range 8 {
		hits = 0
		for i := range n * 3 / 4 {
			if ask(t, p, fmt.Sprint("loop", i)) {
				hits++
			}
		}
	}
	require.Greater(t, hits, n*3/4*8/10)
}

// Few are asked for much, most once: the few stay, nearly all of the time.
func TestManyAreAskedForOnce(t *testing.T) {
	t.Parallel()
	_, p := onePartition(t)
	n := fillTo(t, p, 0.9, 300, 0)
	r := rand.New(rand.NewPCG(9, 10))
	hits, asked := 0, 0
	for i := range 40 * n {
		ask(t, p, fmt.Sprint("once", i))
		if ask(t, p, fmt.Sprint("few", r.IntN(n*6/10))) {
			hits++
		}
		if asked++; i == 10*n {
			hits, asked = 0, 0
		}
	}
	require.Greater(t, float64(hits)/float64(asked), 0.95)
}

// A put into a full cache makes room for itself and a little more, however large the
// segments are and whatever was read: no call pays for a whole one.
func TestPutDoesLittleAtATime(t *testing.T) {
	t.Parallel()
	c, err := New(Options{Bytes: 20 * mib, MaxPartitions: 1})
	require.NoError(t, err)
	defer func() { require.NoError(t, c.Close()) }()
	p := c.Partition(0)
	const size = 100
	r := rand.New(rand.NewPCG(11, 12))
	worst, evicted, stored := 0, uint64(0), 0
	for i := range 1_000_000 {
		key := fmt.Sprint("k", r.IntN(900_000))
		if i%4 != 0 {
			for range r.IntN(4) {
				_, _ = get(p, key, 0)
			}
			continue
		}
		moved, evictions, open := p.moved, p.evictions, p.seg.recordLimit()
		put(t, p, key, Item{Value: value(size+r.IntN(20), 'x')})
		if p.seg.recordLimit() != open {
			continue // the index grew: a segment was emptied for it
		}
		stored++
		worst = max(worst, int(p.moved-moved)+int(p.evictions-evictions)*size)
		evicted = p.evictions
	}
	require.Greater(t, evicted, uint64(stored/8))
	require.Less(t, worst, p.seg.size/4)
}
