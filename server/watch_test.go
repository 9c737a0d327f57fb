package server

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/leasecache/leasecache/protocol"
	"github.com/leasecache/leasecache/shard/single"
)

// watching dials a connection that watches.
func watching(t testing.TB, s *Server, kinds string) *peer {
	t.Helper()
	w := dial(t, s)
	w.send(strings.TrimSpace("watch "+kinds) + "\n")
	w.expect("OK")
	return w
}

var watchHead = regexp.MustCompile(`^ts=\d+\.\d+ gid=\d+ type=`)

// event reads one line, without what is never the same.
func (p *peer) event() string {
	p.t.Helper()
	line := strings.TrimSuffix(p.line(), "\n")
	require.Regexp(p.t, watchHead, line)
	line = watchHead.ReplaceAllString(line, "")
	return regexp.MustCompile(` (cfd|rport)=\d+`).ReplaceAllString(line, "")
}

func (p *peer) events(want ...string) {
	p.t.Helper()
	for _, want := range want {
		require.Equal(p.t, want, p.event())
	}
}

func TestWatchArguments(t *testing.T) {
	s := start(t, nil)
	p := dial(t, s)
	for _, args := range []string{"foo", "fetchers foo", "fetcherss", "fetchers noreply", "FETCHERS"} {
		p.send("watch " + args + "\nmn\n")
		p.expect("ERROR", "MN")
	}
	for _, before := range []string{"mg k q\n", "set k 0 0 1 noreply\nx\n", "foo noreply\n"} {
		p.send(before + "watch\nmn\n")
		p.expect("ERROR cannot pipeline other commands before watch", "MN")
	}
	for _, args := range []string{"f", "rawcmds sysevents proxyreqs proxyevents proxyuser", "m evict", "fetchers fetchers"} {
		watching(t, s, args)
	}
}

// What a watcher types is read and ignored, as in memcached; also what it sent
// together with the watch.
func TestWatcherIsNotListenedTo(t *testing.T) {
	s := start(t, nil)
	p, w := dial(t, s), dial(t, s)
	token := p.lease("k")
	w.send("watch mutations\nwatch fetchers\nset k 0 0 1\nx\n")
	w.expect("OK")
	w.send("quit\nGET / HTTP/1.1\n" + strings.Repeat("x", 100_000) + "\n")
	w.silent(50 * time.Millisecond)
	p.send("get k\nls k 1 L" + token + "\nx\n")
	p.expect("END", "HD")
	w.events("item_store key=k status=stored cmd=ls ttl=0 clsid=1 size=1")
	require.Equal(t, 2, s.connections())
	require.NoError(t, w.nc.(*net.TCPConn).CloseWrite())
	_, err := w.r.ReadByte()
	require.ErrorIs(t, err, io.EOF)
	require.Eventually(t, func() bool { return s.connections() == 1 }, time.Second, time.Millisecond)
}

// Nor is the beginning of a fill behind the watch one that was cut off.
func TestWatcherGivesNothingBack(t *testing.T) {
	s := start(t, nil)
	p, w := dial(t, s), dial(t, s)
	token := p.lease("k")
	w.send("watch\nls k 3 L" + token + "\na")
	w.expect("OK")
	require.NoError(t, w.nc.Close())
	require.Eventually(t, func() bool { return s.connections() == 1 }, time.Second, time.Millisecond)
	p.send("ls k 1 L" + token + "\nx\n")
	p.expect("HD")
}

// Missed lines are told of where they are missing: once one did not fit, a shorter
// one behind it does not either.
func TestMissedLinesAreToldInTheirPlace(t *testing.T) {
	ws := newWatchers(newBudget(&Config{}), func(watchKinds) {})
	w, refusal := ws.join(watchDeletions)
	require.Empty(t, refusal)
	tell := func(key string) {
		ws.tell(watchDeletions, &protocol.WatchEvent{Kind: protocol.WatchDeletion, Key: []byte(key), Command: "ld"})
	}
	for long := strings.Repeat("#", 250); w.skipped == 0; {
		tell(long)
	}
	tell("short")
	lines, more := w.next(nil)
	require.True(t, more)
	require.True(t, strings.HasSuffix(string(lines), "\nskipped=2\n"), "%q", lines[len(lines)-100:])
	require.NotContains(t, string(lines), "short")
	tell("next")
	w.end()
	lines, more = w.next(nil)
	require.False(t, more)
	require.Regexp(t, `^ts=\d+\.\d+ gid=\d+ type=deleted key=next `, string(lines))
}

func TestTooManyWatchers(t *testing.T) {
	s := start(t, func(c *Config) { c.kept = 32 << 20 })
	var all []*peer
	for range maxWatchers {
		all = append(all, watching(t, s, "fetchers"))
	}
	p := dial(t, s)
	p.send("watch\n")
	p.expect("WATCHER_TOO_MANY log watcher limit reached")
	require.EqualValues(t, maxWatchers*watcherCost, s.budget.used.Load())
	require.NoError(t, all[3].nc.Close())
	require.Eventually(t, func() bool { return s.watchers.count() == maxWatchers-1 }, time.Second, time.Millisecond)
	s.budget.add(32 << 20)
	p.send("watch\n")
	p.expect("WATCHER_FAILED failed to add log watcher")
	s.budget.add(-32 << 20)
	p.send("watch\n")
	p.expect("OK")
	for _, w := range all {
		_ = w.nc.Close() // one is closed already
	}
	require.NoError(t, p.nc.Close())
	require.Eventually(t, func() bool { return s.connections() == 0 }, time.Second, time.Millisecond)
	require.Zero(t, s.budget.used.Load())
	require.Zero(t, s.watchers.wanted())
}

// A watcher that does not read misses lines, is told how many, and holds up
// nobody; what is kept for it has a bound.
func TestSlowWatcherMissesLines(t *testing.T) {
	s := start(t, func(c *Config) { c.StallTimeout = 100 * time.Millisecond })
	slow, fast := watching(t, s, "fetchers"), watching(t, s, "fetchers")
	p := dial(t, s)
	for _, peer := range []*peer{slow, fast, p} { // on a busy machine this takes long
		require.NoError(t, peer.nc.SetDeadline(time.Now().Add(2*time.Minute)))
	}
	seen := make(chan int, 1)
	const gets = 60_000
	require.NoError(t, fast.nc.SetReadDeadline(time.Time{}))
	go func() {
		n := 0
		for r := bufio.NewReader(fast.nc); n < gets; {
			line, err := r.ReadString('\n')
			if err != nil {
				break
			}
			if skipped, ok := strings.CutPrefix(line, "skipped="); ok {
				k, _ := strconv.Atoi(strings.TrimSpace(skipped))
				n += k
			} else {
				n++
			}
		}
		seen <- n
	}()
	key := strings.Repeat("#", 240) // 720 bytes of each line
	begun := time.Now()
	for i := range gets / 100 {
		p.send(strings.Repeat(fmt.Sprintf("get %s%d\n", key, i), 100))
		for range 100 {
			p.expect("END")
		}
	}
	require.Less(t, time.Since(begun), time.Minute)
	require.Equal(t, gets, <-seen)
	time.Sleep(200 * time.Millisecond) // longer than a peer may stall that waits for a reply
	require.NotZero(t, s.watchers.skipped.Load())
	s.watchers.mu.Lock()
	for _, w := range s.watchers.all {
		require.LessOrEqual(t, cap(w.queue), watcherRoom*3/2)
	}
	s.watchers.mu.Unlock()

	lines, skipped, told := 0, 0, 0
	for lines+skipped < gets {
		line := slow.line()
		if n, ok := strings.CutPrefix(line, "skipped="); ok {
			k, err := strconv.Atoi(strings.TrimSpace(n))
			require.NoError(t, err)
			skipped += k
			told++
		} else {
			require.Contains(t, line, " type=item_get key=%23%23")
			lines++
		}
	}
	require.Equal(t, gets, lines+skipped)
	require.NotZero(t, told)
	p.send("get again\n")
	p.expect("END")
	slow.events("item_get key=again status=not_found clsid=0 size=0")
}

// The lines are in the order in which they are numbered, whoever tells them.
func TestWatchIsInOrder(t *testing.T) {
	s := start(t, nil)
	w := watching(t, s, "fetchers mutations")
	const conns, each = 4, 200
	for range conns {
		p := dial(t, s)
		go func() {
			p.send(strings.Repeat("set k 0 0 1 noreply\nx\n", each))
		}()
	}
	last := 0
	for range conns * each * 2 {
		var gid int
		var at string
		line := w.line()
		_, err := fmt.Sscanf(line, "ts=%s gid=%d", &at, &gid)
		require.NoError(t, err)
		require.Equal(t, last+1, gid)
		last = gid
	}
}

// Watched or not, the read path does not allocate.
func TestWatchedReadsDoNotAllocate(t *testing.T) {
	f := newFed(t)
	requests := exchanges(t, f)
	w, refusal := f.srv.watchers.join(watchFetchers | watchMutations | watchDeletions)
	require.Empty(t, refusal)
	defer f.srv.watchers.leave(w)
	requests["set"] = []byte("set other 0 0 1\r\nx\r\n")
	for name, request := range requests {
		for range 5000 {
			f.do(request)
		}
		require.Zero(t, testing.AllocsPerRun(1000, func() { f.do(request) }), name)
	}
	require.LessOrEqual(t, len(w.queue), watcherRoom)
	require.NotZero(t, w.skipped)
}

// Who watches sees the others go when the server stops, and goes last. One that
// does not read cannot keep the server.
func TestWatchersEndWithTheServer(t *testing.T) {
	keeper, err := single.Ephemeral(single.Options{Shards: 4, ClusterID: "test"}, true)
	require.NoError(t, err)
	var logged strings.Builder
	s, err := New(Config{Loops: *loops, Ring: *ring, Listen: "127.0.0.1:0", Memory: 64 << 20, Keeper: keeper, Logger: slog.New(slog.NewTextHandler(&logged, nil))})
	require.NoError(t, err)
	served := make(chan error, 1)
	go func() { served <- s.Serve() }()
	slow, w, p := watching(t, s, "fetchers"), watching(t, s, "connevents"), dial(t, s)
	for range 30_000 / 100 {
		p.send(strings.Repeat("get "+strings.Repeat("#", 240)+"\n", 100))
		for range 100 {
			p.expect("END")
		}
	}
	require.NotZero(t, s.watchers.skipped.Load(), "the slow one is")
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	begun := time.Now()
	require.NoError(t, s.Stop(ctx))
	require.Less(t, time.Since(begun), 5*time.Second)
	require.NoError(t, <-served)
	require.NoError(t, keeper.Close())
	w.events("conn_new rip=127.0.0.1 transport=tcp", "conn_close rip=127.0.0.1 transport=tcp reason=shutdown")
	_, err = w.r.ReadByte()
	require.ErrorIs(t, err, io.EOF)
	require.Equal(t, 2, strings.Count(logged.String(), "connection watches"))
	require.Contains(t, logged.String(), "kinds=connevents")
	_ = slow.nc.Close()
}

// A watch that begins while the server stops ends with it.
func TestWatchDuringStop(t *testing.T) {
	for range 20 {
		keeper, err := single.Ephemeral(single.Options{Shards: 4, ClusterID: "test"}, true)
		require.NoError(t, err)
		s, err := New(Config{Loops: *loops, Ring: *ring, Listen: "127.0.0.1:0", Memory: 64 << 20, Keeper: keeper, Logger: slog.New(slog.NewTextHandler(io.Discard, nil))})
		require.NoError(t, err)
		served := make(chan error, 1)
		go func() { served <- s.Serve() }()
		var peers []*peer
		for range 3 {
			p := dial(t, s)
			p.send("mn\n")
			p.expect("MN")
			peers = append(peers, p)
		}
		go func() {
			for _, p := range peers {
				_, _ = io.WriteString(p.nc, "watch\r\n") // it may be gone
			}
		}()
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		require.NoError(t, s.Stop(ctx))
		require.NoError(t, ctx.Err(), "Stop did not have to be cut short")
		cancel()
		require.NoError(t, <-served)
		require.NoError(t, keeper.Close())
	}
}
