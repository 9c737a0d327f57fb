package memory

import "math"

type use uint8

const (
	unused    use = iota // free, or never opened
	given                // given back to the system: the budget became smaller, or the index larger
	probation            // holds records that came lately, or were never read
	proven               // holds records that were read on probation, or came back soon
)

func (u use) holdsRecords() bool { return u >= probation }

// segment is what a partition knows of one of its segments. Records lie in
// [0, tail) without gaps; while it is swept there are also those not looked at
// yet, in [rest, end). New ones go in between.
type segment struct {
	tail, live uint32 // bytes; live counts the rooms of records not dead
	rest, end  uint32 // alike when it is not swept
	use        use
	seq        uint64 // order of filling: the smallest is the oldest
	dies       int64  // now-time at which its last record has expired; MaxInt64 = never
	left       int64  // the same without those in [rest, end)
}

func (g *segment) swept() bool { return g.rest < g.end }

// queue is the segments of one use, as far as new records go.
type queue struct {
	head    int  // takes new records, until one does not fit; -1 is none
	sweep   int  // is being swept, or was last, and takes records too; -1 is none
	keepAll bool // the sweep evicts nobody
	open    int  // number of segments
}

// segments hands out room for records. A segment without live records is free at
// once.
type segments struct {
	all     []segment
	size    int
	limit   int      // the partition's share; fewer than all, and for a while fewer than are open, when the budget shrinks
	free    []uint32 // opened before and empty again; taken first, their memory is resident
	given   []uint32 // given back
	fresh   int      // segments from here on were never opened
	queues  [2]queue // of probation and of proven
	seq     uint64
	ofIndex int // of the share: kept closed for the index

	emptying int  // the segment that is being emptied, see empty.go; -1 is none
	keepAll  bool // that evicts nobody
}

func (s *segments) init(n, size int) {
	s.size = size
	s.emptying = -1
	s.queues = [2]queue{{head: -1, sweep: -1}, {head: -1, sweep: -1}}
	s.setLimit(n)
}

// setLimit changes how many segments may be open. It makes room for what is to
// be known of more, so that nothing is allocated later.
func (s *segments) setLimit(n int) {
	s.limit = n
	if n > len(s.all) {
		s.all = append(make([]segment, 0, n), s.all...)[:n]
		s.free = append(make([]uint32, 0, n), s.free...)
		s.given = append(make([]uint32, 0, n), s.given...)
	}
}

func (s *segments) queue(u use) *queue { return &s.queues[u-probation] }

// opened is the number of segments that memory may have been taken for.
func (s *segments) opened() int { return s.fresh - len(s.given) }

// recordLimit is how many may be open at a time.
func (s *segments) recordLimit() int { return s.limit - s.ofIndex }

func (s *segments) roomIn(i int) int {
	switch {
	case i < 0:
		return 0
	case s.all[i].swept():
		return int(s.all[i].rest - s.all[i].tail)
	}
	return s.size - int(s.all[i].tail)
}

// open takes an empty segment for a use, or says that there is none.
func (s *segments) open(u use) (int, bool) {
	var i int
	switch {
	case len(s.free) > 0:
		i = int(s.free[len(s.free)-1])
		s.free = s.free[:len(s.free)-1]
	case s.opened() >= s.recordLimit():
		return 0, false
	case len(s.given) > 0:
		i = int(s.given[len(s.given)-1])
		s.given = s.given[:len(s.given)-1]
	default:
		i = s.fresh
		s.fresh++
	}
	s.seq++
	s.all[i] = segment{use: u, seq: s.seq}
	if u == given {
		s.given = append(s.given, uint32(i))
	} else {
		s.queue(u).open++
	}
	return i, true
}

// busy says that a segment cannot be the next to be swept for a use: others are to
// go there. The use's own head can be, as it is full.
func (s *segments) busy(i int, u use) bool {
	for j := range s.queues {
		if q := &s.queues[j]; u != probation+use(j) && (q.head == i || q.sweep == i && s.all[i].swept()) {
			return true
		}
	}
	return false
}

// retire takes a segment from the head of its queue.
func (s *segments) retire(i int) {
	if q := s.queue(s.all[i].use); q.head == i {
		q.head = -1
	}
}

// begin starts to sweep a segment for the queue of another use or its own.
func (s *segments) begin(i int, u use, keepAll bool) {
	g := &s.all[i]
	from, to := s.queue(g.use), s.queue(u)
	from.open--
	to.open++
	if from != to {
		s.retire(i)
		if from.sweep == i {
			from.sweep = -1
		}
	}
	s.seq++
	g.use, g.seq = u, s.seq
	g.restart()
	to.sweep, to.keepAll = i, keepAll
}

// restart has a sweep begin at the first record, unless one has not come to its end.
func (g *segment) restart() {
	if !g.swept() {
		g.rest, g.end, g.tail, g.left = 0, g.tail, 0, 0
	}
}

// done ends the sweep of a segment.
func (s *segments) done(i int) {
	g := &s.all[i]
	g.rest, g.end, g.dies = 0, 0, g.left
	if g.live == 0 {
		s.empty(i)
	} else {
		s.prefer(i)
	}
}

// append takes room for a record in segment i, which has it, and returns its
// location.
func (s *segments) append(i, room int, expires int64) int {
	g := &s.all[i]
	at := i*s.size + int(g.tail)
	g.tail += uint32(room)
	g.live += uint32(room)
	g.lives(expires)
	return at
}

// lives notes that a record in the segment expires then (0 = never).
func (g *segment) lives(expires int64) {
	if expires == 0 {
		expires = math.MaxInt64
	}
	g.dies, g.left = max(g.dies, expires), max(g.left, expires)
}

func (s *segments) of(at int) int { return at / s.size }

// release counts the room of a record that died, and frees its segment if it
// was the last one there.
func (s *segments) release(at, room int) {
	i := s.of(at)
	g := &s.all[i]
	g.live -= uint32(room)
	if g.live == 0 {
		s.empty(i)
	}
}

// empty makes a segment without live records free. A head stays the head and
// starts again.
func (s *segments) empty(i int) {
	g := &s.all[i]
	q := s.queue(g.use)
	if q.sweep == i {
		q.sweep = -1
	}
	if s.emptying == i {
		s.emptying = -1
	}
	if q.head == i {
		*g = segment{use: g.use, seq: g.seq}
		return
	}
	q.open--
	*g = segment{}
	s.free = append(s.free, uint32(i))
}

// prefer makes segment i the head of its queue if it has more room than the head.
// So a large record that needed a segment of its own does not waste what the
// former head had left. (A former head is never empty: an empty one has all
// its room and is not replaced.)
func (s *segments) prefer(i int) {
	if q := s.queue(s.all[i].use); s.roomIn(i) > s.roomIn(q.head) {
		q.head = i
	}
}

// discard gives back a segment that open or room returned, unused.
func (s *segments) discard(i int) {
	if s.all[i].live == 0 {
		s.empty(i)
	}
}
