package memory

// Place is how far a walk through a partition has come. The zero Place is the
// start.
//
// It is a hash and not a spot in the index. Entries move between two steps of a
// walk, and the index changes its size, but a key's hash stays, and with it the
// key's turn:
//
//	1 A walk has shown the keys up to a slot. 2 The index grows: entries move up.
//	3 By slot the walk would show keys twice, or pass them by.
//
// So of all keys that are there from the first step to the last each is shown
// exactly once, and no key is shown twice, whatever happens in between.
type Place struct{ part uint64 }

// slotsPerStep is how much of the index a step looks through. Only keys made to
// collide come to more, at most to as many again as may have the same hash part.
const slotsPerStep = 64

// Walk calls f for every item not expired whose turn it is in this step, and
// returns the place of the next step; more is false after the last one. f must
// not call the partition. Key, Tags and Value alias the store.
func (p *Partition) Walk(from Place, now int64, f func(key []byte, it Item)) (next Place, more bool) {
	p.now = max(p.now, now)
	x := &p.index
	slot := x.home(from.part)
	last := from.part // the hash part that was shown last
	for end := slot + slotsPerStep; slot <= x.high+maxShift; slot++ {
		entry := x.load(slot)
		if entry == 0 {
			if slot < end {
				continue
			}
			// All behind an empty slot have their homes there, too.
			next = Place{x.firstBehind(slot)}
			return next, next.part < 1<<x.bits
		}
		part := x.partAt(slot, entry)
		if part < from.part {
			continue
		}
		if slot >= end && part != last {
			return Place{part}, true
		}
		last = part
		if r := record(p.mem[x.atOf(entry):]); !r.expired(p.now) {
			f(r.key(), p.item(r))
		}
	}
	return Place{}, false
}

// Look is Peek for who only watches: it leaves an expired item where it is, and
// says so.
func (p *Partition) Look(hash uint64, key []byte, now int64) (it Item, found, expired bool) {
	_, at, ok := p.index.find(p.index.part(hash), key)
	if !ok {
		return Item{}, false, false
	}
	r := record(p.mem[at:])
	return p.item(r), true, r.expired(max(p.now, now))
}
