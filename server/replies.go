package server

import (
	"net"
	"sync"
)

// replies is the order of a connection's replies. Most are written straight
// from the session's batch; a reply that has to wait reserves its place, and
// what comes behind it is kept until it is there.
//
//	written │ ready bytes │ slot (waits) bytes behind it │ slot (done) bytes │ …
//
// Two parties touch it: the connection's own thread, which appends and reserves,
// and whoever fills a slot, which may hold a bucket's lock and therefore must not
// block: it only marks the slot and, if bytes became ready and nobody is writing,
// asks the transport to have them written.
//
// INVARIANT: at most one thread writes to the connection at a time.
type replies struct {
	outlet  outlet
	maxHeld int     // bytes kept at most behind a slot or a slow peer
	budget  *budget // of all connections: whatever is kept here is counted there

	mu          sync.Mutex
	ready       []byte
	first, last *slot
	open        int // slots reserved and not written yet
	held        int // bytes behind first
	writing     bool
	err         error // of the first write that failed: nothing is written after it
}

// outlet is the transport of a connection as its replies see it. Neither method
// may block.
type outlet interface {
	// write has what is ready written. Whoever calls it has set writing, and it is
	// the outlet's to clear.
	write()
	// settled is called with mu held when no reply waits any more.
	settled()
}

// givenUp is the reply to a read whose peer sends no more.
const givenUp = "SERVER_ERROR unavailable: the connection was closed during the wait; nothing was done\r\n"

// slot is a place in the order of replies.
type slot struct {
	queue  *replies
	reply  []byte
	behind []byte // replies that follow it
	done   bool
	next   *slot
	cancel func()   // tells whoever the slot waits for that nobody reads the reply
	of     *forward // whose place it is, which is used again; nil: see forward.release
}

// reserve takes the next place, behind the batch composed so far. It is called
// by the connection's thread, and the batch is taken over.
func (q *replies) reserve(batch []byte, cancel func()) *slot {
	s := &slot{cancel: cancel}
	q.place(s, batch)
	return s
}

// place is reserve for a slot that is there already.
func (q *replies) place(s *slot, batch []byte) {
	s.queue = q
	q.mu.Lock()
	q.append(batch)
	if q.last == nil {
		q.first = s
	} else {
		q.last.next = s
	}
	q.last = s
	q.open++
	q.budget.add(slotCost)
	q.mu.Unlock()
}

// append puts bytes behind everything there is.
func (q *replies) append(batch []byte) {
	q.budget.add(len(batch))
	if q.last == nil {
		q.ready = append(q.ready, batch...)
		return
	}
	q.last.behind = append(q.last.behind, batch...)
	q.held += len(batch)
}

// fill completes a slot. It never blocks.
func (s *slot) fill(reply []byte) { s.take(reply, true) }

// take is fill; reply is copied if it is to be kept and not the caller's to give
// away. It is false if nobody waits for it any more.
func (s *slot) take(reply []byte, own bool) bool {
	q := s.queue
	q.mu.Lock()
	if s.done { // its reader hung up
		q.mu.Unlock()
		return false
	}
	if !own && s != q.first {
		reply = append([]byte(nil), reply...)
	}
	s.reply, s.done = reply, true
	q.held += len(reply)
	q.budget.add(len(reply))
	for q.first != nil && q.first.done {
		f := q.first
		q.ready = append(append(q.ready, f.reply...), f.behind...)
		q.held -= len(f.reply) + len(f.behind)
		q.first = f.next
		q.open--
		q.budget.add(-slotCost)
		if f.of != nil {
			f.of.release()
		}
	}
	if q.first == nil {
		q.last = nil
		q.outlet.settled()
	}
	start := len(q.ready) > 0 && !q.writing && q.err == nil
	if start {
		q.writing = true
	}
	q.mu.Unlock()
	if start {
		q.outlet.write()
	}
	return true
}

// failed returns why replies could not be written, or nil.
func (q *replies) failed() error {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.err
}

// crowded reports whether n bytes more would be above what is kept for a peer, or
// what is kept for all of them is too much already. A few never are: there are at
// most maxOpen replies of that kind.
func (q *replies) crowded(n int) bool {
	const few = 4 << 10
	if n <= few {
		return false
	}
	if q.budget.spent() {
		return true // ten thousand peers that wait once each are as bad
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.held+len(q.ready)+n > q.maxHeld
}

// load tells how many replies wait and how many bytes are kept.
func (q *replies) load() (open, held int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.open, q.held + len(q.ready)
}

// waits reports whether the peer is to get a reply still.
func (q *replies) waits() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.first != nil || q.writing || len(q.ready) > 0
}

// drop gives up what nobody will read: there is no connection any more. Slots
// that are still waited for are filled into nothing.
func (q *replies) drop() {
	kept := len(q.ready) + q.held + q.open*slotCost
	for s := q.first; s != nil; s = s.next {
		s.done = true
	}
	q.budget.add(-kept)
	q.ready, q.held, q.open = nil, 0, 0
	q.first, q.last = nil, nil
	if q.err == nil {
		q.err = net.ErrClosed
	}
}

// abandon gives up the reads that wait for another's fill. Each is told so in
// its place, as the peer may have closed its own side only:
//
//	1 P sends `lg a v w60000`, `lg b v`, and half-closes. 2 The wait for a is given up.
//	3 Were nothing said of a, P would take b's value, the first that comes, for a's.
func (q *replies) abandon() {
	q.mu.Lock()
	var waiting []*slot
	for s := q.first; s != nil; s = s.next {
		if !s.done && s.cancel != nil {
			waiting = append(waiting, s)
		}
	}
	q.mu.Unlock()
	for _, s := range waiting {
		s.cancel()
		s.fill([]byte(givenUp))
	}
}
