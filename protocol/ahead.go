package protocol

import "bytes"

// aheadBytes is how far Ahead looks.
const aheadBytes = 4 << 10

// Ahead guesses the keys of the requests at the beginning of buf, of which there may
// be many: the second word of every whole line, whatever the first one says. It
// appends them to keys, up to its capacity, and returns how many bytes it has looked
// at. It is for who can make use of a key before its request is parsed, and takes no
// harm from words that are none.
func Ahead(buf []byte, keys [][]byte) (used int, _ [][]byte) {
	look := buf[:min(len(buf), aheadBytes)]
	for len(keys) < cap(keys) {
		line := look[used:]
		end := bytes.IndexByte(line, '\n')
		if end < 0 {
			break
		}
		used += end + 1
		line = line[:end]
		first := bytes.IndexByte(line, ' ')
		if first < 0 {
			continue
		}
		key := line[first+1:]
		if next := bytes.IndexByte(key, ' '); next >= 0 {
			key = key[:next]
		} else if n := len(key); n > 0 && key[n-1] == '\r' {
			key = key[:n-1]
		}
		if len(key) > 0 && len(key) <= MaxKey {
			keys = append(keys, key)
		}
	}
	return used, keys
}
