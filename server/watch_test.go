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

// What memcached 1.6.45 tells of its commands, line by line as it was recorded.
func TestWatchTellsWhatMemcachedTells(t *testing.T) {
	large := strings.Repeat("x", 2_000_000)
	steps := []struct {
		send, reply string
		events      []string
	}{
		{"set k 0 0 3\nabc\n", "STORED", []string{"item_get key=k status=not_found clsid=0 size=0", "item_store key=k status=stored cmd=set ttl=0 clsid=1 size=3"}},
		{"set k 0 100 5\nabcde\n", "STORED", []string{"item_get key=k status=found clsid=1 size=3", "item_store key=k status=stored cmd=set ttl=100 clsid=1 size=5"}},
		{"get nope\n", "END", []string{"item_get key=nope status=not_found clsid=0 size=0"}},
		{"get nope k nope\n", "VALUE k 0 5|abcde|END", []string{"item_get key=nope status=not_found clsid=0 size=0", "item_get key=k status=found clsid=1 size=5", "item_get key=nope status=not_found clsid=0 size=0"}},
		{"gat 0 k\n", "VALUE k 0 5|abcde|END", []string{"item_get key=k status=found clsid=1 size=5"}},
		{"add k 0 0 1\nx\n", "NOT_STORED", []string{"item_get key=k status=found clsid=1 size=5", "item_store key=k status=not_stored cmd=add ttl=0 clsid=1 size=1"}},
		{"replace k 0 -1 1\nx\n", "STORED", []string{"item_get key=k status=found clsid=1 size=5", "item_store key=k status=stored cmd=replace ttl=4294967295 clsid=1 size=1"}},
		{"get k\n", "END", []string{"item_get key=k status=expired clsid=0 size=0"}},
		{"get k\n", "END", []string{"item_get key=k status=not_found clsid=0 size=0"}},
		{"replace k 0 0 1\nx\n", "NOT_STORED", []string{"item_get key=k status=not_found clsid=0 size=0", "item_store key=k status=not_stored cmd=replace ttl=0 clsid=1 size=1"}},
		{"set k 0 0 2\nab\n", "STORED", []string{"item_get key=k status=not_found clsid=0 size=0", "item_store key=k status=stored cmd=set ttl=0 clsid=1 size=2"}},
		{"append k 0 0 2\ncd\n", "STORED", []string{"item_get key=k status=found clsid=1 size=2", "item_store key=k status=stored cmd=append ttl=0 clsid=1 size=4"}},
		{"prepend zz 0 0 2\ncd\n", "NOT_STORED", []string{"item_get key=zz status=not_found clsid=0 size=0", "item_store key=zz status=not_stored cmd=prepend ttl=0 clsid=1 size=2"}},
		{"cas k 0 0 1 999\nx\n", "EXISTS", []string{"item_get key=k status=found clsid=1 size=4", "item_store key=k status=exists cmd=cas ttl=0 clsid=1 size=1"}},
		{"cas nn 0 0 1 999\nx\n", "NOT_FOUND", []string{"item_get key=nn status=not_found clsid=0 size=0", "item_store key=nn status=not_found cmd=cas ttl=0 clsid=1 size=1"}},
		{"touch k 0\n", "TOUCHED", []string{"item_get key=k status=found clsid=1 size=4"}},
		{"touch nn 0\n", "NOT_FOUND", []string{"item_get key=nn status=not_found clsid=0 size=0"}},
		{"incr k 1\n", "CLIENT_ERROR cannot increment or decrement non-numeric value", []string{"item_get key=k status=found clsid=1 size=4"}},
		{"incr nn 1\n", "NOT_FOUND", []string{"item_get key=nn status=not_found clsid=0 size=0"}},
		{"set n 0 0 2\n10\n", "STORED", []string{"item_get key=n status=not_found clsid=0 size=0", "item_store key=n status=stored cmd=set ttl=0 clsid=1 size=2"}},
		{"decr n 1 noreply\nmn\n", "MN", []string{"item_get key=n status=found clsid=1 size=2"}},
		{"ma n\n", "HD", []string{"item_get key=n status=found clsid=1 size=2"}},
		{"ma new N0 J5\n", "HD", []string{"item_get key=new status=not_found clsid=0 size=0", "item_get key=new status=not_found clsid=0 size=0", "item_store key=new status=stored cmd=add ttl=0 clsid=1 size=1"}},
		{"ma new2\n", "NF", []string{"item_get key=new2 status=not_found clsid=0 size=0"}},
		{"delete n\n", "DELETED", []string{"item_get key=n status=found clsid=1 size=2", "deleted key=n cmd=delete clsid=1 size=2"}},
		{"delete n\n", "NOT_FOUND", []string{"item_get key=n status=not_found clsid=0 size=0"}},
		{"md k I\n", "HD", []string{"item_get key=k status=found clsid=1 size=4"}},
		{"mg k v\n", "VA 4 X W|abcd", []string{"item_get key=k status=found clsid=1 size=4"}},
		{"md k x\n", "HD", []string{"item_get key=k status=found clsid=1 size=4", "item_get key=k status=found clsid=1 size=4", "item_store key=k status=stored cmd=set ttl=0 clsid=1 size=0", "deleted key=k cmd=md clsid=1 size=0"}},
		{"md k x I\n", "HD", []string{"item_get key=k status=found clsid=1 size=0", "item_get key=k status=found clsid=1 size=0", "item_store key=k status=stored cmd=set ttl=0 clsid=1 size=0"}},
		{"md k C5\n", "EX", []string{"item_get key=k status=found clsid=1 size=0"}},
		{"me k\n", "", []string{"item_get key=k status=found clsid=1 size=0"}},
		{"md k\n", "HD", []string{"item_get key=k status=found clsid=1 size=0", "deleted key=k cmd=md clsid=1 size=0"}},
		{"md k\n", "NF", []string{"item_get key=k status=not_found clsid=0 size=0"}},
		{"mg viv N30 v\n", "VA 0 W|", []string{"item_get key=viv status=not_found clsid=0 size=0"}},
		{"mg viv N30 v\n", "VA 0 Z|", []string{"item_get key=viv status=found clsid=1 size=0"}},
		{"md viv\n", "HD", []string{"item_get key=viv status=found clsid=1 size=0", "deleted key=viv cmd=md clsid=1 size=0"}},
		{"mg miss v\n", "EN", []string{"item_get key=miss status=not_found clsid=0 size=0"}},
		{"mg miss q\nmn\n", "MN", []string{"item_get key=miss status=not_found clsid=0 size=0"}},
		{"me nnn\n", "EN", []string{"item_get key=nnn status=not_found clsid=0 size=0"}},
		{"ms mm 2 T30\nab\n", "HD", []string{"item_get key=mm status=not_found clsid=0 size=0", "item_store key=mm status=stored cmd=set ttl=30 clsid=1 size=2"}},
		{"ms nn 2 MA\nab\n", "NS", []string{"item_get key=nn status=not_found clsid=0 size=0", "item_store key=nn status=not_stored cmd=append ttl=0 clsid=1 size=2"}},
		{"ms nn 2 MP N10\nab\n", "HD", []string{"item_get key=nn status=not_found clsid=0 size=0", "item_store key=nn status=stored cmd=prepend ttl=10 clsid=1 size=2"}},
		{"ms mm 2 C5\nab\n", "EX", []string{"item_get key=mm status=found clsid=1 size=2", "item_store key=mm status=exists cmd=cas ttl=0 clsid=1 size=2"}},
		{"ms mm 2 MR C5\nab\n", "EX", []string{"item_get key=mm status=found clsid=1 size=2", "item_store key=mm status=exists cmd=cas ttl=0 clsid=1 size=2"}},
		{"ms mm 2 MR\nab\n", "HD", []string{"item_get key=mm status=found clsid=1 size=2", "item_store key=mm status=stored cmd=replace ttl=0 clsid=1 size=2"}},
		{"ms mm 2 ME\nab\n", "NS", []string{"item_get key=mm status=found clsid=1 size=2", "item_store key=mm status=not_stored cmd=add ttl=0 clsid=1 size=2"}},
		{"ms mm 2000000\n" + large + "\n", "SERVER_ERROR object too large for cache", []string{"item_store key=mm status=too_large cmd=set ttl=0 clsid=0 size=0", "item_get key=mm status=found clsid=1 size=2"}},
		{"add big 0 0 2000000\n" + large + "\n", "SERVER_ERROR object too large for cache", []string{"item_store key=big status=too_large cmd=add ttl=0 clsid=0 size=0"}},
		{"set big 0 0 2000000\n" + large + "\n", "SERVER_ERROR object too large for cache", []string{"item_store key=big status=too_large cmd=set ttl=0 clsid=0 size=0", "item_get key=big status=not_found clsid=0 size=0"}},
		{"set k 0 0 1\nabc\nmn\n", "CLIENT_ERROR bad data chunk|CLIENT_ERROR bad command line format|MN", nil},
		{"set k 0 0 1\nx\n", "STORED", []string{"item_get key=k status=not_found clsid=0 size=0", "item_store key=k status=stored cmd=set ttl=0 clsid=1 size=1"}},
		{"flush_all\nget k\n", "OK|END", []string{"item_get key=k status=flushed clsid=0 size=0"}},
		{"mg AAEC b\n", "EN", []string{"item_get key=%00%01%02 status=not_found clsid=0 size=0"}},
	}
	s := start(t, nil)
	all := watching(t, s, "fetchers mutations deletions evictions connevents")
	kinds := map[string]*peer{"item_get": watching(t, s, ""), "item_store": watching(t, s, "mutations"), "deleted": watching(t, s, "deletions")}
	all.events("conn_new rip=127.0.0.1 transport=tcp", "conn_new rip=127.0.0.1 transport=tcp", "conn_new rip=127.0.0.1 transport=tcp")
	p := dial(t, s)
	all.events("conn_new rip=127.0.0.1 transport=tcp")
	for _, step := range steps {
		p.send(step.send)
		if step.reply == "" {
			p.line()
		} else {
			p.expect(strings.Split(step.reply, "|")...)
		}
		for _, want := range step.events {
			require.Equal(t, want, all.event(), "%.40q", step.send)
			kind, _, _ := strings.Cut(want, " ")
			kinds[kind].events(want) // and nothing else
		}
	}
}

func TestWatchTellsOfLeases(t *testing.T) {
	s := start(t, nil)
	w := watching(t, s, "fetchers mutations deletions")
	p, waits := dial(t, s), dial(t, s)
	token := p.lease("k")
	w.events("item_get key=k status=not_found clsid=0 size=0")
	waits.send("lg k v w5000\n")
	waits.silent(20 * time.Millisecond)
	p.send("ls k 5 L" + token + " T30\nvalue\n")
	p.expect("HD")
	waits.expect("VA 5", "value")
	// The reader who waited is answered, and told of, in the middle of the fill.
	w.events("item_get key=k status=found clsid=1 size=5", "item_store key=k status=stored cmd=ls ttl=30 clsid=1 size=5")
	p.send("lg k\nls k 3 L" + token + "\nold\n")
	p.expect("HD", "NS ru")
	w.events("item_get key=k status=found clsid=1 size=5", "item_store key=k status=not_stored cmd=ls ttl=0 clsid=1 size=3")
	p.send("ld k\nld k\nlease-get k\n")
	require.Contains(t, p.line(), "HD L")
	require.Contains(t, p.line(), "HD L")
	require.Contains(t, p.line(), "LVALUE k ")
	p.expect("", "END")
	w.events("deleted key=k cmd=ld clsid=1 size=5", "deleted key=k cmd=ld clsid=1 size=0", "item_get key=k status=not_found clsid=0 size=0")
	p.send("lease-set k 5 0 0 1\nx\nlw k F\n")
	p.expect("NOT_STORED")
	require.Contains(t, p.line(), "HD L")
	w.events("item_store key=k status=not_stored cmd=lease-set ttl=0 clsid=1 size=1")
	p.send("get k\nset k 0 0 1\nx\n")
	p.expect("END", "NOT_STORED")
	w.events("item_get key=k status=not_found clsid=0 size=0", "item_get key=k status=not_found clsid=0 size=0", "item_store key=k status=not_stored cmd=set ttl=0 clsid=1 size=1")
}

func TestWatchTellsOfEvictions(t *testing.T) {
	s := start(t, func(c *Config) { c.Memory, c.MaxItem = 16<<20, 64<<10 })
	w := watching(t, s, "evictions")
	p := dial(t, s)
	value := strings.Repeat("v", 50<<10)
	for i := range 1000 {
		p.send(fmt.Sprintf("set k%d 0 %d %d noreply\n%s\n", i, i%2*1000, len(value), value))
	}
	p.send("mn\n")
	p.expect("MN")
	evicted := s.cache.Stats().Evictions
	require.NotZero(t, evicted)
	for range evicted {
		require.Regexp(t, `^eviction key=k\d+ fetch=no ttl=(-1|99\d) la=\d clsid=1 size=51200$`, w.event())
	}
	require.NoError(t, w.nc.Close())
	require.Eventually(t, func() bool { return s.watchers.count() == 0 }, 5*time.Second, time.Millisecond)
	require.Zero(t, s.watchers.wanted())
}

func TestWatchTellsOfConnections(t *testing.T) {
	s := start(t, func(c *Config) { c.StallTimeout = 50 * time.Millisecond })
	w := watching(t, s, "connevents")
	for _, tt := range []struct{ send, reason string }{
		{"quit\r\n", "normal"},
		{"GET / HTTP/1.1\r\n", "error"},
		{"set k 0 0 10\r\nabc", "error"}, // and no more
	} {
		nc, err := net.Dial("tcp", s.Addr().String())
		require.NoError(t, err)
		_, err = io.WriteString(nc, tt.send)
		require.NoError(t, err)
		begun, ended := w.line(), w.line()
		local := nc.LocalAddr().(*net.TCPAddr)
		match := regexp.MustCompile(`^ts=\d+\.\d+ gid=(\d+) type=conn_new rip=127.0.0.1 rport=(\d+) transport=tcp cfd=(\d+)\n$`).FindStringSubmatch(begun)
		require.NotNil(t, match, "%q", begun)
		require.Equal(t, strconv.Itoa(local.Port), match[2])
		require.Regexp(t, ` type=conn_close rip=127.0.0.1 rport=`+match[2]+` transport=tcp reason=`+tt.reason+` cfd=`+match[3]+`\n$`, ended)
		require.NoError(t, nc.Close())
	}
	p := dial(t, s)
	w.events("conn_new rip=127.0.0.1 transport=tcp")
	require.NoError(t, p.nc.Close())
	w.events("conn_close rip=127.0.0.1 transport=tcp reason=normal")
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
	seen := make(chan int, 1)
	const gets = 60_000
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
	require.Less(t, time.Since(begun), 10*time.Second)
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
	s, err := New(Config{Listen: "127.0.0.1:0", Memory: 64 << 20, Keeper: keeper, Logger: slog.New(slog.NewTextHandler(&logged, nil))})
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
		s, err := New(Config{Listen: "127.0.0.1:0", Memory: 64 << 20, Keeper: keeper, Logger: slog.New(slog.NewTextHandler(io.Discard, nil))})
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
