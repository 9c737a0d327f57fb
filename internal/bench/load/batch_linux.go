package load

import (
	"fmt"
	"io"
	"runtime"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/leasecache/leasecache/internal/uring"
)

// The server under test may do the system calls of many connections as one. Were the
// generator to make two for each reply, it would be the slower of the two, and what
// is measured would be the generator: a server with nothing to do asks for events
// more often, each time for fewer. So it does the same where the kernel lets it.

const (
	batchConns = 64
	batchRead  = 16 << 10 // what is read at once of each
)

// batch is what a round does on several connections at once. It belongs to one run,
// and to its thread.
type batch struct {
	ring  *uring.Ring
	in    []byte
	ready []int // connections
	have  [batchConns]int
	out   []byte
	sent  []sending
}

// sending is whose requests lie in out, up to end.
type sending struct{ conn, end int }

// newRing is what a kernel without io_uring, or one that keeps it back, does not have.
var newRing = uring.New

// together has the run use a ring, if there is one, until done is called.
func (g *Generator) together() (done func()) {
	runtime.LockOSThread()
	ring, err := newRing(batchConns)
	if err != nil {
		runtime.UnlockOSThread()
		return func() {}
	}
	if g.batch.in == nil {
		g.batch.in = make([]byte, batchConns*batchRead)
	}
	b := &g.batch
	b.ring, b.ready, b.out, b.sent = ring, b.ready[:0], b.out[:0], b.sent[:0] // of a run that failed
	return func() {
		b.ring = nil
		ring.Close()
		runtime.UnlockOSThread()
	}
}

// exchange reads from those that are ready, and sends to those whose batch ended.
func (g *Generator) exchange() error {
	b := &g.batch
	for i, at := range b.ready {
		part := b.in[i*batchRead : (i+1)*batchRead]
		c := &g.conns[at]
		b.have[i] = copy(part, c.carry[:c.carried])
		b.ring.Receive(c.fd, part[b.have[i]:])
	}
	if err := b.ring.Do(); err != nil {
		return err
	}
	for i, at := range b.ready {
		n, errno := b.ring.Result(i)
		ended, err := g.arrived(at, b.in[i*batchRead:(i+1)*batchRead], b.have[i], n, errno)
		if err != nil {
			return err
		}
		if !ended {
			continue
		}
		if now := clock(); g.next(at, now) {
			g.enlist(at, now)
		}
	}
	b.ready = b.ready[:0]
	return g.sendOff()
}

// enlist composes the next batch of connection i, for sendOff.
func (g *Generator) enlist(i int, since time.Duration) {
	b := &g.batch
	b.out = g.compose(i, since, b.out)
	b.sent = append(b.sent, sending{i, len(b.out)})
}

// sendOff sends what was composed.
func (g *Generator) sendOff() error {
	b := &g.batch
	from := 0
	for _, s := range b.sent {
		b.ring.Send(g.conns[s.conn].fd, b.out[from:s.end])
		from = s.end
	}
	if err := b.ring.Do(); err != nil {
		return err
	}
	from = 0
	for i, s := range b.sent {
		n, errno := b.ring.Result(i)
		if errno != 0 && errno != unix.EAGAIN {
			return fmt.Errorf("write: %w", errno)
		}
		if err := g.took(s.conn, b.out[from:s.end], n); err != nil {
			return err
		}
		from = s.end
	}
	b.out, b.sent = b.out[:0], b.sent[:0]
	return nil
}

// arrived takes what was read behind the first have bytes of buf, and says whether
// that ended the batch of connection i.
func (g *Generator) arrived(i int, buf []byte, have, n int, errno syscall.Errno) (bool, error) {
	switch {
	case errno == unix.EAGAIN:
		return false, nil
	case errno != 0:
		return false, fmt.Errorf("read: %w", errno)
	case n == 0:
		return false, fmt.Errorf("the server hung up: %w", io.ErrUnexpectedEOF)
	}
	ended, err := g.take(i, buf[:have+n])
	if err == nil && !ended && have+n == len(buf) {
		return g.receive(i) // there is more
	}
	return ended, err
}
