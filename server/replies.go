package server

import (
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// replies is the order of a connection's replies. Most are written straight
// from the session's batch; a reply that has to wait reserves its place, and
// what comes behind it is kept until it is there.
//
//	written │ ready bytes │ slot (waits) bytes behind it │ slot (done) bytes │ …
//
// Two parties touch it: the connection's own goroutine, which appends and
// reserves, and whoever fills a slot, which may hold a bucket's lock and
// therefore must not block: it only marks the slot and, if bytes became ready
// and nobody is writing, starts a goroutine that writes them.
//
// INVARIANT: at most one goroutine writes to the connection at a time.
type replies struct {
	conn    net.Conn
	timeout time.Duration // for one write to make progress
	maxHeld int           // bytes kept at most behind a slot or a slow peer
	sent    *atomic.Uint64
	budget  *budget // of all connections: whatever is kept here is counted there

	mu          sync.Mutex
	drained     *sync.Cond // signalled when a writer stops, and when the last slot is done
	ready       []byte
	first, last *slot
	open        int // slots reserved and not written yet
	held        int // bytes behind first
	writing     bool
	err         error // of the first write that failed: nothing is written after it
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
	cancel func() // tells whoever the slot waits for that nobody reads the reply
}

func newReplies(conn net.Conn, timeout time.Duration, maxHeld int, sent *atomic.Uint64, budget *budget) *replies {
	q := &replies{conn: conn, timeout: timeout, maxHeld: maxHeld, sent: sent, budget: budget}
	q.drained = sync.NewCond(&q.mu)
	return q
}

// reserve takes the next place, behind the batch composed so far. It is called
// by the connection's goroutine, and the batch is taken over.
func (q *replies) reserve(batch []byte, cancel func()) *slot {
	s := &slot{queue: q, cancel: cancel}
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
	return s
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
func (s *slot) fill(reply []byte) {
	q := s.queue
	q.mu.Lock()
	if s.done { // its reader hung up
		q.mu.Unlock()
		return
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
	}
	if q.first == nil {
		q.last = nil
		q.drained.Broadcast()
	}
	start := len(q.ready) > 0 && !q.writing && q.err == nil
	if start {
		q.writing = true
	}
	q.mu.Unlock()
	if start {
		go q.write(nil)
	}
}

// flush has a batch written, or kept where it must wait. It is called by the
// connection's goroutine and blocks while the peer does not read: then the
// connection's requests are not read either.
func (q *replies) flush(batch []byte) error {
	q.mu.Lock()
	if q.first != nil || q.writing {
		q.append(batch)
		batch = nil
	}
	for q.writing && len(q.ready) > q.maxHeld {
		q.drained.Wait()
	}
	if q.err != nil || q.writing || (len(batch) == 0 && len(q.ready) == 0) {
		err := q.err
		q.mu.Unlock()
		return err
	}
	q.writing = true
	q.mu.Unlock()
	return q.write(batch)
}

// write writes what is ready, then batch, then whatever became ready meanwhile.
// The caller has set writing; batch is only given while no slot was reserved,
// so nothing can have become ready that belongs before it.
func (q *replies) write(batch []byte) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	var spare []byte
	for q.err == nil && (len(q.ready) > 0 || len(batch) > 0) {
		out, kept := q.ready, len(q.ready)
		if kept > 0 {
			q.ready = spare[:0]
			spare = out
		} else {
			out, batch = batch, nil
		}
		q.mu.Unlock()
		err := q.send(out)
		q.budget.add(-kept)
		q.mu.Lock()
		if err != nil {
			q.err = err
			// The rest will never come, so the peer must not wait for it, and the
			// connection's goroutine may be waiting for the peer.
			_ = q.conn.Close()
		}
	}
	if cap(q.ready) > keepBuffer {
		q.ready = nil
	}
	q.writing = false
	q.drained.Broadcast()
	return q.err
}

// send writes bytes in pieces, so that the timeout bounds a stall and not the
// time that a slow but steady peer takes.
func (q *replies) send(b []byte) error {
	const piece = 64 << 10
	for len(b) > 0 {
		n := min(len(b), piece)
		if err := q.conn.SetWriteDeadline(time.Now().Add(q.timeout)); err != nil {
			return err
		}
		wrote, err := q.conn.Write(b[:n])
		q.sent.Add(uint64(wrote))
		if err != nil {
			return err
		}
		b = b[n:]
	}
	return nil
}

// idle waits until nothing is being written, and returns what failed. Nothing is
// left then if nothing was reserved.
func (q *replies) idle() error {
	q.mu.Lock()
	defer q.mu.Unlock()
	for q.writing {
		q.drained.Wait()
	}
	return q.err
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

// finish ends the queue once the peer sends no more: who waits for another's
// fill hung up and gets no lease; what is being worked on gets a little time;
// then everything that is ready is written.
func (q *replies) finish(patience time.Duration) {
	q.abandon()
	late := false
	timer := time.AfterFunc(patience, func() {
		q.mu.Lock()
		late = true
		q.drained.Broadcast()
		q.mu.Unlock()
	})
	defer timer.Stop()
	q.mu.Lock()
	defer q.mu.Unlock()
	for q.writing || (q.first != nil && !late && q.err == nil) {
		q.drained.Wait()
	}
	q.drop()
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
