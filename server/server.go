// Package server accepts connections, speaks the protocol and has the owner of
// the shards do what is asked.
//
// What the bytes mean is in session.go and the cmd_ files, which know no
// transport. There are two of these: event loops, in the loop_ files, and conn.go, a
// goroutine for each connection. replies.go keeps the order of replies while some of
// them wait.
package server

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/leasecache/leasecache/internal/storage/memory"
	"github.com/leasecache/leasecache/protocol"
	"github.com/leasecache/leasecache/server/owner"
	"github.com/leasecache/leasecache/server/route"
)

// Config says what a Server is. Zero fields take the defaults in brackets.
type Config struct {
	Listen       string        // address of the client port; port 0 is any, NoPort none [127.0.0.1:11211]
	MoreListen   []string      // more such addresses
	UnixSocket   string        // path of a socket for clients, too; none if it is empty
	UnixMode     fs.FileMode   // permissions of the socket [0700]
	Memory       int64         // bytes for values, index, lease state and the process [1 GiB]
	MaxItem      int           // largest value in bytes [1 MiB]
	MaxConns     int           // client connections at most [1024]
	StallTimeout time.Duration // how long a peer may stall inside a request or a reply [30 s]
	IdleTimeout  time.Duration // how long a peer may ask for nothing; 0 is for ever
	Turn         int           // requests of a connection that are done before others have their turn [1000]
	LeaseOnly    []string      // prefixes of keys that plain commands may not store
	AuthFile     string        // of memcached's ASCII authentication; without it everybody may come in
	Denied       Denied        // commands that clients may not use

	Loops         int  // event loops for the connections; 0 gives each a goroutine
	Ring          bool // the loops use io_uring where they may
	AllowShutdown bool // clients may end the server: see ShutdownAsked

	Version string    // of this program
	Trace   io.Writer // shown what connections and commands do, line by line; nil for nobody
	Keeper  Keeper
	Peers   Peers        // the way to other nodes; nil for a node that is alone
	Logger  *slog.Logger // [slog.Default()]

	kept int64 // what connections may keep; tests take less [four fifths of connShare]
}

func (c *Config) fill() {
	if c.Listen == "" {
		c.Listen = "127.0.0.1:11211"
	}
	if c.UnixMode == 0 {
		c.UnixMode = 0o700
	}
	if c.Memory == 0 {
		c.Memory = 1 << 30
	}
	if c.MaxItem == 0 {
		c.MaxItem = memory.DefaultMaxItem
	}
	if c.MaxConns == 0 {
		c.MaxConns = 1024
	}
	if c.StallTimeout == 0 {
		c.StallTimeout = 30 * time.Second
	}
	if c.Turn == 0 {
		c.Turn = 1000
	}
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
}

// Server is one node.
type Server struct {
	cfg     Config
	log     *slog.Logger
	clock   clock
	started int64
	limits  protocol.Limits
	only    [][]byte // prefixes that plain commands may not store under

	cache     *memory.Cache
	owner     *owner.Owner
	routes    *route.Table
	home      *conversation // of this node with itself
	term      atomic.Pointer[term]
	ending    sync.Mutex     // sessions begin, get longer and end one after the other
	listeners []net.Listener // the port, if there is one, then the Unix socket
	// The event loops; nil where each connection has a goroutine.
	transport *transport
	noRing    sync.Once // it was said that there is no io_uring
	stats     counters
	budget    *budget
	ebb       ebb
	users     *users // nil if everybody may come in
	logs      [logKinds]logLimit
	watchers  *watchers
	traced    <-chan struct{} // closed when Config.Trace has had its last line
	numbers   atomic.Int64    // of connections

	memory    atomic.Int64 // Config.Memory, or what cache_memlimit made of it
	statsBase atomic.Pointer[tally]
	resizing  sync.Mutex
	resetting sync.Mutex
	sizing    atomic.Bool // one connection goes through all items for their sizes
	prefixes  prefixes
	flushedAt atomic.Int64 // when the newest flush takes or took place; 0 is never
	noCrawler atomic.Bool  // lru_crawler disable

	shutdown chan struct{} // closed when a client may and does ask for the end
	asked    sync.Once

	dumping     atomic.Bool  // one dump at a time, as in memcached
	floorWarned atomic.Int64 // when a rising tag floor was last logged

	ctx    context.Context // ends when the server stops
	cancel context.CancelFunc

	working sync.WaitGroup // commands that wait for the keeper
	serving sync.WaitGroup // connections

	mu      sync.Mutex
	conns   map[connection]struct{}
	asking  map[*conversation]struct{} // other nodes
	stopped bool
}

// New makes a server that listens but does not serve yet: its address is known,
// and a port in use is an error here. It takes what it needs of the keeper, and
// the caller closes that after Stop.
func New(cfg Config) (*Server, error) {
	cfg.fill()
	users, err := loadUsers(cfg.AuthFile, cfg.Logger)
	if err != nil {
		return nil, err
	}
	limits, err := leaseLimits(cfg.Memory, cfg.Keeper.Shards())
	if err != nil {
		return nil, err
	}
	cache, err := memory.New(memory.Options{
		Bytes:         cfg.Memory - notForValues(cfg.Memory),
		Reserve:       reserveTimes * cfg.Memory,
		MaxItem:       cfg.MaxItem,
		MaxPartitions: int(cfg.Keeper.Shards()), // a shard is in one of them
	})
	if err != nil {
		return nil, err
	}
	listeners, err := listen(&cfg)
	if err != nil {
		_ = cache.Close()
		return nil, err
	}
	s := &Server{
		cfg:       cfg,
		log:       cfg.Logger,
		clock:     newClock(),
		limits:    protocol.Limits{MaxBody: cfg.MaxItem, MaxIntent: cfg.Keeper.LongestIntent()},
		cache:     cache,
		listeners: listeners,
		conns:     make(map[connection]struct{}),
		asking:    make(map[*conversation]struct{}),
		routes:    route.NewTable(cfg.Keeper.Shards()),
		budget:    newBudget(&cfg),
		users:     users,
		shutdown:  make(chan struct{}),
	}
	s.ebb.srv = s
	s.budget.flood = s.ebb.flood
	s.watchers = newWatchers(s.budget, s.watchChanged)
	s.traced = s.trace(cfg.Trace)
	for _, prefix := range cfg.LeaseOnly {
		s.only = append(s.only, []byte(prefix))
	}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	s.started = s.clock.now()
	s.numbers.Store(int64(len(listeners) - 1)) // those before belong to the listeners
	s.memory.Store(cfg.Memory)
	s.term.Store(&term{})
	s.owner = owner.New(owner.Options{
		Keeper:  cfg.Keeper,
		Cache:   cache,
		Limits:  limits,
		Clock:   s.clock.now,
		Reading: func() int64 { return s.read().now },
	})
	s.home = s.newConversation()
	if k, ok := cfg.Keeper.(alone); ok {
		if err := s.serveAlone(k); err != nil {
			return nil, errors.Join(err, s.Stop(context.Background()))
		}
	}
	if cfg.Loops > 0 {
		if s.transport, err = newTransport(s, cfg.Loops); err != nil {
			return nil, errors.Join(err, s.Stop(context.Background()))
		}
	}
	s.warnOfDoubt()
	return s, nil
}

// warnOfDoubt says what a former life left behind: it costs until it is fenced,
// and nobody would look for it.
func (s *Server) warnOfDoubt() {
	doubt, closed := 0, 0
	for _, v := range s.owner.Shards(s.clock.now()) {
		if v.State.DoubtBelow != 0 {
			doubt++
		}
		if v.State.ClosedFor > 0 {
			closed++
		}
	}
	if doubt > 0 {
		s.log.Warn("shards are in doubt: writers of a former life may still commit; until a client fences them, their keys are read from the source and not cached",
			"shards", doubt)
	}
	if closed > 0 {
		s.log.Warn("shards are closed for a while after bounded intents of a former life", "shards", closed)
	}
}

// HeapLimit is how large Go's heap may become, for debug.SetMemoryLimit: the process
// then keeps to Config.Memory and what connections may take.
func (s *Server) HeapLimit() int64 { return heapLimit(&s.cfg) }

// Addr is the address clients reach: the port's, or the Unix socket's where there
// is no port.
func (s *Server) Addr() net.Addr { return s.listeners[0].Addr() }

// Addrs are all that clients reach, that of Addr first.
func (s *Server) Addrs() (all []net.Addr) {
	for _, ln := range s.listeners {
		all = append(all, ln.Addr())
	}
	return all
}

// Serve accepts connections until Stop, and returns nil then.
func (s *Server) Serve() error {
	if s.transport != nil {
		s.transport.serve()
		<-s.ctx.Done()
		return nil
	}
	var accepting sync.WaitGroup
	for _, ln := range s.listeners {
		accepting.Go(func() { s.acceptAll(ln) })
	}
	accepting.Wait()
	return nil
}

// acceptAll accepts connections until Stop.
func (s *Server) acceptAll(ln net.Listener) {
	for {
		if err := s.accept(ln); err != nil {
			if s.ctx.Err() != nil || errors.Is(err, net.ErrClosed) {
				return
			}
			// Out of descriptors, say: the peers there are go on, new ones wait.
			s.log.Error("cannot accept a connection", "error", err)
			select {
			case <-s.ctx.Done():
				return
			case <-time.After(acceptPause):
			}
		}
	}
}

// acceptPause is how long nobody is accepted after an error.
const acceptPause = 100 * time.Millisecond

// accept waits for a connection and serves it with a goroutine of its own.
func (s *Server) accept(ln net.Listener) error {
	nc, err := ln.Accept()
	if err != nil {
		return err
	}
	c := s.newConn(nc)
	if !s.admit(c) {
		if why := s.tooMany(); why != "" {
			_ = nc.SetWriteDeadline(time.Now().Add(time.Second))
			_, _ = io.WriteString(nc, why)
		}
		_ = nc.Close()
		return nil
	}
	c.tellNew()
	go c.serve()
	return nil
}

// admit counts a connection as one that is served, until forget; or not, if there
// are too many or the server stops.
func (s *Server) admit(c connection) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopped {
		return false
	}
	if len(s.conns) >= s.cfg.MaxConns {
		s.stats.rejected.Add(1)
		return false
	}
	s.conns[c] = struct{}{}
	s.ebb.conns(len(s.conns))
	s.serving.Add(1)
	s.stats.accepted.Add(1)
	return true
}

// tooMany is what one is told who was not admitted.
func (s *Server) tooMany() string {
	if s.ctx.Err() != nil {
		return ""
	}
	return "ERROR Too many open connections\r\n"
}

// replace has a connection go on as another.
func (s *Server) replace(old, now connection) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.conns, old)
	s.conns[now] = struct{}{}
}

func (s *Server) forget(c connection) {
	s.mu.Lock()
	delete(s.conns, c)
	s.ebb.conns(len(s.conns))
	s.endWatch()
	s.mu.Unlock()
	s.serving.Done()
}

func (s *Server) connections() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.conns)
}

// Stop ends the server in order; it may be called once.
func (s *Server) Stop(ctx context.Context) error {
	s.mu.Lock()
	s.stopped = true
	s.mu.Unlock()
	// First nobody new comes in: they would only be told to go elsewhere.
	closeAll(s.listeners)
	if s.transport != nil {
		s.transport.refuse()
	}
	// Then the gate: no command has an effect any more, readers who wait are
	// answered, and what the keeper must know for the next start is written.
	err := s.owner.Stop(ctx)
	// Commands that wait for the keeper find the gate closed, and answer.
	s.cancel()
	// Then connections end: each writes what it has answered and closes.
	s.mu.Lock()
	for c := range s.conns {
		c.stop()
	}
	s.endWatch()
	s.mu.Unlock()
	done := make(chan struct{})
	go func() { s.serving.Wait(); close(done) }()
	select {
	case <-done:
	case <-ctx.Done():
		s.mu.Lock()
		for c := range s.conns {
			c.kill()
		}
		s.mu.Unlock()
		<-done
	}
	s.refuseNodes()
	s.working.Wait() // only connections begin such work
	select {
	case <-s.traced:
	case <-time.After(lastLines): // whoever reads it does not
	}
	if s.transport != nil {
		s.transport.stop()
	}
	// Last the memory: nobody can look at a value any more.
	return errors.Join(err, s.cache.Close())
}

// ShutdownAsked is closed when a client has sent shutdown, if Config allows it.
// The caller then stops the server.
func (s *Server) ShutdownAsked() <-chan struct{} { return s.shutdown }

// leaseOnly reports whether plain commands may not store the key.
func (s *Server) leaseOnly(key []byte) bool {
	for _, prefix := range s.only {
		if bytes.HasPrefix(key, prefix) {
			return true
		}
	}
	return false
}

// versionLine begins with the version of memcached whose commands are spoken:
// clients read three numbers from it.
func (s *Server) versionLine() string { return "1.6.45 leasecache " + s.cfg.Version }

// threads is how many threads serve clients, as memcached counts them.
func (s *Server) threads() int {
	if s.cfg.Loops > 0 {
		return s.cfg.Loops
	}
	return runtime.GOMAXPROCS(0)
}
