package route

import (
	"bytes"

	"github.com/leasecache/leasecache/protocol"
)

// Group is keys of one request, by their places in it, that one node is asked
// for at once.
type Group struct {
	Node string
	Keys []int
}

// mostKeys and mostBytes bound a group: an owner does it without others having
// their turn.
const (
	mostKeys  = 256
	mostBytes = 16 << 10
)

// Split groups keys by their owners. Within a group they keep their order.
func Split(keys [][]byte, owner func(i int) string) []Group {
	var groups []Group
	open := map[string]int{}
	size := map[string]int{}
	for i, key := range keys {
		node := owner(i)
		at, ok := open[node]
		if !ok || len(groups[at].Keys) >= mostKeys || size[node]+len(key) > mostBytes {
			at = len(groups)
			open[node], size[node] = at, 0
			groups = append(groups, Group{Node: node})
		}
		groups[at].Keys = append(groups[at].Keys, i)
		size[node] += len(key)
	}
	return groups
}

var (
	valueWord  = []byte("VALUE ")
	lvalueWord = []byte("LVALUE ")
	lineEnd    = []byte("\r\n")
)

// Cut takes the reply to a request for several keys apart. pieces gets, in the
// place of each key that was found, what the reply has of it. rest is what
// follows the last value: END, an error, or nothing. Values come in the order of
// their keys, and those of keys that were not found are missing.
func Cut(reply []byte, keys, pieces [][]byte) (rest []byte, err error) {
	at := 0
	for {
		line := reply
		switch {
		case bytes.HasPrefix(reply, valueWord):
			line = reply[len(valueWord):]
		case bytes.HasPrefix(reply, lvalueWord):
			line = reply[len(lvalueWord):]
		default:
			return reply, nil
		}
		end := bytes.Index(line, lineEnd)
		if end < 0 {
			return nil, ErrAnswer
		}
		header := len(reply) - len(line) + end + len(lineEnd)
		size, ok := bodyOf(line[:end], reply[0] == 'L')
		whole := header + size + len(lineEnd)
		if !ok || size > len(reply) || whole > len(reply) {
			return nil, ErrAnswer
		}
		key := line[:bytes.IndexByte(line[:end], ' ')]
		for at < len(keys) && !bytes.Equal(keys[at], key) {
			at++
		}
		if at == len(keys) {
			return nil, ErrAnswer
		}
		pieces[at] = reply[:whole:whole]
		reply = reply[whole:]
		at++
	}
}

// bodyOf is how long the data block is of `<key> <flags> <size> [<cas>]`, or of
// `<key> <token> <flags> <size>`.
func bodyOf(line []byte, leased bool) (int, bool) {
	words := bytes.Split(line, []byte{' '})
	place := 2
	if leased {
		place = 3
	}
	if len(words) <= place {
		return 0, false
	}
	n, ok := protocol.Uint32(words[place])
	return int(n), ok
}
