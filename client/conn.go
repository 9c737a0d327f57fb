package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/leasecache/leasecache/protocol"
)

// conn is one connection on which many goroutines' requests travel in batches.
//
// A request goes pending → inflight → answered. The writer moves whole batches
// from pending to inflight before it writes them; the reader answers the head
// of inflight. Both lists together never hold more than cap(slots) calls, also
// counting those that were abandoned, so a server that does not answer stops
// its callers and not the memory.
//
// INVARIANT: order. inflight is the order of the bytes on the wire, and the
// server answers in that order. Every reply must also carry the opaque of its
// request; one that does not ends the connection, because from there on no
// reply can be trusted to belong to its request.
//
// INVARIANT: a call is finished exactly once, by the reader or by fail.
//
// Why a cancelled call stays in the list: 1: A sends, B sends. 2: A is cancelled.
// 3: the server answers A. If A had left the list, B would be given A's value.
type conn struct {
	nc    net.Conn
	addr  string
	stall time.Duration // longest silence while an answer is due

	slots chan struct{} // one for every call that is not finished yet
	wake  chan struct{} // tells the writer that pending is not empty
	quit  chan struct{} // closed by fail

	mu struct {
		sync.Mutex
		pending  []*call
		inflight fifo
		due      time.Time // when the head of inflight is late; zero if nothing is in flight
		err      error     // why the connection ended; nil while it lives
	}

	proven atomic.Bool // it has answered something

	info atomic.Pointer[ClusterInfo] // what the process at the other end said about its cluster
}

// maxPending bounds the calls of one connection.
const maxPending = 4096

// newConn serves a connection with two goroutines that count in wg.
func newConn(nc net.Conn, addr string, stall time.Duration, maxValue int, wg *sync.WaitGroup) *conn {
	c := &conn{
		nc: nc, addr: addr, stall: stall,
		slots: make(chan struct{}, maxPending),
		wake:  make(chan struct{}, 1),
		quit:  make(chan struct{}),
	}
	wg.Go(c.writeLoop)
	wg.Go(func() { c.readLoop(newReplyReader(nc, maxValue)) })
	return c
}

// load is how many calls are not finished yet.
func (c *conn) load() int { return len(c.slots) }

func (c *conn) alive() bool {
	select {
	case <-c.quit:
		return false
	default:
		return true
	}
}

// submit queues a call. On an error nothing of it was sent.
func (c *conn) submit(ctx context.Context, k *call) error {
	select {
	case c.slots <- struct{}{}:
	default:
		select {
		case c.slots <- struct{}{}:
		case <-c.quit:
		case <-ctx.Done():
			return &TransportError{Addr: c.addr, Err: ctx.Err()}
		}
	}
	return c.enqueue(k)
}

// post queues a call that nobody will wait for; it gives up if there is no room.
func (c *conn) post(k *call) bool {
	select {
	case c.slots <- struct{}{}:
		return c.enqueue(k) == nil
	default:
		return false
	}
}

func (c *conn) enqueue(k *call) error {
	c.mu.Lock()
	if err := c.mu.err; err != nil {
		c.mu.Unlock()
		return &TransportError{Addr: c.addr, Err: err}
	}
	c.mu.pending = append(c.mu.pending, k)
	c.mu.Unlock()
	select {
	case c.wake <- struct{}{}:
	default:
	}
	return nil
}

// await waits for the result of a submitted call, as long as ctx lives and at
// most for limit. The call is released; it must not be used again.
func (c *conn) await(ctx context.Context, k *call, limit time.Duration) (reply, error) {
	select {
	case <-k.done:
		return c.result(k)
	default:
	}
	timer := timers.Get().(*time.Timer)
	timer.Reset(limit)
	defer func() { timer.Stop(); timers.Put(timer) }()

	var cause error
	select {
	case <-k.done:
		return c.result(k)
	case <-ctx.Done():
		cause = ctx.Err()
	case <-timer.C:
		cause = fmt.Errorf("no answer within %v: %w", limit, os.ErrDeadlineExceeded)
	}
	gone, sent := k.abandon()
	if !gone { // the reply was faster
		<-k.done
		return c.result(k)
	}
	return reply{}, &TransportError{Addr: c.addr, Sent: sent, Err: cause}
}

func (c *conn) result(k *call) (reply, error) {
	rep, err := k.rep, k.err
	k.release()
	return rep, err
}

var timers = sync.Pool{New: func() any { t := time.NewTimer(time.Hour); t.Stop(); return t }}

const writeBuffer = 64 << 10

func (c *conn) writeLoop() {
	var batch [][]byte
	out := make([]byte, 0, writeBuffer)
	for {
		select {
		case <-c.wake:
		case <-c.quit:
			return
		}
		// Callers that are ready to run get their requests into this batch.
		runtime.Gosched()
		batch = c.take(batch[:0])
		if err := c.write(batch, out); err != nil {
			c.fail(fmt.Errorf("write: %w", err))
			return
		}
		clear(batch)
	}
}

// take moves what is pending into flight and returns the requests' bytes. A call
// in flight may be finished and used again by others at any time, also before
// its request was written: the writer must not look at it any more.
func (c *conn) take(batch [][]byte) [][]byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.mu.err != nil {
		return batch
	}
	idle := c.mu.inflight.len() == 0
	for _, k := range c.mu.pending {
		req := k.req
		k.req = nil
		if !k.state.CompareAndSwap(callQueued, callSent) {
			putBuffer(req)
			<-c.slots // abandoned before a byte of it was written
			continue
		}
		c.mu.inflight.push(k)
		batch = append(batch, req)
	}
	clear(c.mu.pending)
	c.mu.pending = c.mu.pending[:0]
	if idle && c.mu.inflight.len() > 0 {
		c.expectLocked(c.mu.inflight.head())
	}
	return batch
}

// write sends a batch: small requests in one piece, large ones by themselves.
// It owns the requests' bytes and gives them back.
func (c *conn) write(batch [][]byte, out []byte) error {
	if len(batch) == 0 {
		return nil
	}
	if err := c.nc.SetWriteDeadline(time.Now().Add(c.stall)); err != nil {
		return err
	}
	for _, req := range batch {
		if len(out)+len(req) > cap(out) {
			if _, err := c.nc.Write(out); err != nil {
				return err
			}
			out = out[:0]
			if len(req) > cap(out) {
				if _, err := c.nc.Write(req); err != nil {
					return err
				}
				continue
			}
		}
		out = append(out, req...)
		putBuffer(req)
	}
	_, err := c.nc.Write(out)
	return err
}

func (c *conn) readLoop(in *replyReader) {
	for {
		r, err := in.next()
		if err != nil {
			if c.spurious(err) {
				continue
			}
			c.fail(readError(err))
			return
		}
		k, err := c.answered(r, in.buffered())
		if err != nil {
			c.fail(err)
			return
		}
		c.proven.Store(true)
		k.finish(keep(r), nil)
		<-c.slots
	}
}

// answered takes the call out of flight to which a reply belongs.
func (c *conn) answered(r *protocol.Reply, more bool) (*call, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if r.Code == protocol.CodeError && len(r.Text) > 0 {
		// Said to a connection as such, asked or not: there are too many.
		return nil, fmt.Errorf("the server refused the connection: %s", r.Text)
	}
	if c.mu.inflight.len() == 0 {
		return nil, fmt.Errorf("%w: a reply without a request", errGarbage)
	}
	// The head stays in flight until the reply was found to be its own, so that
	// fail tells its caller too.
	k := c.mu.inflight.head()
	if !r.Code.Failed() && !k.opaque.is(r.Opaque) {
		return nil, fmt.Errorf("%w: a reply to another request", errGarbage)
	}
	c.mu.inflight.pop()
	switch {
	case c.mu.inflight.len() == 0:
		c.mu.due = time.Time{}
		_ = c.nc.SetReadDeadline(time.Time{}) // as in expectLocked
	case !more:
		c.expectLocked(c.mu.inflight.head())
	}
	return k, nil
}

// expectLocked sets the time at which the connection counts as stalled, now
// that k is the next to be answered.
func (c *conn) expectLocked(k *call) {
	c.mu.due = time.Now().Add(c.stall + k.park)
	_ = c.nc.SetReadDeadline(c.mu.due) // fails only on a closed connection, which Read reports
}

// spurious tells a time-out of the reader that belongs to a deadline which was
// moved while it fired. 1: reader waits until t. 2: at t the writer puts a
// request in flight and sets t'. 3: the reader sees the time-out of t.
func (c *conn) spurious(err error) bool {
	if !errors.Is(err, os.ErrDeadlineExceeded) {
		return false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.mu.due.IsZero() || time.Now().Before(c.mu.due)
}

func readError(err error) error {
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return fmt.Errorf("connection closed by the server: %w", err)
	case errors.Is(err, os.ErrDeadlineExceeded):
		return fmt.Errorf("the server stopped answering: %w", err)
	default:
		return fmt.Errorf("read: %w", err)
	}
}

// fail ends the connection once and tells everybody who waits on it whether his
// request may have reached the server.
func (c *conn) fail(err error) {
	c.mu.Lock()
	if c.mu.err != nil {
		c.mu.Unlock()
		return
	}
	c.mu.err = err
	pending := c.mu.pending
	c.mu.pending = nil
	var inflight []*call
	for c.mu.inflight.len() > 0 {
		inflight = append(inflight, c.mu.inflight.pop())
	}
	c.mu.Unlock()

	close(c.quit)
	_ = c.nc.Close() // its error would say nothing new
	for _, k := range inflight {
		k.finish(reply{}, &TransportError{Addr: c.addr, Sent: true, Err: err})
	}
	for _, k := range pending {
		k.finish(reply{}, &TransportError{Addr: c.addr, Err: err})
	}
}

// cause is why the connection ended.
func (c *conn) cause() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.mu.err
}
