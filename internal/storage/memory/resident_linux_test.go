package memory

import (
	"fmt"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// resident counts the pages of the store that the system has given, in bytes.
func resident(t testing.TB, c *Cache) int64 {
	state := make([]byte, len(c.mem)/pageSize)
	_, _, errno := unix.Syscall(unix.SYS_MINCORE, uintptr(unsafe.Pointer(&c.mem[0])), uintptr(len(c.mem)), uintptr(unsafe.Pointer(&state[0])))
	require.Zero(t, errno)
	n := int64(0)
	for _, s := range state {
		n += int64(s & 1)
	}
	return n * pageSize
}

// What Stats calls used covers what the system has really given: counted page
// by page, at several degrees of filling.
func TestResidentPagesAreWithinUsed(t *testing.T) {
	t.Parallel()
	c := newCache(t, 40*mib, 64*kib)
	for n := range 200_000 {
		p := c.Partition(n % c.Partitions())
		put(t, p, fmt.Sprint("k", n), Item{Value: value(n%500, 'x')})
		if n%40_000 == 0 {
			s := c.Stats()
			require.LessOrEqual(t, resident(t, c), s.Used)
			require.LessOrEqual(t, s.Used, s.Limit)
		}
	}
	require.Greater(t, resident(t, c), c.Stats().Limit/10*8)
}

// A budget that became smaller gives pages back, and address space set aside
// takes none.
func TestResidentPagesAfterAResize(t *testing.T) {
	t.Parallel()
	c := growing(t, 24*mib, 96*mib, 64*kib)
	putMany(t, c, "a", 80_000, 300)
	require.Greater(t, resident(t, c), int64(20*mib))
	for _, budget := range []int64{14 * mib, 40 * mib, 12 * mib} {
		_, err := resize(c, budget)
		require.NoError(t, err)
		putMany(t, c, "b", 200_000, 300)
		s := c.Stats()
		require.LessOrEqual(t, resident(t, c), s.Used)
		require.LessOrEqual(t, s.Used, budget)
		require.Greater(t, resident(t, c), budget/10*7)
	}
}

// What an item takes beyond its key of 16 bytes and its value of 100: of
// resident memory while there is room, of the budget when the cache is full.
func BenchmarkOverhead(b *testing.B) {
	for _, budget := range []struct {
		name  string
		bytes int64
	}{{"roomy", 1 << 30}, {"full", 64 << 20}} {
		b.Run(budget.name, func(b *testing.B) {
			c := benchCache(b, budget.bytes, benchItems, 100)
			for b.Loop() {
				_ = c.Stats() // the filling is what is measured, once
			}
			s := c.Stats()
			taken := float64(min(s.Limit, resident(b, c)))
			if budget.name == "full" {
				taken = float64(s.Limit)
			}
			items := float64(s.Items)
			b.ReportMetric(taken/items-benchKeyLen-100, "overhead-B/item")
			b.ReportMetric(float64(s.Index)/items, "index-B/item")
			b.ReportMetric(float64(s.Bytes)/items-benchKeyLen-100, "header-B/item")
		})
	}
}
