package protocol

import "bytes"

// Login cuts the requests out of a connection's bytes by which its peer can show
// who he is, in memcached's way: a set whose value is user and password, parted by
// a blank. Key, flags and time of the set are not looked at. Until one of them was
// good, nothing else is a command.
type Login struct {
	User, Password []byte      // after Ready; they lie in the buffer
	Err            Error       // after Bad
	Reason         CloseReason // after Close

	begun bool
	need  int // bytes of the data block with its end that is to come; 0 is a line
	have  int
}

const (
	minLogin     = 6     // bytes of a line before its line feed
	maxLogin     = 16384 // bytes of user and password
	maxLoginLine = 2048
)

// Want is how many bytes beyond those last given to Next are useful to read.
func (l *Login) Want() int {
	if l.need > l.have {
		return l.need - l.have
	}
	return maxLoginLine
}

// Next finds the first attempt in buf, and returns how many bytes it has done with.
// As long as the data block of one is to come, it has done with the line before it.
func (l *Login) Next(buf []byte) (n int, st Status) {
	if l.need == 0 {
		if n, st = l.line(buf); l.need == 0 {
			return n, st
		}
		buf = buf[n:]
	}
	l.have = len(buf)
	if l.have < l.need {
		return n, NeedMore
	}
	block := buf[:l.need]
	l.need, l.have = 0, 0
	n += len(block)
	pair, whole := bytes.CutSuffix(block, []byte("\r\n"))
	if !whole {
		return n, l.bad("bad command line termination")
	}
	var parted bool
	if l.User, l.Password, parted = bytes.Cut(pair, blank); !parted {
		return n, l.bad("bad authentication token format")
	}
	return n, Ready
}

// line reads the line of a set, and notes the length of its data block.
func (l *Login) line(buf []byte) (n int, st Status) {
	if len(buf) > 0 && !l.begun {
		l.begun = true
		if buf[0] == 0x80 {
			return 0, l.close(CloseBinary)
		}
	}
	end := bytes.IndexByte(buf, '\n')
	switch {
	case end > maxLoginLine || end < 0 && len(buf) > maxLoginLine:
		return 0, l.close(CloseNoLogin)
	case end < 0 || len(buf) < 3:
		return 0, NeedMore
	case end < minLogin:
		return 0, l.close(CloseNoLogin)
	}
	// memcached takes the byte before the line feed for a carriage return,
	// whatever it is, and leaves out one more that is one.
	line := bytes.TrimSuffix(buf[:end-1], []byte{'\r'})
	words := fields{line}
	last := words.last(maxWords)
	first, _ := words.next()
	second, _ := words.next()
	if http(first, second, last) {
		return 0, l.close(CloseHTTP)
	}
	words.next()
	words.next()
	length, _ := words.next()
	size, ok := Uint32(length)
	switch {
	case !ok || !bytes.HasPrefix(line, []byte("set")):
		return end + 1, l.bad("unauthenticated")
	case size > maxLogin:
		return end + 1, l.bad("auth token too long")
	}
	l.need = int(size) + 2
	return end + 1, NeedMore
}

func (l *Login) bad(text string) Status {
	l.Err = Error{Kind: ErrorOfClient, Text: text}
	return Bad
}

func (l *Login) close(why CloseReason) Status {
	l.Reason = why
	return Close
}
