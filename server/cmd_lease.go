package server

import (
	"errors"
	"time"

	"github.com/leasecache/leasecache/internal/storage/memory"
	"github.com/leasecache/leasecache/lease"
	"github.com/leasecache/leasecache/protocol"
	"github.com/leasecache/leasecache/shard"
)

// The commands of readers: lg and ls.

func (s *session) leaseGet(req *protocol.Request) {
	q := lease.Read{
		LeaseFor: int64(req.LeaseFor),
		Wait:     int64(req.Wait),
		StaleOK:  req.StaleOK,
		Peek:     req.Peek,
		CanFence: req.CanFence,
	}
	if s.srv.budget.spent() {
		q.Wait = 0 // told how long to wait instead of waiting here
	}
	if req.HasRefresh {
		q.RefreshBelow = int64(req.RefreshBelow) * second
	}
	s.reader.echo, s.reader.key = &req.Echo, req.Key
	s.reader.hash = shard.Hash(req.Key)
	if err := s.owner.Lease(s.at.now, s.reader.hash, req.Key, q, &s.reader); err != nil {
		s.fail(req, err)
	}
}

// reader takes the answer to a read that does not wait, into the batch. A
// session has one, for one command at a time: reads that hit allocate nothing.
type reader struct {
	session *session
	viewer  viewer
	echo    *protocol.Echo
	key     []byte
	hash    uint64
}

func (r *reader) Answer(a *lease.Answer) {
	s := r.session
	s.count(protocol.VerbLG, readOutcome(a))
	if a.Kind == lease.Hit {
		s.seen.shown = len(a.Item.Value)
	}
	s.out = appendAnswer(s.out, r.echo, a, s.at)
}

// Park gives the read its place in the order of replies, and what it needs of
// the request memory of its own.
func (r *reader) Park() lease.Reader {
	s := r.session
	p := &parked{session: s, echo: r.echo.Clone(), key: append([]byte(nil), r.key...), hash: r.hash}
	p.slot = s.reserve(p.cancel)
	return p
}

// parked is a read that waits for another's fill.
type parked struct {
	session *session
	slot    *slot
	echo    protocol.Echo
	key     []byte
	hash    uint64
}

func (p *parked) Park() lease.Reader { return p }

// Answer may be called by anybody, and under a bucket's lock.
func (p *parked) Answer(a *lease.Answer) {
	srv := p.session.srv
	if a.Kind == lease.Hit && !a.Won && p.slot.queue.crowded(len(a.Item.Value)) {
		// One fill answers everybody who waits, each with a copy of the value. A
		// peer that waits many times over, or does not read, would make it a heap
		// full of them; it asks again, and is then answered as it reads.
		a = &lease.Answer{Kind: lease.Busy, For: int64(time.Millisecond)}
	}
	if far, ok := p.slot.queue.outlet.(*pending); ok && a.Kind == lease.NotOwner {
		far.moved = true // its node asks the next owner
	}
	srv.stats.commands[protocol.VerbLG][readOutcome(a)].Add(1)
	p.tell(a)
	p.slot.fill(appendAnswer(nil, &p.echo, a, srv.clock.read()))
}

func (p *parked) cancel() {
	s := p.session
	s.owner.Cancel(s.srv.clock.now(), p.hash, p.key, p)
}

func readOutcome(a *lease.Answer) outcome {
	switch a.Kind {
	case lease.Hit:
		if a.Stale {
			return outcomeStale
		}
		return outcomeHit
	case lease.Granted:
		return outcomeGranted
	case lease.Busy:
		return outcomeBusy
	case lease.UseSource:
		if a.Quarantined {
			return outcomeQuarantined
		}
		return outcomeDoubt
	case lease.Unavailable, lease.NotOwner:
		return outcomeUnavailable
	}
	return outcomeMiss
}

// appendAnswer composes the reply to lg.
func appendAnswer(dst []byte, e *protocol.Echo, a *lease.Answer, at reading) []byte {
	r := protocol.LeaseReply{Token: uint64(a.Token), For: time.Duration(a.For), Doubt: a.Doubt}
	switch a.Kind {
	case lease.Hit:
		r.Kind = protocol.LeaseValue
		r.Value, r.ClientFlags, r.Version = a.Item.Value, a.Item.Flags, a.Item.Shown()
		r.TTL = at.ttl(a.Item.Expires)
		r.Won, r.Stale, r.Leased = a.Won, a.Stale, a.Taken
	case lease.Granted:
		r.Kind = protocol.LeaseGranted
	case lease.Busy:
		r.Kind = protocol.LeaseWait
	case lease.UseSource:
		r.Kind, r.InDoubt = protocol.LeaseSource, a.InDoubt
	case lease.Empty:
		r.Kind = protocol.LeaseNothing
	case lease.Unavailable:
		return protocol.AppendUnavailable(dst, stopping)
	case lease.NotOwner:
		return protocol.AppendUnavailable(dst, moved)
	}
	return protocol.AppendLeaseGet(dst, e, &r)
}

// stopping is the reason given to readers whom the end of the node met waiting.
const stopping = "the node is stopping; nothing was done"

// moved is the reason given to readers whom the end of the shard's time here, or of
// the session, met waiting.
const moved = "this node does not own the shard any more; nothing was done"

var errStopping = errors.New("the node is stopping")

func (s *session) leaseSet(req *protocol.Request) {
	it := lease.Item{Flags: req.ClientFlags, Value: req.Body}
	if req.HasTTL {
		it.Expires = s.at.expiry(req.TTL)
	}
	s.tags = s.tags[:0]
	for _, tag := range req.Tags {
		s.tags = lease.AppendTag(s.tags, tag)
	}
	it.Tags = s.tags
	token := lease.Token(req.Token)
	reason, err := s.owner.Fill(s.at.now, shard.Hash(req.Key), req.Key, token, it, req.FenceDone)
	switch {
	case errors.Is(err, memory.ErrTooLarge):
		s.count(req.Verb, outcomeTooLarge)
		s.out = protocol.AppendServerError(s.out, tooLarge)
	case err != nil:
		s.fail(req, err)
	case reason != lease.Stored:
		s.count(req.Verb, outcomeNotStored)
		s.out = protocol.AppendNotStored(s.out, &req.Echo, byte(reason))
	default:
		s.count(req.Verb, outcomeStored)
		s.out = protocol.AppendStored(s.out, &req.Echo, req.Token)
	}
}
