package memory

// A page is the unit in which the index grows: a small open-addressing table
// of its own, linear probing, deletion by shifting back. Splitting one page is
// all that growth ever costs a caller at once.
//
// An entry is 30 bits of hash and 34 bits of location (an offset into the
// partition's memory). No record lies at offset 0, since the first segment
// belongs to the index, so the zero entry means empty.
type page struct {
	count uint16
	depth uint8 // how many leading hash bits all entries share
	_     [5]uint8
	slots [pageSlots]uint64
}

const (
	pageSize  = 4096
	pageSlots = pageSize/8 - 1
	// pageFull keeps an eighth of the slots empty: beyond that, probing for a
	// key that is not there gets long.
	pageFull = pageSlots * 7 / 8

	hashBits     = 30
	locationBits = 64 - hashBits
	locationMask = 1<<locationBits - 1

	// The low bits of the hash part choose the slot, the high ones the page.
	homeBits = 10
	maxDepth = hashBits - homeBits
)

func entryOf(part uint32, at int) uint64 { return uint64(part)<<locationBits | uint64(at) }
func partOf(entry uint64) uint32         { return uint32(entry >> locationBits) }
func locationOf(entry uint64) int        { return int(entry & locationMask) }

// hashPart takes the top bits: the low ones chose the shard and with it the
// partition, and are alike for all keys here.
func hashPart(hash uint64) uint32 { return uint32(hash >> locationBits) }

func home(part uint32) int {
	return int(part & (1<<homeBits - 1) * pageSlots >> homeBits)
}

func next(slot int) int {
	if slot++; slot < pageSlots {
		return slot
	}
	return 0
}

func (g *page) insert(entry uint64) {
	i := home(partOf(entry))
	for g.slots[i] != 0 {
		i = next(i)
	}
	g.slots[i] = entry
	g.count++
}

// slotOf returns the slot of an entry that is known to be there, or -1.
func (g *page) slotOf(entry uint64) int {
	for i := home(partOf(entry)); g.slots[i] != 0; i = next(i) {
		if g.slots[i] == entry {
			return i
		}
	}
	return -1
}

// remove empties a slot and shifts back what had to probe past it, so that no
// tombstones gather.
func (g *page) remove(slot int) {
	hole := slot
	for i := next(hole); g.slots[i] != 0; i = next(i) {
		if behind(i, home(partOf(g.slots[i]))) >= behind(i, hole) {
			g.slots[hole] = g.slots[i]
			hole = i
		}
	}
	g.slots[hole] = 0
	g.count--
}

// behind is how far slot b lies before slot a, going round.
func behind(a, b int) int {
	if d := a - b; d >= 0 {
		return d
	}
	return a - b + pageSlots
}
