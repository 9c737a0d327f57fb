package server

import (
	"github.com/leasecache/leasecache/lease"
	"github.com/leasecache/leasecache/protocol"
	"github.com/leasecache/leasecache/server/owner"
)

// maxCachedump is memcached's bound for the reply to a cachedump.
const maxCachedump = 2 << 20

// statsCachedump is stats cachedump <class> <limit>: some items, those that plain
// commands see and whose keys are plain. For all of them there is lru_crawler
// metadump.
func (s *session) statsCachedump(req *protocol.Request) {
	if len(req.Args) < 3 {
		s.answer(req, "CLIENT_ERROR bad command line\r\n", outcomeError)
		return
	}
	class, ok := protocol.Uint32(req.Args[1])
	limit, okLimit := protocol.Uint32(req.Args[2])
	switch {
	case !ok || !okLimit:
		s.answer(req, badFormat, outcomeError)
		return
	case class >= maxClasses:
		s.answer(req, "CLIENT_ERROR Illegal slab id\r\n", outcomeError)
		return
	case class != theClass:
		s.statsEnd(req)
		return
	}
	begin, shown := len(s.out), uint32(0)
	list := func(key []byte, it *lease.Item) {
		full := limit != 0 && shown == limit || len(s.out)-begin > maxCachedump-maxItemLine
		if full || !protocol.PlainKey(key) {
			return
		}
		shown++
		expires := int64(0)
		if it.Expires != 0 {
			expires = s.at.unix + s.at.ttl(it.Expires)
		}
		s.out = protocol.AppendCachedump(s.out, key, len(it.Value), expires)
	}
	at, more := owner.Place{}, true
	for more && (limit == 0 || shown < limit) && len(s.out)-begin <= maxCachedump-maxItemLine {
		var err error
		if at, more, err = s.owner.Walk(at, s.at.now, list); err != nil {
			s.out = s.out[:begin]
			s.fail(req, err)
			return
		}
	}
	s.statsEnd(req)
}

// maxItemLine is more than the line of an item takes.
const maxItemLine = protocol.MaxKey + 64

const badFormat = "CLIENT_ERROR bad command line format\r\n"
