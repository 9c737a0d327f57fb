package memory

// How the index and the records share a partition's memory: the index, and the
// traces of what was evicted, have address space of their own, and as many segments
// as they take are kept closed for them.

// segmentsFor is how many segments stay closed for so many bytes.
func (p *Partition) segmentsFor(bytes int) int {
	return roundUp(bytes, p.seg.size) / p.seg.size
}

// tend lets the index grow or shrink. It may move or evict any record.
func (p *Partition) tend() {
	x := &p.index
	before := x.high
	if slots := x.wanted(); slots < before || slots > before && p.growIndex(slots) {
		x.change(slots)
	}
	for _, at := range x.step(stepsPerPut) {
		p.evict(p.mem[at:])
		p.bury(at)
	}
	if x.high < before {
		// No entry is there any more. A failure costs memory, nothing else.
		_ = giveBackMemory(x.slots[x.bytes():x.bytesFor(before)])
		p.seg.ofIndex = p.segmentsFor(x.bytes() + p.ghosts.bytes)
	}
	if p.evictions > 0 {
		p.tendGhosts()
	}
	_ = p.keepToShare() // a failure costs memory, nothing else
}

func (p *Partition) growIndex(slots int) bool {
	x := &p.index
	if bytes := x.bytesFor(slots); bytes <= len(x.slots) {
		return p.provide(x.slots[x.bytes():bytes])
	}
	return false
}

// tendGhosts makes room for as many traces as there should be. Before anything was
// evicted there is none.
func (p *Partition) tendGhosts() {
	g := &p.ghosts
	before := g.bytes
	switch n := g.wanted(p.items); {
	case n > before && p.provide(g.space[before:n]):
		g.bytes = n
	case n < before:
		g.bytes = n
		_ = giveBackMemory(g.space[n:before]) // a failure costs memory, nothing else
		p.seg.ofIndex = p.segmentsFor(p.index.bytes() + n)
	}
}

// provide makes more memory for index and traces usable: at most their share of what
// there is, which is more than the smallest records need. It says no while segments
// still have to be closed for that: then tend empties them, a piece with each put,
// and asks again.
func (p *Partition) provide(more []byte) bool {
	segments := p.segmentsFor(p.index.bytes() + p.ghosts.bytes + len(more))
	if segments > p.seg.limit/indexShare {
		return false
	}
	p.seg.ofIndex = max(p.seg.ofIndex, segments)
	return p.seg.opened() <= p.seg.recordLimit() && commitMemory(more) == nil
}

// enter adds a record to the index. Only where keys were made to collide, or the
// index may not grow, another one is evicted for it.
func (p *Partition) enter(part uint64, at int) {
	x := &p.index
	for {
		slot, empty, crowd := x.place(part)
		if crowd < 0 {
			x.put(slot, empty, x.entry(part, at))
			return
		}
		entry := x.load(crowd)
		old := x.atOf(entry)
		p.evict(p.mem[old:])
		p.drop(x.partAt(crowd, entry), crowd, old)
	}
}
