package memory

import "unsafe"

// The index of a partition is an extendible hash table: a directory of
// 2^depth page numbers, looked up by the leading bits of the hash part, over
// pages that split one at a time. Pages come out of whole segments, so the
// index lives in the same budget as the records. A directory entry is the
// page's offset in the partition's memory divided by pageSize.
type index struct {
	mem       []byte
	directory []uint32
	depth     uint8
	maxDepth  uint8 // bounds the directory; a page that cannot split evicts

	nextPage, endPage uint32 // pages not used yet in the index's newest segment
}

func (x *index) page(number uint32) *page {
	return (*page)(unsafe.Pointer(&x.mem[int(number)*pageSize]))
}

func (x *index) pageOf(part uint32) *page {
	return x.page(x.directory[part>>(hashBits-x.depth)])
}

// find returns the page, slot and location of a key, or ok = false. The hash
// only narrows the search; the key decides.
func (x *index) find(part uint32, key []byte) (g *page, slot, at int, ok bool) {
	g = x.pageOf(part)
	for i := home(part); ; i = next(i) {
		entry := g.slots[i]
		if entry == 0 {
			return g, 0, 0, false
		}
		if partOf(entry) != part {
			continue
		}
		if at := locationOf(entry); record(x.mem[at:]).hasKey(key) {
			return g, i, at, true
		}
	}
}

// grant gives the index the pages [first, end), when it has none left.
func (x *index) grant(first, end uint32) { x.nextPage, x.endPage = first, end }

func (x *index) takePage(depth uint8) uint32 {
	number := x.nextPage
	x.nextPage++
	*x.page(number) = page{depth: depth}
	return number
}

// split divides the full page of part in two. The caller has seen to it that
// a page is left and that the page's depth is below maxDepth.
func (x *index) split(part uint32) {
	low := x.directory[part>>(hashBits-x.depth)]
	if x.page(low).depth == x.depth {
		x.double()
	}
	g := x.page(low)
	g.depth++
	depth := g.depth
	high := x.takePage(depth)

	// All directory entries that named the page share its former leading bits;
	// the upper half of them now names the new one.
	span := uint32(1) << (x.depth - depth)
	first := part >> (hashBits - depth) &^ 1 << (x.depth - depth)
	for i := first + span; i < first+2*span; i++ {
		x.directory[i] = high
	}

	entries := g.slots
	g.count, g.slots = 0, [pageSlots]uint64{}
	h := x.page(high)
	for _, entry := range entries {
		switch {
		case entry == 0:
		case partOf(entry)>>(hashBits-depth)&1 == 0:
			g.insert(entry)
		default:
			h.insert(entry)
		}
	}
}

func (x *index) double() {
	wider := make([]uint32, 2*len(x.directory))
	for i, number := range x.directory {
		wider[2*i], wider[2*i+1] = number, number
	}
	x.directory = wider
	x.depth++
}

// directoryBytes is what the directory takes beside the segments.
func (x *index) directoryBytes() int { return 4 * len(x.directory) }
