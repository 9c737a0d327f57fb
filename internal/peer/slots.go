package peer

import "time"

// maxSlots is how many calls a connection can have: an id is a slot's number
// below 16 bits and a count above them, so an answer finds its call without a
// map, and a late one finds nothing.
const maxSlots = 1 << 16

// Done is told how a call ended: with its reply, valid until Done returns, or
// with an error. sent=false is a promise that nothing was done.
type Done func(reply []byte, sent bool, err error)

type slot struct {
	id       uint64 // 0 when free
	kind     Kind   // of the answer
	at       uint64 // where its frame begins
	deadline time.Time
	done     Done
}

// slots are the calls of a connection that have no answer yet. It grows to max
// and never shrinks within the connection's life.
type slots struct {
	all  []slot
	free []uint16
	drew uint64
	max  int
}

func (s *slots) inFlight() int { return len(s.all) - len(s.free) }

func (s *slots) full() bool { return len(s.free) == 0 && len(s.all) >= s.max }

// draw takes a free slot; the caller has looked whether there is one.
func (s *slots) draw() *slot {
	var i int
	if n := len(s.free); n > 0 {
		i = int(s.free[n-1])
		s.free = s.free[:n-1]
	} else {
		i = len(s.all)
		s.all = append(s.all, slot{})
	}
	s.drew++
	s.all[i].id = s.drew<<16 | uint64(i)
	return &s.all[i]
}

// find is the call with this id, or nil if it is no more.
func (s *slots) find(id uint64) *slot {
	if i := int(id & (maxSlots - 1)); id != 0 && i < len(s.all) && s.all[i].id == id {
		return &s.all[i]
	}
	return nil
}

// release frees a slot and returns whom to tell.
func (s *slots) release(c *slot) Done {
	d, i := c.done, uint16(c.id)
	*c = slot{}
	s.free = append(s.free, i)
	return d
}
