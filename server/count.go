package server

import "github.com/leasecache/leasecache/protocol"

// What a command came to is counted where it is answered. Conditional commands,
// which memcached's stats take apart further, are counted here.

func (s *session) count(v protocol.Verb, o outcome) {
	s.seen.came = o
	if s.same.n > 0 && (s.same.verb != v || s.same.outcome != o) {
		s.tally()
	}
	s.same.verb, s.same.outcome = v, o
	s.same.n++
}

// same is a run of requests of a batch that came to the same: they are counted at
// once, before they are answered.
type same struct {
	verb    protocol.Verb
	outcome outcome
	n       uint64
}

func (s *session) tally() {
	if s.same.n > 0 {
		s.srv.stats.commands[s.same.verb][s.same.outcome].Add(s.same.n)
		s.same.n = 0
	}
}

// countEdit counts a meta command by what the editor made of it.
func (s *session) countEdit(req *protocol.Request) {
	ed := &s.editor
	switch ed.result {
	case editStored:
		switch {
		case req.Verb == protocol.VerbMD && !req.MarkStale, // what is marked only is not deleted
			req.Verb == protocol.VerbMA && ed.had >= 0: // else it was created
			s.count(req.Verb, outcomeHit)
		default:
			s.count(req.Verb, outcomeStored)
		}
	case editNotFound:
		s.count(req.Verb, outcomeMiss)
	case editNonNumeric:
		s.count(req.Verb, outcomeError)
	default:
		s.count(req.Verb, outcomeNotStored)
	}
}

// countCompare counts a store that compares a version: cas, and ms with C where
// it sets or replaces. Append and prepend may compare as well, but memcached
// does not count that.
func (s *session) countCompare(req *protocol.Request) {
	meta := req.Verb == protocol.VerbMS && req.HasCompareCAS && (req.Mode == 'S' || req.Mode == 'R')
	if !meta && req.Verb != protocol.VerbCAS {
		return
	}
	compared := &s.srv.stats.compared
	switch s.editor.result {
	case editStored:
		compared[compareHit].Add(1)
	case editNotFound:
		compared[compareMiss].Add(1)
	case editExists:
		compared[compareOther].Add(1)
	}
}

// countMeta counts ma as incr or decr. One that created its number is neither a
// hit nor a miss.
func (s *session) countMeta(req *protocol.Request) {
	way := countUp
	if req.Mode == 'D' {
		way = countDown
	}
	counts := &s.srv.stats.meta[way]
	switch {
	case s.editor.result == editStored && s.editor.had >= 0:
		counts[countHit].Add(1)
		s.countInPlace()
	case s.editor.result == editNotFound:
		counts[countMiss].Add(1)
	}
}

// countInPlace notes that a number took the place of one of its length.
func (s *session) countInPlace() {
	if s.editor.had == s.editor.size {
		s.srv.stats.inPlace.Add(1)
	}
}
