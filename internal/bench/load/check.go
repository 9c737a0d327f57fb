package load

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
)

// ErrRubbish says that a server answered something else than was asked.
var ErrRubbish = errors.New("wrong reply")

// maxLine bounds the lines of replies, and so what a checker may leave.
const maxLine = 128

// checker follows the replies of one connection, byte by byte, along the steps
// that its requests wrote down.
type checker struct {
	steps []step
	at    int // the step that is next
	value int // bytes of its value that were seen; -1: its head was not

	older  bool // values of the generation before are right, too
	keys   int  // answers for a key so far
	misses int
	missed []step // of them, if kept
	keep   bool

	refused int  // sets for which there was no room
	lenient bool // which is then no error

	scratch [maxLine]byte
}

func (c *checker) begin() {
	c.steps = c.steps[:0]
	c.at, c.value = 0, -1
}

func (c *checker) finished() bool { return c.at == len(c.steps) }

// consume takes what it can of in. What it leaves is the start of a line or of
// a value, less than maxLine bytes, to be shown again with more behind it.
func (c *checker) consume(in []byte) (used int, err error) {
	for !c.finished() {
		s := &c.steps[c.at]
		var n int
		var went bool
		if c.value < 0 {
			n, went, err = c.line(s, in[used:])
		} else {
			n, went, err = c.body(s, in[used:])
		}
		used += n
		if err != nil || !went {
			return used, err
		}
	}
	if used < len(in) {
		return used, fmt.Errorf("%w: %q, which nobody asked for", ErrRubbish, first(in[used:]))
	}
	return used, nil
}

// line takes the line that a step begins with, or is.
func (c *checker) line(s *step, in []byte) (n int, went bool, err error) {
	want := c.expected(s)
	if bytes.HasPrefix(in, want) {
		if s.kind == classicValue || s.kind == metaValue || s.kind == respValue {
			c.value = 0
		} else {
			c.next(s)
		}
		return len(want), true, nil
	}
	if len(in) < len(want) && bytes.HasPrefix(want, in) {
		return 0, false, nil
	}
	if s.kind == classicValue && (in[0] == 'E' || in[0] == 'V') {
		// Another key's, or END: this one was left out. If the line is of no other
		// key that was asked for, the END that must come says so.
		c.miss(s)
		return 0, true, nil
	}
	end := bytes.IndexByte(in, '\n')
	if end < 0 && len(in) < maxLine {
		return 0, false, nil
	}
	if end >= 0 && c.lenient && refuses(s.kind, in[:end+1]) {
		c.refused++
		c.next(s)
		return end + 1, true, nil
	}
	if end < 0 || !missed(s.kind, in[:end+1]) {
		return 0, false, fmt.Errorf("%w: %q instead of %q", ErrRubbish, first(in), want)
	}
	c.miss(s)
	return end + 1, true, nil
}

// refuses says whether a line is how a server says that it has no room.
func refuses(k kind, line []byte) bool {
	return k == stored && bytes.HasPrefix(line, []byte("SERVER_ERROR out of memory")) ||
		k == respOK && bytes.HasPrefix(line, []byte("-OOM"))
}

func (c *checker) expected(s *step) []byte {
	b := c.scratch[:0]
	switch s.kind {
	case classicValue:
		b = AppendKey(append(b, "VALUE "...), s.key)
		b = append(b, " 0 "...)
	case classicEnd:
		return append(b, "END\r\n"...)
	case stored:
		return append(b, "STORED\r\n"...)
	case respOK:
		return append(b, "+OK\r\n"...)
	case metaValue:
		b = append(b, "VA "...)
	case respValue:
		b = append(b, '$')
	case respArray:
		b = append(b, '*')
	}
	return append(strconv.AppendUint(b, uint64(s.size), 10), "\r\n"...)
}

// missed says whether a line is how a server says that it has no value. All
// answers of lg without one are: who fills is not what is measured.
func missed(k kind, line []byte) bool {
	switch k {
	case metaValue:
		return string(line) == "EN\r\n" || bytes.HasPrefix(line, []byte("LE ")) ||
			bytes.HasPrefix(line, []byte("WT ")) || bytes.HasPrefix(line, []byte("QU"))
	case respValue:
		return string(line) == "$-1\r\n"
	}
	return false
}

// body takes what has come of a value, and the line end behind it.
func (c *checker) body(s *step, in []byte) (n int, went bool, err error) {
	want := Value(s.key, s.generation, s.size)
	if c.value == 0 {
		// Enough to tell two generations apart.
		if len(in) < min(8, len(want)) {
			return 0, false, nil
		}
		if c.older && s.generation > 0 && !bytes.HasPrefix(in, want[:min(8, len(want))]) {
			s.generation--
			want = Value(s.key, s.generation, s.size)
		}
	}
	want = want[c.value:]
	n = min(len(want), len(in))
	if !bytes.Equal(in[:n], want[:n]) {
		return n, false, fmt.Errorf("%w: the value of %s is not the one that was stored", ErrRubbish, AppendKey(nil, s.key))
	}
	c.value += n
	if n < len(want) || len(in) < n+2 {
		return n, false, nil
	}
	if in[n] != '\r' || in[n+1] != '\n' {
		return n, false, fmt.Errorf("%w: %q behind the value of %s", ErrRubbish, first(in[n:]), AppendKey(nil, s.key))
	}
	c.next(s)
	return n + 2, true, nil
}

func (c *checker) next(s *step) {
	if s.kind.countsKey() {
		c.keys++
	}
	c.at++
	c.value = -1
}

func (c *checker) miss(s *step) {
	c.misses++
	if c.keep {
		c.missed = append(c.missed, *s)
	}
	c.next(s)
}

// first is the beginning of what a server sent, for a message.
func first(in []byte) []byte { return in[:min(len(in), 40)] }
