package owner

import "github.com/leasecache/leasecache/internal/storage/memory"

// Resize gives the cache another budget; see memory.Cache.Resize. Errors are
// that one's, or wrap ErrUnavailable.
func (w *Owner) Resize(bytes int64) error { return w.cache.Resize(bytes, w.within) }

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

// within does something to a partition under its bucket's lock.
func (w *Owner) within(bucket int, f func(*memory.Partition)) error {
	b := &w.buckets[bucket]
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.mu.stopped {
		return errStopping
	}
	f(b.mu.part)
	return nil
}
