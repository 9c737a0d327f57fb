package memory

import "sync/atomic"

// Stats are sums over all partitions. The counters count from New on.
type Stats struct {
	Items int64 // expired ones that nobody met yet included
	Bytes int64 // in live records: headers, keys, tags, values
	Used  int64 // memory taken so far, index included; never above Limit
	Limit int64 // Options.Bytes, or what Resize made of it
	Index int64 // the part of Used that the index takes
	Page  int64 // the unit in which memory is taken: a segment

	Stored    uint64 // items put
	Evictions uint64 // live items dropped for room
	Expired   uint64 // items found expired by a call on their key
	Reclaimed uint64 // items found expired by the cleaner
	Cleaned   uint64 // segments gone through by the cleaner
	Moved     uint64 // bytes it moved

	ExpiredUnfetched uint64 // of Reclaimed: never read
	EvictedUnfetched uint64 // of Evictions: never read
	EvictedActive    uint64 // of Evictions: read lately, and gone all the same
	EvictedExpiring  uint64 // of Evictions: would have expired one day
	EvictedIdle      int64  // nanoseconds since the item evicted last was read or stored
}

// evicted is what is known of evictions beyond their number.
type evicted struct {
	unfetched, active, expiring uint64
	at, idle                    int64 // of the last one: when, and how long it had not been used
}

func (p *Partition) countEviction(r record) {
	p.evictions++
	e := &p.evicted
	if r[offMarks]&isFetched == 0 {
		e.unfetched++
	}
	if r.use() > 0 {
		e.active++
	}
	if r.expires() != 0 {
		e.expiring++
	}
	e.at, e.idle = p.now, max(0, p.now-r.time(offAccessed, p.now))
}

// published is what a partition shows to Stats. Only the holder of the
// partition's lock writes it; padding keeps neighbours off its cache lines.
type published struct {
	items, bytes, used, index                             atomic.Int64
	stored, evictions, expired, reclaimed, cleaned, moved atomic.Uint64
	expiredUnfetched                                      atomic.Uint64
	evicted                                               struct {
		unfetched, active, expiring atomic.Uint64
		at, idle                    atomic.Int64
	}
	_ [192 - 16*8]byte
}

// Stats adds up the partitions. It takes no lock: figures of one partition
// may be one call apart from each other.
func (c *Cache) Stats() Stats {
	s := Stats{Limit: c.limit.Load(), Page: int64(c.layout.segment)}
	last := int64(0)
	for i := range c.published {
		o := &c.published[i]
		s.Items += o.items.Load()
		s.Bytes += o.bytes.Load()
		s.Used += o.used.Load()
		s.Index += o.index.Load()
		s.Stored += o.stored.Load()
		s.Evictions += o.evictions.Load()
		s.Expired += o.expired.Load()
		s.Reclaimed += o.reclaimed.Load()
		s.Cleaned += o.cleaned.Load()
		s.Moved += o.moved.Load()
		s.ExpiredUnfetched += o.expiredUnfetched.Load()
		s.EvictedUnfetched += o.evicted.unfetched.Load()
		s.EvictedActive += o.evicted.active.Load()
		s.EvictedExpiring += o.evicted.expiring.Load()
		if at := o.evicted.at.Load(); at > last {
			last, s.EvictedIdle = at, o.evicted.idle.Load()
		}
	}
	return s
}

// publish brings what Stats sees up to date. Most calls change nothing or
// little, and a store that another thread can see costs ten times a compare.
func (p *Partition) publish() {
	o := p.out
	setInt(&o.items, p.items)
	setInt(&o.bytes, p.live)
	index := p.index.bytes() + p.ghosts.bytes
	setInt(&o.used, p.seg.opened()*p.seg.size+len(p.seg.all)*perSegmentBytes+index)
	setInt(&o.index, index)
	setUint(&o.stored, p.stored)
	setUint(&o.expired, p.expired)
	setUint(&o.cleaned, p.cleaned)
	setUint(&o.moved, p.moved)
	setUint(&o.reclaimed, p.reclaimed)
	setUint(&o.expiredUnfetched, p.expiredUnfetched)
	if o.evictions.Load() != p.evictions {
		e := &p.evicted
		o.evicted.unfetched.Store(e.unfetched)
		o.evicted.active.Store(e.active)
		o.evicted.expiring.Store(e.expiring)
		o.evicted.idle.Store(e.idle)
		o.evicted.at.Store(e.at)
		o.evictions.Store(p.evictions)
	}
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
