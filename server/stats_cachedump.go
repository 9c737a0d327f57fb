package server

import (
	"github.com/leasecache/leasecache/lease"
	"github.com/leasecache/leasecache/protocol"
	"github.com/leasecache/leasecache/server/owner"
)

// maxCachedump is memcached's bound for the reply to a cachedump.
const maxCachedump = 2 << 20

// listing is how far a session has come with a cachedump.
type listing struct {
	running bool
	at      owner.Place
	left    uint32 // items that may be shown still
	bytes   int    // of the reply until now
}

// statsCachedump is stats cachedump <class> <limit>: some items, those that plain
// commands see and whose keys are plain. For all of them there is lru_crawler
// metadump. It returns false if the reply goes on: where few keys are plain, all
// items are gone through for a few lines, and others have their turns meanwhile.
func (s *session) statsCachedump(req *protocol.Request) bool {
	if len(req.Args) < 3 {
		s.answer(req, "CLIENT_ERROR bad command line\r\n", outcomeError)
		return true
	}
	class, ok := protocol.Uint32(req.Args[1])
	limit, okLimit := protocol.Uint32(req.Args[2])
	switch {
	case !ok || !okLimit:
		s.answer(req, badFormat, outcomeError)
		return true
	case class >= maxClasses:
		s.answer(req, "CLIENT_ERROR Illegal slab id\r\n", outcomeError)
		return true
	case class != theClass:
		s.statsEnd(req)
		return true
	}
	s.list = listing{running: true, left: limit - 1} // below nothing is without a limit
	return s.cachedumpOn(req)
}

// cachedumpOn goes on with it. It returns false if there is more.
func (s *session) cachedumpOn(req *protocol.Request) bool {
	s.resume = false
	l := &s.list
	full := false
	list := func(key []byte, it *lease.Item) {
		if full || !protocol.PlainKey(key) {
			return
		}
		expires := int64(0)
		if it.Expires != 0 {
			expires = s.at.unix + s.at.ttl(it.Expires)
		}
		begin := len(s.out)
		s.out = protocol.AppendCachedump(s.out, key, len(it.Value), expires)
		l.bytes += len(s.out) - begin
		full = l.left == 0 || l.bytes > maxCachedump-maxItemLine
		l.left--
	}
	for step, more := 0, true; more && !full; step++ {
		if len(s.out) >= fullBatch || step == walkTurn {
			s.resume = true
			return false
		}
		var err error
		if l.at, more, err = s.owner.Walk(l.at, s.at.now, list); err != nil {
			*l = listing{}
			s.fail(req, err) // and without END nobody takes it for whole
			return true
		}
	}
	*l = listing{}
	s.statsEnd(req)
	return true
}

// maxItemLine is more than the line of an item takes.
const maxItemLine = protocol.MaxKey + 64

const badFormat = "CLIENT_ERROR bad command line format\r\n"
