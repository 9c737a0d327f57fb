package protocol

import "strconv"

// The lines of lru_crawler metadump and mgdump stand between LineOK and LineEnd
// or LineEN, those of stats cachedump and stats detail dump before LineEnd.

// AppendMetadump appends the line of one item. It has memcached's end: a blank
// and a bare \n.
func AppendMetadump(dst []byte, it *ItemInfo) []byte {
	dst = appendURI(append(dst, "key="...), it.Key)
	dst = it.append(append(dst, ' '))
	dst = strconv.AppendUint(append(dst, " flags="...), uint64(it.ClientFlags), 10)
	return append(dst, ' ', '\n')
}

// AppendMgdump appends the mg that fetches the key.
func AppendMgdump(dst, key []byte) []byte {
	dst = append(dst, "mg "...)
	if PlainKey(key) {
		dst = append(dst, key...)
	} else {
		dst = append(keyEncoding.AppendEncode(dst, key), " b"...)
	}
	return append(dst, '\r', '\n')
}

// AppendCachedump appends the line of one item whose key is plain; expires is a
// Unix time, 0 for never.
func AppendCachedump(dst, key []byte, size int, expires int64) []byte {
	dst = append(append(dst, "ITEM "...), key...)
	dst = strconv.AppendInt(append(dst, " ["...), int64(size), 10)
	dst = strconv.AppendInt(append(dst, " b; "...), expires, 10)
	return append(dst, " s]\r\n"...)
}

// AppendPrefixStat appends the line of one prefix of stats detail dump.
func AppendPrefixStat(dst, prefix []byte, gets, hits, sets, deletes uint64) []byte {
	dst = append(append(dst, "PREFIX "...), prefix...)
	dst = strconv.AppendUint(append(dst, " get "...), gets, 10)
	dst = strconv.AppendUint(append(dst, " hit "...), hits, 10)
	dst = strconv.AppendUint(append(dst, " set "...), sets, 10)
	dst = strconv.AppendUint(append(dst, " del "...), deletes, 10)
	return append(dst, '\r', '\n')
}

// appendURI appends b with everything but letters, digits and - . _ ~ escaped.
func appendURI(dst, b []byte) []byte {
	const hex = "0123456789ABCDEF"
	for _, c := range b {
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '-', c == '.', c == '_', c == '~':
			dst = append(dst, c)
		default:
			dst = append(dst, '%', hex[c>>4], hex[c&15])
		}
	}
	return dst
}
