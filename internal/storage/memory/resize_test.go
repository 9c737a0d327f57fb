package memory

import (
	"errors"
	"fmt"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/require"
)

// resize is Resize for a cache that only this test uses; it counts the turns.
func resize(c *Cache, bytes int64) (turns int, err error) {
	err = c.Resize(bytes, func(i int, f func(*Partition)) error { turns++; f(c.Partition(i)); return nil })
	return turns, err
}

func growing(t testing.TB, bytes, reserve int64, maxItem int) *Cache {
	c, err := New(Options{Bytes: bytes, MaxItem: maxItem, Reserve: reserve})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, c.Close()) })
	return c
}

func putMany(t testing.TB, c *Cache, name string, n, size int) {
	for i := range n {
		put(t, c.Partition(i%c.Partitions()), fmt.Sprint(name, i), Item{Value: value(size, 'x')})
	}
}

func countMany(c *Cache, name string, n int) (found int) {
	for i := range n {
		if _, ok := peek(c.Partition(i%c.Partitions()), fmt.Sprint(name, i), 0); ok {
			found++
		}
	}
	return found
}

func TestGrownCacheHoldsMore(t *testing.T) {
	t.Parallel()
	c := growing(t, 4*mib, 32*mib, 4*kib)
	putMany(t, c, "a", 20_000, 300) // 7 MB
	before := c.Stats()
	require.Positive(t, before.Evictions)
	_, err := resize(c, 24*mib)
	require.NoError(t, err)
	putMany(t, c, "b", 50_000, 300)
	s := c.Stats()
	require.Equal(t, before.Evictions, s.Evictions)
	require.EqualValues(t, 24*mib, s.Limit)
	require.Greater(t, s.Used, int64(16*mib))
	require.LessOrEqual(t, s.Used, s.Limit)
	require.Equal(t, 50_000, countMany(c, "b", 50_000))
}

func TestShrunkCacheKeepsToItsBudget(t *testing.T) {
	t.Parallel()
	c := growing(t, 16*mib, 0, 4*kib)
	putMany(t, c, "old", 20_000, 300)
	putMany(t, c, "new", 20_000, 300)
	for i := range 1000 {
		_, _ = get(c.Partition(i%c.Partitions()), fmt.Sprint("old", i), 0)
	}
	before := c.Stats()
	turns, err := resize(c, 8*mib)
	require.NoError(t, err)
	s := c.Stats()
	require.EqualValues(t, 8*mib, s.Limit)
	require.LessOrEqual(t, s.Used, s.Limit)
	require.Greater(t, s.Bytes, s.Limit/2, "no more was thrown away than had to be")
	require.GreaterOrEqual(t, turns, int(before.Used-s.Used)/c.layout.segment, "a segment in each turn")
	require.Equal(t, 1000, countMany(c, "old", 1000), "what was read got its second chance")

	for range 3 { // and it stays so
		putMany(t, c, "more", 40_000, 300)
		s = c.Stats()
		require.LessOrEqual(t, s.Used, s.Limit)
	}
	_, err = resize(c, 16*mib)
	require.NoError(t, err)
	evicted := c.Stats().Evictions
	putMany(t, c, "again", 15_000, 300)
	require.Equal(t, evicted, c.Stats().Evictions)
	require.Greater(t, c.Stats().Used, int64(8*mib))
}

// There is no going below what the index and a few segments take; a refused
// budget costs nothing, and names the one that is possible.
func TestBudgetTooSmall(t *testing.T) {
	t.Parallel()
	c := growing(t, 16*mib, 0, 4*kib)
	putMany(t, c, "a", 60_000, 10)
	before := c.Stats()
	_, err := resize(c, 1*mib)
	var refused *BudgetError
	require.ErrorAs(t, err, &refused)
	require.Greater(t, refused.Least, int64(mib))
	require.Equal(t, before, c.Stats())
	_, err = resize(c, refused.Least-pageSize)
	require.ErrorAs(t, err, &refused)
	_, err = resize(c, refused.Least)
	require.NoError(t, err)
	require.LessOrEqual(t, c.Stats().Used, refused.Least)
	putMany(t, c, "b", 60_000, 10)
	putMany(t, c, "c", 2000, 4000)
	require.LessOrEqual(t, c.Stats().Used, refused.Least)
}

func TestBudgetTooLarge(t *testing.T) {
	c := growing(t, 4*mib, 8*mib, 4*kib)
	_, err := resize(c, 9*mib)
	var refused *BudgetError
	require.ErrorAs(t, err, &refused)
	require.Zero(t, refused.Least)
	require.EqualValues(t, 4*mib, c.Stats().Limit)
}

// More address space than the system has is not an error: then there is less.
func TestReserveIsAWish(t *testing.T) {
	c := growing(t, 4*mib, 1<<62, 4*kib)
	putMany(t, c, "a", 1000, 300)
	require.Equal(t, 1000, countMany(c, "a", 1000))
	_, err := resize(c, 8*mib)
	require.NoError(t, err)
}

// When one partition cannot, none has lost anything.
func TestResizeIsRefusedBeforeAnythingIsEvicted(t *testing.T) {
	c := growing(t, 16*mib, 0, 64*kib)
	require.Greater(t, c.Partitions(), 1)
	putMany(t, c, "a", 40_000, 300)
	last := c.Partition(c.Partitions() - 1)
	for i := 0; last.seg.ofIndex < 4; i++ {
		put(t, last, fmt.Sprint(i), Item{})
	}
	before := c.Stats()
	share := c.Partition(0).seg.limit
	size := int64(c.layout.segment) * int64(c.Partitions())
	_, err := resize(c, 6*size)
	require.Error(t, err)
	require.Equal(t, before, c.Stats())
	for i := range c.Partitions() {
		require.Equal(t, share, c.Partition(i).seg.limit)
	}
}

// Whoever holds the locks may refuse to go on.
func TestResizeStops(t *testing.T) {
	c := growing(t, 16*mib, 0, 4*kib)
	putMany(t, c, "a", 40_000, 300)
	stop := errors.New("stop")
	for _, after := range []int{0, 1, c.Partitions() + 2} {
		turns := 0
		err := c.Resize(10*mib, func(i int, f func(*Partition)) error {
			if turns++; turns > after {
				return stop
			}
			f(c.Partition(i))
			return nil
		})
		require.ErrorIs(t, err, stop)
		require.EqualValues(t, 16*mib, c.Stats().Limit)
	}
	_, err := resize(c, 10*mib)
	require.NoError(t, err)
	require.LessOrEqual(t, c.Stats().Used, int64(10*mib))
}

func TestWhatIsKnownOfASegment(t *testing.T) {
	require.EqualValues(t, perSegmentBytes, unsafe.Sizeof(segment{})+2*unsafe.Sizeof(uint32(0)))
}
