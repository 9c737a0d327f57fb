package server

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	internode "github.com/leasecache/leasecache/internal/peer"
	"github.com/leasecache/leasecache/protocol"
	"github.com/leasecache/leasecache/server/owner"
	"github.com/leasecache/leasecache/server/route"
	"github.com/leasecache/leasecache/shard"
)

// Forwarding: what another node owns is asked of it, and its reply goes into the
// place that the request has in the order of its connection.

// Peers is the way to other nodes; a internode.Pool is one.
type Peers interface{ Call(internode.Call) error }

// forwardTimeout is how long another node may take, beyond a wait that the client
// asked for.
const forwardTimeout = 2 * time.Second

// span is a part of a buffer.
type span struct{ from, to int }

// away is what a session has asked of other nodes.
//
// A store that was not done is sent again, and must not overtake, backwards, a later
// one of the same connection and key:
//
//	1 `set k v1` goes to A. 2 A is not the owner any more; a new map comes, and `set k
//	v2` goes to B, and is done. 3 A says that v1 was not done. 4 Were it sent to B now,
//	v1 would stay, and the client had been told STORED for both, in order.
//
// So it is sent again only if nothing was asked for behind it that may be of its key.
// The lock covers the look and the call: of two calls the later cannot be sent first.
type away struct {
	open  atomic.Int32 // requests that will be answered soon
	mu    sync.Mutex
	count uint32
	last  [1024]uint32 // by hash: the number of the newest request
}

// mostAway is how many requests of a connection others are asked at a time: what it
// sends behind them is not read on. Those that wait for another's fill are not
// counted, which may be among what is not read.
const mostAway = 256

func (a *away) full() bool { return a.open.Load() >= mostAway }

// ended counts an answer, before it goes into its slot. The connection is told when
// it may well go on, also if what is answered waits behind something else.
func (a *away) ended(q *replies) {
	if a.open.Add(-1) == mostAway/2 {
		q.mu.Lock()
		q.outlet.settled()
		q.mu.Unlock()
	}
}

// asked notes a request of that number for a key.
func (a *away) asked(hash uint64, number uint32) {
	a.mu.Lock()
	a.last[hash%uint64(len(a.last))] = number
	a.mu.Unlock()
}

// began counts a request.
func (s *session) began() *away {
	if s.away == nil {
		s.away = new(away)
	}
	s.away.open.Add(1)
	return s.away
}

// elsewhere has the owner of a key asked for what this node was refused for not
// being it. False: the refusal stands.
func (s *session) elsewhere(req *protocol.Request, err error) bool {
	if !errors.Is(err, owner.ErrNotOwner) {
		return false
	}
	if s.asker != nil {
		s.asker.moved = true
		return true
	}
	place, ok := s.whereTo(req, shard.Hash(req.Key))
	if !ok {
		return false
	}
	if req.NoForward && !place.Local && place.Node.ID != "" {
		s.out = protocol.AppendMoved(s.out, &req.Echo, uint32(place.Shard), place.Version, place.Node.Addr)
		return true
	}
	s.forward(req, place, s.batch[s.raw.from:s.raw.to], nil)
	return true
}

// whereTo is where a request is to be asked for. False if it is not to be: no other
// node is known, or the shard is this node's, and merely not open at present. Then a
// read waits a moment for it. A store does not: what is asked for behind it may be
// done here at any moment, and would be replaced by it.
func (s *session) whereTo(req *protocol.Request, hash uint64) (route.Place, bool) {
	if s.srv.cfg.Peers == nil {
		return route.Place{}, false
	}
	at, ok := s.srv.routes.RouteHash(hash)
	if at.Local && (route.Replaces(req) || req.NoForward) {
		ok = false
	}
	return at, ok
}

// forward is a request that another node is asked for. It is used again, for another
// request, when its reply is there and has left its slot, whichever comes later: that
// is when nobody can know of it any more. One that waits for another's fill is not: who
// gives up a connection's waits may have its slot in hand.
type forward struct {
	users    atomic.Int32
	srv      *Server
	away     *away
	slot     slot
	verb     protocol.Verb
	again    bool // it may be done twice
	replaces bool
	waits    bool   // for another's fill
	quiet    bool   // its sender reads no reply
	instead  []byte // the reply when it was done, if it is not the owner's
	key      []byte
	hash     uint64
	number   uint32
	lane     int
	deadline time.Time
	payload  [1][]byte
	done     internode.Done

	place  route.Place
	tries  int
	unsure bool // it may have been done

	own    []byte  // what payload and key are parts of
	ends   []int32 // of a train: where in own its requests end
	joined bool    // it was part of a train, which counts for it
}

var forwards sync.Pool

func newForward() *forward {
	f, ok := forwards.Get().(*forward)
	if !ok {
		f = new(forward)
		f.done = f.answered
	}
	f.users.Store(2)
	return f
}

// release is called by finish or giveUp, as their last, and by who takes the slot out
// of its queue.
func (f *forward) release() {
	if f.users.Add(-1) > 0 {
		return
	}
	own, ends, done := f.own[:0], f.ends[:0], f.done
	if cap(own) > keepOwn {
		own = nil
	}
	*f = forward{own: own, ends: ends, done: done}
	forwards.Put(f)
}

// keepOwn is how much memory a forward keeps when it is not used.
const keepOwn = 2 * mostTrain

// forward asks another node for raw, which is req or does what is left to do of it;
// then instead is its reply.
func (s *session) forward(req *protocol.Request, place route.Place, raw, instead []byte) {
	if s.srv.budget.spent() {
		s.unavailable(req, "too much waits at this node; nothing was done")
		return
	}
	if instead == nil && s.join(req, place, raw) {
		return
	}
	a := s.began()
	f := newForward()
	f.own = append(append(f.own, raw...), req.Key...)
	f.srv, f.away, f.verb, f.instead, f.place, f.lane = s.srv, a, req.Verb, instead, place, int(s.number)
	f.again, f.replaces, f.quiet = route.Repeatable(req) || instead != nil, route.Replaces(req) && instead == nil, req.NoReply
	f.key, f.hash = f.own[len(raw):], shard.Hash(req.Key)
	f.deadline = s.deadline(req)
	f.payload[0] = f.own[:len(raw):len(raw)]
	if f.waits = req.Wait > 0; f.waits {
		f.slot.cancel = func() {} // its reader is told that it was given up
		a.open.Add(-1)
	} else {
		f.slot.of = f
	}
	s.srv.budget.add(len(f.own))
	s.place(&f.slot)
	a.mu.Lock()
	a.count++
	f.number = a.count
	a.last[f.hash%uint64(len(a.last))] = f.number
	err := f.call(s.calls)
	a.mu.Unlock()
	if err != nil { // else it may be another's by now
		f.answered(nil, false, err)
	}
}

// deadline is until when another node may answer.
func (s *session) deadline(req *protocol.Request) time.Time {
	return s.srv.clock.origin.Add(time.Duration(s.at.now) + forwardTimeout + req.Wait)
}

// unavailable answers a request that nobody is asked for.
func (s *session) unavailable(req *protocol.Request, why string) {
	s.count(req.Verb, outcomeUnavailable)
	if !req.NoReply {
		s.out = protocol.AppendUnavailable(s.out, why)
	}
}

var errLate = errors.New("the shard moved, or could not be reached, and a later request for its key may have been done")

var errSessionOver = errors.New("the owner's session ended")

var errNobody = errors.New("nobody owns the shard at present")

// call asks whoever is the owner by the map, with a batch of calls if there is one. An
// error: nothing was sent.
func (f *forward) call(with *internode.Batch) error {
	switch {
	case f.place.Node.ID == "":
		return errNobody
	case f.place.Local:
		return internode.ErrMoved // see retry
	}
	return f.srv.cfg.Peers.Call(internode.Call{
		Node: f.place.Node.ID, Lane: f.lane, Kind: internode.KindRequest,
		Deadline: f.deadline, Payload: f.payload[:], Done: f.done, Batch: with,
	})
}

// answered is told what became of a call. It does not block.
func (f *forward) answered(reply []byte, sent bool, err error) {
	if len(f.ends) > 0 {
		f.trainAnswered(reply, sent, err)
		return
	}
	if err == nil {
		switch {
		case len(reply) > 0 && reply[0] == route.Done:
			f.finish(reply[1:])
			return
		case len(reply) > 0 && reply[0] == route.Unknown:
			err = errSessionOver
		default:
			err = route.ErrAnswer
		}
		sent = true
	}
	f.unsure = f.unsure || sent
	if sent && !f.again {
		f.giveUp(err)
		return
	}
	f.next(err)
}

// mostTries and the pauses between them bound the search for the owner: a shard on its
// way from one node to another is refused by both for a moment, some 20 ms with the time
// in which others hear of it.
const (
	mostTries    = 20
	firstPause   = 5 * time.Millisecond
	longestPause = 40 * time.Millisecond
)

// next tries again: at once where there is somebody else to ask, or a connection was
// lost; after a pause where the same node would say the same.
func (f *forward) next(err error) {
	f.tries++
	was := f.place
	f.place, _ = f.srv.routes.RouteHash(f.hash)
	pause := time.Duration(0)
	if f.tries > 1 || f.place.Node.ID == was.Node.ID && (errors.Is(err, internode.ErrMoved) || errors.Is(err, errNobody)) {
		pause = min(firstPause<<(f.tries-1), longestPause)
	}
	if f.tries == mostTries || time.Until(f.deadline) <= pause || errors.Is(err, internode.ErrDeadline) {
		f.giveUp(err)
		return
	}
	if pause == 0 {
		f.retry()
		return
	}
	time.AfterFunc(pause, f.retry)
}

// retry asks by the newest map: the shard may have come to rest during the pause.
func (f *forward) retry() {
	f.place, _ = f.srv.routes.RouteHash(f.hash)
	if f.place.Local && !f.replaces {
		f.srv.home.serve(f.payload[0], 0, asking{self: f.done})
		return
	}
	a := f.away
	a.mu.Lock()
	late := f.replaces && (f.place.Local || f.away.last[f.hash%uint64(len(f.away.last))] != f.number)
	var err error
	if !late {
		err = f.call(nil)
	}
	a.mu.Unlock()
	switch {
	case late:
		f.giveUp(errLate)
	case err != nil:
		f.answered(nil, false, err)
	}
}

// finish puts the owner's reply where it belongs.
func (f *forward) finish(reply []byte) {
	if f.instead != nil {
		reply = f.instead
	}
	if f.slot.queue.crowded(len(reply)) {
		reply = bytes.Repeat([]byte(noRoomForReply), max(1, len(f.ends)))
	}
	f.srv.stats.forwarded.Add(1)
	f.over()
	if !f.slot.take(reply, false) && f.verb == protocol.VerbLG {
		if token, ok := grantedIn(reply); ok {
			f.srv.giveBackTo(f.place, f.lane, f.key, token)
		}
	}
	f.release()
}

// noRoomForReply is for who asks for more than he reads.
const noRoomForReply = "SERVER_ERROR out of memory: replies wait that are not read\r\n"

func (f *forward) over() {
	f.srv.budget.add(-len(f.payload[0]) - len(f.key))
	if !f.waits && !f.joined {
		f.away.ended(f.slot.queue)
	}
}

// giveUp says that nobody could be asked, and what is known.
func (f *forward) giveUp(err error) {
	f.srv.stats.add(f.verb, outcomeUnavailable)
	if f.unsure {
		f.srv.stats.forwardsUnknown.Add(1)
	} else {
		f.srv.stats.forwardsRefused.Add(1)
	}
	f.over()
	defer f.release()
	if f.quiet {
		f.slot.fill(nil)
		return
	}
	f.slot.fill(protocol.AppendUnavailable(nil, whyNot(f.place, err, f.unsure)))
}

func whyNot(at route.Place, err error, unsure bool) string {
	known := "nothing was done"
	if unsure {
		known = "it is unknown whether it was done"
	}
	who := at.Node.ID
	if who == "" {
		return fmt.Sprintf("shard %d has no owner at present; %s", at.Shard, known)
	}
	text := err.Error()
	if !strings.Contains(text, who) {
		text = who + ": " + text
	}
	return fmt.Sprintf("shard %d: %s; %s", at.Shard, text, known)
}
