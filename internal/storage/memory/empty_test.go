package memory

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/leasecache/leasecache/shard"
)

// crowded is a partition with segments of tens of thousands of tiny records, and a
// count of the records that calls move from one place to another, or drop: each
// takes its hash for that.
func crowded(t *testing.T, budget int64) (c *Cache, p *Partition, hashes *int) {
	c, err := New(Options{Bytes: budget, MaxPartitions: 1, Reserve: 2 * budget})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, c.Close()) })
	p, hashes = c.Partition(0), new(int)
	p.hashOf = func(key []byte) uint64 { *hashes++; return shard.Hash(key) }
	require.Greater(t, p.seg.size, 20_000*(fixedHeader+8))
	return c, p, hashes
}

// workPerPut is what one put may cost: a piece of emptying, what has to go for room
// for itself and a little more, and what was read and moves before that goes.
const workPerPut = pieceRecords + mostRecords

// tiny stores numbered items without a value, some of which are read, and returns
// the most records that one put passed.
func tiny(t *testing.T, p *Partition, hashes *int, from, to, readEvery int) (worst int) {
	for i := from; i < to; i++ {
		key := fmt.Sprintf("%08d", i)
		*hashes = 0
		if err := p.Put(shard.Hash([]byte(key)), []byte(key), Item{}); err != nil {
			require.NoError(t, err)
		}
		worst = max(worst, *hashes)
		if readEvery > 0 && i%readEvery == 0 {
			_, _ = get(p, key, 0)
		}
	}
	return worst
}

// The index and the traces take segments from tiny records while they grow; no put
// pays for a whole one.
func TestIndexGrowsInPieces(t *testing.T) {
	t.Parallel()
	for _, readEvery := range []int{0, 1, 3} {
		t.Run(fmt.Sprint("read every ", readEvery), func(t *testing.T) {
			_, p, hashes := crowded(t, 20*mib)
			worst := tiny(t, p, hashes, 0, 900_000, readEvery)
			require.Greater(t, p.seg.ofIndex, 3)
			require.Positive(t, len(p.seg.given)+len(p.seg.all)-p.seg.fresh)
			require.LessOrEqual(t, p.seg.opened(), p.seg.recordLimit(), "it does come to an end")
			t.Log("the most records in a put:", worst)
			require.LessOrEqual(t, worst, workPerPut)
		})
	}
}

// No turn of the lock empties a whole segment, and puts between the turns find all
// in order and help.
func TestResizeInPieces(t *testing.T) {
	t.Parallel()
	for _, readEvery := range []int{0, 1, 3} {
		t.Run(fmt.Sprint("read every ", readEvery), func(t *testing.T) {
			c, p, hashes := crowded(t, 24*mib)
			tiny(t, p, hashes, 0, 800_000, readEvery)
			m := &model{c: c, p: p, items: map[string]Item{}, now: 1}
			worst, next, halves := 0, 800_000, 0
			require.NoError(t, c.Resize(14*mib, func(_ int, f func(*Partition)) error {
				*hashes = 0
				f(p)
				worst = max(worst, *hashes)
				if v := p.seg.emptying; v >= 0 {
					halves++
					if halves%50 == 0 {
						require.NoError(t, m.check())
					}
				}
				worst = max(worst, tiny(t, p, hashes, next, next+2, readEvery))
				next += 2
				return nil
			}))
			require.LessOrEqual(t, c.Stats().Used, int64(14*mib))
			require.Greater(t, halves, 10)
			require.NoError(t, m.check())
			t.Log("the most records in a turn:", worst)
			require.LessOrEqual(t, worst, workPerPut)
		})
	}
}

// What is left of a segment that is being emptied may go without a put, and the
// budget may grow meanwhile: then it is a segment like others.
func TestEmptyingIsLeft(t *testing.T) {
	t.Parallel()
	start := func() (m *model, left []string) {
		c, p, hashes := crowded(t, 24*mib)
		tiny(t, p, hashes, 0, 500_000, 0)
		require.Less(t, p.aim(10), 10)
		more, err := p.giveBack()
		require.True(t, more)
		require.NoError(t, err)
		v := p.seg.emptying
		require.GreaterOrEqual(t, v, 0)
		p.eachRecord(v, func(_ int, r record) bool {
			if r[0]&isDead == 0 {
				left = append(left, string(r.key()))
			}
			return true
		})
		require.Greater(t, len(left), 10_000)
		m = &model{c: c, p: p, items: map[string]Item{}, now: 1}
		require.NoError(t, m.check())
		return m, left
	}
	t.Run("deleted", func(t *testing.T) {
		m, left := start()
		for _, key := range left {
			require.True(t, m.p.Delete(shard.Hash([]byte(key)), []byte(key)))
		}
		require.Negative(t, m.p.seg.emptying)
		require.NotEmpty(t, m.p.seg.free)
		require.NoError(t, m.check())
	})
	t.Run("not needed any more", func(t *testing.T) {
		m, left := start()
		m.p.aim(m.c.share)
		put(t, m.p, "other", Item{})
		require.Negative(t, m.p.seg.emptying)
		require.NoError(t, m.check())
		for _, key := range left {
			_, ok := peek(m.p, key, 0)
			require.True(t, ok)
		}
	})
	t.Run("by puts alone", func(t *testing.T) {
		m, _ := start()
		for i := 0; m.p.seg.opened() > m.p.seg.recordLimit(); i++ {
			put(t, m.p, fmt.Sprint("other", i), Item{})
			require.Less(t, i, 20_000)
		}
		require.NoError(t, m.check())
	})
}
