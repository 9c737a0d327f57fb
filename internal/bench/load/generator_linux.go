package load

import (
	"errors"
	"fmt"
	"io"
	"time"

	"golang.org/x/sys/unix"
)

// ErrMisses says that a server did not have what was stored in it.
var ErrMisses = errors.New("the server misses what it was given")

// maxMisses is the share of misses that a run lets pass, in thousandths.
const maxMisses = 1

// silence is how long a server may answer nothing at all.
const silence = 20 * time.Second

const (
	readBuffer = 256 << 10
	maxEvents  = 1024
	remembered = 1024 // keys of the latest sets
)

// Generator holds the connections of one workload.
type Generator struct {
	w     Workload
	epfd  int
	conns []conn
	begun bool

	pick picker
	rng  rng
	sets uint64 // threshold for rng of a set
	keys []uint32
	out  []byte
	in   []byte

	events  [maxEvents]unix.EpollEvent
	asked   int // keys, those under way included
	limit   int // of asked, beyond which nothing is sent; 0: none
	done    counts
	idle    time.Duration // spent asking for what had not come
	latency Histogram
	wrote   [remembered]uint32
	written int

	crowds []*Crowd
	ticked time.Duration

	open  *schedule // of an open loop
	batch batch
}

// counts only grow; a run is the difference of two.
type counts struct{ requests, keys, misses, refused int }

// conn is one connection and the batch that is under way on it.
type conn struct {
	fd       int
	check    checker
	requests int           // in the batch
	since    time.Duration // when the batch was sent, or was due
	rest     []byte        // what the socket has not taken yet
	left     []byte        // its unsent part
	carry    [maxLine]byte
	carried  int
}

// New connects.
func New(addr string, w Workload) (*Generator, error) {
	if err := w.fill(); err != nil {
		return nil, err
	}
	g := &Generator{
		w:     w,
		pick:  picker{order: w.Order, first: w.First, keys: w.Keys, list: w.List, rng: rng(w.Seed)},
		rng:   rng(w.Seed + 1),
		sets:  uint64(w.Sets * (1 << 32)),
		in:    make([]byte, readBuffer),
		keys:  make([]uint32, w.Multi),
		conns: make([]conn, 0, w.Conns),
	}
	var err error
	if g.epfd, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
		return nil, fmt.Errorf("epoll: %w", err)
	}
	for i := range w.Conns {
		fd, err := dial(addr, 0)
		if err != nil {
			g.Close()
			return nil, err
		}
		g.conns = append(g.conns, conn{fd: fd})
		g.conns[i].check.older, g.conns[i].check.lenient = w.Sets > 0, w.Lenient
		if err := g.watch(unix.EPOLL_CTL_ADD, i, unix.EPOLLIN); err != nil {
			g.Close()
			return nil, err
		}
	}
	return g, nil
}

// Close hangs up, also on what is under way.
func (g *Generator) Close() {
	for i := range g.conns {
		hangUp(g.conns[i].fd)
	}
	for _, c := range g.crowds {
		c.Close()
	}
	_ = unix.Close(g.epfd) // it holds nothing
}

// Written returns keys of sets that were answered, the latest.
func (g *Generator) Written() []uint32 {
	return append([]uint32(nil), g.wrote[:min(g.written, remembered)]...)
}

func (g *Generator) watch(op, i int, events uint32) error {
	err := unix.EpollCtl(g.epfd, op, g.conns[i].fd, &unix.EpollEvent{Events: events, Fd: int32(i)})
	if err != nil {
		return fmt.Errorf("epoll: %w", err)
	}
	return nil
}

// send composes the next batch of connection i and writes what the socket takes.
func (g *Generator) send(i int, since time.Duration) error {
	g.out = g.compose(i, since, g.out[:0])
	return g.transmit(i, g.out)
}

// compose appends the next batch of connection i.
func (g *Generator) compose(i int, since time.Duration, out []byte) []byte {
	c := &g.conns[i]
	c.check.begin()
	c.requests, c.since = g.w.Depth, since
	g.asked += g.w.Depth * g.w.Multi
	for range g.w.Depth {
		if g.sets > 0 && g.rng.next()>>32 < g.sets {
			out, c.check.steps = appendSet(out, c.check.steps, g.w.Dialect, g.pick.next(), g.w.Generation, g.w.Size)
			continue
		}
		for k := range g.keys {
			g.keys[k] = g.pick.next()
		}
		out, c.check.steps = appendGet(out, c.check.steps, g.w.Dialect, g.keys, g.w.Generation, g.w.Size)
	}
	return out
}

func (g *Generator) transmit(i int, out []byte) error {
	c := &g.conns[i]
	n, err := write(c.fd, out)
	if err != nil {
		return fmt.Errorf("write: %w", err)
	}
	return g.took(i, out, max(n, 0))
}

// took keeps what the socket of connection i did not take of out.
func (g *Generator) took(i int, out []byte, n int) error {
	if n == len(out) {
		return nil
	}
	c := &g.conns[i]
	c.rest = append(c.rest[:0], out[n:]...)
	c.left = c.rest
	return g.watch(unix.EPOLL_CTL_MOD, i, unix.EPOLLIN|unix.EPOLLOUT)
}

// goOn writes more of a batch that did not fit.
func (g *Generator) goOn(i int) error {
	c := &g.conns[i]
	n, err := write(c.fd, c.left)
	if err != nil {
		return fmt.Errorf("write: %w", err)
	}
	if c.left = c.left[max(n, 0):]; len(c.left) > 0 {
		return nil
	}
	return g.watch(unix.EPOLL_CTL_MOD, i, unix.EPOLLIN)
}

// receive reads what has come for connection i, and says whether that ended its
// batch.
func (g *Generator) receive(i int) (bool, error) {
	c := &g.conns[i]
	for {
		have := copy(g.in, c.carry[:c.carried])
		n, err := read(c.fd, g.in[have:])
		switch {
		case err != nil:
			return false, fmt.Errorf("read: %w", err)
		case n < 0:
			return false, nil
		case n == 0:
			return false, fmt.Errorf("the server hung up: %w", io.ErrUnexpectedEOF)
		}
		ended, err := g.take(i, g.in[:have+n])
		if ended || err != nil {
			return ended, err
		}
		if have+n < len(g.in) {
			return false, nil // that was all
		}
	}
}

// take takes what has come for connection i, and says whether that ended its batch.
func (g *Generator) take(i int, data []byte) (bool, error) {
	c := &g.conns[i]
	used, err := c.check.consume(data)
	if err != nil {
		return false, err
	}
	c.carried = copy(c.carry[:], data[used:])
	if !c.check.finished() {
		return false, nil
	}
	g.count(c)
	return true, nil
}

func (g *Generator) count(c *conn) {
	k := &c.check
	g.done.requests += c.requests
	g.done.keys += k.keys
	g.done.misses += k.misses
	g.done.refused += k.refused
	k.keys, k.misses, k.refused = 0, 0, 0
	if g.sets == 0 {
		return
	}
	for i := range k.steps {
		if s := &k.steps[i]; s.kind == stored || s.kind == respOK {
			g.wrote[g.written%remembered] = s.key
			g.written++
		}
	}
}
