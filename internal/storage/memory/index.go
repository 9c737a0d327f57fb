package memory

import (
	"encoding/binary"
	"unsafe"
)

// The index of a partition is one table of entries, sorted by hash with gaps
// between them: linear probing in which a larger hash never lies before a smaller
// one. Where an entry would like to lie, its home, grows with its hash, so the
// table can be stretched in place, entry by entry from the top (stretch.go).
//
//	hash part  the leading hashBits of the hash
//	entry      tagBits of it, the lowest, and above 0 where the record lies plus 1
//	home       hash part / 2^hashBits * slots
//
// An entry of 6 or 7 bytes has no room for all of the hash part. What its tag
// leaves out can be told from the slot, as long as an entry lies within maxShift
// slots of its home and the slots for all hash parts that share their leading bits
// are more than twice as many. The least size of the table sees to that.
//
// Invariants, between two calls:
//
//  1. Hash parts do not fall from one entry to the next.
//  2. No slot is empty from an entry's home to the entry.
//  3. An entry lies at most maxShift slots behind its home.
type index struct {
	// What a search needs comes first, on one line of the processor's cache.

	base unsafe.Pointer // of slots
	mem  []byte         // the records

	// A hash part below frontier has its home in a table of low slots, any other
	// in one of high slots. While the table does not change they are alike.
	frontier  uint64
	low, high int

	width     uint8 // bytes of an entry
	atBits    uint8 // of those, bits for the place of the record
	tagBits   uint8
	bits      uint8 // of the hash part
	up        uint8 // 64 less the bits of an entry
	tagUp     uint8 // 64 less tagBits
	shrinking bool

	slots []byte // as far as there is address space
	least int    // slots
	count int
}

const (
	// maxShift is also how far a search goes at worst. A table that is 7/8 full
	// has runs that long once in 10^8 entries.
	maxShift = 2048

	// maxAlike bounds how many records have the same hash part, which only keys
	// made for it have: a search looks at the keys of all of them.
	maxAlike = 400
)

// init makes an empty index for records in mem, of which budget bytes are used for
// now. slots is its address space.
func (x *index) init(mem, slots []byte, budget int) {
	x.mem, x.slots, x.base = mem, slots, unsafe.Pointer(unsafe.SliceData(slots))
	for x.atBits = 16; 1<<x.atBits < len(mem)+1; x.atBits++ {
	}
	// Searches that meet a foreign record with the same hash part are rare if there
	// are 32 times as many parts as records of 128 bytes.
	want := uint8(5)
	for n := budget / 128; n > 1; n /= 2 {
		want++
	}
	// Six bytes do unless the least table were too large for what it is to hold.
	shared := uint8(0)
	for x.width = 6; x.width <= 7; x.width++ {
		x.tagBits = 8*x.width - x.atBits
		if shared = max(want, x.tagBits) - x.tagBits; shared <= 2 {
			break
		}
	}
	x.width = min(x.width, 7)
	x.tagBits = min(x.tagBits, 30)
	x.bits = x.tagBits + shared
	x.up, x.tagUp = 64-8*x.width, 64-x.tagBits
	x.least = 2*maxShift<<shared + maxShift
	x.low, x.high = x.least, x.least
	x.frontier = 1 << x.bits
}

// bytesFor is what a table of so many slots takes: entries lie behind their home,
// so there are some more slots than homes, and the last one is read with 8 bytes.
func (x *index) bytesFor(slots int) int {
	return roundUp((slots+maxShift+2)*int(x.width)+8, pageSize)
}

func (x *index) bytes() int { return x.bytesFor(x.high) }

// part takes the leading bits: the low ones chose the shard and with it the
// partition, and are alike for all keys here.
func (x *index) part(hash uint64) uint64 { return hash >> ((64 - x.bits) & 63) }

func (x *index) home(part uint64) int {
	slots := x.low
	if part >= x.frontier {
		slots = x.high
	}
	return int(part * uint64(slots) >> (x.bits & 63))
}

func (x *index) entry(part uint64, at int) uint64 {
	return part&(1<<x.tagBits-1)<<x.atBits | uint64(at+1)
}

func (x *index) tagOf(entry uint64) uint64 { return entry >> x.atBits }
func (x *index) atOf(entry uint64) int     { return int(entry&(1<<(x.atBits&63)-1)) - 1 }

// eight are the eight bytes from a slot on, its entry in the lower ones. Slots are
// not checked: the invariants keep searches inside of the table, and this is the
// innermost loop of everything.
func (x *index) eight(slot int) []byte {
	return (*[8]byte)(unsafe.Add(x.base, slot*int(x.width)))[:]
}

func (x *index) load(slot int) uint64 {
	return binary.LittleEndian.Uint64(x.eight(slot)) & (1<<(8*x.width) - 1)
}

func (x *index) store(slot int, entry uint64) {
	b := x.eight(slot)
	beyond := binary.LittleEndian.Uint64(b) &^ (1<<(8*x.width) - 1)
	binary.LittleEndian.PutUint64(b, beyond|entry)
}

// after says how far the hash part of an entry is above another, given that they
// are near each other: below 0 for less. (The leading bits that a tag lacks come
// and go here as in any circle.)
func (x *index) after(tag, part uint64) int64 {
	return int64((tag-part)<<x.tagUp) >> x.tagUp
}

// read is the entry at b, shifted up until nothing of the next one is left. Of two
// such that are near each other the one with the larger hash part is above the
// other, as a signed difference.
func (x *index) read(b unsafe.Pointer) uint64 {
	return binary.LittleEndian.Uint64((*[8]byte)(b)[:]) << (x.up & 63)
}

// find returns the slot and the place of a key's record. The hash only narrows
// the search; the key decides.
func (x *index) find(part uint64, key []byte) (slot, at int, ok bool) {
	want := part << (x.tagUp & 63)
	slot, entry := x.seek(part)
	for entry != 0 && (entry-want)>>(x.tagUp&63) == 0 {
		if at := x.atOf(entry >> (x.up & 63)); record(x.mem[at:]).hasKey(key) {
			return slot, at, true
		}
		slot++
		entry = x.read(unsafe.Add(x.base, slot*int(x.width)))
	}
	return 0, 0, false
}

// seek returns the first slot from a hash part's home on that is empty or whose
// entry is not below it, and what read finds there.
func (x *index) seek(part uint64) (slot int, entry uint64) {
	want := part << (x.tagUp & 63)
	slot = x.home(part)
	b := unsafe.Add(x.base, slot*int(x.width))
	// Most entries lie within four slots of their homes. How many are passed over is
	// counted without a branch, as no processor could foresee it. (An empty slot may
	// be counted, too: nothing with that hash part lies behind it.)
	w := uintptr(x.width)
	over := int64(x.read(b)-want) >> 63
	n := over
	over &= int64(x.read(unsafe.Add(b, w))-want) >> 63
	n += over
	over &= int64(x.read(unsafe.Add(b, 2*w))-want) >> 63
	n += over
	over &= int64(x.read(unsafe.Add(b, 3*w))-want) >> 63
	n += over
	slot -= int(n)
	b = unsafe.Add(x.base, slot*int(x.width))
	entry = x.read(b)
	for entry != 0 && int64(entry-want) < 0 {
		b = unsafe.Add(b, x.width)
		slot++
		entry = x.read(b)
	}
	return slot, entry
}

// first is where the first record with a hash part lies, if there is one.
func (x *index) first(part uint64) (at int, ok bool) {
	_, entry := x.seek(part)
	if entry == 0 || (entry-part<<(x.tagUp&63))>>(x.tagUp&63) != 0 {
		return 0, false
	}
	return x.atOf(entry >> (x.up & 63)), true
}

// slotOf returns the slot of an entry that is known to be there, or -1.
func (x *index) slotOf(part uint64, at int) int {
	want := x.entry(part, at) << (x.up & 63)
	slot := x.home(part)
	for b := unsafe.Add(x.base, slot*int(x.width)); ; b = unsafe.Add(b, x.width) {
		switch x.read(b) {
		case want:
			return slot
		case 0:
			return -1
		}
		slot++
	}
}

// place returns where an entry would go, in front of those with the same hash
// part, and the first empty slot from there on. If one should be evicted first,
// crowd is its slot, else -1: the oldest of too many alike, or the one at home when
// all slots near are taken. (What moves up for an entry has its home at or behind
// that one's, so it is not too far from there if the empty slot is not.)
func (x *index) place(part uint64) (slot, empty, crowd int) {
	want := part << (x.tagUp & 63)
	home := x.home(part)
	slot = home
	b := unsafe.Add(x.base, slot*int(x.width))
	entry := x.read(b)
	for ; entry != 0 && int64(entry-want) < 0; slot++ {
		b = unsafe.Add(b, x.width)
		entry = x.read(b)
	}
	empty = slot
	for ; entry != 0 && (entry-want)>>(x.tagUp&63) == 0; empty++ {
		b = unsafe.Add(b, x.width)
		entry = x.read(b)
	}
	alike := empty - slot
	for ; entry != 0; empty++ {
		b = unsafe.Add(b, x.width)
		entry = x.read(b)
	}
	switch {
	case alike >= maxAlike:
		return slot, empty, slot + alike - 1
	case empty-home > maxShift:
		return slot, empty, home
	}
	return slot, empty, -1
}

// put writes an entry where place said, or moves it there.
func (x *index) put(slot, empty int, entry uint64) {
	if w := int(x.width); empty > slot {
		copy(x.slots[(slot+1)*w:(empty+1)*w], x.slots[slot*w:empty*w])
	}
	x.store(slot, entry)
	x.count++
}

// remove takes out the entry in a slot, which is that of a hash part, and lets
// what was pushed behind its home move up.
func (x *index) remove(slot int, part uint64) {
	end := slot + 1
	tag := x.tagOf(x.load(slot))
	for ; ; end++ {
		entry := x.load(end)
		if entry == 0 {
			break
		}
		part += uint64(x.after(x.tagOf(entry), tag))
		if x.home(part) == end {
			break
		}
		tag = x.tagOf(entry)
	}
	w := int(x.width)
	copy(x.slots[slot*w:(end-1)*w], x.slots[(slot+1)*w:end*w])
	x.store(end-1, 0)
	x.count--
}

// partAt is the whole hash part of the entry in a slot: the largest one with its
// tag whose home is not behind the slot.
func (x *index) partAt(slot int, entry uint64) uint64 {
	if part := x.partIn(x.low, slot, entry); part < x.frontier {
		return part
	}
	return x.partIn(x.high, slot, entry)
}

func (x *index) partIn(slots, slot int, entry uint64) uint64 {
	tag := x.tagOf(entry)
	if x.bits == x.tagBits {
		return tag
	}
	most := min((uint64(slot+1)<<x.bits-1)/uint64(slots), 1<<x.bits-1)
	part := most&^(1<<x.tagBits-1) | tag
	if part > most {
		part -= 1 << x.tagBits
	}
	return part
}
