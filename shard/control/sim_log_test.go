package control

import (
	"slices"
)

// simLog stands for Raft, with everything that Raft allows and nothing that it
// rules out: what a leader proposed is agreed on in its order, at any time, also
// after the next leader was elected, until the first entry of a later term is. Then
// what is left of the earlier ones is lost. A leader does not know that it is none
// any more until it has applied that entry.
type simLog struct {
	base    []byte // the snapshot under the first of the entries
	entries [][]byte
	ref     *State // of a node that has applied everything
	terms   []*simTerm
	term    uint64 // of the newest first entry that was agreed on
	settled bool   // no more elections
}

// simTerm is what a leader has proposed that is not agreed on.
type simTerm struct {
	number uint64
	leader *simProc
	queue  [][]byte // until it was agreed on, its first entry is the first
}

// newest is the newest term that somebody was elected in, nil before there is one.
func (l *simLog) newest() *simTerm {
	if len(l.terms) == 0 {
		return nil
	}
	return l.terms[len(l.terms)-1]
}

// elect has somebody lead a new term.
func (s *sim) elect() {
	gap := 12 * simSecond
	if s.log.settled {
		gap = simSecond
	} else if s.one(3) {
		gap = 3 * simSecond
	}
	s.after(nil, s.upTo(gap), s.elect)
	if last := s.log.newest(); s.log.settled && last != nil && last.leader.term == last {
		return
	}
	var able []*simProc
	for i := range s.nodes {
		if p := s.proc(i); p != nil && p.stopped <= s.now && (s.majority(i) || s.one(4)) {
			able = append(able, p)
		}
	}
	if len(able) == 0 {
		return
	}
	p := able[s.rng.IntN(len(able))]
	number := s.log.term + 1
	if newest := s.log.newest(); newest != nil {
		number = max(number, newest.number+1)
	}
	s.say("%s is elected in term %d", p, number)
	p.term = &simTerm{number: number, leader: p, queue: [][]byte{Encode(Term{Term: number, Node: name(p.node)})}}
	p.grantor.Deposed()
	s.log.terms = append(s.log.terms, p.term)
	s.after(nil, s.moment(), func() { s.agree(p.term) })
}

// majority says whether a node is connected to more than half of all.
func (s *sim) majority(node int) bool {
	n := 0
	for i := range s.nodes {
		if i == node || (!s.cut[[2]int{i, node}] && !s.cut[[2]int{node, i}]) {
			n++
		}
	}
	return n > s.nodes/2
}

// propose puts an entry into a term's log, where it may be agreed on or not.
func (s *sim) propose(term *simTerm, e Entry) {
	if term == nil {
		return
	}
	s.say("%s proposes in term %d: %T%+v", term.leader, term.number, e, e)
	term.queue = append(term.queue, Encode(e))
	s.after(nil, s.moment(), func() { s.agree(term) })
}

// agree on something of what a term has proposed.
func (s *sim) agree(term *simTerm) {
	at := slices.Index(s.log.terms, term)
	if at < 0 || len(term.queue) == 0 {
		return // lost, or done
	}
	if !s.majority(term.leader.node) && !s.one(8) {
		s.after(nil, s.moment(), func() { s.agree(term) })
		return
	}
	if term.number > s.log.term {
		if at > 0 && s.one(2) { // the new leader has something of an old one in its log
			old := s.log.terms[s.rng.IntN(at)]
			for _, data := range old.queue[:s.rng.IntN(len(old.queue)+1)] {
				s.saw("entry of an old term")
				s.commit(data, old.number)
			}
		}
		s.log.term = term.number
		s.log.terms = s.log.terms[at:]
		s.commit(term.queue[0], term.number)
		term.queue = term.queue[1:]
	}
	n := len(term.queue)
	if n > 0 && s.one(2) {
		n = 1 + s.rng.IntN(n)
	}
	for _, data := range term.queue[:n] {
		s.commit(data, term.number)
	}
	if term.queue = term.queue[n:]; len(term.queue) > 0 {
		s.after(nil, s.moment(), func() { s.agree(term) })
	}
}

// commit agrees on an entry, and nodes will come to apply it.
func (s *sim) commit(data []byte, term uint64) {
	l := &s.log
	l.entries = append(l.entries, data)
	e, err := Decode(data)
	if err != nil {
		s.fail("entry %d: %w", l.ref.Index+1, err)
		return
	}
	r := l.ref.Apply(l.ref.Index+1, e)
	s.say("agreed: %d of term %d: %T%+v: %v %v", l.ref.Index, term, e, e, r.Code, r.Items)
	s.witness(e, r)
	if err := l.ref.Check(); err != nil {
		s.fail("after entry %d: %w", l.ref.Index, err)
	}
	for _, p := range s.procs {
		if !p.orphan {
			s.after(p, s.moment(), p.catchUp)
		}
	}
}

// witness counts what came of entries.
func (s *sim) witness(e Entry, r Result) {
	refused := func(items []Code) bool { return slices.ContainsFunc(items, func(c Code) bool { return c != OK }) }
	switch e := e.(type) {
	case Over:
		if r.Code == Stale {
			s.saw("over refused")
		} else if r.Code == OK {
			s.saw("over")
		}
	case Release:
		if r.Code == OK {
			s.saw("released")
			if e.ByLock {
				s.saw("released by the lock")
			}
		}
	case Renew:
		if refused(r.Items) {
			s.saw("late renewal granted nothing")
		}
	case Note:
		if refused(r.Items) {
			s.saw("note refused")
		}
	case Quiet:
		if refused(r.Items) {
			s.saw("quiet refused")
		} else {
			s.saw("quiet")
		}
	case Cancel:
		if r.Code == OK {
			s.saw("cancelled")
		}
	case Set:
		if r.Code == OK {
			s.saw("TTL changed")
		}
	}
}
