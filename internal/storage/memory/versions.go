package memory

import "encoding/binary"

// versions keeps the high halves of the versions in a partition's records, each
// once, so that a record has one byte for its own. Versions are tokens: an epoch of
// the shard and a sequence in it. So there are about as many high halves as shards
// in the partition, and a record whose own finds no room here keeps all of it.
type versions [256]highHalf

type highHalf struct {
	high    uint32
	records uint32 // that refer to it; with none the place is free
}

// near is in how many places a high half may be.
const near = 8

// take counts one more record with a version's high half, and says where that is,
// unless there is no room.
func (v *versions) take(version uint64) (prefix uint8, ok bool) {
	high := uint32(version >> 32)
	first := uint8(high * 0x9e3779b1 >> 24)
	free := -1
	for i := range uint8(near) {
		switch h := &v[first+i]; {
		case h.records > 0 && h.high == high:
			h.records++
			return first + i, true
		case h.records == 0 && free < 0:
			free = int(first + i)
		}
	}
	if free < 0 {
		return 0, false
	}
	v[free] = highHalf{high, 1}
	return uint8(free), true
}

// release counts one record less.
func (v *versions) release(r record) { v.drop(r[0], r[offPrefix]) }

// drop is release for a record that was never written.
func (v *versions) drop(fields, prefix uint8) {
	if fields&hasVersion == 0 {
		v[prefix].records--
	}
}

func (v *versions) of(r record) uint64 {
	high := v[r[offPrefix]].high
	if r[0]&hasVersion != 0 {
		high = binary.LittleEndian.Uint32(r[r.field(hasVersion):])
	}
	return uint64(high)<<32 | uint64(binary.LittleEndian.Uint32(r[offVersion:]))
}

// item reads the whole record; Tags and Value alias it.
func (p *Partition) item(r record) (it Item) {
	marks := r[offMarks]
	it.Version = p.versions.of(r)
	it.Fetched = marks&isFetched != 0
	it.Bits = marks >> itemBits
	it.Stored = r.time(offStored, p.now)
	it.Accessed = r.time(offAccessed, p.now)
	at := fixedHeader + r.keyLen()
	if r[0]&hasOptional == 0 {
		end := at + int(binary.LittleEndian.Uint16(r[offValueLen:]))
		it.Value = r[at:end:end]
		return it
	}
	r.readOptional(&it)
	at += r.headerLen() - fixedHeader
	if tags := r.tagsLen(); tags > 0 {
		it.Tags = r[at : at+tags : at+tags]
		at += tags
	}
	end := at + r.valueLen()
	it.Value = r[at:end:end]
	return it
}

func (r record) readOptional(it *Item) {
	fields := r[0]
	if fields&hasCAS != 0 {
		it.CAS = binary.LittleEndian.Uint64(r[r.field(hasCAS):])
	}
	if fields&hasExpires != 0 {
		it.Expires = getTime(r[r.field(hasExpires):])
	}
	if fields&hasStale != 0 {
		it.StaleUntil = getTime(r[r.field(hasStale):])
	}
	if fields&hasFlags != 0 {
		it.Flags = binary.LittleEndian.Uint32(r[r.field(hasFlags):])
	}
}
