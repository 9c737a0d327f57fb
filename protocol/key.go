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
