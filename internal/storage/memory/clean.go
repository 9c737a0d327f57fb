package memory

// How room is made: by sweeps. A sweep goes through a segment from its start; what
// it keeps moves to the front of the same segment, or to the queue of what is
// proven, and new records follow right behind. So a queue is a ring, no segment
// need be held back as a destination, and a call sweeps as far as it needs room and
// no further.

// effort bounds what one call may cost.
type effort struct {
	need     int // bytes asked for
	copies   int // bytes that may be moved only because records lie scattered
	looks    int // bytes that may be looked at before records go that were read
	records  int // that may be passed before records go that were read, and no more room is made than is needed
	sweeping int // the segment whose records are in search of room; -1 is none
}

const (
	leastLooks = 128 << 10

	// mostRecords bounds what small records cost: each is about as much work as a
	// large one.
	mostRecords = leastLooks / 128

	// mostAhead is how much more room is made than one record needs: a few dozen
	// records at a time wait for memory together, not one after the other.
	mostAhead = 4 << 10
)

func (p *Partition) effortFor(need int) *effort {
	return &effort{need: need, copies: 4*need + p.seg.size, looks: 4*need + leastLooks, records: mostRecords + need/fixedHeader, sweeping: -1}
}

// room returns a segment with room for a record of n bytes. It may move or
// evict any record, so the caller looks its own up again.
func (p *Partition) room(u use, n int) int {
	if head := p.seg.queue(u).head; p.seg.roomIn(head) >= n {
		return head
	}
	return p.makeRoom(p.effortFor(n), u, n)
}

// makeRoom is room when the head is full. It returns -1 if it could only take from
// the segment that is being swept.
func (p *Partition) makeRoom(e *effort, u use, n int) int {
	q := p.seg.queue(u)
	for {
		if p.seg.roomIn(q.head) >= n {
			return q.head
		}
		if p.seg.roomIn(q.sweep) >= n {
			return q.sweep
		}
		if i, ok := p.seg.open(u); ok {
			return i
		}
		if q.sweep < 0 || !p.seg.all[q.sweep].swept() {
			v, keepAll := p.victim(e, u)
			if v < 0 {
				return -1
			}
			p.seg.begin(v, u, keepAll)
		}
		p.sweep(e, q.sweep, n, min(mostAhead, p.seg.size/64))
	}
}

// victim chooses the next segment to sweep, for the queue of u or to empty it, and
// says whether everybody stays.
//
// Without pressure (live bytes below seven eighths of what there is) the
// emptiest segment goes and nothing is evicted: the emptiest is then at most
// seven eighths full, so an eighth of a segment comes free. So overwriting one
// key for ever does not push out others that fit. It is also cheap if a segment is
// half empty. Under pressure the oldest goes, of those on probation as long as they
// have more than their share.
func (p *Partition) victim(e *effort, u use) (v int, keepAll bool) {
	emptiest := -1
	oldest := [2]int{-1, -1}
	for pass := 0; pass < 2 && emptiest < 0; pass++ {
		for i := range p.seg.all[:p.seg.fresh] {
			g := &p.seg.all[i]
			if !g.use.holdsRecords() || i == e.sweeping || i == p.seg.emptying || pass == 0 && p.seg.busy(i, u) {
				continue
			}
			if g.dies <= p.now {
				return i, false // nothing in it is alive any more
			}
			if emptiest < 0 || g.live < p.seg.all[emptiest].live {
				emptiest = i
			}
			if o := &oldest[g.use-probation]; *o < 0 || g.seq < p.seg.all[*o].seq {
				*o = i
			}
		}
		if e.sweeping >= 0 {
			break // nobody's place is taken only to keep what was swept
		}
	}
	if emptiest < 0 {
		return -1, false
	}
	live := int(p.seg.all[emptiest].live)
	if e.copies > 0 && (live <= p.seg.size/2 || p.live+e.need <= p.capacity()/8*7) {
		e.copies -= live + pageSize
		return emptiest, true
	}
	spare := p.seg.queue(probation).open - p.probationShare()
	if u == probation {
		spare++ // with its share, and no more, it takes from itself
	}
	if spare > 0 && oldest[0] >= 0 || oldest[1] < 0 {
		return oldest[0], false
	}
	return oldest[1], false
}

// probationShare is how many segments those on probation have under pressure.
func (p *Partition) probationShare() int { return max(1, p.seg.recordLimit()/10) }

// capacity is the bytes there are for records.
func (p *Partition) capacity() int { return p.seg.recordLimit() * p.seg.size }

// sweep goes on through segment v until it has room for n bytes and, if that is not
// too much work, for some ahead; or to its end.
func (p *Partition) sweep(e *effort, v, n, ahead int) {
	g := &p.seg.all[v]
	for g.swept() {
		if room := p.seg.roomIn(v); room >= n+ahead || room >= n && e.records <= 0 {
			break
		}
		p.pass(e, v, p.seg.queue(g.use).keepAll)
	}
	if !g.swept() {
		p.cleaned++
		p.seg.done(v)
	}
}

// pass moves or drops the next record of a segment that is swept.
func (p *Partition) pass(e *effort, v int, keepAll bool) {
	g := &p.seg.all[v]
	at := v*p.seg.size + int(g.rest)
	r := record(p.mem[at:])
	room := r.room()
	e.records--
	if r[0]&isDead != 0 {
		g.rest += uint32(room)
		return
	}
	e.looks -= room
	expires, size := r.expires(), r.size()
	expired := expires != 0 && expires <= p.now
	to := -1
	if !expired && (keepAll || r.chance(e.looks > 0 && e.records > 0)) {
		to = p.destination(e, v, size, keepAll)
	}
	// Now whatever else had to move for it has.
	g.rest += uint32(room)
	g.live -= uint32(room)
	p.live -= room
	if to >= 0 {
		p.live += size
		p.move(r[:size], at, p.seg.append(to, size, expires))
		p.seg.prefer(to)
		return
	}
	hash := p.hashOf(r.key())
	if expired {
		p.reclaim(r)
	} else {
		p.evict(r)
		p.ghosts.remember(hash)
	}
	part, slot := p.entryAt(hash, at)
	p.index.remove(slot, part)
	p.versions.release(r)
	p.items--
}

// chance says whether a record that nobody has to keep stays, and takes one of its
// chances for that.
func (r record) chance(may bool) bool {
	if r.use() == 0 || !may {
		return false
	}
	r[offMarks]-- // what is above is not touched: use is above zero
	return true
}

// destination is where a record of segment v moves that stays: to the front of the
// same segment, or from probation to where the proven are, and out of it if it is
// being emptied. It is -1 if there is no room.
func (p *Partition) destination(e *effort, v, size int, keepAll bool) int {
	u := p.seg.all[v].use
	emptied := v == p.seg.emptying
	if !emptied && (u == proven || keepAll) {
		return v
	}
	if !keepAll {
		u = proven
	}
	if head := p.seg.queue(u).head; p.seg.roomIn(head) >= size {
		return head
	}
	inner := *e
	inner.need, inner.sweeping = size, v
	to := p.makeRoom(&inner, u, size)
	e.looks, e.copies, e.records = inner.looks, inner.copies, inner.records
	return to
}

// move brings a live record, without its padding, to another place.
func (p *Partition) move(r record, from, to int) {
	r[offMarks] &^= isPadded
	if to == from {
		return
	}
	part, slot := p.entryAt(p.hashOf(r.key()), from)
	p.index.store(slot, p.index.entry(part, to))
	copy(p.mem[to:], r)
	p.moved += uint64(len(r))
}

// entryAt finds the index entry of a live record.
func (p *Partition) entryAt(hash uint64, at int) (part uint64, slot int) {
	part = p.index.part(hash)
	slot = p.index.slotOf(part, at)
	if slot < 0 {
		panic("memory: a record was put with a hash that is not its key's")
	}
	return part, slot
}

// eachRecord calls f for the records in a segment, dead ones included, until it
// returns false.
func (p *Partition) eachRecord(i int, f func(at int, r record) bool) bool {
	g := &p.seg.all[i]
	for _, part := range [2][2]uint32{{0, g.tail}, {g.rest, g.end}} {
		for off := int(part[0]); off < int(part[1]); {
			at := i*p.seg.size + off
			r := record(p.mem[at:])
			off += r.room()
			if !f(at, r) {
				return false
			}
		}
	}
	return true
}
