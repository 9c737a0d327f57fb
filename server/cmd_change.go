package server

import (
	"errors"

	"github.com/leasecache/leasecache/internal/storage/memory"
	"github.com/leasecache/leasecache/protocol"
	"github.com/leasecache/leasecache/shard"
)

// memcached's commands that change what is there: append prepend cas incr decr,
// and gat, which reads as well.

// change is append, prepend and cas.
func (s *session) change(req *protocol.Request) {
	s.srv.prefixes.set(req.Key)
	if s.srv.leaseOnly(req.Key) {
		s.answer(req, protocol.LineNotStored, outcomeNotStored)
		return
	}
	_, err := s.edit(req, (*editor).storing)
	if err == nil {
		s.countCompare(req)
	}
	switch {
	case errors.Is(err, memory.ErrTooLarge):
		s.answer(req, "SERVER_ERROR "+tooLarge+"\r\n", outcomeTooLarge)
	case err != nil:
		s.fail(req, err)
	case s.editor.result == editStored:
		s.answer(req, protocol.LineStored, outcomeStored)
	case s.editor.result == editExists:
		s.answer(req, protocol.LineExists, outcomeNotStored)
	case s.editor.result == editNotFound:
		s.answer(req, protocol.LineNotFound, outcomeMiss)
	default:
		s.answer(req, protocol.LineNotStored, outcomeNotStored)
	}
}

func (s *session) incr(req *protocol.Request) {
	if s.srv.leaseOnly(req.Key) {
		s.answer(req, protocol.LineNotFound, outcomeMiss)
		return
	}
	_, err := s.edit(req, (*editor).counting)
	switch {
	case err != nil:
		s.fail(req, err)
	case s.editor.result == editStored:
		s.count(req.Verb, outcomeHit)
		s.countInPlace()
		if !req.NoReply {
			s.out = protocol.AppendNumber(s.out, s.editor.number)
		}
	case s.editor.result == editNonNumeric:
		s.answer(req, "CLIENT_ERROR "+protocol.TextNonNumeric+"\r\n", outcomeError)
	default:
		s.answer(req, protocol.LineNotFound, outcomeMiss)
	}
}

// getAndTouch is one key of a gat.
func (s *session) getAndTouch(req *protocol.Request, key []byte) (found bool, err error) {
	s.reader.viewer = viewer{session: s, key: key, cas: req.Verb == protocol.VerbGats}
	return s.owner.GetAndTouch(s.at.now, shard.Hash(key), key, s.at.expiry(req.Exptime), &s.reader.viewer)
}
