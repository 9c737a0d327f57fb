package server

import (
	"bytes"
	"maps"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/leasecache/leasecache/protocol"
)

// stats detail counts memcached's classic commands by the part of the key before
// the first colon; a key without one is not counted. It is off until somebody
// turns it on, and then costs one load per key.

const (
	prefixEnd = ':'
	// maxPrefixes is memcached's bound. Those that come later are not counted, so
	// that keys made up by a client cannot fill the memory.
	maxPrefixes = 256
)

// prefixCounts are memcached's four.
type prefixCounts struct{ gets, hits, sets, deletes atomic.Uint64 }

// prefixes counts by prefix. Whoever counts looks into a table that never
// changes, so nobody waits; a new prefix, of which there are few, makes a new
// table.
type prefixes struct {
	counting atomic.Bool
	table    atomic.Pointer[map[string]*prefixCounts]
	mu       sync.Mutex // to change the table
}

func (p *prefixes) on() bool { return p.counting.Load() }

// of returns the counts of a key's prefix, or nil if it is not counted.
func (p *prefixes) of(key []byte) *prefixCounts {
	if !p.on() {
		return nil
	}
	end := bytes.IndexByte(key, prefixEnd)
	if end < 0 {
		return nil
	}
	if table := p.table.Load(); table != nil {
		if c := (*table)[string(key[:end])]; c != nil {
			return c
		}
		if len(*table) >= maxPrefixes {
			return nil
		}
	}
	return p.add(string(key[:end]))
}

func (p *prefixes) add(prefix string) *prefixCounts {
	p.mu.Lock()
	defer p.mu.Unlock()
	table := p.table.Load()
	wider := map[string]*prefixCounts{}
	if table != nil {
		if c := (*table)[prefix]; c != nil {
			return c // another was faster
		}
		if len(*table) >= maxPrefixes {
			return nil
		}
		maps.Copy(wider, *table)
	}
	c := &prefixCounts{}
	wider[prefix] = c
	p.table.Store(&wider)
	return c
}

func (p *prefixes) clear() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.table.Store(nil)
}

func (p *prefixes) get(key []byte, found bool) {
	if c := p.of(key); c != nil {
		c.gets.Add(1)
		if found {
			c.hits.Add(1)
		}
	}
}

func (p *prefixes) set(key []byte) {
	if c := p.of(key); c != nil {
		c.sets.Add(1)
	}
}

func (p *prefixes) delete(key []byte) {
	if c := p.of(key); c != nil {
		c.deletes.Add(1)
	}
}

// append adds the lines of stats detail dump, in order of the prefixes.
func (p *prefixes) append(dst []byte) []byte {
	table := p.table.Load()
	if table == nil {
		return dst
	}
	for _, prefix := range slices.Sorted(maps.Keys(*table)) {
		c := (*table)[prefix]
		hits := c.hits.Load() // first: there are never more of them than gets
		dst = protocol.AppendPrefixStat(dst, []byte(prefix), c.gets.Load(), hits, c.sets.Load(), c.deletes.Load())
	}
	return dst
}

func (s *session) statsDetail(req *protocol.Request) {
	var what []byte
	if len(req.Args) > 1 {
		what = req.Args[1]
	}
	switch p := &s.srv.prefixes; {
	case protocol.IsWord(what, "on"):
		p.counting.Store(true)
		s.answer(req, protocol.LineOK, outcomeOK)
	case protocol.IsWord(what, "off"):
		p.counting.Store(false)
		s.answer(req, protocol.LineOK, outcomeOK)
	case protocol.IsWord(what, "dump"):
		s.out = p.append(s.out)
		s.statsEnd(req)
	default:
		s.answer(req, "CLIENT_ERROR usage: stats detail on|off|dump\r\n", outcomeError)
	}
}
