package server

import (
	"golang.org/x/sys/unix"

	"github.com/leasecache/leasecache/internal/uring"
	"github.com/leasecache/leasecache/protocol"
	"github.com/leasecache/leasecache/server/owner"
	"github.com/leasecache/leasecache/shard"
)

// A loop does what has arrived on several connections in three goes: it reads from
// all of them, executes what it read, and writes all replies. Done one connection
// after the other, the kernel's code and this program's would push each other out of
// the processor's caches at every turn; and what all the keys need can be brought from
// memory at the same time.
//
// From its execution to its writing nobody touches a connection: what others want of
// it is posted, and posts are looked at between batches. So what waits in the loop's
// own buffer needs no lock, and no account.

const (
	// batchConns, batchRequests and batchBytes bound what is executed before its
	// replies are written: those who came first wait for those who came last.
	batchConns    = 32
	batchRequests = 128
	batchBytes    = 32 << 10

	// leastOutput is room that is worth another connection.
	leastOutput = 16 << 10
)

// arrival is what was read from a connection: data, at the beginning of buf, none if
// there was nothing to read. The first have bytes of it had come before.
type arrival struct {
	c         *loopConn
	have      int
	data, buf []byte
}

// departure is whose replies lie in the loop's buffer, from the one before on, and the
// session in which they were made.
type departure struct {
	c       *loopConn
	end     int
	session shard.Session
}

// serve does what is to be done for events.
func (l *loop) serve(events []unix.EpollEvent) {
	for len(events) > 0 {
		events = events[l.gather(events):]
		l.receive()
		l.execute()
	}
}

// gather lists those who sent something, as many as make a batch, and does for the
// others what is to be done. It returns how many events it has done with.
//
// Where connections keep much, each may read all that a loop reads at once: of a large
// request less has to be kept, or nothing.
func (l *loop) gather(events []unix.EpollEvent) int {
	most := batchConns
	if l.srv.budget.tight() {
		most = len(l.in) / loopInput
	}
	for i := range events {
		ev := &events[i]
		c := l.connOf(ev)
		switch {
		case c == nil || !c.sends(ev.Events):
			l.event(ev, c)
		case len(l.arrived) == most:
			return i
		default:
			l.arrived = append(l.arrived, arrival{c: c})
		}
	}
	return len(events)
}

// receive reads from those listed.
func (l *loop) receive() {
	if len(l.arrived) == 0 {
		return
	}
	// Parts whose beginnings differ in the low bits, too: where those are alike, all
	// would lie in the same few places of the processor's cache.
	each := min(loopInput, (len(l.in)/len(l.arrived)/64-1|1)*64)
	for i := range l.arrived {
		a := &l.arrived[i]
		a.buf, a.have = a.c.place(l.in[i*each : (i+1)*each])
	}
	if l.ring != nil && len(l.arrived) > 1 {
		for i := range l.arrived {
			a := &l.arrived[i]
			l.ring.Receive(a.c.fd, a.buf[a.have:])
		}
		ring := l.do()
		for i := range l.arrived {
			a := &l.arrived[i]
			n, errno := ring.Result(i)
			a.data = a.c.received(a.buf, a.have, n, errno)
		}
		return
	}
	for i := range l.arrived {
		a := &l.arrived[i]
		n, errno := rawReceive(a.c.fd, a.buf[a.have:])
		a.data = a.c.received(a.buf, a.have, n, errno)
	}
}

// execute does what has arrived, and sees to it that the replies are written.
func (l *loop) execute() {
	l.postpones = len(l.arrived) > 1
	if l.postpones {
		l.prefetch()
	}
	done := 0
	for i := range l.arrived {
		a := &l.arrived[i]
		if a.data != nil && !a.c.closed {
			a.c.feed(a.data, a.buf)
			done += 1 + a.c.session.before
		}
		*a = arrival{}
		if done >= batchRequests || len(l.out) >= batchBytes || cap(l.out)-len(l.out) < leastOutput {
			l.deliver()
			done = 0
		}
	}
	l.arrived = l.arrived[:0]
	l.postpones = false
	l.deliver()
}

// prefetch has memory bring what the first request of each connection will look up.
func (l *loop) prefetch() {
	var list [owner.PrefetchKeys][]byte
	keys := list[:0]
	for i := range l.arrived {
		data := l.arrived[i].data
		if key, _ := protocol.GuessKey(data[:min(len(data), prefetchBytes)]); len(key) > 0 {
			keys = append(keys, key)
		}
		if len(keys) == len(list) {
			l.srv.owner.Prefetch(keys)
			keys = keys[:0]
		}
	}
	l.srv.owner.Prefetch(keys)
}

// postpone leaves replies in the loop's buffer, where they were composed, until those
// of others are written as well. It is false where they have to be written at once:
// the connection is to do something else after it.
func (c *loopConn) postpone(out []byte, state feedState, in shard.Session) bool {
	l := c.loop
	have := len(l.out)
	if !l.postpones || state != feedMore || len(out) == 0 || len(out) > cap(l.out)-have || &out[0] != &l.out[:have+1][have] {
		return false
	}
	if c.waits || c.session.placed > 0 || len(c.unsent) > 0 || c.stopped.Load() {
		return false
	}
	l.out = l.out[:have+len(out)]
	l.leaving = append(l.leaving, departure{c, len(l.out), in})
	return true
}

// deliver writes what was postponed, and sends what other nodes are asked for.
func (l *loop) deliver() {
	l.calls.Flush()
	if len(l.leaving) == 0 {
		l.out = l.out[:0]
		return
	}
	live := l.srv.live()
	for _, d := range l.leaving {
		if d.session != live && !d.c.closed {
			d.c.sessionOver()
			d.c.close()
		}
	}
	var ring *uring.Ring
	if l.ring != nil && len(l.leaving) > 1 {
		from := 0
		for _, d := range l.leaving {
			fd := d.c.fd
			if d.c.closed {
				fd = -1 // the number may be another's by now
			}
			l.ring.Send(fd, l.out[from:d.end])
			from = d.end
		}
		ring = l.do()
	}
	from := 0
	for i, d := range l.leaving {
		b := l.out[from:d.end]
		from = d.end
		l.leaving[i].c = nil
		if d.c.closed {
			continue
		}
		if ring != nil {
			n, errno := ring.Result(i)
			d.c.took(b, n, errno, false)
		} else {
			d.c.send(b, false)
		}
		if len(d.c.unsent) > 0 {
			d.c.watch()
		}
	}
	l.leaving, l.out = l.leaving[:0], l.out[:0]
}
