package owner

import (
	"github.com/leasecache/leasecache/internal/storage/memory"
	"github.com/leasecache/leasecache/lease"
	"github.com/leasecache/leasecache/shard"
)

// What goes through the whole store does so a segment at a time: between two of
// them the bucket's commands have their turn.

// Items shows the items that plain commands see, in no order, until f returns
// false; size is what one takes in the store, header and all. f is called under a
// lock: it must be quick, and keeps nothing of the item. What is stored meanwhile
// may be shown twice or not at all. Errors wrap ErrUnavailable.
func (w *Owner) Items(now int64, f func(key []byte, it *lease.Item, size int) bool) error {
	var shown lease.Item // not one for each item
	return w.walk(now, func(key []byte, it memory.Item, size int) bool {
		shown = fromMemory(&it)
		s := &w.shards[shard.Of(key, uint32(len(w.shards)))]
		return !s.table.Shows(now, key, &shown) || f(key, &shown, size)
	})
}

// Sizes tells what each item in the store takes there, also of those that only
// some readers see. Errors wrap ErrUnavailable.
func (w *Owner) Sizes(now int64, f func(size int)) error {
	return w.walk(now, func(_ []byte, _ memory.Item, size int) bool {
		f(size)
		return true
	})
}

func (w *Owner) walk(now int64, f func([]byte, memory.Item, int) bool) error {
	for i := range w.buckets {
		for segment, more := 0, true; more; segment++ {
			goOn := true
			err := w.within(i, func(p *memory.Partition) {
				if more = segment < p.Segments(); more {
					goOn = p.EachIn(segment, now, f)
				}
			})
			if err != nil || !goOn {
				return err
			}
		}
	}
	return nil
}

// Idle is how long the items that are next to go have not been used, in
// nanoseconds: the longest time of all partitions.
func (w *Owner) Idle(now int64) (longest int64, err error) {
	for i := range w.buckets {
		if err := w.within(i, func(p *memory.Partition) { longest = max(longest, p.Idle(now)) }); err != nil {
			return 0, err
		}
	}
	return longest, nil
}

// Resize gives the cache another budget; see memory.Cache.Resize. Errors are
// that one's, or wrap ErrUnavailable.
func (w *Owner) Resize(bytes int64) error { return w.cache.Resize(bytes, w.within) }

// within does something to a partition under its bucket's lock.
func (w *Owner) within(bucket int, f func(*memory.Partition)) error {
	b := &w.buckets[bucket]
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.mu.open {
		return unavailable("the node is stopping")
	}
	f(b.mu.part)
	return nil
}
