package control

import (
	"time"

	"github.com/leasecache/leasecache/shard"
)

// served is who serves a shard at this moment. That two do is what must never be.
func (s *sim) served(id shard.ID) *simProc {
	var by *simProc
	for _, p := range s.procs {
		if p.dead || p.asleep > s.now || p.serves(id) == nil {
			continue
		}
		if by != nil {
			s.fail("P6: %s and %s both serve shard %d, at epochs %d and %d", by, p, id, by.open[id].epoch, p.open[id].epoch)
		}
		by = p
	}
	return by
}

// judge looks at every shard, knowing the true time and everything that may still
// be committed in the source.
func (s *sim) judge() {
	for i := range s.log.ref.Shards {
		id := shard.ID(i)
		p := s.served(id)
		if p == nil {
			continue
		}
		sh := p.open[id]
		key := At{id, sh.epoch}
		if by, ok := s.owners[key]; ok && by != (simOwner{p, sh.session}) {
			s.fail("P6: epoch %d of shard %d was served by %s under session %d, and is by %s under %d",
				sh.epoch, id, by.proc, by.session, p, sh.session)
		}
		s.owners[key] = simOwner{p, sh.session}
		for _, w := range s.writers {
			switch {
			case w.shard != id || sh.intents[w]:
			case w.bounded && p.read().Mono < sh.closed:
			case !w.bounded && w.token < sh.doubt:
			default:
				s.fail("P4: %s serves shard %d at epoch %d open (doubt below %x, closed for %v), and intent %x (bounded: %v) may still commit",
					p, id, sh.epoch, sh.doubt, time.Duration(max(0, sh.closed-p.read().Mono)), w.token, w.bounded)
			}
		}
	}
}

// simFar is how far a sleep and a step of the wall clock are apart: if it is set back
// by as much as the other clock stood still, nobody can tell. That is outside of what
// is promised (a machine frozen together with its clocks).
const simFar = 10 * simSecond

// disturb is one fault, or an operator.
func (s *sim) disturb() {
	if s.log.settled {
		return
	}
	s.after(nil, s.upTo(2*simSecond), s.disturb)
	node := s.rng.IntN(s.nodes)
	p := s.proc(node)
	if p == nil {
		return
	}
	n := s.rng.IntN(100)
	if s.calm {
		n = 60 + n*4/10
	}
	switch {
	case n < 12:
		d := s.upTo(6 * simSecond)
		s.say("%s is stopped for %v", p, time.Duration(d))
		p.stopped = max(p.stopped, s.now+d)
	case n < 17 && s.now > max(p.stepped+simFar, p.asleep):
		d := s.upTo(6 * simSecond)
		s.say("%s sleeps for %v", p, time.Duration(d))
		p.stopped = s.now + d
		p.setClock(p.rate, d)
		s.saw("stood still")
	case n < 22:
		s.kill(p)
		s.after(nil, s.upTo(6*simSecond), func() { s.startAgain(node) })
	case n < 26:
		s.stop(p)
	case n < 30 && s.nodes > 1:
		s.say("%s is thought dead", p)
		p.term = nil
		p.grantor.Deposed()
		p.stopped = max(p.stopped, s.now+s.upTo(4*simSecond))
		s.start(node)
		s.after(nil, s.upTo(10*simSecond), func() { s.kill(p) })
	case n < 45:
		other := s.rng.IntN(s.nodes)
		s.say("the link from n%d to n%d is cut", node, other)
		s.cut[[2]int{node, other}] = true
		if s.one(2) {
			s.cut[[2]int{other, node}] = true
		}
		if s.one(3) {
			for i := range s.nodes {
				s.cut[[2]int{i, node}], s.cut[[2]int{node, i}] = true, true
			}
		}
		s.after(nil, s.upTo(8*simSecond), func() { clear(s.cut) })
	case n < 58 && s.now > p.asleep+simFar:
		d := s.rng.Int64N(40*simSecond) - 20*simSecond
		s.say("the wall clock of %s is stepped by %v", p, time.Duration(d))
		p.wall += d
		p.stepped = s.now
	case n < 60 && s.nodes > 1 && s.one(8):
		s.recover(p)
	case n < 72:
		p.setClock(1000+s.rng.Int64N(201), 0)
	case n < 78:
		s.saw("drained")
		p.send(Drain{Node: name(s.rng.IntN(s.nodes)), On: s.one(2)})
	case n < 80 && s.nodes > 1:
		s.forget(p)
	case n < 83:
		s.operator(p)
	case n < 90:
		settings := p.st.Settings
		settings.TTL = time.Duration(1000+500*s.rng.Int64N(10)) * time.Millisecond
		settings.Changes++
		p.send(Set{settings})
	default:
		p.behind = s.now + s.upTo(5*simSecond)
	}
}

// operator moves a shard somewhere, and soon back again: the process that had it may
// learn of both at once.
func (s *sim) operator(p *simProc) {
	id := shard.ID(s.rng.IntN(len(s.log.ref.Shards)))
	home := s.log.ref.Shards[id].Session
	s.after(nil, simSecond/10, func() {
		for _, q := range s.procs {
			if sh := q.open[id]; sh != nil && sh.shut && s.one(2) {
				q.behind = s.now + simSecond + s.upTo(2*simSecond)
			}
		}
	})
	for i := range 2 {
		s.after(p, int64(i)*simSecond/3, func() {
			rec := s.log.ref.Shards[id]
			to := s.log.ref.Members[name(s.rng.IntN(s.nodes))].Session
			if i == 1 {
				to = home
			}
			p.send(Plan{From: rec.Session, Moves: []Owner{{id, rec.Epoch, to}}})
		})
	}
}

func (s *sim) startAgain(node int) {
	if s.proc(node) == nil {
		s.start(node)
	}
}

// stop is a clean one: gates, drop, notes of what is calm, release, and the end.
func (s *sim) stop(p *simProc) {
	s.say("%s stops cleanly", p)
	if s.one(2) {
		s.saw("left")
		p.send(Leave{p.holder.session})
	}
	p.stopping = true
	quiet := Quiet{Session: p.holder.session}
	for i := range p.st.Shards {
		id := shard.ID(i)
		if sh := p.open[id]; sh != nil && len(sh.intents) == 0 && sh.doubt == 0 && p.read().Mono >= sh.closed {
			quiet.Items = append(quiet.Items, Calm{id, sh.epoch, p.st.Shards[id].Notes})
		}
	}
	p.send(quiet)
	p.holder.Stop()
	p.drop()
	s.after(nil, s.upTo(2*simSecond), func() { s.kill(p) })
	s.after(nil, 2*simSecond+s.upTo(3*simSecond), func() { s.startAgain(p.node) })
}

func (s *sim) forget(p *simProc) {
	s.saw("forgotten")
	p.send(Forget{Node: name(p.node)})
	p.forget = true
	s.after(nil, s.upTo(10*simSecond), func() { p.forget = false })
}

// recover goes on with what one node knows. The others of the former cluster have
// lost their majority and agree on nothing more, but they do not know that.
func (s *sim) recover(p *simProc) {
	if p.st.Cluster == "" {
		return
	}
	s.say("the cluster is recovered from what %s knows", p)
	st, err := Restore(p.st.Snapshot())
	if err != nil {
		s.fail("recover: %w", err)
		return
	}
	if !st.Recover(st.Incarnation + 1) {
		s.fail("no epochs left to recover with")
		return
	}
	s.saw("recovered")
	for _, q := range s.procs {
		q.orphan, q.term = true, nil
		q.grantor.Deposed()
	}
	s.log.base, s.log.entries, s.log.terms = st.Snapshot(), nil, nil
	s.log.ref = st
	for i := range s.nodes {
		s.start(i)
	}
}
