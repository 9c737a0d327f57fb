package memory

// How the index and the records share a partition's memory: the index has address
// space of its own, and as many segments as it takes are kept closed for it.

// segmentsFor is how many segments stay closed for an index of so many slots.
func (p *Partition) segmentsFor(slots int) int {
	return roundUp(p.index.bytesFor(slots), p.seg.size) / p.seg.size
}

// tendIndex lets the index grow or shrink. It may move or evict any record.
func (p *Partition) tendIndex() {
	x := &p.index
	before := x.high
	if slots := x.wanted(); slots < before || slots > before && p.provide(slots) {
		x.change(slots)
	}
	for _, at := range x.step(stepsPerPut) {
		p.evict(p.mem[at:])
		p.bury(at)
	}
	if x.high < before {
		// No entry is there any more. A failure costs memory, nothing else.
		_ = giveBackMemory(x.slots[x.bytes():x.bytesFor(before)])
		p.seg.ofIndex = p.segmentsFor(x.high)
	}
}

// provide makes memory for a larger index usable: at most its share of what there is,
// which is more than the smallest records need.
func (p *Partition) provide(slots int) bool {
	x := &p.index
	segments, bytes := p.segmentsFor(slots), x.bytesFor(slots)
	if segments > p.seg.limit/indexShare || bytes > len(x.slots) || commitMemory(x.slots[x.bytes():bytes]) != nil {
		return false
	}
	p.seg.ofIndex = max(p.seg.ofIndex, segments)
	for p.seg.opened() > p.seg.recordLimit() {
		_ = p.closeSegment() // a failure costs memory, nothing else
	}
	return true
}

// closeSegment empties a segment and gives its memory back, under the lock: the
// next call may open it again.
func (p *Partition) closeSegment() error {
	i := p.emptySegment(given)
	return giveBackMemory(p.mem[i*p.seg.size : (i+1)*p.seg.size])
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
