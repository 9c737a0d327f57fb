package server

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	internode "github.com/leasecache/leasecache/internal/peer"
	"github.com/leasecache/leasecache/lease"
	"github.com/leasecache/leasecache/protocol"
	"github.com/leasecache/leasecache/server/owner"
	"github.com/leasecache/leasecache/server/route"
	"github.com/leasecache/leasecache/shard"
)

// What the admin port has done, whoever owns what it is about.

// OwnerOf says in which shard a key is, and which node owns that; "" is nobody.
func (s *Server) OwnerOf(key []byte) (shard.ID, string) {
	hash := shard.Hash(key)
	at, known := s.routes.RouteHash(hash)
	if !known {
		return shard.OfHash(hash, s.cfg.Keeper.Shards()), s.cfg.Keeper.Node()
	}
	return at.Shard, at.Node.ID
}

// Invalidate is ld. It returns when the owner of the key has done it.
func (s *Server) Invalidate(ctx context.Context, key []byte) (lease.Token, error) {
	hash := shard.Hash(key)
	raw, err := protocol.AppendRequest(nil, &protocol.Request{Verb: protocol.VerbLD, Key: key})
	if err != nil {
		return 0, err
	}
	deadline := time.Now().Add(forwardTimeout)
	for pause := firstPause; ; pause *= 2 {
		token, err := s.owner.Invalidate(s.read().now, hash, key, 0)
		if !errors.Is(err, owner.ErrNotOwner) || s.cfg.Peers == nil {
			return token, err
		}
		at, known := s.routes.RouteHash(hash)
		if known && !at.Local && at.Node.ID != "" {
			if token, err = s.askOwner(ctx, at, raw, deadline); err == nil {
				return token, nil
			}
		}
		// To do it twice does no harm.
		if time.Until(deadline) <= pause || !wait(ctx, pause) {
			return 0, fmt.Errorf("shard %d: %w", at.Shard, err)
		}
	}
}

// askOwner has another node do a request that is answered with a token.
func (s *Server) askOwner(ctx context.Context, at route.Place, raw []byte, deadline time.Time) (lease.Token, error) {
	type answer struct {
		reply []byte
		err   error
	}
	answers := make(chan answer, 1)
	err := s.cfg.Peers.Call(internode.Call{
		Node: at.Node.ID, Kind: internode.KindRequest, Deadline: deadline, Payload: [][]byte{raw},
		Done: func(reply []byte, _ bool, err error) { answers <- answer{bytes.Clone(reply), err} },
	})
	if err != nil {
		return 0, fmt.Errorf("%s: %w", at.Node.ID, err)
	}
	select {
	case a := <-answers:
		switch {
		case a.err != nil:
			return 0, fmt.Errorf("%s: %w", at.Node.ID, a.err)
		case len(a.reply) == 0 || a.reply[0] != route.Done:
			return 0, fmt.Errorf("%s: %w", at.Node.ID, route.ErrAnswer)
		}
		return tokenIn(a.reply[1:])
	case <-ctx.Done():
		return 0, ctx.Err()
	}
}

// tokenIn reads "HD L<token>"; what says something else is an error.
func tokenIn(reply []byte) (lease.Token, error) {
	line := strings.TrimSpace(string(reply))
	text, ok := strings.CutPrefix(line, "HD L")
	if !ok {
		return 0, errors.New(strings.TrimPrefix(line, "SERVER_ERROR "))
	}
	token, err := strconv.ParseUint(text, 10, 63)
	return lease.Token(token), err
}

// InvalidateTag is lt. It returns when all owners have done it.
func (s *Server) InvalidateTag(ctx context.Context, tag []byte) (lease.Token, error) {
	here := func(now int64, done func(shard.ID)) (lease.Token, error) { return s.bumpTag(now, tag, done) }
	raw, err := protocol.AppendRequest(nil, &protocol.Request{Verb: protocol.VerbLT, Key: tag})
	if err != nil {
		return 0, err
	}
	now := s.read().now
	sw := &sweep{
		srv: s, verb: protocol.VerbLT, here: here, raw: raw,
		covered: route.NewShards(s.cfg.Keeper.Shards()), deadline: time.Now().Add(forwardTimeout),
	}
	sw.token, err = here(now, sw.covered.Add)
	if !errors.Is(err, owner.ErrNotOwner) || s.cfg.Peers == nil || s.routes.Map() == nil {
		return sw.token, err
	}
	sw.ask()
	return tokenIn(sw.finish(ctx, &protocol.Echo{}, false))
}
