package server

import (
	"sync"

	internode "github.com/leasecache/leasecache/internal/peer"
	"github.com/leasecache/leasecache/lease"
	"github.com/leasecache/leasecache/protocol"
	"github.com/leasecache/leasecache/server/route"
)

// The owner's side of forwarding: another node sends its client's own bytes, and
// they are executed by a session like any other, which asks nobody else.

// asker is what a session notes for a node that asks.
type asker struct {
	moved   bool         // this node is not the owner
	covered route.Shards // in which a lt or flush_all was done; else nil
	token   lease.Token  // of the tag's own shard, if it is one of them
}

// conversation serves the requests of one connection of another node.
//
// Its requests are executed one after the other, under a lock that Stop takes: when
// refuseNodes has returned nothing of the memory is looked at any more.
//
// What is asked for may be done late: until its deadline, though who asked was told
// that it is unknown whether it was done, or asked once more and was answered. It is
// never done behind what the same client asked for later over the same connection
// (internal/peer/turns.go). Behind what others asked for:
//
//   - A store, delete or touch of memcached's may undo what another client stored
//     meanwhile, as if it had been long on its way. Its sender knows that it may.
//   - ls: 1 L is granted; the old value is read. 2 `ls L old` is on its way. 3 the key is
//     invalidated, or an intent begins, and that is acknowledged. 4 ls arrives: L is
//     void, nothing is stored. It arrives when a newer lease was granted: the same.
//   - ld, lt: what is there may be newer than what they were for. It goes: a miss. A
//     lease that is out is void: its fill is refused, its holder has its value.
//   - lg: 1 it is lost, asked for again, and answered. 2 the value goes. 3 the first copy
//     arrives, and is granted a lease that nobody knows. Until it runs out the others
//     wait, or go to the source.
//   - lw: its sender, who never heard of it, does not write. With a nonce: 1 it is lost;
//     its repetition is granted L; the writer commits and ends L. 2 the first copy
//     arrives: an intent for nobody. The key is quarantined until it runs out, then in
//     doubt, or open if it was bounded: it holds back reads that would have been right.
//   - lc, la of L: L was ended by whoever may, and only by who knows what became of the
//     write. Once more, it is unknown here: the key is invalidated. It ends no other
//     intent: those have their own tokens.
//   - lf T: the source was fenced at T before it was sent, and stays so. Only doubts
//     below T end, which cannot commit any more, however late that is heard.
//
// TestLateLeaseVerbs has each of them, at each of these moments.
type conversation struct {
	srv *Server

	mu      sync.Mutex
	session *session // nil when nothing is served any more
	at      reading
	read    uint64   // what arrived with the last request; 0: it came alone
	spare   *pending // whose queue the session has

	waits struct {
		sync.Mutex
		on map[*pending]struct{}
	}
}

var _ internode.Conversation = (*conversation)(nil)

// Conversation serves another node's requests of internode.KindRequest. Nobody logs in:
// the port between nodes has seen to that.
func (h Host) Conversation() internode.Conversation {
	s := h.srv
	c := s.newConversation()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopped {
		c.session = nil
	} else {
		c.session.number = s.numbers.Add(1)
		s.asking[c] = struct{}{}
	}
	return c
}

func (s *Server) newConversation() *conversation {
	c := &conversation{srv: s}
	c.waits.on = make(map[*pending]struct{})
	c.session = newSession(s, nil)
	c.session.login, c.session.asker, c.session.enough = nil, new(asker), enoughForNode
	c.renew()
	return c
}

// enoughForNode is so little that a value of the largest size fits behind it into
// an answer between nodes.
const enoughForNode = 16 << 10

// refuseNodes ends the serving of other nodes.
func (s *Server) refuseNodes() {
	s.mu.Lock()
	all := []*conversation{s.home}
	for c := range s.asking {
		all = append(all, c)
	}
	s.mu.Unlock()
	for _, c := range all {
		c.mu.Lock()
		c.session = nil
		c.mu.Unlock()
	}
}

// Close ends the reads that wait: nobody hears of them.
func (c *conversation) Close() {
	s := c.srv
	s.mu.Lock()
	delete(s.asking, c)
	s.mu.Unlock()
	c.waits.Lock()
	var all []*pending
	for p := range c.waits.on {
		all = append(all, p)
	}
	c.waits.Unlock()
	for _, p := range all {
		p.abandon()
	}
}

func (c *conversation) Serve(q internode.Request, r internode.Reply) {
	if q.Kind != internode.KindRequest {
		r.Fail("clients' requests only are served here")
		return
	}
	c.serve(q.Payload, q.Read, asking{node: r})
}

// asking is who asks: another node, or this one.
type asking struct {
	node internode.Reply
	self internode.Done
}

func (a *asking) send(parts ...[]byte) {
	if a.self == nil {
		a.node.Send(parts...)
		return
	}
	var whole []byte
	for _, p := range parts {
		whole = append(whole, p...)
	}
	a.self(whole, true, nil)
}

func (a *asking) moved() {
	if a.self == nil {
		a.node.Moved()
		return
	}
	a.self(nil, false, internode.ErrMoved)
}

func (a *asking) fail(why string) {
	if a.self == nil {
		a.node.Fail(why)
		return
	}
	a.self(nil, false, errStopping)
}

var (
	headDone    = []byte{route.Done}
	headUnknown = []byte{route.Unknown}
)

// serve executes one request. The clock is read after its bytes have arrived, and
// serves all that arrived with it, which read says: see server/owner/gate.go.
func (c *conversation) serve(payload []byte, read uint64, from asking) {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.session
	if s == nil {
		from.fail(errStopping.Error())
		return
	}
	if read == 0 || read != c.read {
		c.at, c.read = c.srv.read(), read
	}
	whole, ok := c.execute(s, payload)
	if !ok {
		from.fail("a request cannot be read, or is not for others to do")
		return
	}
	out := s.taken()
	switch a := s.asker; {
	case s.placed > 0:
		c.wait(out, from)
	case c.srv.live() != c.at.session:
		from.send(headUnknown)
	case a.covered != nil:
		from.send(route.AppendCovered(nil, uint64(a.token), a.covered))
	case a.moved && s.next == 0:
		from.moved()
	case a.moved || !whole:
		var head [5]byte
		from.send(route.AppendPart(head[:0], s.next), out)
	default:
		from.send(headDone, out)
	}
}

// execute does the request, or the requests of a train, one after the other. Not whole:
// next says how many keys of the one, or requests of the train, were answered.
func (c *conversation) execute(s *session, payload []byte) (whole, ok bool) {
	s.at, s.placed, s.next, s.resume = c.at, 0, 0, false
	*s.asker = asker{}
	s.seen.kinds = c.srv.watchers.wanted()
	size := len(payload)
	for done := 0; ; done++ {
		n, status := s.parser.Next(payload)
		req := s.parser.Request()
		alone := done == 0 && n == len(payload)
		if status != protocol.Ready || route.To(req.Verb) == route.Here || !alone && !route.Joins(req) {
			s.parser = protocol.Parser{Limits: c.srv.limits}
			return false, false
		}
		whole = s.run(req)
		payload = payload[n:]
		switch {
		case alone:
		case s.asker.moved:
			whole, s.next = false, done
		case len(payload) == 0:
		case len(s.out) >= s.enough:
			whole, s.next = false, done+1
		default:
			continue
		}
		s.tally()
		if size > keepBuffer {
			s.rest()
		}
		return whole, true
	}
}

// pending is an answer to another node that waits: for a fill, or for the keeper.
type pending struct {
	replies
	c     *conversation
	from  asking
	armed bool // all but what waits is there
	moved bool // set before the slot is filled
}

var _ outlet = (*pending)(nil)

// renew gives the session a queue for the next answer that waits.
func (c *conversation) renew() {
	p := &pending{c: c}
	p.replies = replies{outlet: p, maxHeld: c.srv.mostHeld(), budget: c.srv.budget, writing: true}
	c.spare, c.session.queue = p, &p.replies
}

// wait sends the answer when what it waits for is there, which may be already.
func (c *conversation) wait(out []byte, from asking) {
	p := c.spare
	c.renew()
	p.from = from
	p.mu.Lock()
	defer p.mu.Unlock()
	p.append(out)
	p.armed = true
	c.waits.Lock()
	c.waits.on[p] = struct{}{}
	c.waits.Unlock()
	if p.first == nil {
		p.settled()
	}
}

// write is never called: writing is set from the beginning.
func (p *pending) write() {}

// settled may be called under a bucket's lock; to send does not block.
func (p *pending) settled() {
	if !p.armed {
		return
	}
	p.c.waits.Lock()
	delete(p.c.waits.on, p)
	p.c.waits.Unlock()
	p.budget.add(-len(p.ready))
	if p.moved {
		p.from.moved()
	} else {
		p.from.send(headDone, p.ready)
	}
	p.ready = nil
}
