package server

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/leasecache/leasecache/lease"
	"github.com/leasecache/leasecache/protocol"
	"github.com/leasecache/leasecache/server/owner"
	"github.com/leasecache/leasecache/shard"
)

// The commands of writers: ld, lw, lc, la, lt, lf.

// appendFailure composes the reply to a command that the owner refused. What
// the owner says begins with the protocol's own word.
func appendFailure(dst []byte, err error) []byte {
	if errors.Is(err, owner.ErrUnavailable) && !errors.Is(err, owner.ErrPartial) {
		return protocol.AppendServerError(dst, fmt.Sprintf("%v; nothing was done", err))
	}
	return protocol.AppendServerError(dst, err.Error())
}

func (s *session) invalidate(req *protocol.Request) {
	token, err := s.owner.Invalidate(s.at.now, shard.Hash(req.Key), req.Key, int64(req.StaleFor)*second)
	if err != nil {
		s.fail(req, err)
		return
	}
	s.count(req.Verb, outcomeOK)
	s.out = protocol.AppendInvalidated(s.out, &req.Echo, uint64(token))
}

// intentBegin opens a write intent. The first of its kind in an epoch waits for
// the keeper's disk, in its own place in the order of replies.
func (s *session) intentBegin(req *protocol.Request) {
	in := owner.Intent{Kind: lease.Fenced, Length: req.LeaseFor, Nonce: req.Nonce}
	if req.Bounded {
		in.Kind = lease.Bounded
	}
	if in.Length == 0 {
		in.Length = defaultIntent
	}
	hash := shard.Hash(req.Key)
	token, left, err := s.owner.Begin(s.at.now, hash, req.Key, in)
	if !errors.Is(err, owner.ErrNotNoted) {
		if s.elsewhere(req, err) {
			return
		}
		s.out = s.srv.appendIntent(s.out, &req.Echo, token, left, err)
		return
	}
	key, echo := append([]byte(nil), req.Key...), req.Echo.Clone()
	in.Nonce = append([]byte(nil), req.Nonce...)
	s.later(func(ctx context.Context) []byte {
		token, left, err := s.srv.beginNoted(ctx, hash, key, in)
		return s.srv.appendIntent(nil, &echo, token, left, err)
	})
}

// defaultIntent is how long an intent lasts that named no length.
const defaultIntent = 5 * time.Second

func (srv *Server) beginNoted(ctx context.Context, hash uint64, key []byte, in owner.Intent) (lease.Token, time.Duration, error) {
	for {
		if err := srv.owner.Note(ctx, hash, in); err != nil {
			return 0, 0, err
		}
		token, left, err := srv.owner.Begin(srv.read().now, hash, key, in)
		if !errors.Is(err, owner.ErrNotNoted) {
			return token, left, err
		}
	}
}

func (srv *Server) appendIntent(dst []byte, e *protocol.Echo, token lease.Token, left time.Duration, err error) []byte {
	switch {
	case errors.Is(err, lease.ErrNonce):
		srv.stats.add(protocol.VerbLW, outcomeError)
		return protocol.AppendClientError(dst, err.Error())
	case err != nil:
		srv.stats.add(protocol.VerbLW, outcomeUnavailable)
		return appendFailure(dst, err)
	}
	srv.stats.add(protocol.VerbLW, outcomeOK)
	return protocol.AppendIntent(dst, e, uint64(token), left)
}

// later has a command finished by a goroutine of its own, while the
// connection's next requests are executed.
func (s *session) later(work func(context.Context) []byte) {
	slot := s.reserve(nil)
	srv := s.srv
	srv.working.Add(1)
	go func() {
		defer srv.working.Done()
		ctx, cancel := context.WithTimeout(srv.ctx, workTimeout)
		defer cancel()
		slot.fill(work(ctx))
	}()
}

// workTimeout bounds the wait for the keeper: for its disk, or for an election and then
// some. Without a majority a session is over by then, and nobody waits longer in vain.
const workTimeout = 4 * time.Second

func (s *session) intentCommit(req *protocol.Request) {
	out, err := s.owner.End(s.at.now, shard.Hash(req.Key), req.Key, lease.Token(req.Token))
	s.ended(req, out, err)
}

func (s *session) intentAbort(req *protocol.Request) {
	out, gaveBack, err := s.owner.Abort(s.at.now, shard.Hash(req.Key), req.Key, lease.Token(req.Token), req.Nonce)
	if err == nil && gaveBack {
		s.count(req.Verb, outcomeGaveBack)
		s.out = protocol.AppendDone(s.out, &req.Echo)
		return
	}
	s.ended(req, out, err)
}

func (s *session) ended(req *protocol.Request, out lease.Outcome, err error) {
	switch {
	case err != nil:
		s.fail(req, err)
	case out == lease.Ended:
		s.count(req.Verb, outcomeOK)
		s.out = protocol.AppendDone(s.out, &req.Echo)
	case out == lease.EndedLate:
		s.count(req.Verb, outcomeLate)
		s.out = protocol.AppendLate(s.out, &req.Echo)
	default:
		s.count(req.Verb, outcomeMiss)
		s.out = protocol.AppendGone(s.out, &req.Echo)
	}
}

func (s *session) tagBump(req *protocol.Request) {
	srv, tag := s.srv, append([]byte(nil), req.Key...)
	s.everywhere(req, func(now int64, done func(shard.ID)) (lease.Token, error) {
		return srv.bumpTag(now, tag, done)
	})
}

// bumpTag is lt. A rising floor is logged, but not every time: it says that
// there is too little memory for the tags that are in use.
func (srv *Server) bumpTag(now int64, tag []byte, done func(shard.ID)) (lease.Token, error) {
	token, risen, err := srv.owner.BumpTag(now, tag, done)
	if last := srv.floorWarned.Load(); risen > 0 && (last == 0 || now-last > int64(time.Minute)) && srv.floorWarned.CompareAndSwap(last, now) {
		srv.log.Warn("older tag bumps were forgotten for want of memory, which voids all tagged values from before them; give more memory or use fewer tags",
			"tag", string(tag), "shards", risen)
	}
	return token, err
}

// fence takes a report that the source is fenced. One that lifts the epoch
// waits for the keeper's disk.
func (s *session) fence(req *protocol.Request) {
	hash, token := shard.Hash(req.Key), lease.Token(req.Token)
	if !s.owner.NeedsLift(hash, token) {
		err := s.owner.Fence(s.srv.ctx, hash, token)
		if !s.elsewhere(req, err) {
			s.out = s.srv.appendFenced(s.out, &req.Echo, err)
		}
		return
	}
	echo := req.Echo.Clone()
	s.later(func(ctx context.Context) []byte {
		return s.srv.appendFenced(nil, &echo, s.srv.owner.Fence(ctx, hash, token))
	})
}

func (srv *Server) appendFenced(dst []byte, e *protocol.Echo, err error) []byte {
	switch {
	case errors.Is(err, owner.ErrFuture):
		srv.stats.add(protocol.VerbLF, outcomeError)
		return protocol.AppendClientError(dst, err.Error())
	case err != nil:
		srv.stats.add(protocol.VerbLF, outcomeUnavailable)
		return appendFailure(dst, err)
	}
	srv.stats.add(protocol.VerbLF, outcomeOK)
	return protocol.AppendDone(dst, e)
}
