package client

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/leasecache/leasecache/internal/pgtest"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(exiting{m})
}

// exiting stops what the tests have started before leaks are looked for.
type exiting struct{ m *testing.M }

func (e exiting) Run() int { return pgtest.Run(e.m) }

// fake is a server that speaks canned replies. It shares no code with the
// client: its reading of the wire is its own.
type fake struct {
	t  testing.TB
	ln net.Listener
	wg sync.WaitGroup

	mu      sync.Mutex
	replies map[string][]string // by verb or "verb key"; the last one stays
	answer  func(q query) (string, bool)
	log     []query
	conns   map[int]net.Conn
	opened  int
}

// query is one request as the fake saw it.
type query struct {
	conn  int
	line  string
	verb  string
	key   string
	flags []string
	body  string
}

// flag returns the argument of a flag.
func (q query) flag(letter string) (string, bool) {
	for _, f := range q.flags {
		if strings.HasPrefix(f, letter) {
			return f[1:], true
		}
	}
	return "", false
}

func (q query) has(letter string) bool { _, ok := q.flag(letter); return ok }

const (
	hangUp = "<hang up>" // the connection is closed instead of a reply
	silent = "<silent>"  // nothing is answered
	raw    = "<raw>"     // what follows is written as it is
)

const mapJSON = `{"version":1,"cluster":"c1","shards":16,"hash":"xxh64","nodes":[],"owners":[],"epochs":[]}`

func newFake(t testing.TB) *fake {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	f := &fake{t: t, ln: ln, conns: make(map[int]net.Conn), replies: map[string][]string{
		"lm": {fmt.Sprintf("VA %d m1\r\n%s", len(mapJSON), mapJSON)},
		"ls": {"HD"}, "ld": {"HD L900"}, "lc": {"HD"}, "la": {"HD"}, "lf": {"HD"}, "lt": {"HD L900"},
	}}
	f.wg.Go(f.accept)
	t.Cleanup(f.stop)
	return f
}

func (f *fake) accept() {
	for {
		nc, err := f.ln.Accept()
		if err != nil {
			return
		}
		f.mu.Lock()
		f.opened++
		id := f.opened
		f.conns[id] = nc
		f.mu.Unlock()
		f.wg.Go(func() { f.serve(id, nc) })
	}
}

func (f *fake) stop() {
	_ = f.ln.Close()
	f.hangUpAll()
	f.wg.Wait()
}

func (f *fake) hangUpAll() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for id, nc := range f.conns {
		_ = nc.Close()
		delete(f.conns, id)
	}
}

// on sets the replies to a verb, or to "verb key": one for each request, the
// last one for all that follow. The opaque is added.
func (f *fake) on(what string, replies ...string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.replies[what] = replies
}

// handle lets fn answer what it wants to, before the canned replies.
func (f *fake) handle(fn func(q query) (string, bool)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.answer = fn
}

func (f *fake) serve(id int, nc net.Conn) {
	defer nc.Close()
	in := bufio.NewReader(nc)
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return
		}
		q := query{conn: id, line: strings.TrimSuffix(line, "\r\n")}
		words := strings.Fields(q.line)
		q.verb = words[0]
		if q.verb == "lm" {
			q.flags = words[1:]
		} else {
			q.key, q.flags = words[1], words[2:]
		}
		if q.verb == "ls" {
			n, _ := strconv.Atoi(q.flags[0])
			q.flags = q.flags[1:]
			body := make([]byte, n+2)
			if _, err := io.ReadFull(in, body); err != nil {
				return
			}
			q.body = string(body[:n])
		}
		reply := f.reply(q)
		switch {
		case reply == hangUp:
			return
		case reply == silent:
			continue
		case strings.HasPrefix(reply, raw):
			reply = strings.TrimPrefix(reply, raw)
		default:
			head, data, isData := strings.Cut(reply, "\r\n")
			if o, ok := q.flag("O"); ok && !strings.Contains(head, "ERROR") {
				head += " O" + o
			}
			reply = head + "\r\n"
			if isData {
				reply += data + "\r\n"
			}
		}
		if _, err := io.WriteString(nc, reply); err != nil {
			return
		}
	}
}

func (f *fake) reply(q query) string {
	f.mu.Lock()
	f.log = append(f.log, q)
	answer := f.answer
	f.mu.Unlock()
	if answer != nil {
		if reply, ok := answer(q); ok {
			return reply
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	what := q.verb + " " + q.key
	if _, ok := f.replies[what]; !ok {
		what = q.verb
	}
	list := f.replies[what]
	if len(list) == 0 {
		return "SERVER_ERROR nothing scripted for " + q.line
	}
	if len(list) > 1 {
		f.replies[what] = list[1:]
	}
	return list[0]
}

// seen returns the requests of these verbs so far, all without any.
func (f *fake) seen(verbs ...string) []query {
	f.mu.Lock()
	defer f.mu.Unlock()
	var list []query
	for _, q := range f.log {
		for _, v := range verbs {
			if q.verb == v {
				list = append(list, q)
			}
		}
		if len(verbs) == 0 {
			list = append(list, q)
		}
	}
	return list
}

// eventually waits for a request of the verb that nobody is kept waiting for.
func (f *fake) eventually(verb string, n int) []query {
	f.t.Helper()
	require.Eventually(f.t, func() bool { return len(f.seen(verb)) >= n }, 5*time.Second, time.Millisecond)
	return f.seen(verb)
}

func va(value string, flags ...string) string {
	return strings.TrimSpace(fmt.Sprintf("VA %d %s", len(value), strings.Join(flags, " "))) + "\r\n" + value
}

func (f *fake) client(change ...func(*Options)) *Client {
	o := Options{
		Addr: f.ln.Addr().String(), PoolSize: 1, WaitConns: 2, MapEvery: -1,
		RequestTimeout: 2 * time.Second, SettleTimeout: 2 * time.Second, RetryFor: 3 * time.Second,
	}
	for _, fn := range change {
		fn(&o)
	}
	c, err := New(o)
	require.NoError(f.t, err)
	f.t.Cleanup(func() { require.NoError(f.t, c.Close()) })
	return c
}

// only is the server of a client that has one.
func only(c *Client) *node { return c.table.Load().nodes[0] }

func testCtx(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	t.Cleanup(cancel)
	return ctx
}

// loads is a loader that counts and answers the same each time.
type loads struct {
	mu    sync.Mutex
	n     int
	value Value
	err   error
	first func() // called in each load
}

func (l *loads) load(context.Context, string) (Value, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.n++
	if l.first != nil {
		l.first()
	}
	return l.value, l.err
}

func (l *loads) count() int { l.mu.Lock(); defer l.mu.Unlock(); return l.n }
