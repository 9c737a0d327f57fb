package consensus_test

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"time"
)

// simNet carries what nodes of a simulation say to each other, in the bubble's time: whoever
// waits for it waits on channels alone.
//
// It behaves as TCP does. Bytes of a connection stay in order and are never lost in the
// middle; connections are slow each in its own way, so what goes over two of them comes in
// any order. A link that is cut says nothing and breaks nothing: what is sent meanwhile
// comes when it is healed, unless the connection was broken.
type simNet struct {
	mu        sync.Mutex // guards all below and all pipes; nothing blocks under it
	listeners map[string]*simListener
	cut       map[[2]string]bool // from, to
	mute      map[string]bool    // nothing that a node asks of others arrives, but what raft says does
	delay     map[[2]string]time.Duration
	jitter    func(time.Duration) time.Duration
	pipes     map[*simPipe]struct{}
}

func newSimNet(jitter func(time.Duration) time.Duration) *simNet {
	return &simNet{
		listeners: make(map[string]*simListener), cut: make(map[[2]string]bool),
		mute: make(map[string]bool), delay: make(map[[2]string]time.Duration), jitter: jitter, pipes: make(map[*simPipe]struct{}),
	}
}

// simAddr is a node's; there is one port.
type simAddr string

func (simAddr) Network() string  { return "sim" }
func (a simAddr) String() string { return string(a) + ":1" }

// simPipe is one direction of a connection.
type simPipe struct {
	n        *simNet
	from, to string
	lag      time.Duration // of this connection
	queue    []simChunk
	wake     chan struct{} // for the one reader
	deadline time.Time
	shut     bool // the reader's side was closed: nobody wants it
	kind     byte // the first one of the connection: whether it is raft's
	ends     [2]*simConn
}

// simChunk is some bytes, or the end: io.EOF after a close, another error after a break.
type simChunk struct {
	at    time.Time
	bytes []byte
	end   error
}

var errReset = errors.New("connection reset by peer")

func (p *simPipe) stir() {
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

// put sends something on its way. The network is locked.
func (p *simPipe) put(c simChunk) {
	if p.shut {
		return
	}
	c.at = time.Now().Add(p.lag + p.n.delay[[2]string{p.from, p.to}])
	if k := len(p.queue); k > 0 && c.at.Before(p.queue[k-1].at) {
		c.at = p.queue[k-1].at
	}
	p.queue = append(p.queue, c)
	p.stir()
}

// read takes what has arrived.
func (p *simPipe) read(b []byte) (int, error) {
	for {
		p.n.mu.Lock()
		now := time.Now()
		until := p.deadline
		switch {
		case p.shut:
			p.n.mu.Unlock()
			return 0, net.ErrClosed
		case !until.IsZero() && !now.Before(until):
			p.n.mu.Unlock()
			return 0, os.ErrDeadlineExceeded
		case len(p.queue) > 0 && !p.n.cut[[2]string{p.from, p.to}] && !(p.n.mute[p.from] && p.kind == 'P'):
			c := &p.queue[0]
			if c.at.After(now) {
				if until.IsZero() || c.at.Before(until) {
					until = c.at
				}
				break
			}
			if c.end != nil {
				p.n.mu.Unlock()
				return 0, c.end
			}
			k := copy(b, c.bytes)
			if c.bytes = c.bytes[k:]; len(c.bytes) == 0 {
				p.queue = p.queue[1:]
			}
			p.n.mu.Unlock()
			return k, nil
		}
		p.n.mu.Unlock()
		if until.IsZero() {
			<-p.wake
			continue
		}
		t := time.NewTimer(until.Sub(now))
		select {
		case <-p.wake:
		case <-t.C:
		}
		t.Stop()
	}
}

// simConn is one side of a connection.
type simConn struct {
	in, out *simPipe
	closed  bool
	wbefore time.Time
}

func (c *simConn) Read(b []byte) (int, error) { return c.in.read(b) }

func (c *simConn) Write(b []byte) (int, error) {
	n := c.out.n
	n.mu.Lock()
	defer n.mu.Unlock()
	switch {
	case c.closed:
		return 0, net.ErrClosed
	case !c.wbefore.IsZero() && !time.Now().Before(c.wbefore):
		return 0, os.ErrDeadlineExceeded
	case c.out.shut && !n.cut[[2]string{c.out.to, c.out.from}]:
		return 0, errReset
	}
	if c.out.kind == 0 && len(b) > 0 {
		c.out.kind = b[0]
	}
	c.out.put(simChunk{bytes: append([]byte(nil), b...)})
	return len(b), nil
}

func (c *simConn) Close() error {
	n := c.out.n
	n.mu.Lock()
	defer n.mu.Unlock()
	c.closeLocked(io.EOF)
	return nil
}

func (c *simConn) closeLocked(end error) {
	if c.closed {
		return
	}
	c.closed = true
	c.out.put(simChunk{end: end})
	c.in.shut, c.in.queue = true, nil
	c.in.stir()
	delete(c.in.n.pipes, c.in)
}

func (c *simConn) LocalAddr() net.Addr  { return simAddr(c.out.from) }
func (c *simConn) RemoteAddr() net.Addr { return simAddr(c.out.to) }

func (c *simConn) SetDeadline(t time.Time) error {
	return errors.Join(c.SetReadDeadline(t), c.SetWriteDeadline(t))
}

func (c *simConn) SetReadDeadline(t time.Time) error {
	c.in.n.mu.Lock()
	defer c.in.n.mu.Unlock()
	c.in.deadline = t
	c.in.stir()
	return nil
}

func (c *simConn) SetWriteDeadline(t time.Time) error {
	c.in.n.mu.Lock()
	defer c.in.n.mu.Unlock()
	c.wbefore = t
	return nil
}

// simListener is a node's.
type simListener struct {
	n      *simNet
	at     string
	conns  chan *simConn
	closed chan struct{}
	once   sync.Once
}

func (n *simNet) listen(addr string) (net.Listener, error) {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.listeners[host] != nil {
		return nil, errors.New("address already in use")
	}
	l := &simListener{n: n, at: host, conns: make(chan *simConn, 256), closed: make(chan struct{})}
	n.listeners[host] = l
	return l, nil
}

func (l *simListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *simListener) Addr() net.Addr { return simAddr(l.at) }

func (l *simListener) Close() error {
	l.once.Do(func() {
		close(l.closed)
		l.n.mu.Lock()
		defer l.n.mu.Unlock()
		if l.n.listeners[l.at] == l {
			delete(l.n.listeners, l.at)
		}
		for len(l.conns) > 0 {
			(<-l.conns).closeLocked(errReset)
		}
	})
	return nil
}

// dial is the way of a process, as long as it lives, to others.
func (n *simNet) dial(from string, dead <-chan struct{}) func(context.Context, string) (net.Conn, error) {
	return func(ctx context.Context, addr string) (net.Conn, error) {
		to, _, err := net.SplitHostPort(addr)
		if err != nil {
			return nil, err
		}
		for {
			n.mu.Lock()
			lost := n.cut[[2]string{from, to}] || n.cut[[2]string{to, from}]
			wait := n.jitter(time.Millisecond) + n.delay[[2]string{from, to}] + n.delay[[2]string{to, from}]
			n.mu.Unlock()
			if lost {
				wait = 200 * time.Millisecond // a SYN is sent again
			}
			select {
			case <-time.After(wait):
			case <-ctx.Done():
				return nil, ctx.Err()
			case <-dead:
				return nil, net.ErrClosed
			}
			if !lost {
				break
			}
		}
		n.mu.Lock()
		defer n.mu.Unlock()
		l := n.listeners[to]
		if l == nil || len(l.conns) == cap(l.conns) {
			return nil, errors.New("connection refused")
		}
		there := &simPipe{n: n, from: from, to: to, lag: n.jitter(time.Millisecond), wake: make(chan struct{}, 1)}
		back := &simPipe{n: n, from: to, to: from, lag: n.jitter(time.Millisecond), wake: make(chan struct{}, 1)}
		n.pipes[there], n.pipes[back] = struct{}{}, struct{}{}
		c, s := &simConn{in: back, out: there}, &simConn{in: there, out: back}
		there.ends, back.ends = [2]*simConn{c, s}, [2]*simConn{c, s}
		l.conns <- s
		return c, nil
	}
}

// set cuts one direction of a link, or heals it.
func (n *simNet) set(from, to string, cut bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.cut[[2]string{from, to}] = cut
	for p := range n.pipes {
		p.stir()
	}
}

// slow makes one direction of a link slower by so much.
func (n *simNet) slow(from, to string, by time.Duration) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.delay[[2]string{from, to}] = by
}

// reset breaks connections: those of a node, or between two. What was under way is lost,
// and nobody knows how much of it arrived.
func (n *simNet) reset(node string, other string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for p := range n.pipes {
		if (p.from == node || p.to == node) && (other == "" || p.from == other || p.to == other) {
			for _, c := range p.ends {
				c.out.lose()
				c.closeLocked(errReset)
			}
		}
	}
}

// lose drops what has not arrived yet.
func (p *simPipe) lose() {
	for i, c := range p.queue {
		if c.at.After(time.Now()) {
			p.queue = p.queue[:i]
			return
		}
	}
}

// silence has nothing arrive that a node asks of others. Raft goes on.
func (n *simNet) silence(node string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.mute[node] = true
}
