package server

import (
	"errors"

	"github.com/leasecache/leasecache/internal/storage/memory"
	"github.com/leasecache/leasecache/lease"
	"github.com/leasecache/leasecache/protocol"
	"github.com/leasecache/leasecache/shard"
)

// mcrouter's lease-get and lease-set, on our leases. Its router has to remember
// which server gave a token; ours are good by themselves.

func (s *session) leaseGetMcrouter(key []byte) (hit bool, err error) {
	r := mcrouterReader{session: s, key: key}
	err = s.owner.Lease(s.at.now, shard.Hash(key), key, lease.Read{}, &r)
	return r.hit, err
}

// mcrouterReader answers one key of a lease-get: a hit as a VALUE, else an
// LVALUE with the lease's token, or with 1, which says that another holds it, or
// that nobody may fill now. It asks for no wait.
type mcrouterReader struct {
	session *session
	key     []byte
	hit     bool
}

func (r *mcrouterReader) Park() lease.Reader { panic("server: a lease-get does not wait") }

func (r *mcrouterReader) Answer(a *lease.Answer) {
	s := r.session
	switch a.Kind {
	case lease.Hit:
		r.hit = true
		s.seen.shown = len(a.Item.Value)
		s.out = protocol.AppendValue(s.out, r.key, a.Item.Flags, a.Item.Value)
	case lease.Granted:
		s.out = protocol.AppendLValue(s.out, r.key, uint64(a.Token), 0, nil)
	default:
		s.out = protocol.AppendLValue(s.out, r.key, protocol.HotMiss, 0, nil)
	}
}

func (s *session) leaseSetMcrouter(req *protocol.Request) {
	it := lease.Item{Flags: req.ClientFlags, Value: req.Body, Expires: s.at.expiry(req.Exptime)}
	reason, err := s.owner.Fill(s.at.now, shard.Hash(req.Key), req.Key, lease.Token(req.Token), it, false)
	switch {
	case errors.Is(err, memory.ErrTooLarge):
		s.answer(req, "SERVER_ERROR "+tooLarge+"\r\n", outcomeTooLarge)
	case err != nil:
		s.fail(req, err)
	case reason == lease.Stored:
		s.answer(req, protocol.LineStored, outcomeStored)
	default:
		s.answer(req, protocol.LineNotStored, outcomeNotStored)
	}
}
