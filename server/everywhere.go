package server

import (
	"context"
	"errors"
	"fmt"
	"time"

	internode "github.com/leasecache/leasecache/internal/peer"
	"github.com/leasecache/leasecache/lease"
	"github.com/leasecache/leasecache/protocol"
	"github.com/leasecache/leasecache/server/owner"
	"github.com/leasecache/leasecache/server/route"
	"github.com/leasecache/leasecache/shard"
)

// lt and flush_all are done by every owner, for every shard. The node that is asked
// sees to it: each owner says in which shards it did it. A shard that was covered
// needs no second look: whoever gets it later gets it with its tags, or empty.

// doing does it here, in the shards that this node owns, and tells done of each.
type doing func(now int64, done func(shard.ID)) (lease.Token, error)

// everywhere has a request done in every shard.
func (s *session) everywhere(req *protocol.Request, here doing) {
	if s.asker != nil {
		s.asker.covered = route.NewShards(s.srv.cfg.Keeper.Shards())
		// What it was not done in the one who asks sees.
		s.asker.token, _ = here(s.at.now, s.asker.covered.Add)
		s.count(req.Verb, outcomeOK)
		return
	}
	sw := &sweep{srv: s.srv, verb: req.Verb, here: here, covered: route.NewShards(s.srv.cfg.Keeper.Shards())}
	token, err := here(s.at.now, sw.covered.Add)
	sw.token = token
	_, some := s.srv.routes.Route(0)
	switch {
	case err == nil:
		s.count(req.Verb, outcomeOK)
		s.out = sw.reply(s.out, &req.Echo, req.NoReply)
		return
	case !errors.Is(err, owner.ErrNotOwner) || s.srv.cfg.Peers == nil || !some:
		s.fail(req, err)
		return
	}
	sw.raw, sw.lane = append([]byte(nil), s.batch[s.raw.from:s.raw.to]...), int(s.number)
	sw.deadline = s.srv.clock.origin.Add(time.Duration(s.at.now) + forwardTimeout)
	echo, hidden := req.Echo.Clone(), req.NoReply
	s.depart()
	// The first calls go out before what the connection asks for next.
	sw.ask()
	s.later(func(ctx context.Context) []byte { return sw.finish(ctx, &echo, hidden) })
}

// sweep is a request that is to be done in every shard.
type sweep struct {
	srv      *Server
	verb     protocol.Verb
	here     doing
	raw      []byte
	lane     int
	deadline time.Time
	covered  route.Shards
	token    lease.Token

	answers chan swept
	open    int
	failed  error // of the last owner that did not do it
}

type swept struct {
	node   string
	answer []byte
	err    error
}

// left is who owns what is not covered, and one shard of it that nobody owns.
func (sw *sweep) left() (nodes map[string]bool, local bool, nobody *shard.ID) {
	m := sw.srv.routes.Map()
	nodes = map[string]bool{}
	for id := range shard.ID(m.Shards) {
		if sw.covered.Has(id) {
			continue
		}
		at, _ := sw.srv.routes.Route(id)
		switch {
		case at.Local:
			local = true
		case at.Node.ID == "":
			nobody = &id
		default:
			nodes[at.Node.ID] = true
		}
	}
	return nodes, local, nobody
}

// ask asks the owners of what is not covered.
func (sw *sweep) ask() {
	nodes, _, nobody := sw.left()
	if nobody != nil {
		sw.failed = fmt.Errorf("shard %d has no owner at present", *nobody)
	}
	sw.answers, sw.open = make(chan swept, len(nodes)), 0
	for node := range nodes {
		answers := sw.answers
		err := sw.srv.cfg.Peers.Call(internode.Call{
			Node: node, Lane: sw.lane, Kind: internode.KindRequest, Deadline: sw.deadline, Payload: [][]byte{sw.raw},
			Done: func(reply []byte, _ bool, err error) {
				answers <- swept{node, append([]byte(nil), reply...), err}
			},
		})
		if err != nil {
			sw.failed = fmt.Errorf("%s: %w", node, err)
			continue
		}
		sw.open++
	}
}

func (sw *sweep) take(a swept) {
	err := a.err
	if err == nil {
		switch {
		case len(a.answer) > 0 && a.answer[0] == route.Covered:
			var token uint64
			token, err = route.ReadCovered(a.answer[1:], sw.covered)
			sw.token = max(sw.token, lease.Token(token))
		case len(a.answer) > 1 && a.answer[0] == route.Done: // a refusal
			err = errors.New(string(a.answer[1:]))
		default:
			err = route.ErrAnswer
		}
	}
	if err != nil {
		sw.failed = fmt.Errorf("%s has not done it: %w", a.node, err)
	}
}

// finish waits for the owners, and asks those again who have not done it, or whose
// shards another has by now, as long as there is time: doing it twice does no harm.
func (sw *sweep) finish(ctx context.Context, echo *protocol.Echo, hidden bool) []byte {
	pause := firstPause
	for {
		for ; sw.open > 0; sw.open-- {
			sw.take(<-sw.answers)
		}
		nodes, local, nobody := sw.left()
		if len(nodes) == 0 && !local && nobody == nil {
			sw.srv.stats.add(sw.verb, outcomeOK)
			return sw.reply(nil, echo, hidden)
		}
		if time.Until(sw.deadline) <= pause || !wait(ctx, pause) {
			sw.srv.stats.add(sw.verb, outcomeUnavailable)
			if hidden {
				return nil
			}
			return protocol.AppendUnavailable(nil, fmt.Sprintf("%v; done in part, repeat it", sw.failed))
		}
		pause *= 2
		if local {
			token, err := sw.here(sw.srv.read().now, sw.covered.Add)
			sw.token = max(sw.token, token)
			if err != nil {
				sw.failed = err
			}
		}
		sw.ask()
	}
}

func (sw *sweep) reply(dst []byte, echo *protocol.Echo, hidden bool) []byte {
	switch {
	case sw.verb == protocol.VerbLT:
		return protocol.AppendInvalidated(dst, echo, uint64(sw.token))
	case hidden:
		return dst
	}
	return append(dst, protocol.LineOK...)
}

// wait is false if the context ended.
func wait(ctx context.Context, d time.Duration) bool {
	select {
	case <-time.After(d):
		return true
	case <-ctx.Done():
		return false
	}
}
