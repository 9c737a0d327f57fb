package memory

// Segments is the number of pieces that EachIn takes a partition in.
func (p *Partition) Segments() int { return p.seg.fresh }

// Each calls f for every item not expired, in no order, until f returns false.
// f must not call the partition. Key, Tags and Value alias the store.
func (p *Partition) Each(now int64, f func(key []byte, it Item) bool) {
	for i := range p.seg.fresh {
		if !p.EachIn(i, now, func(key []byte, it Item, _ int) bool { return f(key, it) }) {
			return
		}
	}
}

// EachIn is Each for one segment, so that whoever looks at everything need not
// hold the lock all the time; it is true unless f returned false. size is what
// the item takes, header and all. What is stored or moved between two calls may
// be shown twice or not at all.
func (p *Partition) EachIn(segment int, now int64, f func(key []byte, it Item, size int) bool) bool {
	p.now = max(p.now, now)
	g := &p.seg.all[segment]
	if g.use != log {
		return true
	}
	base := segment * p.seg.size
	for off := 0; off < int(g.tail); {
		r := record(p.mem[base+off:])
		off += r.room()
		if r[0]&isDead != 0 || r.expired(p.now) {
			continue
		}
		if !f(r.key(), r.item(), r.size()) {
			return false
		}
	}
	return true
}

// Idle is how long the item has not been used, in nanoseconds, that is about the
// next to go when room is needed: the first one alive in the oldest segment. It
// is 0 if there is none.
func (p *Partition) Idle(now int64) int64 {
	p.now = max(p.now, now)
	oldest := -1
	for i := range p.seg.all[:p.seg.fresh] {
		g := &p.seg.all[i]
		if g.use == log && g.live > 0 && g.dies > p.now && (oldest < 0 || g.seq < p.seg.all[oldest].seq) {
			oldest = i
		}
	}
	if oldest < 0 {
		return 0
	}
	idle := int64(0)
	p.EachIn(oldest, now, func(_ []byte, it Item, _ int) bool {
		idle = max(0, p.now-it.Accessed)
		return false
	})
	return idle
}
