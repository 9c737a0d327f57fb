package memory

import "math"

// mode says what the cleaner keeps of a segment. Dead and expired records go
// in every mode.
type mode uint8

const (
	// keepAll moves every live record: the partition has the room, it only
	// lies scattered.
	keepAll mode = iota
	// keepUsed gives records that were read lately a second chance, and evicts
	// the others. If all were read, nothing comes free; but then nothing was
	// copied either.
	keepUsed
	// keepSome is keepUsed for at most three quarters of the segment.
	keepSome
	// keepFitting is the last resort: of the records read lately it keeps what
	// fits in the head, so that the segment is empty for certain.
	keepFitting
)

// effort bounds the cleaning one call may cost: about the segment that is
// cleaned, plus a few times the bytes asked for.
type effort struct {
	need   int // bytes asked for
	copies int // bytes that keepAll may still move
	tries  int // segments taken under pressure
}

func (p *Partition) effortFor(need int) effort {
	return effort{need: need, copies: 4*need + p.seg.size}
}

// room returns a segment with room for a record of n bytes. It may move or
// evict any record, so the caller looks its own up again.
func (p *Partition) room(n int) int {
	e := p.effortFor(n)
	for p.seg.roomIn(p.seg.head) < n {
		if i, ok := p.seg.open(log); ok {
			return i
		}
		p.clean(p.victim(&e))
	}
	return p.seg.head
}

// emptySegment returns an empty segment for another use than records.
func (p *Partition) emptySegment(u use) int {
	e := p.effortFor(p.seg.size)
	for {
		if i, ok := p.seg.open(u); ok {
			return i
		}
		p.clean(p.victim(&e))
	}
}

// victim chooses the next segment to clean, never the head, and how.
//
// Without pressure (live bytes below seven eighths of what there is) the
// emptiest segment goes and nothing is evicted: the emptiest is then at most
// seven eighths full, so an eighth of a segment comes free. So overwriting one
// key for ever does not push out others that fit. Under pressure the oldest
// goes, unless one is half empty, which is cheap for what it brings.
func (p *Partition) victim(e *effort) (int, mode) {
	emptiest, oldest := -1, -1
	for i := range p.seg.all[:p.seg.fresh] {
		g := &p.seg.all[i]
		if g.use != log || i == p.seg.head {
			continue
		}
		if g.dies <= p.now {
			return i, keepFitting // nothing in it is alive any more
		}
		if emptiest < 0 || g.live < p.seg.all[emptiest].live {
			emptiest = i
		}
		if oldest < 0 || g.seq < p.seg.all[oldest].seq {
			oldest = i
		}
	}
	live := int(p.seg.all[emptiest].live)
	if e.copies > 0 && (live <= p.seg.size/2 || p.live+e.need <= p.capacity()/8*7) {
		e.copies -= live + pageSize
		return emptiest, keepAll
	}
	e.tries++
	switch {
	case e.tries <= 3:
		return oldest, keepUsed
	case e.tries == 4:
		return oldest, keepSome
	}
	return oldest, keepFitting
}

// capacity is the bytes there are for records.
func (p *Partition) capacity() int {
	return p.seg.recordLimit() * p.seg.size
}

// clean goes once through segment v. What survives moves into the head while
// it fits there, the rest slides to the front of v itself; so no segment need
// be held back as a destination, and a full partition is really full.
func (p *Partition) clean(v int, m mode) {
	g := &p.seg.all[v]
	base := v * p.seg.size
	kept := 0
	dies := int64(0)
	for off := 0; off < int(g.tail); {
		r := record(p.mem[base+off:])
		room := r.room()
		from := base + off
		off += room
		if r[0]&isDead != 0 {
			continue
		}
		expires, size := r.expires(), r.size()
		inHead := size <= p.seg.roomIn(p.seg.head)
		expired := expires != 0 && expires <= p.now
		switch {
		case expired:
			p.reclaimed++
			if r[offMarks]&isFetched == 0 {
				p.expiredUnfetched++
			}
		case !p.keep(r, m, kept+size, inHead):
			p.evict(r)
		default:
			to := base + kept
			if inHead {
				to = p.seg.append(p.seg.head, size, expires)
			} else {
				kept += size
				dies = later(dies, expires)
			}
			p.move(r[:size], from, to)
			p.live -= room - size
			continue
		}
		part, slot := p.entryAt(r, from)
		p.index.remove(slot, part)
		p.versions.release(r)
		p.items--
		p.live -= room
	}
	p.cleaned++
	g.tail, g.live, g.dies = uint32(kept), uint32(kept), dies
	if kept == 0 {
		p.seg.empty(v)
		return
	}
	p.seg.seq++
	g.seq = p.seg.seq
	p.seg.prefer(v)
}

// move brings a live record, without its padding, to another place.
func (p *Partition) move(r record, from, to int) {
	r[offMarks] &^= isPadded
	if to == from {
		return
	}
	part, slot := p.entryAt(r, from)
	p.index.store(slot, p.index.entry(part, to))
	copy(p.mem[to:], r)
	p.moved += uint64(len(r))
}

// entryAt finds the index entry of a live record.
func (p *Partition) entryAt(r record, at int) (part uint64, slot int) {
	part = p.index.part(p.hashOf(r.key()))
	slot = p.index.slotOf(part, at)
	if slot < 0 {
		panic("memory: a record was put with a hash that is not its key's")
	}
	return part, slot
}

// keep decides on a live record, with which its own segment would have kept
// that many bytes, and takes one of its chances in the modes that evict.
func (p *Partition) keep(r record, m mode, kept int, inHead bool) bool {
	if m == keepAll {
		return true
	}
	if r.use() == 0 {
		return false
	}
	if !inHead && (m == keepFitting || m == keepSome && kept > p.seg.size/4*3) {
		return false
	}
	r[offMarks]-- // the bits above are not touched: use is above zero
	return true
}

// later is the later of two expiry times of which 0 means never in b.
func later(a, b int64) int64 {
	if b == 0 {
		return math.MaxInt64
	}
	return max(a, b)
}
