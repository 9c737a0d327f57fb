package protocol

import "bytes"

// GuessKey guesses the key of the request that buf begins with: the second word of
// its first line, whatever the first one says. It returns how long the line is, 0 if
// it is not whole. It is for who can make use of a key before its request is
// parsed, and takes no harm from a word that is none.
func GuessKey(buf []byte) (key []byte, line int) {
	end := bytes.IndexByte(buf, '\n')
	if end < 0 {
		return nil, 0
	}
	words := fields{buf[:end]}
	words.next()
	key, _ = words.next()
	return bytes.TrimSuffix(key, carriageReturn), end + 1
}

var carriageReturn = []byte{'\r'}
