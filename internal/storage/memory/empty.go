package memory

// How a segment is emptied whose memory is needed for index or traces, or is to be
// given back: a piece with each call, as there may be tens of thousands of records in
// it. Which segment it is, is kept in segments.emptying; how far it has come, in the
// segment itself, as with a sweep.
//
// The invariant, from vacate to the call that frees it or gives it up:
//
//	a Its records are alive as others are: the index names each, and only those in
//	  [0, tail) and [rest, end). Lookups, walks and overwrites in place know no
//	  difference.
//	b It takes no record: it is head and sweep of no queue, and so not found by
//	  makeRoom, and no victim, so that begin makes it neither.
//	c It counts as open, in its queue and against the share, and is not free.
//
// Without b, schedule:
//
//	1 A put empties half of segment 7. 2 The next put finds room in front of what is
//	left there, and puts a record there. 3 So do others, as fast as it is emptied.
//	4 The index gets no memory, however long it waits.
//
// Without c, schedule:
//
//	1 A put empties half of segment 7. 2 The next one opens it as an empty one, and
//	writes from its start. 3 What is still to move is overwritten; the index names
//	what is not there.
//
// Between two pieces anything may happen to it:
//
//	1 Its last record is deleted, overwritten or found expired. 2 It is free like
//	others (empty). 3 If a put opens it before it is closed, another one is emptied.
//
//	1 The budget grows, or the index shrinks: it need not be closed. 2 The next put
//	lets go of it, half swept. 3 As with any other whose sweep was left, the next one
//	goes on where that stopped.

// pieceRecords is how many records one call passes to empty a segment, those that
// make room for them included. It may be some more: what was begun for one of them is
// brought to its end.
const pieceRecords = 256

// keepToShare does the next piece of closing a segment, if more are open than the
// share has. It may move or evict any record.
func (p *Partition) keepToShare() error {
	s := &p.seg
	if s.opened() <= s.recordLimit() {
		s.emptying = -1
		return nil
	}
	if len(s.free) == 0 {
		p.emptyPiece()
	}
	if len(s.free) == 0 {
		return nil
	}
	// Nobody took it, as all of this is under one lock; who comes next may open it.
	i, _ := s.open(given)
	return giveBackMemory(p.mem[i*s.size : (i+1)*s.size])
}

// emptyPiece chooses a segment, or goes on with the one that was chosen.
func (p *Partition) emptyPiece() {
	s := &p.seg
	e := p.effortFor(s.size)
	if s.emptying < 0 {
		v, keepAll := p.victim(e, given)
		s.vacate(v, keepAll)
	}
	v := s.emptying
	g := &s.all[v]
	for e.records = pieceRecords; e.records > 0 && g.live > 0; {
		g.restart() // with what had come in before it was chosen
		p.pass(e, v, s.keepAll)
	}
	if g.live == 0 {
		p.cleaned++
		s.empty(v)
	}
}

// vacate lets no more records into a segment.
func (s *segments) vacate(i int, keepAll bool) {
	for j := range s.queues {
		q := &s.queues[j]
		if q.head == i {
			q.head = -1
		}
		if q.sweep == i {
			q.sweep = -1
		}
	}
	s.emptying, s.keepAll = i, keepAll
	s.all[i].restart()
}
