package memory

// Idle is how long the item has not been used, in nanoseconds, that is about the
// next to go when room is needed: the first one alive in the oldest segment, or
// where a sweep stopped. It is 0 if there is none.
func (p *Partition) Idle(now int64) (idle int64) {
	p.now = max(p.now, now)
	oldest := -1
	for i := range p.seg.all[:p.seg.fresh] {
		g := &p.seg.all[i]
		if !g.use.holdsRecords() || g.live == 0 || g.dies <= p.now {
			continue
		}
		if g.swept() {
			oldest = i
			break
		}
		if oldest < 0 || g.seq < p.seg.all[oldest].seq {
			oldest = i
		}
	}
	if oldest < 0 {
		return 0
	}
	from := p.seg.all[oldest].rest
	p.eachRecord(oldest, func(at int, r record) bool {
		if r[0]&isDead != 0 || r.expired(p.now) || at%p.seg.size < int(from) {
			return true
		}
		idle = max(0, p.now-r.time(offAccessed, p.now))
		return false
	})
	return idle
}
