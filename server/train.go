package server

import (
	internode "github.com/leasecache/leasecache/internal/peer"
	"github.com/leasecache/leasecache/protocol"
	"github.com/leasecache/leasecache/server/route"
	"github.com/leasecache/leasecache/shard"
)

// Reads of one connection that follow one another, and that one node is asked for, go
// as one: a train. They have one place among the replies, one frame and one answer.
// What goes wrong with a train, or with the rest of it, goes wrong with each of its
// requests by itself, and is tried again by itself.
//
// A train is open until something else of its connection needs a place, or the
// connection's batch is done. So nothing overtakes it: it is called before whatever
// comes behind it is.

// mostJoined and mostTrain bound a train: its owner answers it as a whole.
const (
	mostJoined = 64
	mostTrain  = 4 << 10
)

// join takes a request into the open train, or opens one with it. False: it goes alone.
func (s *session) join(req *protocol.Request, place route.Place, raw []byte) bool {
	if !route.Joins(req) || place.Local || place.Node.ID == "" || len(raw) > mostTrain {
		return false
	}
	f := s.train
	if f == nil || len(s.out) > 0 || f.place.Node.ID != place.Node.ID || len(f.ends) == mostJoined || len(f.own)+len(raw) > mostTrain {
		a := s.began()
		f = newForward()
		f.srv, f.away, f.verb, f.again, f.place, f.lane = s.srv, a, req.Verb, true, place, int(s.number)
		f.deadline = s.deadline(req)
		f.slot.of = f
		s.place(&f.slot) // which ends the train before
		a.mu.Lock()
		a.count++
		f.number = a.count
		a.mu.Unlock()
		s.train = f
	}
	f.own = append(f.own, raw...)
	f.ends = append(f.ends, int32(len(f.own)))
	f.away.asked(shard.Hash(req.Key), f.number)
	return true
}

// depart sends the open train, if there is one.
func (s *session) depart() {
	f := s.train
	if f == nil {
		return
	}
	s.train = nil
	f.payload[0] = f.own
	s.srv.budget.add(len(f.own))
	a := f.away
	a.mu.Lock()
	err := f.call(s.calls)
	a.mu.Unlock()
	if err != nil { // else it may be another's by now
		f.answered(nil, false, err)
	}
}

// uncoupled is what became of a train of which a part, or all, was not done: its
// replies, in an order of their own. When they are whole they are the train's.
type uncoupled struct {
	replies
	train *forward
}

var _ outlet = (*uncoupled)(nil)

// uncouple goes on with each request of a train behind the first done, whose replies
// are there. What is said of the rest is said of each.
func (f *forward) uncouple(done int, reply []byte, sent bool, err error) {
	u := &uncoupled{train: f}
	u.replies = replies{outlet: u, maxHeld: f.srv.mostHeld(), budget: f.srv.budget, writing: true}
	u.append(reply)
	begin := int32(0)
	var rest []*forward
	for i, end := range f.ends {
		if i >= done {
			rest = append(rest, f.wagon(u, f.own[begin:end]))
		}
		begin = end
	}
	// All have their places by now: the first that is answered does not end it.
	for _, w := range rest {
		w.answered(nil, sent, err)
	}
}

// wagon is one request of the train, by itself.
func (f *forward) wagon(u *uncoupled, raw []byte) *forward {
	w := newForward()
	w.srv, w.away, w.again, w.place, w.lane, w.number, w.deadline, w.joined = f.srv, f.away, true, f.place, f.lane, f.number, f.deadline, true
	w.own = append(w.own, raw...)
	w.payload[0] = w.own
	parser := protocol.Parser{Limits: f.srv.limits}
	parser.Next(w.own)
	req := parser.Request()
	w.verb, w.hash = req.Verb, shard.Hash(req.Key)
	w.srv.budget.add(len(w.own))
	w.slot.of = w
	u.place(&w.slot, nil)
	return w
}

// write is never called: writing is set from the beginning.
func (u *uncoupled) write() {}

// settled has u.mu held; the train's own queue has another lock, which is taken behind
// it, and never before.
func (u *uncoupled) settled() {
	whole := u.ready
	u.ready = nil
	u.budget.add(-len(whole))
	u.train.finish(whole)
}

// trainAnswered is answered for a train.
func (f *forward) trainAnswered(reply []byte, sent bool, err error) {
	if err == nil && len(reply) > 0 {
		switch reply[0] {
		case route.Done:
			f.finish(reply[1:])
			return
		case route.Part:
			done, some, wrong := route.ReadPart(reply[1:])
			if wrong == nil && done < len(f.ends) {
				f.uncouple(done, some, false, internode.ErrMoved)
				return
			}
		case route.Unknown:
			err = errSessionOver
		}
	}
	if err == nil {
		err = route.ErrAnswer
	}
	f.uncouple(0, nil, sent, err)
}
