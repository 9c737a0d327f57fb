package server

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	internode "github.com/leasecache/leasecache/internal/peer"
	"github.com/leasecache/leasecache/protocol"
	"github.com/leasecache/leasecache/server/owner"
	"github.com/leasecache/leasecache/server/route"
	"github.com/leasecache/leasecache/shard"
)

// gathering is a get of several keys that are not all this node's: what it has is
// looked up at once, each owner is asked for the rest, and the pieces are put
// together in the order of the keys.
type gathering struct {
	srv      *Server
	req      protocol.Request // verb and time to live
	keys     [][]byte
	pieces   [][]byte // of each key; nil for what was not found
	size     int      // of all pieces
	lane     int
	deadline time.Time

	answers chan groupAnswer
	open    int
	again   []int // keys to be asked for again
	failed  error
	unsure  bool // of a gat
}

type groupAnswer struct {
	group route.Group
	reply []byte
	sent  bool
	err   error
}

// gather answers the keys of a get from s.next on, the first of which was refused.
// False: the refusal stands.
func (s *session) gather(req *protocol.Request, err error) bool {
	if s.asker != nil || !errors.Is(err, owner.ErrNotOwner) || s.srv.cfg.Peers == nil {
		return false
	}
	if _, ok := s.srv.routes.Route(0); !ok {
		return false
	}
	if s.srv.budget.spent() {
		s.unavailable(req, "too much waits at this node; nothing was done")
		return true
	}
	g := &gathering{
		srv: s.srv, req: protocol.Request{Verb: req.Verb, Exptime: req.Exptime}, lane: int(s.number),
		deadline: s.srv.clock.origin.Add(time.Duration(s.at.now) + forwardTimeout),
	}
	g.copyKeys(req.Keys[s.next:])
	// What was composed so far goes before; what is composed from here on are pieces.
	away, slot := s.began(), s.reserve(nil)
	g.look(s, req)
	g.ask()
	srv := s.srv
	srv.working.Add(1)
	go func() {
		defer srv.working.Done()
		reply := g.finish(srv.ctx)
		if slot.queue.crowded(len(reply)) {
			reply = []byte(noRoomForReply)
		}
		away.ended(slot.queue)
		slot.fill(reply)
	}()
	return true
}

func (g *gathering) copyKeys(keys [][]byte) {
	size := 0
	for _, key := range keys {
		size += len(key)
	}
	own := make([]byte, 0, size)
	g.keys, g.pieces = make([][]byte, len(keys)), make([][]byte, len(keys))
	for i, key := range keys {
		own = append(own, key...)
		g.keys[i] = own[len(own)-len(key) : len(own) : len(own)]
	}
	g.srv.budget.add(size)
}

// look looks up what this node has.
func (g *gathering) look(s *session, req *protocol.Request) {
	ends := make([]int, len(g.keys))
	for i, key := range g.keys {
		err := s.getKey(req, key)
		switch {
		case errors.Is(err, owner.ErrNotOwner):
			g.again = append(g.again, i)
		case err != nil:
			g.failed = err
		}
		ends[i] = len(s.out)
		if len(s.out) > s.srv.mostHeld() {
			g.failed = errTooMuch
		}
		if g.failed != nil {
			break
		}
	}
	own := slices.Clone(s.out)
	s.out = s.out[:0]
	at := 0
	for i, end := range ends {
		if end > at {
			g.pieces[i] = own[at:end:end]
			at = end
		}
	}
	g.add(len(own))
}

var errTooMuch = errors.New("the values together are too large; ask for fewer")

func (g *gathering) add(n int) {
	g.size += n
	g.srv.budget.add(n)
	if g.size > g.srv.mostHeld() || g.srv.budget.spent() {
		g.failed = errTooMuch
	}
}

// ask asks the owners for the keys in again, in the order in which they stand.
func (g *gathering) ask() {
	if g.failed != nil {
		return
	}
	places := g.again
	g.again = nil
	keys := make([][]byte, len(places))
	for n, i := range places {
		keys[n] = g.keys[i]
	}
	groups := route.Split(keys, func(n int) string {
		at, _ := g.srv.routes.RouteHash(shard.Hash(keys[n]))
		return at.Node.ID
	})
	g.answers, g.open = make(chan groupAnswer, len(groups)), len(groups)
	answers := g.answers
	for _, group := range groups {
		for n, k := range group.Keys {
			group.Keys[n] = places[k]
		}
		if err := g.call(group, answers); err != nil {
			answers <- groupAnswer{group: group, err: err}
		}
	}
}

func (g *gathering) call(group route.Group, answers chan groupAnswer) error {
	if group.Node == "" {
		return errNobody
	}
	raw := append([]byte(nil), g.req.Verb.String()...)
	if g.req.Verb == protocol.VerbGat || g.req.Verb == protocol.VerbGats {
		raw = strconv.AppendInt(append(raw, ' '), g.req.Exptime, 10)
	}
	for _, i := range group.Keys {
		raw = append(append(raw, ' '), g.keys[i]...)
	}
	raw = append(raw, "\r\n"...)
	done := func(reply []byte, sent bool, err error) {
		answers <- groupAnswer{group, slices.Clone(reply), sent, err}
	}
	if group.Node == g.srv.cfg.Keeper.Node() {
		go g.srv.home.serve(raw, 0, asking{self: done})
		return nil
	}
	return g.srv.cfg.Peers.Call(internode.Call{
		Node: group.Node, Lane: g.lane, Kind: internode.KindRequest, Deadline: g.deadline, Payload: [][]byte{raw}, Done: done,
	})
}

// finish waits for the owners and asks for what is left, as long as there is time.
func (g *gathering) finish(ctx context.Context) []byte {
	defer func() {
		n := g.size
		for _, key := range g.keys {
			n += len(key)
		}
		g.srv.budget.add(-n)
	}()
	pause := firstPause
	for {
		left := len(g.again)
		for ; g.open > 0; g.open-- {
			a := <-g.answers
			left += len(a.group.Keys)
			if err := g.take(a); err != nil && g.failed == nil {
				g.failed = err
			}
		}
		if g.failed != nil {
			return g.refusal()
		}
		if len(g.again) == 0 {
			return g.join()
		}
		slices.Sort(g.again)
		if len(g.again) == left { // nothing was answered: the same would say the same
			if time.Until(g.deadline) <= pause || !wait(ctx, pause) {
				g.failed = errNoAnswer
				return g.refusal()
			}
			pause *= 2
		}
		g.ask()
	}
}

var errNoAnswer = errors.New("the owners of its keys did not answer in time")

// take takes what an owner says of its group, and notes what is to be asked for
// again. An error ends the whole.
func (g *gathering) take(a groupAnswer) error {
	keys := a.group.Keys
	if a.err != nil {
		if a.sent && !route.Repeatable(&g.req) {
			g.unsure = true
			return a.err
		}
		if errors.Is(a.err, internode.ErrDeadline) || errors.Is(a.err, errStopping) {
			return a.err
		}
		g.again = append(g.again, keys...)
		return nil
	}
	if len(a.reply) == 0 {
		return route.ErrAnswer
	}
	answered, reply := len(keys), a.reply[1:]
	switch a.reply[0] {
	case route.Done:
	case route.Part:
		var err error
		if answered, reply, err = route.ReadPart(reply); err != nil || answered > len(keys) {
			return route.ErrAnswer
		}
	case route.Unknown:
		return g.take(groupAnswer{group: a.group, sent: true, err: errors.New(a.group.Node + ": its session ended")})
	default:
		return route.ErrAnswer
	}
	asked, got := make([][]byte, answered), make([][]byte, answered)
	for n := range asked {
		asked[n] = g.keys[keys[n]]
	}
	rest, err := route.Cut(reply, asked, got)
	if err != nil {
		return err
	}
	want := protocol.LineEnd
	if a.reply[0] == route.Part {
		want = ""
	}
	if string(rest) != want { // an error of the owner
		return errors.New(strings.TrimSpace(string(rest)))
	}
	for n, piece := range got {
		g.pieces[keys[n]] = piece
	}
	g.add(len(reply))
	g.again = append(g.again, keys[answered:]...)
	return nil
}

func (g *gathering) join() []byte {
	reply := make([]byte, 0, g.size+len(protocol.LineEnd))
	for _, piece := range g.pieces {
		reply = append(reply, piece...)
	}
	return append(reply, protocol.LineEnd...)
}

func (g *gathering) refusal() []byte {
	g.srv.stats.add(g.req.Verb, outcomeUnavailable)
	if errors.Is(g.failed, errTooMuch) {
		return protocol.AppendServerError(nil, g.failed.Error())
	}
	known := "; nothing was done"
	if g.unsure || g.req.Verb != protocol.VerbGet && g.req.Verb != protocol.VerbGets {
		known = "; it is unknown for which keys it was done"
	}
	return protocol.AppendUnavailable(nil, g.failed.Error()+known)
}
