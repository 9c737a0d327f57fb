package memory

// OnEvict has f called with every item that is dropped for room, under the lock
// of its partition; nil is nobody. f must neither block nor call the Cache, and
// keeps nothing of what it is shown. It may be changed at any time.
func (c *Cache) OnEvict(f func(key []byte, it Item)) {
	hook := &f
	if f == nil {
		hook = nil
	}
	for i := range c.partitions {
		c.partitions[i].onEvict.Store(hook)
	}
}

// evict counts a record that is dropped for room, before it goes.
func (p *Partition) evict(r record) {
	p.countEviction(r)
	if f := p.onEvict.Load(); f != nil {
		(*f)(r.key(), p.item(r))
	}
}

// reclaim counts a record that has expired, before it goes.
func (p *Partition) reclaim(r record) {
	p.reclaimed++
	if r[offMarks]&isFetched == 0 {
		p.expiredUnfetched++
	}
}
