package protocol

import "bytes"

// fields walks over the words of a line. Words are parted by blanks only, one
// or more; no other byte parts them.
type fields struct{ rest []byte }

func (f *fields) next() ([]byte, bool) {
	i := 0
	for i < len(f.rest) && f.rest[i] == ' ' {
		i++
	}
	if i == len(f.rest) {
		f.rest = nil
		return nil, false
	}
	b := f.rest[i:]
	end := bytes.IndexByte(b, ' ')
	if end < 0 {
		f.rest = nil
		return b, true
	}
	f.rest = b[end:]
	return b[:end:end], true
}

func (f *fields) count() int {
	n := 0
	for g := *f; ; n++ {
		if _, ok := g.next(); !ok {
			return n
		}
	}
}

// last returns the last word of a line, nil if there is none.
func last(line []byte) []byte {
	line = bytes.TrimRight(line, " ")
	return line[bytes.LastIndexByte(line, ' ')+1:]
}
