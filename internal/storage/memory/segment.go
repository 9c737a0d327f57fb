package memory

import "math"

type use uint8

const (
	unused use = iota // free, or never opened
	log               // holds records
	given             // given back to the system: the budget became smaller, or the index larger
)

// segment is what a partition knows of one of its segments. Records lie in
// [0, tail) without gaps.
type segment struct {
	tail, live uint32 // bytes; live counts the rooms of records not dead
	use        use
	seq        uint64 // order of filling: the smallest is the oldest
	dies       int64  // now-time at which its last record has expired; MaxInt64 = never
}

// segments hands out room for records. One segment, the head, takes new
// records until one does not fit; a segment without live records is free at
// once.
type segments struct {
	all     []segment
	size    int
	limit   int      // the partition's share; fewer than all, and for a while fewer than are open, when the budget shrinks
	free    []uint32 // opened before and empty again; taken first, their memory is resident
	given   []uint32 // given back
	fresh   int      // segments from here on were never opened
	head    int
	seq     uint64
	ofIndex int // of the share: kept closed for the index
}

func (s *segments) init(n, size int) {
	s.size = size
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

// opened is the number of segments that memory may have been taken for.
func (s *segments) opened() int { return s.fresh - len(s.given) }

// recordLimit is how many may be open at a time.
func (s *segments) recordLimit() int { return s.limit - s.ofIndex }

func (s *segments) roomIn(i int) int { return s.size - int(s.all[i].tail) }

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
	}
	return i, true
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
	g.dies = max(g.dies, expires)
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

// empty makes a segment without live records free. The head stays the head
// and starts again.
func (s *segments) empty(i int) {
	if i == s.head {
		s.all[i].tail, s.all[i].dies = 0, 0
		return
	}
	s.all[i] = segment{}
	s.free = append(s.free, uint32(i))
}

// prefer makes segment i the head if it has more room than the head. So a
// large record that needed a segment of its own does not waste what the
// former head had left. (A former head is never empty: an empty one has all
// its room and is not replaced.)
func (s *segments) prefer(i int) {
	if s.roomIn(i) > s.roomIn(s.head) {
		s.head = i
	}
}

// discard gives back a segment that open or room returned, unused.
func (s *segments) discard(i int) {
	if i != s.head && s.all[i].live == 0 {
		s.empty(i)
	}
}
