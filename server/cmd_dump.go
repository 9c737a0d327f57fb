package server

import (
	"bytes"

	"github.com/leasecache/leasecache/lease"
	"github.com/leasecache/leasecache/protocol"
	"github.com/leasecache/leasecache/server/owner"
)

// lru_crawler metadump and mgdump: a line for every value that plain readers see.
//
// A dump is a request whose replies are too many to be composed at once, like a
// get of many keys. It goes on when what was composed is written, so a peer that
// reads slowly is waited for with one batch in memory and no lock held, what it
// sent behind the dump is executed after it, and when it is gone so is the dump.

// dump is how far a session's dump has come.
type dump struct {
	running bool
	keys    bool // mgdump
	at      owner.Place
	epoch   int64 // turns our times into the wall clock's
}

// lruCrawler returns false if the reply goes on.
func (s *session) lruCrawler(req *protocol.Request) bool {
	if len(req.Args) == 2 && !s.srv.noCrawler.Load() {
		switch what := req.Args[0]; {
		case protocol.IsWord(what, "crawl"): // before metadump, as in memcached
		case protocol.IsWord(what, "metadump"):
			return s.startDump(req, "metadump")
		case protocol.IsWord(what, "mgdump"):
			return s.startDump(req, "mgdump")
		}
	}
	s.crawler(req)
	return true
}

func (s *session) startDump(req *protocol.Request, name string) bool {
	what := "metadump"
	if name == "mgdump" {
		what = "key dump"
	}
	if s.denied(req, s.srv.cfg.Denied.Dump, "ERROR "+what+" not allowed") {
		return true
	}
	if s.pipelined() {
		s.answer(req, "ERROR cannot pipeline other commands before "+name+"\r\n", outcomeError)
		return true
	}
	classes, any, ok := slabClasses(req.Args[1])
	switch {
	case !ok:
		s.answer(req, "BADCLASS invalid class id\r\n", outcomeError)
		return true
	case !any:
		s.answer(req, "NOTSTARTED no items to crawl\r\n", outcomeMiss)
		return true
	case !s.srv.dumping.CompareAndSwap(false, true):
		s.answer(req, "BUSY currently processing crawler request\r\n", outcomeBusy)
		return true
	}
	s.dump = dump{running: true, keys: name == "mgdump"}
	s.out = append(s.out, protocol.LineOK...)
	if !classes {
		s.finishDump(req)
		return true
	}
	return s.dumpOn(req)
}

// dumpOn composes lines until there is a batch of them, or it found few for long. It
// returns false if more are to come.
func (s *session) dumpOn(req *protocol.Request) bool {
	s.resume = false
	s.dump.epoch = s.srv.clock.sinceEpoch()
	for step, more := 0, true; more; step++ {
		if len(s.out) >= fullBatch || step == walkTurn {
			s.resume = true
			return false
		}
		var err error
		if s.dump.at, more, err = s.owner.Walk(s.dump.at, s.at.now, s.dumpLine); err != nil {
			// It must not end as a dump does that is whole.
			s.endDump()
			s.count(req.Verb, outcomeUnavailable)
			s.out = protocol.AppendServerError(s.out, err.Error()+"; the dump is not whole")
			return true
		}
	}
	s.finishDump(req)
	return true
}

func (s *session) dumpLine(key []byte, it *lease.Item) {
	if s.dump.keys {
		s.out = protocol.AppendMgdump(s.out, key)
		return
	}
	info := protocol.ItemInfo{
		Key:         key,
		Expires:     -1,
		Accessed:    s.unixOf(it.Accessed),
		CAS:         it.Shown(),
		Fetched:     it.Fetched,
		Class:       theClass,
		Size:        uint64(len(key) + len(it.Value)),
		ClientFlags: it.Flags,
	}
	if it.Expires != 0 {
		info.Expires = s.unixOf(it.Expires)
	}
	s.out = protocol.AppendMetadump(s.out, &info)
}

func (s *session) unixOf(at int64) int64 { return (s.dump.epoch + at) / second }

// finishDump says that the dump is whole.
func (s *session) finishDump(req *protocol.Request) {
	if s.dump.keys {
		s.out = append(s.out, protocol.LineEN...)
	} else {
		s.out = append(s.out, protocol.LineEnd...)
	}
	s.endDump()
	s.count(req.Verb, outcomeOK)
}

// endDump lets the next one begin; it may be called when there is none.
func (s *session) endDump() {
	if s.dump.running {
		s.dump = dump{}
		s.srv.dumping.Store(false)
	}
}

const (
	theClass   = 1 // of all items: there are no slabs
	maxClasses = 64
)

// slabClasses reads what a dump is to go through: all, hash, or numbers of slab
// classes with commas between. ours is whether the one we have is among them, any
// whether there is one at all.
func slabClasses(arg []byte) (ours, any, ok bool) {
	if string(arg) == "all" || string(arg) == "hash" {
		return true, true, true
	}
	for word := range bytes.SplitSeq(arg, []byte{','}) {
		if len(word) == 0 {
			continue
		}
		n, fits := protocol.Uint32(word)
		if !fits || n == 0 || n >= maxClasses {
			return false, false, false
		}
		ours, any = ours || n == theClass, true
	}
	return ours, any, true
}
