package memory

import "encoding/binary"

// A record is an item as it lies in a segment, little endian, unaligned:
//
//	0   fields    1   which optional fields it has, and whether it is dead
//	1   marks     1   second chances left (0..maxUse), read, padded; the item's four bits above
//	2   key len   1
//	3   prefix    1   where the high half of the version is (versions.go)
//	4   value len 2   the low half
//	6   version   4   the low half
//	10  stored    3   in TimeSteps, without the leading bits
//	13  accessed  3   likewise
//	16  [cas 8] [expires 6] [stale until 6] [flags 4] [tags len 2] [value len 2] [version 4]
//	    key, tags, value, [pad]
//
// Optional fields are there only if their bit is set. They are what most items do
// not have: even the high halves of the value's length and, as a rule, of the
// version. Once a record has a field it keeps it, so Update can always clear one
// in place.
//
// What belongs to the record behind its value is padding. Its first byte says how
// much there is.
const (
	offMarks    = 1
	offKeyLen   = 2
	offPrefix   = 3
	offValueLen = 4
	offVersion  = 6
	offStored   = 10
	offAccessed = 13
	fixedHeader = 16

	optionalHeader = 8 + 6 + 6 + 4 + 2 + 2 + 4
)

const (
	hasCAS uint8 = 1 << iota
	hasExpires
	hasStale
	hasFlags
	hasTags
	hasLong    // a value of 64 KiB or more
	hasVersion // the high half of the version is in the record
	isDead     // overwritten, deleted, evicted or moved: no index entry names it

	hasOptional = isDead - 1
)

const (
	// maxUse is how many rounds of eviction an often read item survives unread.
	maxUse          = 3
	isFetched uint8 = 1 << 2
	isPadded  uint8 = 1 << 3
	itemBits        = 4
	longFrom        = 1 << 16
	maxPad          = 255
)

func (r record) use() uint8 { return r[offMarks] & maxUse }

// optionalLen is the length of the optional fields, by their bits.
var optionalLen = func() (n [hasOptional + 1]uint8) {
	lengths := [...]uint8{8, 6, 6, 4, 2, 2, 4}
	for fields := range n {
		for bit, length := range lengths {
			n[fields] += length * uint8(fields>>bit&1)
		}
	}
	return n
}()

// record is the memory from a record's first byte on; it may reach beyond the
// record's end.
type record []byte

func (r record) headerLen() int { return fixedHeader + int(optionalLen[r[0]&hasOptional]) }
func (r record) keyLen() int    { return int(r[offKeyLen]) }

// field is where an optional field begins that the record has, or would have.
func (r record) field(bit uint8) int {
	return fixedHeader + int(optionalLen[r[0]&(bit-1)])
}

func (r record) valueLen() int {
	n := int(binary.LittleEndian.Uint16(r[offValueLen:]))
	if r[0]&hasLong != 0 {
		n |= int(binary.LittleEndian.Uint16(r[r.field(hasLong):])) << 16
	}
	return n
}

func (r record) tagsLen() int {
	if r[0]&hasTags == 0 {
		return 0
	}
	return int(binary.LittleEndian.Uint16(r[r.field(hasTags):]))
}

// size is the record's own length, room the length it takes up in its segment.
func (r record) size() int { return r.headerLen() + r.keyLen() + r.tagsLen() + r.valueLen() }

func (r record) room() int {
	n := r.size()
	if r[offMarks]&isPadded != 0 {
		n += int(r[n])
	}
	return n
}

// pad makes a record whose own bytes end before its room does.
func (r record) pad(size, room int) {
	r[offMarks] &^= isPadded
	if room > size {
		r[offMarks] |= isPadded
		r[size] = uint8(room - size)
	}
}

func (r record) key() []byte {
	h := r.headerLen()
	return r[h : h+r.keyLen()]
}

func (r record) hasKey(key []byte) bool {
	if int(r[offKeyLen]) != len(key) {
		return false
	}
	at := fixedHeader
	if r[0]&hasOptional != 0 {
		at = r.headerLen()
	}
	return string(r[at:at+len(key)]) == string(key)
}

// expires is when nobody wants the record any more: the earlier of its two
// times. 0 is never.
func (r record) expires() (first int64) {
	if r[0]&hasExpires != 0 {
		first = getTime(r[r.field(hasExpires):])
	}
	if r[0]&hasStale != 0 {
		first = sooner(first, getTime(r[r.field(hasStale):]))
	}
	return first
}

// getTime reads a time of six bytes, putTime writes one that is not 0: without
// what is below an expiryStep.
func getTime(b []byte) int64 {
	low, high := binary.LittleEndian.Uint16(b), binary.LittleEndian.Uint32(b[2:])
	return (int64(int32(high))<<16 | int64(low)) << expiryShift
}

func putTime(b []byte, t int64) {
	if t >>= expiryShift; t == 0 {
		t = -1 // 0 is never
	}
	binary.LittleEndian.PutUint16(b, uint16(t))
	binary.LittleEndian.PutUint32(b[2:], uint32(t>>16))
}

// sooner is the earlier of two times of which 0 is never.
func sooner(a, b int64) int64 {
	if a == 0 || (b != 0 && b < a) {
		return b
	}
	return a
}

func (r record) expired(now int64) bool {
	e := r.expires()
	return e != 0 && e <= now
}

// touch marks the record as read. Writes what changes only: a hot record's
// line then stays clean for most reads.
func (r record) touch(now int64) {
	marks := r[offMarks]
	if marks&maxUse < maxUse {
		marks++
	}
	if marks |= isFetched; marks != r[offMarks] {
		r[offMarks] = marks
	}
	if steps := uint32(now>>timeShift) & stepsMask; r.steps(offAccessed) != steps {
		r.putSteps(offAccessed, steps)
	}
}

// Times of three bytes go round in a hundred days. They are taken for the latest
// that is not after now, but for a little.
const (
	stepsMask  = 1<<24 - 1
	stepsAhead = 1 << 12
)

func (r record) steps(off int) uint32 {
	return binary.LittleEndian.Uint32(r[off-1:]) >> 8
}

func (r record) putSteps(off int, steps uint32) {
	binary.LittleEndian.PutUint16(r[off:], uint16(steps))
	r[off+2] = uint8(steps >> 16)
}

func (r record) time(off int, now int64) int64 {
	latest := now>>timeShift + stepsAhead
	return (latest - int64(uint32(latest)-r.steps(off))&stepsMask) << timeShift
}

// fieldsOf says which optional fields an item needs, those for its version apart.
func fieldsOf(it *Item) uint8 {
	var fields uint8
	if it.CAS != 0 {
		fields |= hasCAS
	}
	if it.Expires != 0 {
		fields |= hasExpires
	}
	if it.StaleUntil != 0 {
		fields |= hasStale
	}
	if it.Flags != 0 {
		fields |= hasFlags
	}
	if len(it.Tags) != 0 {
		fields |= hasTags
	}
	if len(it.Value) >= longFrom {
		fields |= hasLong
	}
	return fields
}

// sizeOf is the size of the record that write makes.
func sizeOf(key []byte, it *Item, fields uint8) int {
	return fixedHeader + int(optionalLen[fields]) + len(key) + len(it.Tags) + len(it.Value)
}

// Size is what an item takes in a segment, header and all.
func Size(key []byte, it *Item) int { return sizeOf(key, it, fieldsOf(it)) }

// write fills r, which takes up room bytes (at least sizeOf, at most maxPad
// more), with a new record.
func (r record) write(key []byte, it *Item, fields, prefix uint8, room int, use uint8) {
	r[0] = fields
	r[offMarks] = use
	r[offKeyLen] = uint8(len(key))
	binary.LittleEndian.PutUint16(r[offValueLen:], uint16(len(it.Value)))
	if fields&hasLong != 0 {
		binary.LittleEndian.PutUint16(r[r.field(hasLong):], uint16(len(it.Value)>>16))
	}
	if fields&hasTags != 0 {
		binary.LittleEndian.PutUint16(r[r.field(hasTags):], uint16(len(it.Tags)))
	}
	r.putSteps(offStored, uint32(it.Stored>>timeShift))
	r.putSteps(offAccessed, uint32(it.Accessed>>timeShift))
	r.writeHeader(it, prefix)
	at := r.headerLen()
	at += copy(r[at:], key)
	at += copy(r[at:], it.Tags)
	at += copy(r[at:], it.Value)
	r.pad(at, room)
}

// writeHeader writes what Update may change, into the fields that r has.
func (r record) writeHeader(it *Item, prefix uint8) {
	fields := r[0]
	marks := r[offMarks]&(maxUse|isPadded) | it.Bits<<itemBits
	if it.Fetched {
		marks |= isFetched
	}
	r[offMarks] = marks
	r[offPrefix] = prefix
	binary.LittleEndian.PutUint32(r[offVersion:], uint32(it.Version))
	if fields&hasOptional == 0 {
		return
	}
	if fields&hasCAS != 0 {
		binary.LittleEndian.PutUint64(r[r.field(hasCAS):], it.CAS)
	}
	if fields&hasExpires != 0 {
		r.putOptionalTime(hasExpires, it.Expires)
	}
	if fields&hasStale != 0 {
		r.putOptionalTime(hasStale, it.StaleUntil)
	}
	if fields&hasFlags != 0 {
		binary.LittleEndian.PutUint32(r[r.field(hasFlags):], it.Flags)
	}
	if fields&hasVersion != 0 {
		binary.LittleEndian.PutUint32(r[r.field(hasVersion):], uint32(it.Version>>32))
	}
}

// putOptionalTime writes a time that may be 0, in which case it was cleared.
func (r record) putOptionalTime(bit uint8, t int64) {
	b := r[r.field(bit):]
	if t == 0 {
		clear(b[:6])
		return
	}
	putTime(b, t)
}

// fits says whether a record of size bytes may lie in a room of another one
// without wasting more than an eighth of it. Small rooms may waste a little
// more: a counter or a date that changes its length stays where it is.
func fits(size, room int) bool {
	return size <= room && room-size <= min(maxPad, max(16, room/8))
}

// widen writes r to dst (which may be r itself), where it takes up room bytes,
// with the optional fields named and the changeable part of it. r has no field
// that is not named.
func (r record) widen(dst record, room int, fields uint8, it *Item, prefix uint8) {
	tags, length := r.tagsLen(), r.valueLen()
	body, end := r.headerLen(), r.size()
	at := fixedHeader + int(optionalLen[fields])
	at += copy(dst[at:], r[body:end])
	copy(dst[offMarks:fixedHeader], r[offMarks:fixedHeader])
	dst[0] = fields
	if fields&hasTags != 0 {
		binary.LittleEndian.PutUint16(dst[dst.field(hasTags):], uint16(tags))
	}
	if fields&hasLong != 0 {
		binary.LittleEndian.PutUint16(dst[dst.field(hasLong):], uint16(length>>16))
	}
	dst.writeHeader(it, prefix)
	dst.pad(at, room)
}
