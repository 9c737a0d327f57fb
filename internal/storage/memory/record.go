package memory

import (
	"bytes"
	"encoding/binary"
)

// A record is an item as it lies in a segment, little endian, unaligned:
//
//	0   bits      1   what the record is and which optional fields it has
//	1   use       1   second chances left, 0..maxUse, below four bits that are the item's
//	2   pad       1   bytes of room behind the value that belong to the record
//	3   key len   1
//	4   value len 4
//	8   version   8
//	16  stored    4   in TimeSteps, signed
//	20  accessed  4   likewise
//	24  [cas 8] [expires 8] [stale until 8] [flags 4] [tags len 2]   each only if its bit is set
//	    key, tags, value, pad
//
// Optional fields are what most items of a cache do not have; leaving them out
// is worth 30 bytes a record. Once a record has a field it keeps it, so Update
// can always clear one in place.
const (
	offUse      = 1
	offPad      = 2
	offKeyLen   = 3
	offValueLen = 4
	offVersion  = 8
	offStored   = 16
	offAccessed = 20
	fixedHeader = 24

	optionalHeader = 8 + 8 + 8 + 4 + 2
)

const (
	hasCAS uint8 = 1 << iota
	hasExpires
	hasStale
	hasFlags
	hasTags
	isFetched
	isDead // overwritten, deleted, evicted or moved: no index entry names it

	hasOptional = hasCAS | hasExpires | hasStale | hasFlags | hasTags
)

const (
	// maxUse is how many rounds of eviction an often read item survives unread.
	maxUse  = 3
	useBits = 4
)

func (r record) use() uint8 { return r[offUse] & (1<<useBits - 1) }

// optionalLen is the length of the optional fields, by their bits.
var optionalLen = func() (n [hasOptional + 1]uint8) {
	for bits := range n {
		for bit, size := range map[uint8]uint8{hasCAS: 8, hasExpires: 8, hasStale: 8, hasFlags: 4, hasTags: 2} {
			if uint8(bits)&bit != 0 {
				n[bits] += size
			}
		}
	}
	return n
}()

// record is the memory from a record's first byte on; it may reach beyond the
// record's end.
type record []byte

func (r record) headerLen() int { return fixedHeader + int(optionalLen[r[0]&hasOptional]) }
func (r record) keyLen() int    { return int(r[offKeyLen]) }
func (r record) valueLen() int  { return int(binary.LittleEndian.Uint32(r[offValueLen:])) }
func (r record) version() uint64 {
	return binary.LittleEndian.Uint64(r[offVersion:])
}

func (r record) tagsLen() int {
	if r[0]&hasTags == 0 {
		return 0
	}
	return int(binary.LittleEndian.Uint16(r[r.headerLen()-2:]))
}

// size is the record's own length, room the length it takes up in its segment.
func (r record) size() int { return r.headerLen() + r.keyLen() + r.tagsLen() + r.valueLen() }
func (r record) room() int { return r.size() + int(r[offPad]) }

func (r record) key() []byte {
	h := r.headerLen()
	return r[h : h+r.keyLen()]
}

func (r record) hasKey(key []byte) bool {
	return r.keyLen() == len(key) && bytes.Equal(r.key(), key)
}

// expires is when nobody wants the record any more: the earlier of its two
// times. 0 is never.
func (r record) expires() int64 {
	if r[0]&(hasExpires|hasStale) == 0 {
		return 0
	}
	at := fixedHeader
	if r[0]&hasCAS != 0 {
		at += 8
	}
	first := int64(0)
	for _, field := range [2]uint8{hasExpires, hasStale} {
		if r[0]&field != 0 {
			first = sooner(first, int64(binary.LittleEndian.Uint64(r[at:])))
			at += 8
		}
	}
	return first
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
	if r.use() < maxUse {
		r[offUse]++
	}
	if r[0]&isFetched == 0 {
		r[0] |= isFetched
	}
	if steps := uint32(now >> timeShift); binary.LittleEndian.Uint32(r[offAccessed:]) != steps {
		binary.LittleEndian.PutUint32(r[offAccessed:], steps)
	}
}

func (r record) time(off int) int64 {
	return int64(int32(binary.LittleEndian.Uint32(r[off:]))) << timeShift
}

// item reads the whole record; Tags and Value alias it.
func (r record) item() Item {
	bits := r[0]
	it := Item{
		Version:  r.version(),
		Fetched:  bits&isFetched != 0,
		Bits:     r[offUse] >> useBits,
		Stored:   r.time(offStored),
		Accessed: r.time(offAccessed),
	}
	at := fixedHeader
	tags := 0
	if bits&hasOptional != 0 {
		if bits&hasCAS != 0 {
			it.CAS = binary.LittleEndian.Uint64(r[at:])
			at += 8
		}
		if bits&hasExpires != 0 {
			it.Expires = int64(binary.LittleEndian.Uint64(r[at:]))
			at += 8
		}
		if bits&hasStale != 0 {
			it.StaleUntil = int64(binary.LittleEndian.Uint64(r[at:]))
			at += 8
		}
		if bits&hasFlags != 0 {
			it.Flags = binary.LittleEndian.Uint32(r[at:])
			at += 4
		}
		if bits&hasTags != 0 {
			tags = int(binary.LittleEndian.Uint16(r[at:]))
			at += 2
		}
	}
	at += r.keyLen()
	if tags > 0 {
		it.Tags = r[at : at+tags : at+tags]
		at += tags
	}
	end := at + r.valueLen()
	it.Value = r[at:end:end]
	return it
}

// fieldsOf says which optional fields an item needs.
func fieldsOf(it *Item) uint8 {
	var bits uint8
	if it.CAS != 0 {
		bits |= hasCAS
	}
	if it.Expires != 0 {
		bits |= hasExpires
	}
	if it.StaleUntil != 0 {
		bits |= hasStale
	}
	if it.Flags != 0 {
		bits |= hasFlags
	}
	if len(it.Tags) != 0 {
		bits |= hasTags
	}
	return bits
}

// sizeOf is the size of the record that write makes.
func sizeOf(key []byte, it *Item) int {
	return fixedHeader + int(optionalLen[fieldsOf(it)]) + len(key) + len(it.Tags) + len(it.Value)
}

// Size is what an item takes, in bytes.
func Size(key []byte, it *Item) int { return sizeOf(key, it) }

// write fills r, which takes up room bytes (at least sizeOf, at most maxPad
// more), with a new record.
func (r record) write(key []byte, it *Item, room int, use uint8) {
	fields := fieldsOf(it)
	r[offUse] = use | it.Bits<<useBits
	r[offKeyLen] = uint8(len(key))
	binary.LittleEndian.PutUint32(r[offValueLen:], uint32(len(it.Value)))
	binary.LittleEndian.PutUint32(r[offStored:], uint32(it.Stored>>timeShift))
	binary.LittleEndian.PutUint32(r[offAccessed:], uint32(it.Accessed>>timeShift))
	at := r.writeFields(fields, len(it.Tags), it)
	at += copy(r[at:], key)
	at += copy(r[at:], it.Tags)
	at += copy(r[at:], it.Value)
	r[offPad] = uint8(room - at)
}

// writeFields writes what Update may change, with the optional fields named,
// and returns where the key begins.
func (r record) writeFields(fields uint8, tags int, it *Item) int {
	bits := fields
	if it.Fetched {
		bits |= isFetched
	}
	r[0] = bits
	r[offUse] = r.use() | it.Bits<<useBits
	binary.LittleEndian.PutUint64(r[offVersion:], it.Version)
	at := fixedHeader
	if fields&hasCAS != 0 {
		binary.LittleEndian.PutUint64(r[at:], it.CAS)
		at += 8
	}
	if fields&hasExpires != 0 {
		binary.LittleEndian.PutUint64(r[at:], uint64(it.Expires))
		at += 8
	}
	if fields&hasStale != 0 {
		binary.LittleEndian.PutUint64(r[at:], uint64(it.StaleUntil))
		at += 8
	}
	if fields&hasFlags != 0 {
		binary.LittleEndian.PutUint32(r[at:], it.Flags)
		at += 4
	}
	if fields&hasTags != 0 {
		binary.LittleEndian.PutUint16(r[at:], uint16(tags))
		at += 2
	}
	return at
}

const maxPad = 255

// fits says whether a record of size bytes may lie in a room of another one
// without wasting more than an eighth of it. Small rooms may waste a little
// more: a counter or a date that changes its length stays where it is.
func fits(size, room int) bool {
	return size <= room && room-size <= min(maxPad, max(16, room/8))
}

// widen writes r to dst (which may be r itself), where it takes up room bytes,
// with the optional fields named and the changeable part of it. r has no field
// that is not named.
func (r record) widen(dst record, room int, fields uint8, it *Item) {
	tags := r.tagsLen()
	body, end := r.headerLen(), r.size()
	at := fixedHeader + int(optionalLen[fields])
	at += copy(dst[at:], r[body:end])
	copy(dst[offUse:fixedHeader], r[offUse:fixedHeader])
	dst.writeFields(fields, tags, it)
	dst[offPad] = uint8(room - at)
}
