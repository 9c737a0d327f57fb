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

	versions versions
	ghosts   ghosts

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

func (p *Partition) init(mem, slots, ghosts []byte, l layout, maxItem int, out *published) error {
	p.mem = mem
	p.maxItem = maxItem
	p.hashOf = shard.Hash
	p.out = out
	p.seg.init(l.segments, l.segment)
	p.index.init(mem, slots, l.segments*l.segment)
	p.ghosts.space = ghosts
	p.seg.ofIndex = p.segmentsFor(p.index.bytes())
	if err := commitMemory(slots[:p.index.bytes()]); err != nil {
		return err
	}
	p.publish()
	return nil
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
	it := p.item(r)
	r.touch(p.now)
	return it, true
}

// Peek is Get without the marks.
func (p *Partition) Peek(hash uint64, key []byte, now int64) (Item, bool) {
	at, ok := p.lookup(hash, key, now)
	if !ok {
		return Item{}, false
	}
	return p.item(p.mem[at:]), true
}

func (p *Partition) lookup(hash uint64, key []byte, now int64) (at int, ok bool) {
	p.now = max(p.now, now)
	part := p.index.part(hash)
	slot, at, ok := p.index.find(part, key)
	if !ok {
		return 0, false
	}
	if record(p.mem[at:]).expired(p.now) {
		p.expired++
		p.drop(part, slot, at)
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
	part := p.index.part(hash)
	traces := p.ghosts.look(hash)
	slot, at, found := p.index.find(part, key)
	if len(key) > MaxKey || len(it.Tags) > MaxTags || len(it.Value) > p.maxItem {
		if found {
			p.drop(part, slot, at)
		}
		return ErrTooLarge
	}
	fields, prefix := p.fieldsOf(&it)
	size := sizeOf(key, &it, fields)
	u, chances := probation, uint8(0)
	if found {
		r := record(p.mem[at:])
		if r.expired(p.now) {
			p.expired++
		}
		if room := r.room(); fits(size, room) {
			// A record keeps its place in the order of eviction, and an overwrite
			// is a use: it gets a chance to be moved to a younger segment.
			p.versions.release(r)
			r.write(key, &it, fields, prefix, room, max(r.use(), 1))
			p.seg.all[p.seg.of(at)].lives(it.dies())
			p.stored++
			return nil
		}
		u, chances = p.seg.all[p.seg.of(at)].use, max(r.use(), 1)
		p.drop(part, slot, at)
	} else if p.ghosts.recall(hash, traces) {
		u = proven
	}
	p.tend()
	to := p.append(p.room(u, size), size, it.dies())
	record(p.mem[to:]).write(key, &it, fields, prefix, size, chances)
	p.enter(part, to)
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
	part := p.index.part(hash)
	at, ok := p.lookup(hash, key, p.now)
	if !ok {
		return false
	}
	r := record(p.mem[at:])
	it.Tags, it.Value = nil, nil
	fields, prefix := p.fieldsOf(&it)
	if r[0]&hasVersion != 0 {
		p.versions.drop(fields, prefix)
	}
	fields |= r[0] & hasOptional
	if size := r.size() - r.headerLen() + fixedHeader + int(optionalLen[fields]); size > r.room() {
		return p.widen(part, key, &it, fields, prefix, size)
	}
	p.versions.release(r)
	r.widen(r, r.room(), fields, &it, prefix)
	p.seg.all[p.seg.of(at)].lives(it.dies())
	return true
}

// widen is Update for a record that needs a new place, of size bytes.
func (p *Partition) widen(part uint64, key []byte, it *Item, fields, prefix uint8, size int) bool {
	_, at, _ := p.index.find(part, key)
	i := p.room(p.seg.all[p.seg.of(at)].use, size)
	slot, at, ok := p.index.find(part, key)
	if !ok {
		p.seg.discard(i)
		p.versions.drop(fields, prefix)
		return false
	}
	r := record(p.mem[at:])
	to := p.append(i, size, it.dies())
	r.widen(record(p.mem[to:]), size, fields, it, prefix)
	p.index.store(slot, p.index.entry(part, to))
	p.items++
	p.bury(at)
	return true
}

// fieldsOf says which optional fields an item needs, and where the high half of its
// version is, which one record more is counted to have.
func (p *Partition) fieldsOf(it *Item) (fields, prefix uint8) {
	prefix, ok := p.versions.take(it.Version)
	if !ok {
		return fieldsOf(it) | hasVersion, 0
	}
	return fieldsOf(it), prefix
}

// Delete removes a key and says whether it had an item.
func (p *Partition) Delete(hash uint64, key []byte) bool {
	part := p.index.part(hash)
	slot, at, ok := p.index.find(part, key)
	if !ok {
		return false
	}
	alive := !record(p.mem[at:]).expired(p.now)
	if !alive {
		p.expired++
	}
	p.drop(part, slot, at)
	p.publish()
	return alive
}

// Each calls f for every item not expired, in no order, until f returns false.
// f must not call the partition. Key, Tags and Value alias the store.
func (p *Partition) Each(now int64, f func(key []byte, it Item) bool) {
	p.now = max(p.now, now)
	for i := range p.seg.all[:p.seg.fresh] {
		if p.seg.all[i].use.holdsRecords() && !p.eachRecord(i, func(_ int, r record) bool {
			return r[0]&isDead != 0 || r.expired(p.now) || f(r.key(), p.item(r))
		}) {
			return
		}
	}
}

// drop takes a record out of index and segment.
func (p *Partition) drop(part uint64, slot, at int) {
	p.index.remove(slot, part)
	p.bury(at)
}

// bury counts a record dead that the index does not name any more.
func (p *Partition) bury(at int) {
	r := record(p.mem[at:])
	room := r.room()
	p.versions.release(r)
	r[0] |= isDead
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
