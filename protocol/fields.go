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

// maxWords is how many words of a line memcached looks at, the command among
// them. Those behind are as if they were not there.
const maxWords = 23

// last returns the last of the first so many words, nil if there are none.
func (f *fields) last(words int) []byte {
	line := bytes.TrimRight(f.rest, " ")
	if bytes.Count(line, blank) < words {
		return line[bytes.LastIndexByte(line, ' ')+1:]
	}
	var word []byte
	for g := *f; words > 0; words-- {
		next, ok := g.next()
		if !ok {
			break
		}
		word = next
	}
	return word
}

var blank = []byte{' '}
