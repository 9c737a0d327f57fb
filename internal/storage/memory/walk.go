package memory

// Place is how far a walk through a partition has come. The zero Place is the
// start.
//
// It is a hash and not a spot in the index. Pages split and records move between
// two steps of a walk, but a key's hash stays, and with it the key's turn:
//
//	1 A walk has shown all of a page but its last quarter. 2 The page splits.
//	3 By page and slot the walk would show keys twice, or pass them by.
//
// So of all keys that are there from the first step to the last each is shown
// exactly once, and no key is shown twice, whatever happens in between.
type Place struct{ part uint32 }

// stepsPerPage is how many steps a page takes: some fifty items each. Only keys
// made to collide come to more in one, at most to what a page holds.
const stepsPerPage = 8

// Walk calls f for every item not expired whose turn it is in this step, and
// returns the place of the next step; more is false after the last one. f must
// not call the partition. Key, Tags and Value alias the store.
func (p *Partition) Walk(from Place, now int64, f func(key []byte, it Item)) (next Place, more bool) {
	p.now = max(p.now, now)
	g := p.index.pageOf(from.part)
	// The page's depth is at most maxDepth, which leaves bits enough for the steps.
	width := uint32(1) << (hashBits - g.depth) / stepsPerPage
	end := from.part&^(width-1) + width
	for _, entry := range &g.slots {
		if part := partOf(entry); entry == 0 || part < from.part || part >= end {
			continue
		}
		if r := record(p.mem[locationOf(entry):]); !r.expired(p.now) {
			f(r.key(), r.item())
		}
	}
	return Place{end}, end < 1<<hashBits
}

// Look is Peek for who only watches: it leaves an expired item where it is, and
// says so.
func (p *Partition) Look(hash uint64, key []byte, now int64) (it Item, found, expired bool) {
	_, _, at, ok := p.index.find(hashPart(hash), key)
	if !ok {
		return Item{}, false, false
	}
	r := record(p.mem[at:])
	return r.item(), true, r.expired(max(p.now, now))
}
