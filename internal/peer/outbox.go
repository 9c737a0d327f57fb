package peer

import (
	"encoding/binary"
	"net"
	"sync/atomic"
	"time"
)

const (
	writeChunk = 256 << 10 // that much has to go within times.write
	keepBuffer = 512 << 10 // a longer one is given back after the burst
)

// outbox collects frames for one connection, so that many small ones go in one
// write. Whoever owns it guards it with a lock of his own: an id is drawn, its
// frame laid in and its place remembered in one step.
//
// Positions count the bytes of the connection's whole life. INVARIANT: bytes
// below base were handed to the kernel, maybe; buf[0] is at base and nobody
// but us has seen buf.
//
// It is written by its flusher, a goroutine that may wait for the other side, or by who
// has just filled it, as far as that needs no waiting (push). One at a time does, and
// nothing is left lying:
//
//	1 P pushes, and is busy. 2 Q adds a frame, and wakes the flusher, which finds that
//	somebody is busy, and sleeps. 3 P has written, and looks again before it is done.
//	Had Q come later, the flusher had found nobody busy.
type outbox struct {
	buf, spare []byte
	base       uint64
	writing    int           // bytes handed over and not yet taken
	busy       bool          // somebody writes
	rest, full []byte        // what push left to the flusher, which is busy then, and of what
	wake       chan struct{} // of the flusher; holds one
}

func newOutbox() outbox { return outbox{wake: make(chan struct{}, 1)} }

// add lays a frame in and returns where it begins.
func (o *outbox) add(k Kind, id uint64, until int64, size int, parts ...[]byte) uint64 {
	at := o.end()
	o.buf = appendFrame(o.buf, k, id, until, size, parts...)
	return at
}

// limit says until when a question may be served that waits here.
func (o *outbox) limit(at uint64, until int64) {
	binary.BigEndian.PutUint64(o.buf[at-o.base+frameHead:], uint64(until))
}

func (o *outbox) end() uint64  { return o.base + uint64(len(o.buf)) }
func (o *outbox) waiting() int { return len(o.buf) + o.writing }

// unsend turns the frame at a position into one that is skipped, or returns
// false: it may be under way.
func (o *outbox) unsend(at uint64) bool {
	if at < o.base {
		return false
	}
	o.buf[at-o.base+lengthLen] = byte(cancelled)
	return true
}

func (o *outbox) stir() {
	select {
	case o.wake <- struct{}{}:
	default:
	}
}

// hand gives out what waits; from now on it counts as sent. Nothing while somebody
// else writes.
func (o *outbox) hand() []byte {
	if o.busy || len(o.buf) == 0 {
		return nil
	}
	b := o.buf
	o.busy = true
	o.base += uint64(len(b))
	o.writing = len(b)
	o.buf, o.spare = o.spare[:0], nil
	return b
}

// toFlush is hand for the flusher.
func (o *outbox) toFlush() []byte {
	if b := o.rest; b != nil {
		o.rest = nil
		return b
	}
	return o.hand()
}

// left leaves to the flusher what push could not write.
func (o *outbox) left(b []byte, n int) {
	o.rest, o.full, o.writing = b[n:], b, len(b)-n
	o.stir()
}

func (o *outbox) taken(b []byte) {
	o.writing, o.busy = 0, false
	if o.full != nil {
		b, o.full = o.full, nil
	}
	if cap(b) <= keepBuffer {
		o.spare = b[:0]
	}
}

// writeAll gives a batch to the kernel. A side that takes nothing for
// times.write is given up. Each full chunk is counted: the kernel does not take
// many for a side that is dead, so they are a sign of life.
func writeAll(nc net.Conn, b []byte, patience time.Duration, chunks *atomic.Uint64) error {
	for len(b) > 0 {
		if err := nc.SetWriteDeadline(time.Now().Add(patience)); err != nil {
			return err
		}
		n, err := nc.Write(b[:min(len(b), writeChunk)])
		if err != nil {
			return err
		}
		if n == writeChunk {
			chunks.Add(1)
		}
		b = b[n:]
	}
	return nc.SetWriteDeadline(time.Time{})
}
