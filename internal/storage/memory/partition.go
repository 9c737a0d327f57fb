package memory

import (
	"sync/atomic"

	"github.com/leasecache/leasecache/shard"
)

// Partition is one independent part of a Cache. The caller serializes all
// calls on it. In every method hash is shard.Hash of the key.
//
// Time only moves forward: a partition remembers the latest now it was given,
// and an item that expired for one caller has expired for all.
type Partition struct {
	mem   []byte
	index index
	seg   segments

	now     int64
	maxItem int

	items     int
	live      int // bytes in live records, padding included
	stored    uint64
	expired   uint64
	reclaimed uint64
	cleaned   uint64
	moved     uint64
	evictions uint64
	evicted   evicted

	expiredUnfetched uint64

	onEvict atomic.Pointer[func(key []byte, it Item)]

	hashOf func(key []byte) uint64 // shard.Hash; tests make collisions with another
	out    *published
}

func (p *Partition) init(mem []byte, l layout, maxItem int, out *published) {
	p.mem = mem
	p.maxItem = maxItem
	p.hashOf = shard.Hash
	p.out = out
	p.seg.init(l.segments, l.segment)
	p.index.mem = mem
	p.index.maxDepth = l.maxDepth
	// The index comes first: so no record lies at offset 0.
	p.grantPages(p.emptySegment(pages))
	p.index.directory = []uint32{p.index.takePage(0)}
	p.seg.head, _ = p.seg.open(log)
	p.publish()
}

// Get returns the item of a key and marks it as used, for eviction and in its
// header. The item shows Fetched and Accessed as they were before this call.
// An expired item is absent, and freed.
func (p *Partition) Get(hash uint64, key []byte, now int64) (Item, bool) {
	at, ok := p.lookup(hash, key, now)
	if !ok {
		return Item{}, false
	}
	r := record(p.mem[at:])
	it := r.item()
	r.touch(p.now)
	return it, true
}

// Peek is Get without the marks.
func (p *Partition) Peek(hash uint64, key []byte, now int64) (Item, bool) {
	at, ok := p.lookup(hash, key, now)
	if !ok {
		return Item{}, false
	}
	return record(p.mem[at:]).item(), true
}

func (p *Partition) lookup(hash uint64, key []byte, now int64) (at int, ok bool) {
	p.now = max(p.now, now)
	g, slot, at, ok := p.index.find(hashPart(hash), key)
	if !ok {
		return 0, false
	}
	if record(p.mem[at:]).expired(p.now) {
		p.expired++
		p.drop(g, slot, at)
		p.publish()
		return 0, false
	}
	return at, true
}

// Put stores an item in place of whatever the key had. It.Stored is taken as
// the now-time of the call. Tags and Value must not alias the store. After an
// error, which is ErrTooLarge, the key is absent.
func (p *Partition) Put(hash uint64, key []byte, it Item) error {
	p.now = max(p.now, it.Stored)
	defer p.publish()
	part := hashPart(hash)
	g, slot, at, found := p.index.find(part, key)
	if len(key) > MaxKey || len(it.Tags) > MaxTags || len(it.Value) > p.maxItem {
		if found {
			p.drop(g, slot, at)
		}
		return ErrTooLarge
	}
	size := sizeOf(key, &it)
	if found {
		r := record(p.mem[at:])
		if r.expired(p.now) {
			p.expired++
		}
		if room := r.room(); fits(size, room) {
			// A record keeps its place in the order of eviction, and an overwrite
			// is a use: it gets a chance to be moved to a younger segment.
			r.write(key, &it, room, max(r.use(), 1))
			p.seg.all[p.seg.of(at)].lives(it.dies())
			p.stored++
			return nil
		}
		p.drop(g, slot, at)
	}
	p.makeSlot(part)
	to := p.append(p.room(size), size, it.dies())
	record(p.mem[to:]).write(key, &it, size, 0)
	p.index.pageOf(part).insert(entryOf(part, to))
	p.items++
	p.stored++
	return nil
}

// Update changes the header of the item the key has: Version, CAS, Flags,
// StaleUntil, Fetched and Expires are taken from it; value, tags, Stored and
// Accessed stay. It returns false, and changes nothing, if the key is absent.
// An item that had no CAS, Flags or time before may have to move to get
// one, and like any other may be evicted in that: then the key is absent, too.
func (p *Partition) Update(hash uint64, key []byte, it Item) bool {
	defer p.publish()
	part := hashPart(hash)
	at, ok := p.lookup(hash, key, p.now)
	if !ok {
		return false
	}
	r := record(p.mem[at:])
	it.Tags = nil
	fields := r[0]&hasOptional | fieldsOf(&it)
	if size := r.size() - r.headerLen() + fixedHeader + int(optionalLen[fields]); size > r.room() {
		return p.widen(part, key, &it, fields, size)
	}
	r.widen(r, r.room(), fields, &it)
	p.seg.all[p.seg.of(at)].lives(it.dies())
	return true
}

// widen is Update for a record that needs a new place, of size bytes.
func (p *Partition) widen(part uint32, key []byte, it *Item, fields uint8, size int) bool {
	i := p.room(size)
	g, slot, at, ok := p.index.find(part, key)
	if !ok {
		p.seg.discard(i)
		return false
	}
	r := record(p.mem[at:])
	old := r.room()
	to := p.append(i, size, it.dies())
	r.widen(record(p.mem[to:]), size, fields, it)
	g.slots[slot] = entryOf(part, to)
	r[0] |= isDead
	p.live -= old
	p.seg.release(at, old)
	return true
}

// Delete removes a key and says whether it had an item.
func (p *Partition) Delete(hash uint64, key []byte) bool {
	g, slot, at, ok := p.index.find(hashPart(hash), key)
	if !ok {
		return false
	}
	alive := !record(p.mem[at:]).expired(p.now)
	if !alive {
		p.expired++
	}
	p.drop(g, slot, at)
	p.publish()
	return alive
}

// Each calls f for every item not expired, in no order, until f returns false.
// f must not call the partition. Key, Tags and Value alias the store.
func (p *Partition) Each(now int64, f func(key []byte, it Item) bool) {
	p.now = max(p.now, now)
	for i := range p.seg.all[:p.seg.fresh] {
		g := &p.seg.all[i]
		if g.use != log {
			continue
		}
		base := i * p.seg.size
		for off := 0; off < int(g.tail); {
			r := record(p.mem[base+off:])
			off += r.room()
			if r[0]&isDead != 0 || r.expired(p.now) {
				continue
			}
			if !f(r.key(), r.item()) {
				return
			}
		}
	}
}

// drop takes a record out of index and segment.
func (p *Partition) drop(g *page, slot, at int) {
	r := record(p.mem[at:])
	room := r.room()
	r[0] |= isDead
	g.remove(slot)
	p.items--
	p.live -= room
	p.seg.release(at, room)
}

// append takes size bytes in segment i, which has them.
func (p *Partition) append(i, size int, expires int64) int {
	to := p.seg.append(i, size, expires)
	p.live += size
	p.seg.prefer(i)
	return to
}

// makeSlot sees to it that the page of part takes one more entry. It may move
// or evict any record.
func (p *Partition) makeSlot(part uint32) {
	for {
		g := p.index.pageOf(part)
		if g.count < pageFull {
			return
		}
		switch {
		case g.depth >= p.index.maxDepth, !p.havePage():
			p.evictFrom(g, part)
		case g.count == pageFull: // else the search for a page made room in this one
			p.index.split(part)
		}
	}
}

// havePage says whether the index has a page left, and gives it another
// segment if it may: at most half of them, which more than covers the smallest
// records.
func (p *Partition) havePage() bool {
	if p.index.nextPage < p.index.endPage {
		return true
	}
	if p.seg.ofIndex >= p.seg.limit/2 {
		return false
	}
	p.grantPages(p.emptySegment(pages))
	return true
}

func (p *Partition) grantPages(i int) {
	perSegment := p.seg.size / pageSize
	p.index.grant(uint32(i*perSegment), uint32((i+1)*perSegment))
}

// evictFrom evicts the record that has been longest in the place where part
// belongs. Only keys made to collide, or an index at its limit, come to this.
func (p *Partition) evictFrom(g *page, part uint32) {
	i := home(part)
	for g.slots[i] == 0 {
		i = next(i)
	}
	at := locationOf(g.slots[i])
	p.evict(p.mem[at:])
	p.drop(g, i, at)
}
