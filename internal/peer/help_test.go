package peer

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// member is a node of the cluster that tests are about.
func member(node string) Hello {
	return Hello{Cluster: "6f1c", Incarnation: 1, Node: node, Birth: "birth-of-" + node}
}

func hello(node string) func() Hello { return func() Hello { return member(node) } }

func at(l *Listener) func(string) (string, bool) {
	return func(string) (string, bool) { return l.Addr().String(), true }
}

// quick makes what takes seconds in a cluster take a moment.
func quick(cfg Config) Config {
	cfg.times = times{
		dial: time.Second, handshake: 300 * time.Millisecond, write: 300 * time.Millisecond,
		ping: 100 * time.Millisecond, silence: 300 * time.Millisecond, idle: 10 * time.Second,
		frame: 200 * time.Millisecond, backoff: 10 * time.Millisecond, backoffTo: 50 * time.Millisecond,
		tick: 10 * time.Millisecond,
	}
	return cfg
}

func listenTCP(t testing.TB) net.Listener {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	return ln
}

func serve(t testing.TB, cfg Config, h Handler) *Listener {
	return serveOn(t, listenTCP(t), cfg, h)
}

func serveOn(t testing.TB, ln net.Listener, cfg Config, h Handler) *Listener {
	l := Listen(ln, cfg)
	ended := make(chan error, 1)
	go func() { ended <- l.Serve(h) }()
	t.Cleanup(func() {
		_ = l.Close()
		require.NoError(t, <-ended)
	})
	return l
}

func pool(t testing.TB, cfg Config) *Pool {
	p := NewPool(cfg)
	t.Cleanup(p.Close)
	return p
}

// outcome is what a Done was told.
type outcome struct {
	reply string
	sent  bool
	err   error
}

type waiter chan outcome

func (w waiter) done(reply []byte, sent bool, err error) { w <- outcome{string(reply), sent, err} }

func (w waiter) get(t testing.TB) outcome {
	t.Helper()
	select {
	case o := <-w:
		return o
	case <-time.After(5 * time.Second):
		require.Fail(t, "the call never ended")
		return outcome{}
	}
}

func call(p *Pool, node, payload string, patience time.Duration) (waiter, error) {
	w := make(waiter, 1)
	err := p.Call(Call{Node: node, Kind: KindRequest, Deadline: time.Now().Add(patience), Payload: [][]byte{[]byte(payload)}, Done: w.done})
	return w, err
}

func ask(t testing.TB, p *Pool, payload string) outcome {
	t.Helper()
	w, err := call(p, "n2", payload, 5*time.Second)
	require.NoError(t, err)
	return w.get(t)
}

// script serves each request by a function and remembers when it was closed.
type script struct {
	serve  func(Request, Reply)
	closed chan struct{}
}

func (s *script) Serve(q Request, r Reply) { s.serve(q, r) }
func (s *script) Close() {
	if s.closed != nil {
		close(s.closed)
	}
}

func by(f func(Request, Reply)) Handler {
	return func(Hello) Conversation { return &script{serve: f} }
}

func echo(q Request, r Reply) { r.Send([]byte("re "), q.Payload) }

// stranger is the other end played by hand: hellos said, then raw bytes.
func stranger(t testing.TB, l *Listener, h Hello) net.Conn {
	t.Helper()
	cfg := Config{Hello: func() Hello { return h }}.withDefaults()
	nc, _, err := cfg.connect(t.Context(), l.Addr().String(), peerFrames, "", line{})
	require.NoError(t, err)
	t.Cleanup(func() { _ = nc.Close() })
	return nc
}

// puppet is a listener played by hand: it says the hellos and then does as told.
func puppet(t testing.TB, act func(nc net.Conn)) func(string) (string, bool) {
	ln := listenTCP(t)
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			nc, err := ln.Accept()
			if err != nil {
				return
			}
			wg.Go(func() {
				defer func() { _ = nc.Close() }()
				cfg := quick(Config{Hello: hello("n2")}).withDefaults()
				var first [1]byte
				if _, err := nc.Read(first[:]); err != nil {
					return
				}
				if _, err := welcome(nc, &cfg, first[0], anyTime, anyTurn); err == nil {
					act(nc)
				}
			})
		}
	})
	t.Cleanup(func() {
		_ = ln.Close()
		wg.Wait()
	})
	return func(string) (string, bool) { return ln.Addr().String(), true }
}

// What a puppet's hello says.
func anyTime() int64     { return 0 }
func anyTurn(line) error { return nil }

// lane is the connection that a node's calls go over now.
func (p *Pool) lane(node string, i int) *conn { return (*p.lanes.Load())[node][i].cur.Load() }

// pipeDial gives out one connection and then no more.
func pipeDial(nc net.Conn) func(context.Context, string) (net.Conn, error) {
	var once sync.Once
	return func(context.Context, string) (net.Conn, error) {
		err := errors.New("no more")
		once.Do(func() { err = nil })
		return nc, err
	}
}

// sayings is a log that tests read.
type sayings struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *sayings) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(b)
}

func (s *sayings) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

func (s *sayings) logger() *slog.Logger { return slog.New(slog.NewTextHandler(s, nil)) }
