package server

import (
	"errors"

	internode "github.com/leasecache/leasecache/internal/peer"
	"github.com/leasecache/leasecache/lease"
	"github.com/leasecache/leasecache/protocol"
	"github.com/leasecache/leasecache/server/owner"
	"github.com/leasecache/leasecache/shard"
)

// session is the command side of one connection: bytes in, replies out. It
// knows no transport. One goroutine at a time feeds it; replies that must wait
// are completed by others through their slots.
type session struct {
	srv    *Server
	owner  *owner.Owner
	parser protocol.Parser
	queue  *replies
	number int64 // of the connection, for people
	closed func(protocol.CloseReason)
	login  *protocol.Login // until the peer is known; nil then, or if everybody may come in

	failures int // to log in

	out    []byte  // replies of this batch that nothing has to wait for
	at     reading // of this batch
	reader reader  // takes the answers of reads
	meta   metaViewer
	editor editor
	tags   []byte // scratch
	resume bool   // the last request is a get whose keys from next on are to be answered still, a dump, stats sizes or a cachedump
	next   int
	dump   dump
	sizing sizing
	list   listing
	placed int  // replies of this batch that have to wait
	over   bool // the peer asked for the end of the server
	before int  // requests of this batch before the one that is executed

	batch  []byte           // what was given to feed
	raw    span             // where in it the request lies that is executed
	calls  *internode.Batch // of what other nodes are asked, which goes out before the thread sleeps; nil: at once
	train  *forward         // that is open: see train.go
	away   *away            // what other nodes are asked for; nil until it is something
	asker  *asker           // set if another node asks: nothing is asked of others then
	enough int              // bytes of replies that are enough for a batch, also in the middle of a list of keys

	same same

	watcher *watcher // set when the connection has become one
	seen    watched
}

type feedState uint8

const (
	feedMore  feedState = iota // the rest is no whole request
	feedFull                   // write what there is, then feed the rest again
	feedTurn                   // the same, but others have their turn first
	feedClose                  // write what there is, then close
	feedWatch                  // write what there is, then only what the watcher is told
	feedAway                   // write what there is; the rest has to wait until other nodes have answered more
)

const (
	// fullBatch is how many bytes of replies are composed before they are written.
	fullBatch = 256 << 10
	// tightBatch is fullBatch where connections keep much already.
	tightBatch = 16 << 10
	// prefetchBytes is how far requests are looked at before they are parsed.
	prefetchBytes = 4 << 10
	// fullPlaces is how many places are reserved before they are counted.
	fullPlaces = 256
	// maxHeld is how many bytes of replies are kept for a peer that does not read
	// or behind a reply that waits; more where a value may be larger.
	maxHeld = 8 << 20
	// maxOpen is how many replies of a connection may wait. It is kept by closing:
	// a connection that is not read can have its own fill behind its own wait (U13).
	maxOpen = 4096
)

func newSession(srv *Server, queue *replies) *session {
	s := &session{srv: srv, owner: srv.owner, queue: queue, enough: fullBatch}
	s.parser.Limits = srv.limits
	s.reader.session = s
	if srv.users != nil {
		s.login = new(protocol.Login)
	}
	return s
}

// want is how many more bytes are useful to read.
func (s *session) want() int {
	if s.login != nil {
		return s.login.Want()
	}
	return s.parser.Want()
}

// rest lets go of the last request: a connection may stay as it is for hours.
func (s *session) rest() {
	s.parser.Forget()
	s.batch = nil
	s.reader.key, s.reader.viewer.key = nil, nil
	if cap(s.out) > s.srv.budget.keeps() {
		s.out = nil
	}
}

// swallowing reports whether a refused data block is still coming.
func (s *session) swallowing() bool { return s.parser.Swallowing() }

// taken hands over the replies composed so far; they hold until the next feed.
func (s *session) taken() []byte {
	out := s.out
	s.out = s.out[:0]
	if cap(s.out) > 2*fullBatch {
		s.out = nil
	}
	return out
}

// feed executes the requests that buf holds whole, in order, and returns how
// many bytes it has done with.
func (s *session) feed(buf []byte, at reading) (used int, state feedState) {
	used, state = s.requests(buf, at)
	s.depart()
	s.tally()
	return used, state
}

func (s *session) requests(buf []byte, at reading) (used int, state feedState) {
	s.at, s.placed, s.batch, s.enough = at, 0, buf, s.srv.budget.batch()
	s.seen.kinds = s.srv.watchers.wanted()
	if s.resume {
		// From the request that was not done, in the same buffer or another.
		n, _ := s.parser.Next(buf)
		s.raw = span{s.parser.Skipped(), n}
		if !s.again() {
			return 0, feedFull
		}
		used = n
	}
	if s.login != nil {
		if used, state = s.logIn(buf); s.login != nil {
			return used, state
		}
	}
	ahead := used
	for s.before = 0; ; s.before++ {
		if s.before >= s.srv.cfg.Turn && used < len(buf) {
			return used, feedTurn
		}
		if s.away != nil && s.away.full() && used < len(buf) {
			return used, feedAway
		}
		if used >= ahead {
			ahead = used + s.prefetch(buf[used:])
		}
		n, status := s.parser.Next(buf[used:])
		s.raw = span{used + s.parser.Skipped(), used + n}
		req := s.parser.Request()
		switch status {
		case protocol.NeedMore:
			return used + n, feedMore
		case protocol.Close:
			s.refuse(s.parser.Reason())
			return used + n, feedClose
		case protocol.Bad:
			if s.seen.kinds != 0 {
				s.badWatched(req)
			} else {
				s.bad(req)
			}
		case protocol.Ready:
			if req.Verb == protocol.VerbQuit {
				s.count(req.Verb, outcomeOK)
				return used + n, feedClose
			}
			if !s.run(req) {
				return used + s.parser.Skipped(), feedFull
			}
			switch {
			case s.over:
				return used + n, feedClose
			case s.watcher != nil:
				return used + n, feedWatch
			}
		}
		used += n
		if len(s.out) >= s.enough || s.placed >= fullPlaces {
			return used, feedFull
		}
	}
}

// prefetch has memory bring what the next requests in buf will look up, if there
// are several, and returns how far it looked: everything is looked at once.
func (s *session) prefetch(buf []byte) (looked int) {
	var list [owner.PrefetchKeys][]byte
	keys := list[:0]
	for buf = buf[:min(len(buf), prefetchBytes)]; len(keys) < len(list); {
		key, n := protocol.GuessKey(buf[looked:])
		if n == 0 {
			break
		}
		looked += n
		if len(key) > 0 {
			keys = append(keys, key)
		}
	}
	if len(keys) > 1 {
		s.owner.Prefetch(keys)
	}
	return max(looked, 1)
}

// refuse notes that the connection is closed for what its peer speaks.
func (s *session) refuse(why protocol.CloseReason) {
	s.srv.stats.refused(why)
	if s.closed != nil {
		s.closed(why)
	}
}

// run is execute, and tells those who watch.
func (s *session) run(req *protocol.Request) bool {
	if s.seen.kinds != 0 {
		return s.executeWatched(req)
	}
	return s.execute(req)
}

// again goes on with the request whose replies were too many at once.
func (s *session) again() bool {
	switch {
	case s.dump.running:
		return s.dumpOn(s.parser.Request())
	case s.sizing.counts != nil:
		return s.sizesOn(s.parser.Request())
	case s.list.running:
		return s.cachedumpOn(s.parser.Request())
	}
	return s.get()
}

// pipelined reports whether the peer sent the request before it could have read
// all replies to those in front. For a few memcached refuses that, and counts one
// that has no reply, too.
func (s *session) pipelined() bool {
	open, held := s.queue.load()
	return s.before > 0 || len(s.out) > 0 || open > 0 || held > 0
}

// hungUp does what is left to do when the peer went away: rest is what feed did
// not use. A fill that was cut off, or not reached, ends its lease.
func (s *session) hungUp(rest []byte, at reading) {
	if s.login != nil {
		return
	}
	s.endDump()
	s.endSizing()
	if s.watcher != nil {
		s.srv.watchers.leave(s.watcher)
	}
	// What was not executed is a peer's that went away without its replies, and is
	// not executed now. But its fills end their leases, or the keys would wait for
	// nobody.
	for {
		n, status := s.parser.Next(rest)
		switch status {
		case protocol.Ready, protocol.Bad:
			s.giveBack(s.parser.Request(), at)
		case protocol.NeedMore:
			if req, ok := s.parser.Unfinished(rest[n:]); ok {
				s.giveBack(req, at)
			}
			return
		default:
			return
		}
		rest = rest[n:]
	}
}

// giveBack ends the lease of a fill that is not to be.
func (s *session) giveBack(req *protocol.Request, at reading) {
	refused := req.Err.Kind != protocol.NoError && req.Err.Cause == protocol.CauseLine
	if refused || req.Verb != protocol.VerbLS && req.Verb != protocol.VerbLeaseSet {
		return
	}
	hash := shard.Hash(req.Key)
	_, err := s.owner.GiveBack(at.now, hash, req.Key, lease.Token(req.Token))
	if place, ok := s.srv.routes.RouteHash(hash); ok && errors.Is(err, owner.ErrNotOwner) {
		s.srv.giveBackTo(place, int(s.number), req.Key, req.Token)
	}
	// Another error is the owner's that stops: its leases end anyway.
}

// reserve gives a reply that has to wait its place, behind those of the batch.
func (s *session) reserve(cancel func()) *slot {
	at := &slot{cancel: cancel}
	s.place(at)
	return at
}

// place is reserve for a slot that is there already.
func (s *session) place(at *slot) {
	s.depart()
	s.queue.place(at, s.out)
	s.out = s.out[:0]
	s.placed++
}

// execute runs one request. It returns false if there is too much of it to be done
// at once: see again.
func (s *session) execute(req *protocol.Request) bool {
	switch req.Verb {
	case protocol.VerbGet, protocol.VerbGets, protocol.VerbGat, protocol.VerbGats, protocol.VerbLeaseGet:
		s.next = 0
		return s.get()
	case protocol.VerbSet:
		s.store(req, lease.Set)
	case protocol.VerbAdd:
		s.store(req, lease.Add)
	case protocol.VerbReplace:
		s.store(req, lease.Replace)
	case protocol.VerbCAS, protocol.VerbAppend, protocol.VerbPrepend:
		s.change(req)
	case protocol.VerbIncr, protocol.VerbDecr:
		s.incr(req)
	case protocol.VerbMG:
		s.metaGet(req)
	case protocol.VerbMS:
		s.metaSet(req)
	case protocol.VerbMD:
		s.metaDelete(req)
	case protocol.VerbMA:
		s.metaCount(req)
	case protocol.VerbME:
		s.metaDebug(req)
	case protocol.VerbLeaseSet:
		s.leaseSetMcrouter(req)
	case protocol.VerbDelete:
		s.delete(req)
	case protocol.VerbTouch:
		s.touch(req)
	case protocol.VerbLG:
		s.leaseGet(req)
	case protocol.VerbLS:
		s.leaseSet(req)
	case protocol.VerbLD:
		s.invalidate(req)
	case protocol.VerbLW:
		s.intentBegin(req)
	case protocol.VerbLC:
		s.intentCommit(req)
	case protocol.VerbLA:
		s.intentAbort(req)
	case protocol.VerbLT:
		s.tagBump(req)
	case protocol.VerbLF:
		s.fence(req)
	case protocol.VerbLM:
		s.shardMap(req)
	case protocol.VerbLN:
		s.nearSession(req)
	case protocol.VerbVersion:
		s.out = protocol.AppendVersion(s.out, s.srv.versionLine())
		s.count(req.Verb, outcomeOK)
	case protocol.VerbVerbosity, protocol.VerbFlushAll:
		s.admin(req)
	case protocol.VerbStats:
		return s.stats(req)
	case protocol.VerbLRUCrawler:
		return s.lruCrawler(req)
	case protocol.VerbWatch:
		s.watch(req)
	case protocol.VerbLRU:
		s.lru(req)
	case protocol.VerbSlabs:
		s.slabs(req)
	case protocol.VerbExtstore:
		s.extstore(req)
	case protocol.VerbCacheMemlimit:
		s.memLimit(req)
	case protocol.VerbShutdown:
		s.shutdown(req)
	case protocol.VerbMN:
		s.out = append(s.out, protocol.LineMN...)
		s.count(req.Verb, outcomeOK)
	default:
		s.out = protocol.AppendError(s.out, protocol.Error{Kind: protocol.ErrorCommand})
		s.count(req.Verb, outcomeError)
	}
	return true
}

// bad answers a request that could not be parsed, and does what must be done
// nevertheless: a fill that was sent broken ends its lease, and a value that is
// too large takes the old one with it.
func (s *session) bad(req *protocol.Request) {
	answered := false
	if req.Err.Cause != protocol.CauseLine {
		if req.Verb.Stores() {
			s.srv.prefixes.set(req.Key)
		}
		hash := shard.Hash(req.Key)
		var err error
		switch req.Verb {
		case protocol.VerbLS, protocol.VerbLeaseSet:
			_, err = s.owner.GiveBack(s.at.now, hash, req.Key, lease.Token(req.Token))
		case protocol.VerbSet, protocol.VerbMS: // only these, as in memcached
			if req.Err.Cause == protocol.CauseTooLarge {
				_, err = s.owner.Delete(s.at.now, hash, req.Key)
			}
		}
		answered = s.badElsewhere(req, err)
		if err != nil && !answered {
			s.fail(req, err)
			return
		}
	}
	if !answered {
		s.out = protocol.AppendError(s.out, req.Err)
	}
	switch req.Err.Cause {
	case protocol.CauseChunk:
		s.count(req.Verb, outcomeBroken)
	case protocol.CauseTooLarge:
		s.count(req.Verb, outcomeTooLarge)
	default:
		s.count(req.Verb, outcomeError)
	}
}

// fail answers a request that could not be served. The owner's errors begin
// with the word that the protocol asks for, and say that nothing was done. As in
// memcached noreply hides errors, too: who sent it reads no reply, and would take
// the line for the answer to its next command.
//
// What another node owns, that one is asked for.
func (s *session) fail(req *protocol.Request, err error) {
	if s.elsewhere(req, err) {
		return
	}
	s.count(req.Verb, outcomeUnavailable)
	if !req.NoReply {
		s.out = appendFailure(s.out, err)
	}
}
