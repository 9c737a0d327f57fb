package server

import (
	"errors"

	"github.com/leasecache/leasecache/internal/storage/memory"
	"github.com/leasecache/leasecache/lease"
	"github.com/leasecache/leasecache/protocol"
	"github.com/leasecache/leasecache/server/owner"
	"github.com/leasecache/leasecache/shard"
)

// memcached's commands. They act as memcached's do; where a key is quarantined
// or in doubt reads miss and nothing is stored.

// get answers the keys of a get from s.next on. It returns false when the
// replies are many and keys are left.
func (s *session) get() bool {
	req := s.parser.Request()
	s.resume = false
	for ; s.next < len(req.Keys); s.next++ {
		if len(s.out) >= s.full {
			s.resume = true
			return false
		}
		if left := len(req.Keys) - s.next; s.next%owner.PrefetchKeys == 0 && left > 1 {
			s.owner.Prefetch(req.Keys[s.next : s.next+min(left, owner.PrefetchKeys)])
		}
		key := req.Keys[s.next]
		s.look(key)
		var found bool
		var err error
		switch req.Verb {
		case protocol.VerbLeaseGet:
			found, err = s.leaseGetMcrouter(key)
		case protocol.VerbGat, protocol.VerbGats:
			found, err = s.getAndTouch(req, key)
		default:
			found, err = s.getOne(key, req.Verb == protocol.VerbGets)
		}
		if err != nil {
			s.fail(req, err)
			return true
		}
		if req.Verb != protocol.VerbLeaseGet {
			s.srv.prefixes.get(key, found)
		}
		if found {
			s.count(req.Verb, outcomeHit)
		} else {
			s.count(req.Verb, outcomeMiss)
		}
		s.tellRead(key)
	}
	s.out = append(s.out, protocol.LineEnd...)
	return true
}

func (s *session) getOne(key []byte, cas bool) (found bool, err error) {
	s.reader.viewer = viewer{session: s, key: key, cas: cas}
	return s.owner.Get(s.at.now, shard.Hash(key), key, &s.reader.viewer)
}

// viewer composes a hit under the key's lock.
type viewer struct {
	session *session
	key     []byte
	cas     bool
}

var _ owner.Viewer = (*viewer)(nil)

func (v *viewer) View(it *lease.Item) {
	s := v.session
	s.seen.shown = len(it.Value)
	if v.cas {
		s.out = protocol.AppendValueCAS(s.out, v.key, it.Flags, it.Value, it.Shown())
	} else {
		s.out = protocol.AppendValue(s.out, v.key, it.Flags, it.Value)
	}
}

// answer appends a one-line reply that noreply leaves out.
func (s *session) answer(req *protocol.Request, line string, o outcome) {
	s.count(req.Verb, o)
	if !req.NoReply {
		s.out = append(s.out, line...)
	}
}

func (s *session) store(req *protocol.Request, mode lease.Mode) {
	hash := shard.Hash(req.Key)
	s.srv.prefixes.set(req.Key)
	if s.srv.leaseOnly(req.Key) {
		s.answer(req, protocol.LineNotStored, outcomeNotStored)
		return
	}
	it := lease.Item{Flags: req.ClientFlags, Expires: s.at.expiry(req.Exptime), Value: req.Body}
	version, err := s.owner.Put(s.at.now, hash, req.Key, mode, it)
	switch {
	case errors.Is(err, memory.ErrTooLarge):
		s.answer(req, "SERVER_ERROR "+tooLarge+"\r\n", outcomeTooLarge)
	case err != nil:
		s.fail(req, err)
	case version == 0:
		s.answer(req, protocol.LineNotStored, outcomeNotStored)
	default:
		s.answer(req, protocol.LineStored, outcomeStored)
	}
}

// tooLarge is memcached's text for a value above its limit.
const tooLarge = "object too large for cache"

func (s *session) delete(req *protocol.Request) {
	s.srv.prefixes.delete(req.Key)
	found, err := s.owner.Delete(s.at.now, shard.Hash(req.Key), req.Key)
	switch {
	case err != nil:
		s.fail(req, err)
	case found:
		s.answer(req, protocol.LineDeleted, outcomeHit)
	default:
		s.answer(req, protocol.LineNotFound, outcomeMiss)
	}
}

func (s *session) touch(req *protocol.Request) {
	found, err := s.owner.Touch(s.at.now, shard.Hash(req.Key), req.Key, s.at.expiry(req.Exptime))
	switch {
	case err != nil:
		s.fail(req, err)
	case found:
		s.answer(req, protocol.LineTouched, outcomeHit)
	default:
		s.answer(req, protocol.LineNotFound, outcomeMiss)
	}
}

func (s *session) admin(req *protocol.Request) {
	if req.Verb == protocol.VerbFlushAll {
		if s.denied(req, s.srv.cfg.Denied.Flush, "CLIENT_ERROR flush_all not allowed") {
			return
		}
		at := s.at.now
		if req.Exptime > 0 {
			at = s.at.expiry(req.Exptime)
		}
		if err := s.owner.Flush(s.at.now, at); err != nil {
			s.fail(req, err)
			return
		}
		s.srv.flushedAt.Store(at)
	}
	// verbosity has no effect: the log level is the operator's.
	s.answer(req, protocol.LineOK, outcomeOK)
}
