package server

import (
	"bufio"
	"context"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/leasecache/leasecache/shard/single"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// The transport under test. The tests hold for all.
var (
	loops = flag.Int("server.loops", 2, "event loops for connections; 0 is a goroutine for each")
	ring  = flag.Bool("server.ring", true, "event loops use io_uring where they may")
)

// start runs a server that remembers nothing, and stops it with the test.
func start(t testing.TB, change func(*Config)) *Server {
	t.Helper()
	keeper, err := single.Ephemeral(single.Options{Shards: 16, ClusterID: "test"}, true)
	require.NoError(t, err)
	cfg := Config{
		Listen:       "127.0.0.1:0",
		Memory:       64 << 20,
		StallTimeout: 2 * time.Second,
		Loops:        *loops,
		Ring:         *ring,
		Version:      "test",
		Keeper:       keeper,
		Logger:       slog.New(slog.NewTextHandler(io.Discard, nil)),
	}
	if change != nil {
		change(&cfg)
	}
	s, err := New(cfg)
	require.NoError(t, err)
	served := make(chan error, 1)
	go func() { served <- s.Serve() }()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		require.NoError(t, s.Stop(ctx))
		require.NoError(t, <-served)
		require.NoError(t, keeper.Close())
	})
	return s
}

// peer is a client that sends and expects lines.
type peer struct {
	t  testing.TB
	nc net.Conn
	r  *bufio.Reader
}

func dial(t testing.TB, s *Server) *peer {
	t.Helper()
	nc, err := net.Dial("tcp", s.Addr().String())
	require.NoError(t, err)
	t.Cleanup(func() { _ = nc.Close() })
	return &peer{t: t, nc: nc, r: bufio.NewReaderSize(nc, 1<<20)}
}

func (p *peer) send(text string) {
	p.t.Helper()
	_, err := io.WriteString(p.nc, strings.ReplaceAll(text, "\n", "\r\n"))
	require.NoError(p.t, err)
}

// line reads one line within some seconds.
func (p *peer) line() string {
	p.t.Helper()
	require.NoError(p.t, p.nc.SetReadDeadline(time.Now().Add(5*time.Second)))
	text, err := p.r.ReadString('\n')
	require.NoError(p.t, err, "so far: %q", text)
	return strings.TrimSuffix(text, "\r\n")
}

func (p *peer) expect(lines ...string) {
	p.t.Helper()
	for _, want := range lines {
		require.Equal(p.t, want, p.line())
	}
}

// silent checks that no reply comes for a while.
func (p *peer) silent(d time.Duration) {
	p.t.Helper()
	require.NoError(p.t, p.nc.SetReadDeadline(time.Now().Add(d)))
	_, err := p.r.Peek(1)
	var timeout net.Error
	require.ErrorAs(p.t, err, &timeout)
	require.True(p.t, timeout.Timeout())
}

// lease takes the key's lease and returns its token.
func (p *peer) lease(key string) string {
	p.t.Helper()
	p.send("lg " + key + " e5000\n")
	return tokenOf(p.t, p.line())
}

func tokenOf(t testing.TB, line string) string {
	t.Helper()
	for _, f := range strings.Fields(line)[1:] {
		if f[0] == 'L' {
			return f[1:]
		}
	}
	require.Fail(t, "no token", "%q", line)
	return ""
}

// U13: one connection; its own parked read must not keep its later requests
// from being executed, or a client that pipelines its fill behind its own wait
// is stuck until the wait is over. Replies keep their order.
func TestSchedule_U13_ParkedReadDoesNotBlockLaterRequests(t *testing.T) {
	s := start(t, nil)
	a := dial(t, s)
	token := a.lease("k")
	a.send("lg k v w5000\nset other 0 0 1\nx\nls k 2 L" + token + "\nv1\nget other\n")
	a.expect("VA 2", "v1", "STORED", "HD", "VALUE other 0 1", "x", "END")
}

func TestParkedReadsKeepTheOrderOfReplies(t *testing.T) {
	s := start(t, nil)
	a, b := dial(t, s), dial(t, s)
	one, two := a.lease("one"), a.lease("two")
	b.send("mn\nlg one v w5000 Ofirst\nversion\nlg two v w5000 Osecond\nmn\n")
	b.expect("MN")
	b.silent(50 * time.Millisecond)
	a.send("ls two 1 L" + two + "\n2\n")
	a.expect("HD")
	b.silent(50 * time.Millisecond)
	a.send("ls one 1 L" + one + "\n1\n")
	a.expect("HD")
	b.expect("VA 1 Ofirst", "1")
	require.Contains(t, b.line(), "VERSION 1.6.45 leasecache")
	b.expect("VA 1 Osecond", "2", "MN")
}

// One that hung up gets no lease: the next who waits does.
func TestHungUpReaderGetsNoLease(t *testing.T) {
	s := start(t, nil)
	holder, gone, next := dial(t, s), dial(t, s), dial(t, s)
	token := holder.lease("k")
	gone.send("lg k w60000\n")
	require.Eventually(t, func() bool { return s.Snapshot().Leases.Parked == 1 }, time.Second, time.Millisecond)
	next.send("lg k w60000\n")
	require.Eventually(t, func() bool { return s.Snapshot().Leases.Parked == 2 }, time.Second, time.Millisecond)
	require.NoError(t, gone.nc.Close())
	require.Eventually(t, func() bool { return s.Snapshot().Leases.Parked == 1 }, time.Second, time.Millisecond)
	holder.send("la k L" + token + "\n")
	holder.expect("HD")
	require.Contains(t, next.line(), "LE L")
}

// A fill that is cut off is a broken one: its lease ends, and is handed on.
func TestCutOffFillEndsItsLease(t *testing.T) {
	s := start(t, nil)
	holder, next := dial(t, s), dial(t, s)
	token := holder.lease("k")
	next.send("lg k w60000\n")
	next.silent(20 * time.Millisecond)
	holder.send("mn\nls k 100 L" + token + "\nabc")
	holder.expect("MN")
	require.NoError(t, holder.nc.Close())
	require.Contains(t, next.line(), "LE L")
}

// What is answered already is written when the peer sends no more.
func TestHalfClosedConnectionGetsItsReplies(t *testing.T) {
	s := start(t, nil)
	holder, p := dial(t, s), dial(t, s)
	holder.lease("k")
	p.send("set a 0 0 1\nx\nlg k w60000\nget a\nlw a F\n")
	require.NoError(t, p.nc.(*net.TCPConn).CloseWrite())
	p.expect("STORED", strings.TrimSpace(givenUp), "VALUE a 0 1", "x", "END")
	require.Contains(t, p.line(), "HD L")
	_, err := p.r.ReadByte()
	require.ErrorIs(t, err, io.EOF)
}

// A read that is given up because its peer sends no more keeps its place among
// the replies. The peer may have closed only its own side:
//
//	1 P sends `lg a v w60000`, `lg b v`, and half-closes. 2 Nobody waits for a's fill any more.
//	3 Were nothing said of a, the first reply would be b's, and P would take b's value for a's.
func TestGivenUpReadKeepsItsPlace(t *testing.T) {
	s := start(t, nil)
	holder, p := dial(t, s), dial(t, s)
	holder.lease("a")
	holder.send("ls b 1 L" + holder.lease("b") + "\nb\n")
	holder.expect("HD")
	p.send("lg a v w60000\nlg b v\n")
	require.NoError(t, p.nc.(*net.TCPConn).CloseWrite())
	require.Regexp(t, "^SERVER_ERROR unavailable: .*nothing was done$", p.line())
	p.expect("VA 1", "b")
	_, err := p.r.ReadByte()
	require.ErrorIs(t, err, io.EOF)
}

// A get of many large values is composed and written in parts.
func TestLargeMultiGet(t *testing.T) {
	s := start(t, nil)
	p := dial(t, s)
	value := strings.Repeat("v", 300<<10)
	keys := make([]string, 40)
	for i := range keys {
		keys[i] = fmt.Sprintf("key%d", i)
		p.send(fmt.Sprintf("set %s 7 0 %d\n%s\n", keys[i], len(value), value))
		p.expect("STORED")
	}
	p.send("get " + strings.Join(keys, " ") + " absent\nmn\n")
	for _, k := range keys {
		p.expect(fmt.Sprintf("VALUE %s 7 %d", k, len(value)), value)
	}
	p.expect("END", "MN")
}

// A peer that does not read is not read from, either; others do not notice, and
// when it stays like that it is closed.
func TestSlowReaderIsHeldBackAlone(t *testing.T) {
	s := start(t, func(c *Config) { c.StallTimeout = 500 * time.Millisecond })
	slow, other := dial(t, s), dial(t, s)
	value := strings.Repeat("v", 1<<20)
	other.send(fmt.Sprintf("set big 0 0 %d\n%s\n", len(value), value))
	other.expect("STORED")
	ask := strings.Repeat("get big\r\n", 1000)
	go func() {
		_, _ = io.WriteString(slow.nc, strings.Repeat(ask, 100)) // fails when the server closes
	}()
	for range 20 {
		begun := time.Now()
		other.send("mn\n")
		other.expect("MN")
		require.Less(t, time.Since(begun), time.Second)
		time.Sleep(5 * time.Millisecond)
	}
	require.Eventually(t, func() bool { return s.connections() == 1 }, 10*time.Second, 10*time.Millisecond)
}

func TestStalledBodyIsDropped(t *testing.T) {
	s := start(t, func(c *Config) { c.StallTimeout = 200 * time.Millisecond })
	for _, part := range []string{"se", "set k 0 0 10\r\nabc", "set k 0 0 9999999\r\nabc"} {
		p := dial(t, s)
		_, err := io.WriteString(p.nc, part)
		require.NoError(t, err)
		require.NoError(t, p.nc.SetReadDeadline(time.Now().Add(5*time.Second)))
		_, err = io.Copy(io.Discard, p.r)
		require.NoError(t, err, "%q: the server closes", part)
	}
	idle := dial(t, s)
	time.Sleep(400 * time.Millisecond)
	idle.send("mn\n")
	idle.expect("MN")
}

func TestTooManyWaitingRepliesCloseTheConnection(t *testing.T) {
	s := start(t, nil)
	holder, p := dial(t, s), dial(t, s)
	holder.lease("k")
	p.send(strings.Repeat("lg k w60000\n", maxOpen+2))
	require.NoError(t, p.nc.SetReadDeadline(time.Now().Add(5*time.Second)))
	_, err := io.Copy(io.Discard, p.nc)
	_ = err // a reset is as good as an end
	require.Eventually(t, func() bool { return s.connections() == 1 }, 5*time.Second, 10*time.Millisecond)
	require.Zero(t, s.Snapshot().Leases.Parked)
}

func TestTooManyConnections(t *testing.T) {
	s := start(t, func(c *Config) { c.MaxConns = 1 })
	a := dial(t, s)
	a.send("mn\n")
	a.expect("MN")
	b := dial(t, s)
	b.expect("ERROR Too many open connections")
	require.NoError(t, a.nc.Close())
	require.Eventually(t, func() bool { return s.connections() == 0 }, time.Second, time.Millisecond)
	c := dial(t, s)
	c.send("mn\n")
	c.expect("MN")
}

func TestStopAnswersWhoWaits(t *testing.T) {
	keeper, err := single.Ephemeral(single.Options{Shards: 4, ClusterID: "test"}, true)
	require.NoError(t, err)
	s, err := New(Config{Loops: *loops, Ring: *ring, Listen: "127.0.0.1:0", Memory: 64 << 20, Keeper: keeper, Logger: slog.New(slog.NewTextHandler(io.Discard, nil))})
	require.NoError(t, err)
	served := make(chan error, 1)
	go func() { served <- s.Serve() }()
	holder, p := dial(t, s), dial(t, s)
	holder.lease("k")
	p.send("lg k w60000\n")
	require.Eventually(t, func() bool { return s.Snapshot().Leases.Parked == 1 }, time.Second, time.Millisecond)
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	require.NoError(t, s.Stop(ctx))
	require.NoError(t, <-served)
	require.NoError(t, keeper.Close())
	p.expect("SERVER_ERROR unavailable: the node is stopping; nothing was done")
	_, err = p.r.ReadByte()
	require.ErrorIs(t, err, io.EOF)
}

// Many connections on few keys, everything pipelined: every reply comes, in
// order, and every one is legal. With -race this is the test of the locks.
func TestManyConnectionsOnFewKeys(t *testing.T) {
	s := start(t, nil)
	var all sync.WaitGroup
	for c := range 8 {
		p := dial(t, s)
		all.Go(func() {
			for i := range 200 {
				key := fmt.Sprintf("k%d", (i+c)%3)
				p.send(fmt.Sprintf("lg %s v w20 e50 Oa\nld %s Ob\nlw %s F e1000 Oc\nget %s\n", key, key, key, key))
				line := p.line()
				if strings.HasPrefix(line, "VA ") {
					p.line()
				}
				p.require(line, "VA ", "LE ", "WT ", "QU ")
				if strings.HasPrefix(line, "LE ") {
					p.send("ls " + key + " 1 L" + tokenOf(t, line) + " Od\nz\n")
				}
				p.require(p.line(), "HD Ob L")
				intent := p.line()
				p.require(intent, "HD Oc L")
				if line := p.line(); strings.HasPrefix(line, "VALUE ") {
					p.line()
					p.expect("END")
				}
				if strings.HasPrefix(line, "LE ") {
					p.require(p.line(), "HD Od", "NS Od")
				}
				p.send("lc " + key + " L" + tokenOf(t, intent) + "\n")
				p.require(p.line(), "HD", "EX")
			}
		})
	}
	all.Wait()
	n := s.Snapshot().Leases
	require.Zero(t, n.Intents)
	require.Zero(t, n.Parked)
}

func (p *peer) require(line string, prefixes ...string) {
	p.t.Helper()
	for _, prefix := range prefixes {
		if strings.HasPrefix(line, prefix) {
			return
		}
	}
	require.Fail(p.t, "reply", "%q is none of %q", line, prefixes)
}
