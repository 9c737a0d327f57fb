package memory

import "sync/atomic"

// Stats are sums over all partitions. The counters count from New on.
type Stats struct {
	Items int64 // expired ones that nobody met yet included
	Bytes int64 // in live records: headers, keys, tags, values
	Used  int64 // memory taken so far, index included; never above Limit
	Limit int64 // Options.Bytes
	Index int64 // the part of Used that the index takes

	Evictions uint64 // live items dropped for room
	Expired   uint64 // items found expired by a call on their key
	Reclaimed uint64 // items found expired by the cleaner
	Cleaned   uint64 // segments gone through by the cleaner
	Moved     uint64 // bytes it moved
}

// published is what a partition shows to Stats. Only the holder of the
// partition's lock writes it; padding keeps neighbours off its cache lines.
type published struct {
	items, bytes, used, index                     atomic.Int64
	evictions, expired, reclaimed, cleaned, moved atomic.Uint64
	_                                             [128 - 9*8]byte
}

// Stats adds up the partitions. It takes no lock: figures of one partition
// may be one call apart from each other.
func (c *Cache) Stats() Stats {
	s := Stats{Limit: c.limit}
	for i := range c.published {
		o := &c.published[i]
		s.Items += o.items.Load()
		s.Bytes += o.bytes.Load()
		s.Used += o.used.Load()
		s.Index += o.index.Load()
		s.Evictions += o.evictions.Load()
		s.Expired += o.expired.Load()
		s.Reclaimed += o.reclaimed.Load()
		s.Cleaned += o.cleaned.Load()
		s.Moved += o.moved.Load()
	}
	return s
}

// publish brings what Stats sees up to date. Most calls change nothing or
// little, and a store that another thread can see costs ten times a compare.
func (p *Partition) publish() {
	o := p.out
	setInt(&o.items, p.items)
	setInt(&o.bytes, p.live)
	directory := p.index.directoryBytes()
	setInt(&o.used, p.seg.fresh*p.seg.size+len(p.seg.all)*perSegmentBytes+directory)
	setInt(&o.index, p.seg.ofIndex*p.seg.size+directory)
	setUint(&o.evictions, p.evictions)
	setUint(&o.expired, p.expired)
	setUint(&o.reclaimed, p.reclaimed)
	setUint(&o.cleaned, p.cleaned)
	setUint(&o.moved, p.moved)
}

func setInt(a *atomic.Int64, n int) {
	if a.Load() != int64(n) {
		a.Store(int64(n))
	}
}

func setUint(a *atomic.Uint64, n uint64) {
	if a.Load() != n {
		a.Store(n)
	}
}
