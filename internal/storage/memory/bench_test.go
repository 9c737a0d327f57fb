package memory

import (
	"encoding/binary"
	"slices"
	"testing"
	"time"

	"github.com/leasecache/leasecache/shard"
)

const benchKeyLen = 16

// benchKey writes key i, and returns its hash.
func benchKey(buf *[benchKeyLen]byte, i uint64) uint64 {
	binary.BigEndian.PutUint64(buf[:], i*0x9e3779b97f4a7c15)
	binary.BigEndian.PutUint64(buf[8:], i)
	return shard.Hash(buf[:])
}

func benchCache(b *testing.B, budget int64, items, size int) *Cache {
	c := newCache(b, budget, DefaultMaxItem)
	var key [benchKeyLen]byte
	it := Item{Value: value(size, 'v')}
	for i := range uint64(items) {
		h := benchKey(&key, i)
		_ = c.Partition(int(h)&(c.Partitions()-1)).Put(h, key[:], it)
	}
	b.ReportAllocs()
	b.ResetTimer()
	return c
}

const benchItems = 1_000_000

// Keys come in an order the processor cannot foresee, over a million items.
func scatter(i int) uint64 { return uint64(i) * 0x2545f4914f6cdd1d >> 20 % benchItems }

func BenchmarkGetHit(b *testing.B) {
	c := benchCache(b, 512<<20, benchItems, 100)
	var key [benchKeyLen]byte
	for i := range b.N {
		h := benchKey(&key, scatter(i))
		if _, ok := c.Partition(int(h)&(c.Partitions()-1)).Get(h, key[:], 1); !ok {
			b.Fatal("a miss")
		}
	}
}

// A thousand items, so that the processor's caches hold them.
func BenchmarkGetHot(b *testing.B) {
	c := benchCache(b, 512<<20, benchItems, 100)
	var key [benchKeyLen]byte
	for i := range b.N {
		h := benchKey(&key, scatter(i)%1000)
		if _, ok := c.Partition(int(h)&(c.Partitions()-1)).Get(h, key[:], 1); !ok {
			b.Fatal("a miss")
		}
	}
}

func BenchmarkGetMiss(b *testing.B) {
	c := benchCache(b, 512<<20, benchItems, 100)
	var key [benchKeyLen]byte
	for i := range b.N {
		h := benchKey(&key, benchItems+scatter(i))
		if _, ok := c.Partition(int(h)&(c.Partitions()-1)).Get(h, key[:], 1); ok {
			b.Fatal("a hit")
		}
	}
}

func BenchmarkPutInPlace(b *testing.B) {
	c := benchCache(b, 512<<20, benchItems, 100)
	var key [benchKeyLen]byte
	it := Item{Value: value(100, 'w')}
	for i := range b.N {
		h := benchKey(&key, scatter(i))
		_ = c.Partition(int(h)&(c.Partitions()-1)).Put(h, key[:], it)
	}
}

// Every put is of a new key, into a full cache.
func BenchmarkPutEvicting(b *testing.B) {
	c := benchCache(b, 64<<20, benchItems, 100)
	var key [benchKeyLen]byte
	it := Item{Value: value(100, 'w')}
	before := c.Stats()
	for i := range b.N {
		h := benchKey(&key, uint64(benchItems+i))
		_ = c.Partition(int(h)&(c.Partitions()-1)).Put(h, key[:], it)
	}
	s := c.Stats()
	b.ReportMetric(float64(s.Evictions-before.Evictions)/float64(b.N), "evictions/op")
}

// Values change their sizes, so the log is cleaned all the time; everything fits.
func BenchmarkPutResizing(b *testing.B) {
	c := benchCache(b, 256<<20, benchItems, 130)
	var key [benchKeyLen]byte
	buf := value(200, 'w')
	before := c.Stats()
	for i := range b.N {
		h := benchKey(&key, scatter(i))
		_ = c.Partition(int(h)&(c.Partitions()-1)).Put(h, key[:], Item{Value: buf[:60+i*7919%140]})
	}
	s := c.Stats()
	b.ReportMetric(float64(s.Moved-before.Moved)/float64(b.N), "moved-B/op")
	b.ReportMetric(float64(s.Evictions-before.Evictions)/float64(b.N), "evictions/op")
}

// Nine reads to a write; a third of the keys misses and is put.
func BenchmarkMixed(b *testing.B) {
	c := benchCache(b, 128<<20, benchItems, 100)
	var key [benchKeyLen]byte
	it := Item{Value: value(100, 'w')}
	for i := range b.N {
		h := benchKey(&key, scatter(i))
		p := c.Partition(int(h) & (c.Partitions() - 1))
		if _, ok := p.Get(h, key[:], 1); !ok || i%10 == 0 {
			_ = p.Put(h, key[:], it)
		}
	}
}

// How long the longest puts take, with values of changing sizes into a full cache
// of which half is read: sweeps, and the index growing and shrinking with the
// sizes. On a busy machine the worst is what the system took the processor away
// for.
func BenchmarkWorstPut(b *testing.B) {
	c := benchCache(b, 256<<20, 3_000_000, 60)
	var key [benchKeyLen]byte
	buf := value(2000, 'w')
	took := make([]time.Duration, 0, b.N)
	for i := range b.N {
		h := benchKey(&key, scatter(3*i)*4)
		_, _ = c.Partition(int(h)&(c.Partitions()-1)).Get(h, key[:], 1)
		h = benchKey(&key, scatter(i)*4)
		size := []int{60, 2000, 300}[i*6/b.N%3]
		p := c.Partition(int(h) & (c.Partitions() - 1))
		start := time.Now()
		_ = p.Put(h, key[:], Item{Value: buf[:size-i%50]})
		took = append(took, time.Since(start))
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[b.N-1].Microseconds()), "worst-µs")
	b.ReportMetric(float64(took[b.N-1-b.N/10_000].Microseconds()), "p99.99-µs")
	b.ReportMetric(float64(took[b.N/2].Nanoseconds()), "median-ns")
}

// The same with ten million tiny items, where most records are in a segment: while
// the cache fills up, the index takes memory from them, and then the budget shrinks
// by a third. A run is all of that: -benchtime 1x.
func BenchmarkWorstPutOfTiny(b *testing.B) {
	c := benchCache(b, 448<<20, 7_000_000, 4)
	const puts = 3_000_000
	var key [benchKeyLen]byte
	it := Item{Value: value(4, 'w')}
	took := make([]time.Duration, 0, puts)
	for i := range puts {
		h := benchKey(&key, uint64(7_000_000+i))
		p := c.Partition(int(h) & (c.Partitions() - 1))
		start := time.Now()
		_ = p.Put(h, key[:], it)
		took = append(took, time.Since(start))
		h = benchKey(&key, uint64(i)*2)
		_, _ = c.Partition(int(h)&(c.Partitions()-1)).Get(h, key[:], 1)
	}
	slices.Sort(took)
	b.ReportMetric(float64(c.Stats().Items), "items")
	b.ReportMetric(float64(took[puts-1].Microseconds()), "worst-µs")
	b.ReportMetric(float64(took[puts-1-puts/10_000].Nanoseconds())/1e3, "p99.99-µs")
	b.ReportMetric(float64(took[puts/2].Nanoseconds()), "median-ns")
	worst := time.Duration(0)
	err := c.Resize(300<<20, func(i int, f func(*Partition)) error {
		start := time.Now()
		f(c.Partition(i))
		worst = max(worst, time.Since(start))
		return nil
	})
	if err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(worst.Microseconds()), "worst-resize-µs")
}
