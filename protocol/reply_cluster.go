package protocol

import (
	"strconv"
	"time"
)

// AppendMapCurrent appends HD m<version>: the client's map is the current one.
func AppendMapCurrent(dst []byte, e *Echo, version uint64) []byte {
	dst = e.appendTo(append(dst, "HD"...), nil)
	return append(appendFlag(dst, 'm', version), '\r', '\n')
}

// AppendMap appends VA <size> m<version> and the map's JSON.
func AppendMap(dst []byte, e *Echo, version uint64, json []byte) []byte {
	dst = strconv.AppendInt(append(dst, "VA "...), int64(len(json)), 10)
	dst = appendFlag(e.appendTo(dst, nil), 'm', version)
	return appendData(append(dst, '\r', '\n'), json)
}

// AppendMoved appends MV: this node does not own the shard, and who does by
// the map of that version. k and O stand behind the address.
func AppendMoved(dst []byte, e *Echo, shard uint32, version uint64, addr string) []byte {
	dst = strconv.AppendUint(append(dst, "MV "...), uint64(shard), 10)
	dst = append(append(appendFlag(dst, 'm', version), ' '), addr...)
	return append(e.appendTo(dst, nil), '\r', '\n')
}

// AppendNear appends HD e<ms>: the near session lasts so long.
func AppendNear(dst []byte, e *Echo, d time.Duration) []byte {
	return append(appendFor(e.appendTo(append(dst, "HD"...), nil), d), '\r', '\n')
}

// AppendNoticeKey appends IV: copies of the key end. A key that is not plain
// is written as base64 with b behind it.
func AppendNoticeKey(dst []byte, seq uint64, key []byte) []byte {
	dst = append(strconv.AppendUint(append(dst, "IV "...), seq, 10), ' ')
	if PlainKey(key) {
		dst = append(dst, key...)
	} else {
		dst = append(keyEncoding.AppendEncode(dst, key), " b"...)
	}
	return append(dst, '\r', '\n')
}

// AppendNoticeTag appends IT: copies with the tag end.
func AppendNoticeTag(dst []byte, seq uint64, tag []byte) []byte {
	dst = append(strconv.AppendUint(append(dst, "IT "...), seq, 10), ' ')
	return append(append(dst, tag...), '\r', '\n')
}

// AppendNoticeShard appends IS: copies of the shard's keys end.
func AppendNoticeShard(dst []byte, seq uint64, shard uint32) []byte {
	dst = append(strconv.AppendUint(append(dst, "IS "...), seq, 10), ' ')
	return append(strconv.AppendUint(dst, uint64(shard), 10), '\r', '\n')
}

// AppendNoticeAll appends IF: all copies end.
func AppendNoticeAll(dst []byte, seq uint64) []byte {
	return append(strconv.AppendUint(append(dst, "IF "...), seq, 10), '\r', '\n')
}
