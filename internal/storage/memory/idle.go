package memory

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
	base := oldest * p.seg.size
	for off := 0; off < int(p.seg.all[oldest].tail); {
		r := record(p.mem[base+off:])
		off += r.room()
		if r[0]&isDead == 0 && !r.expired(p.now) {
			return max(0, p.now-r.time(offAccessed, p.now))
		}
	}
	return 0
}
