package peer

import (
	"errors"
	"io"
	"net"
	"sync"
	"time"
)

// Listener is a node's cluster port.
type Listener struct {
	ln    net.Listener
	cfg   Config
	raft  *raftListener
	born  time.Time
	done  chan struct{}
	turns turns
	wg    sync.WaitGroup

	mu struct {
		sync.Mutex
		closed bool
		conns  map[net.Conn]*served // nil until its hellos are said
	}
	said refusals
}

// Listen makes a cluster port of a listener. Nothing is accepted before Serve.
func Listen(ln net.Listener, cfg Config) *Listener {
	l := &Listener{ln: ln, cfg: cfg.withDefaults(), born: time.Now(), done: make(chan struct{})}
	l.raft = &raftListener{l: l, conns: make(chan net.Conn), done: make(chan struct{})}
	l.mu.conns = map[net.Conn]*served{}
	return l
}

// clock is what deadlines are said in; it is never 0.
func (l *Listener) clock() int64 { return int64(time.Since(l.born)) + 1 }

// Addr is where it listens.
func (l *Listener) Addr() net.Addr { return l.ln.Addr() }

// Raft is where raft streams arrive, their hellos said. Closing it, or not
// accepting from it, does nothing to the rest of the port.
func (l *Listener) Raft() net.Listener { return l.raft }

// Serve accepts connections until Close; then it returns nil.
func (l *Listener) Serve(h Handler) error {
	if !l.spawn(func() { l.watch() }) {
		return nil
	}
	var pause time.Duration
	for {
		nc, err := l.ln.Accept()
		if err != nil {
			if l.isClosed() {
				return nil
			}
			if errors.Is(err, net.ErrClosed) {
				return err
			}
			// Out of descriptors, most likely: it passes when others close.
			pause = min(max(2*pause, 5*time.Millisecond), time.Second)
			l.cfg.Log.Warn("cluster port cannot accept", "err", err, "pause", pause)
			select {
			case <-time.After(pause):
			case <-l.done:
				return nil
			}
			continue
		}
		pause = 0
		if !l.track(nc) {
			l.refused(nc, errCrowded)
			_ = nc.Close()
			continue
		}
		if !l.spawn(func() { l.serve(nc, h) }) {
			_ = nc.Close()
		}
	}
}

// spawn runs f in a goroutine that Close waits for; false after Close.
func (l *Listener) spawn(f func()) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.mu.closed {
		return false
	}
	l.wg.Go(f)
	return true
}

// track remembers a connection, so that Close reaches it, unless there are too
// many.
func (l *Listener) track(nc net.Conn) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.mu.closed || len(l.mu.conns) >= l.cfg.MaxConns {
		return false
	}
	l.mu.conns[nc] = nil
	return true
}

func (l *Listener) untrack(nc net.Conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.mu.conns, nc)
}

func (l *Listener) isClosed() bool {
	select {
	case <-l.done:
		return true
	default:
		return false
	}
}

// Close stops listening, closes what it accepted, raft streams that were handed
// out excepted, and waits until every Conversation is closed. A Conversation
// must not call it.
func (l *Listener) Close() error {
	l.mu.Lock()
	if l.mu.closed {
		l.mu.Unlock()
		l.wg.Wait()
		return nil
	}
	l.mu.closed = true
	close(l.done)
	for nc, c := range l.mu.conns {
		_ = nc.Close()
		if c != nil {
			c.end()
		}
	}
	l.mu.Unlock()
	err := l.ln.Close()
	l.wg.Wait()
	return err
}

var errCrowded = errors.New("the cluster port has all the connections it keeps")

// wrongPort is for whoever takes the cluster port for the one of clients; in
// words that a client of the cache prints.
const wrongPort = "CLIENT_ERROR this is the port between nodes: clients use the address of --listen\r\n"

// lastWords says so and reads on for a moment: a connection that is closed over
// unread bytes is reset, and takes the sentence with it.
func lastWords(nc net.Conn) {
	_ = nc.SetDeadline(time.Now().Add(200 * time.Millisecond))
	if _, err := io.WriteString(nc, wrongPort); err == nil {
		_, _ = io.CopyN(io.Discard, nc, 4<<10)
	}
}

// serve is a connection's goroutine.
func (l *Listener) serve(nc net.Conn, h Handler) {
	handed := false
	defer func() {
		l.untrack(nc)
		if !handed {
			_ = nc.Close()
		}
	}()
	if nc.SetDeadline(time.Now().Add(l.cfg.times.handshake)) != nil {
		return
	}
	var first [1]byte
	if _, err := io.ReadFull(nc, first[:]); err != nil {
		return
	}
	stream := first[0]
	if stream != raftStream && stream != peerFrames {
		lastWords(nc)
		return
	}
	var t *turn
	from, err := welcome(nc, &l.cfg, stream, l.clock, func(of line) (err error) {
		t, err = l.turns.begin(of, nc)
		return err
	})
	if t != nil {
		defer t.finish()
	}
	if errors.Is(err, errForeign) {
		lastWords(nc)
	}
	if err != nil {
		if !errors.Is(err, errLater) {
			l.refused(nc, err)
		}
		return
	}
	if stream == raftStream {
		handed = l.raft.hand(nc)
		return
	}
	newServed(l, nc, from).run(h, t)
}

// refused logs a sentence once a minute and host: who is refused tries again
// every second.
func (l *Listener) refused(nc net.Conn, err error) {
	if l.isClosed() {
		return
	}
	host, _, e := net.SplitHostPort(nc.RemoteAddr().String())
	if e != nil {
		host = nc.RemoteAddr().String()
	}
	if l.said.again(host+" "+err.Error(), time.Now()) {
		return
	}
	l.cfg.Log.Warn("node refused", "from", host, "err", err)
}

// refusals remembers what was said within the last minute, up to a bound.
type refusals struct {
	mu   sync.Mutex
	last map[string]time.Time
}

func (r *refusals) again(what string, now time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if t, ok := r.last[what]; ok && now.Sub(t) < time.Minute {
		return true
	}
	if r.last == nil || len(r.last) >= 256 {
		r.last = map[string]time.Time{}
	}
	r.last[what] = now
	return false
}

// raftListener is a net.Listener whose connections come from a Listener.
type raftListener struct {
	l     *Listener
	conns chan net.Conn
	once  sync.Once
	done  chan struct{}
}

// hand gives a stream to Accept; false if nobody takes it in time.
func (r *raftListener) hand(nc net.Conn) bool {
	late := time.NewTimer(r.l.cfg.times.handshake)
	defer late.Stop()
	select {
	case r.conns <- nc:
		return true
	case <-late.C:
	case <-r.done:
	case <-r.l.done:
	}
	return false
}

func (r *raftListener) Accept() (net.Conn, error) {
	select {
	case nc := <-r.conns:
		return nc, nil
	case <-r.done:
	case <-r.l.done:
	}
	return nil, &net.OpError{Op: "accept", Net: "tcp", Addr: r.Addr(), Err: net.ErrClosed}
}

func (r *raftListener) Close() error {
	r.once.Do(func() { close(r.done) })
	return nil
}

func (r *raftListener) Addr() net.Addr { return r.l.Addr() }
