package protocol

import "encoding/base64"

// keyEncoding is strict, so that a key has exactly one base64 text and a reply
// may echo the text it was given.
var keyEncoding = base64.StdEncoding.Strict()

// maxDecoded is the room a decoded key may need.
const maxDecoded = MaxKey/4*3 + 3

// PlainKey reports whether the key can be written as it is: 1 to 250 bytes, no
// blank, no control byte, no 0x7F. A lease command takes any other key, if it
// is not too long, as base64.
func PlainKey(key []byte) bool {
	return len(key) > 0 && len(key) <= MaxKey && printable(key)
}

// printable reports whether b could be one word of a line and nothing else.
func printable(b []byte) bool {
	for _, c := range b {
		if c <= ' ' || c == 0x7f {
			return false
		}
	}
	return true
}

func wordBytes(b []byte) bool {
	for _, c := range b {
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '_':
		default:
			return false
		}
	}
	return true
}

// decodeKey decodes base64 text of at most MaxKey bytes into scratch. A text
// that stands for nothing is no key.
func decodeKey(scratch *[maxDecoded]byte, text []byte) ([]byte, bool) {
	n, err := keyEncoding.Decode(scratch[:], text)
	if err != nil || n == 0 {
		return nil, false
	}
	return scratch[:n:n], true
}

// decodeLoosely decodes base64 text of at most MaxKey bytes as memcached does:
// bytes that are no base64 are skipped, the rest has to come in fours, and
// nothing counts behind the first four that hold padding.
func decodeLoosely(scratch *[maxDecoded]byte, text []byte) ([]byte, bool) {
	count := 0
	for _, c := range text {
		if looseBase64[c] != noBase64 {
			count++
		}
	}
	if count == 0 || count%4 != 0 {
		return nil, false
	}
	key := scratch[:0]
	var block uint32
	have, pads := 0, 0
	for _, c := range text {
		v := looseBase64[c]
		if v == noBase64 {
			continue
		}
		if c == '=' {
			pads++
		}
		block = block<<6 | uint32(v)
		if have++; have < 4 {
			continue
		}
		key = append(key, byte(block>>16), byte(block>>8), byte(block))
		if pads > 2 {
			return nil, false
		}
		if pads > 0 {
			key = key[:len(key)-pads]
			break
		}
		block, have = 0, 0
	}
	return key[:len(key):len(key)], true
}

const noBase64 = 0xff

// looseBase64 holds the six bits of each byte; the padding counts as none set.
var looseBase64 = func() (table [256]byte) {
	for i := range table {
		table[i] = noBase64
	}
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
	for i := range len(alphabet) {
		table[alphabet[i]] = byte(i)
	}
	table['='] = 0
	return table
}()
