package server

import (
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// blocking writes a connection's replies through net.Conn: whoever writes blocks
// until the peer has taken them.
type blocking struct {
	replies
	conn    net.Conn
	timeout time.Duration // for one write to make progress
	sent    *atomic.Uint64
	drained *sync.Cond // signalled when a writer stops, and when the last slot is done
}

func newBlocking(conn net.Conn, timeout time.Duration, maxHeld int, sent *atomic.Uint64, budget *budget) *blocking {
	q := &blocking{conn: conn, timeout: timeout, sent: sent}
	q.replies = replies{outlet: q, maxHeld: maxHeld, budget: budget}
	q.drained = sync.NewCond(&q.mu)
	return q
}

func (q *blocking) write() { go q.put(nil) }

func (q *blocking) settled() { q.drained.Broadcast() }

// flush has a batch written, or kept where it must wait. It is called by the
// connection's goroutine and blocks while the peer does not read: then the
// connection's requests are not read either.
func (q *blocking) flush(batch []byte) error {
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
	return q.put(batch)
}

// put writes what is ready, then batch, then whatever became ready meanwhile.
// The caller has set writing; batch is only given while no slot was reserved,
// so nothing can have become ready that belongs before it.
func (q *blocking) put(batch []byte) error {
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
func (q *blocking) send(b []byte) error {
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

// await waits until something is the case of which settled is called, or nothing can
// be written any more.
func (q *blocking) await(is func() bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for q.err == nil && !is() {
		q.drained.Wait()
	}
}

// idle waits until nothing is being written, and returns what failed. Nothing is
// left then if nothing was reserved.
func (q *blocking) idle() error {
	q.mu.Lock()
	defer q.mu.Unlock()
	for q.writing {
		q.drained.Wait()
	}
	return q.err
}

// finish ends the queue once the peer sends no more: who waits for another's
// fill hung up and gets no lease; what is being worked on gets a little time;
// then everything that is ready is written.
func (q *blocking) finish(patience time.Duration) {
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
