package server

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"net"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/leasecache/leasecache/protocol"
)

// statsOf asks for stats with that argument, and returns the lines by name.
func statsOf(t testing.TB, f fed, arg string) map[string]string {
	t.Helper()
	reply := string(f.do([]byte("stats " + arg + "\r\n")))
	require.True(t, strings.HasSuffix(reply, "END\r\n"), "%q", reply)
	lines := map[string]string{}
	for line := range strings.Lines(strings.TrimSuffix(reply, "END\r\n")) {
		word, rest, _ := strings.Cut(strings.TrimSuffix(line, "\r\n"), " ")
		require.Equal(t, "STAT", word, "%q", line)
		name, value, ok := strings.Cut(rest, " ")
		require.True(t, ok && value != "", "%q has no value", line)
		require.NotContains(t, lines, name, "twice")
		lines[name] = value
	}
	return lines
}

func number(t testing.TB, lines map[string]string, name string) uint64 {
	t.Helper()
	n, err := strconv.ParseUint(lines[name], 10, 64)
	require.NoError(t, err, "%s is %q", name, lines[name])
	return n
}

// What exporters make graphs of.
var graphed = strings.Fields(`curr_items total_items bytes limit_maxbytes curr_connections total_connections
	rejected_connections max_connections connection_structures accepting_conns listen_disabled_num
	cmd_get cmd_set cmd_touch cmd_flush cmd_meta get_hits get_misses get_expired get_flushed
	delete_hits delete_misses incr_hits incr_misses decr_hits decr_misses cas_hits cas_misses cas_badval
	touch_hits touch_misses store_too_large store_no_memory auth_cmds auth_errors evictions reclaimed
	expired_unfetched evicted_unfetched evicted_active bytes_read bytes_written threads conn_yields
	hash_bytes malloc_fails uptime time pid pointer_size`)

func TestStatsHasWhatExportersGraph(t *testing.T) {
	f := newFed(t)
	lines := statsOf(t, f, "")
	for _, name := range graphed {
		number(t, lines, name)
	}
	for _, name := range []string{"rusage_user", "rusage_system"} {
		require.Regexp(t, `^[0-9]+\.[0-9]{6}$`, lines[name])
	}
	require.Regexp(t, `^1\.6\.45 `, lines["version"])
	for c := range countedEnd {
		require.NotEmpty(t, c.String(), "%d", int(c))
	}
}

func TestSeconds(t *testing.T) {
	require.Equal(t, "0.000001", seconds(1999*time.Nanosecond))
	require.Equal(t, "61.250000", seconds(61250*time.Millisecond))
}

// A reset begins what stats shows anew. The counters themselves, which /metrics
// shows, go on.
func TestStatsReset(t *testing.T) {
	f := newFed(t)
	f.do([]byte("set k 0 0 1\r\nx\r\n"))
	f.do([]byte("get k\r\n"))
	before := f.srv.Snapshot()
	require.Equal(t, "RESET\r\n", string(f.do([]byte("stats reset\r\n"))))
	after := statsOf(t, f, "")
	for c := range countedEnd {
		if c != evictedExpiring { // of stats items only
			require.Zero(t, number(t, after, c.String()), "%v", c)
		}
	}
	require.EqualValues(t, 1, number(t, after, "curr_items"))
	require.EqualValues(t, 1, number(t, statsOf(t, f, "items"), "items:1:number"))
	require.Zero(t, number(t, statsOf(t, f, "slabs"), "1:get_hits"))

	f.do([]byte("get k\r\n"))
	require.EqualValues(t, 1, number(t, statsOf(t, f, ""), "get_hits"))
	counts := func(s Snapshot) map[string]uint64 {
		m := map[string]uint64{"bytes": s.BytesRead, "stored": s.Memory.Stored}
		for _, c := range s.Commands {
			m[c.Verb+" "+c.Outcome] = c.N
		}
		return m
	}
	now := counts(f.srv.Snapshot())
	for name, n := range counts(before) {
		require.GreaterOrEqual(t, now[name], n, name)
	}
	require.EqualValues(t, 2, now["get hit"])
}

// Whoever resets meanwhile, no count is ever below nothing, and none is lost.
func TestStatsResetWhileOthersCount(t *testing.T) {
	s := start(t, nil)
	const each = 3000
	var working sync.WaitGroup
	for n := range 2 {
		working.Go(func() {
			p := dial(t, s)
			p.send(fmt.Sprintf("set n%d 0 0 1\n5\n", n))
			p.expect("STORED")
			for range each / 100 {
				p.send(strings.Repeat(fmt.Sprintf("incr n%d 0\nget n%d\n", n, n), 100))
				for range 100 {
					p.expect("5", fmt.Sprintf("VALUE n%d 0 1", n), "5", "END")
				}
			}
		})
	}
	done := make(chan struct{})
	go func() { working.Wait(); close(done) }()
	seen := uint64(0)
	for running := true; running; {
		select {
		case <-done:
			running = false
		default:
		}
		g := s.gather()
		for c := range countedEnd {
			require.Less(t, g.counts[c], uint64(1<<40), "%v", c)
		}
		// What is counted between these two is lost to the sum, never counted twice.
		seen += g.counts[getHits]
		s.resetStats()
	}
	require.LessOrEqual(t, seen, uint64(2*each))
	require.EqualValues(t, 2*each, s.stats.of(protocol.VerbGet, outcomeHit))
}

func TestStatsItemsAndSlabsAddUp(t *testing.T) {
	f := newFed(t)
	require.Empty(t, statsOf(t, f, "items"))
	for i := range 2000 {
		f.do(fmt.Appendf(nil, "set k%d 0 0 1000\r\n%01000d\r\n", i, i))
	}
	items, slabs, all := statsOf(t, f, "items"), statsOf(t, f, "slabs"), statsOf(t, f, "")
	require.EqualValues(t, 2000, number(t, items, "items:1:number"))
	require.EqualValues(t, 2000, number(t, slabs, "1:used_chunks"))
	require.Equal(t, number(t, slabs, "1:total_chunks"), number(t, slabs, "1:used_chunks")+number(t, slabs, "1:free_chunks"))
	require.InDelta(t, 1030, number(t, slabs, "1:chunk_size"), 15)
	require.LessOrEqual(t, number(t, slabs, "1:chunk_size")*number(t, slabs, "1:total_chunks"), number(t, slabs, "total_malloced"))
	require.Equal(t, all["bytes"], slabs["1:mem_requested"])
	require.Equal(t, all["bytes"], items["items:1:mem_requested"])
	require.EqualValues(t, 2000, number(t, slabs, "1:cmd_set"))

	// Full: then there is something to say of what was evicted.
	for i := range 18_000 {
		f.do(fmt.Appendf(nil, "set m%d 0 100 4000\r\n%04000d\r\n", i, i))
	}
	items, all = statsOf(t, f, "items"), statsOf(t, f, "")
	evicted := number(t, items, "items:1:evicted")
	require.Greater(t, evicted, uint64(1000))
	require.Equal(t, evicted, number(t, all, "evictions"))
	require.Equal(t, evicted, number(t, items, "items:1:evicted_unfetched"))
	require.Equal(t, evicted-2000, number(t, items, "items:1:evicted_nonzero"))
}

func TestStatsSizes(t *testing.T) {
	require.Equal(t, 32, roundSize(1))
	require.Equal(t, 32, roundSize(32))
	require.Equal(t, 64, roundSize(33))
	require.Equal(t, 1<<20, roundSize(1<<20))
	require.Equal(t, 2<<20, roundSize(1<<20+1))

	f := newFed(t)
	for i := range 5000 {
		f.do(fmt.Appendf(nil, "set k%04d 0 0 %d\r\n%s\r\n", i, i%100*10, strings.Repeat("x", i%100*10)))
	}
	sum, last := uint64(0), 0
	reply := string(f.all([]byte("stats sizes\r\n")))
	for line := range strings.Lines(strings.TrimSuffix(reply, "END\r\n")) {
		var size, n int
		_, err := fmt.Sscanf(line, "STAT %d %d", &size, &n)
		require.NoError(t, err)
		require.Greater(t, size, last)
		require.Zero(t, size%32)
		last = size
		sum += uint64(n)
	}
	require.EqualValues(t, 5000, sum)
}

// Whoever has everything gone through gives way to others on the way, and keeps
// nobody from doing it when it is done or gone.
func TestStatsSizesGivesWay(t *testing.T) {
	f := newFed(t)
	const items = 10_000
	for i := range items {
		f.do(fmt.Appendf(nil, "set k%d 0 0 1\r\nx\r\n", i))
	}
	request, at := []byte("stats sizes\r\n"), f.srv.read()
	other := fed{newSession(f.srv, f.queue), t}
	for range 2 {
		used, state := f.feed(request, at)
		require.Zero(t, used)
		require.Equal(t, feedFull, state)
		require.Contains(t, string(other.do(request)), "SERVER_ERROR busy")
		f.hungUp(request, at)
		f = fed{newSession(f.srv, f.queue), t}
	}
	for _, f := range []fed{f, other} {
		require.Regexp(t, fmt.Sprintf(`^STAT \d+ %d\r\nEND\r\n$`, items), string(f.all(request)))
	}
}

func TestCachedumpIsBounded(t *testing.T) {
	f := newFed(t)
	for i := range 12_000 {
		f.do(fmt.Appendf(nil, "set %0200d 0 0 1\r\nx\r\n", i))
	}
	dump := func(limit int) []string {
		reply := string(f.all(fmt.Appendf(nil, "stats cachedump 1 %d\r\n", limit)))
		require.True(t, strings.HasSuffix(reply, "END\r\n"))
		require.LessOrEqual(t, len(reply), maxCachedump)
		return strings.Split(strings.TrimSuffix(reply, "\r\nEND\r\n"), "\r\n")
	}
	require.Len(t, dump(7), 7)
	all := dump(0)
	require.Greater(t, len(all), 9000)
	require.Regexp(t, `^ITEM [0-9]{200} \[1 b; 0 s\]$`, all[0])
}

// Where no key may be shown, everything is gone through, and others have their turn.
func TestCachedumpTakesTurns(t *testing.T) {
	f := newFed(t)
	for i := range 10_000 {
		f.do(fmt.Appendf(nil, "ms %s 1 b\r\nx\r\n", base64.StdEncoding.EncodeToString(fmt.Appendf(nil, "k %d", i))))
	}
	request := []byte("stats cachedump 1 0\r\nmn\r\n")
	used, state := f.feed(request, f.srv.read())
	require.Zero(t, used)
	require.Equal(t, feedFull, state)
	require.Empty(t, f.taken())
	require.Equal(t, "END\r\nMN\r\n", string(f.all(request)))
}

func TestStatsConnsListsEveryListener(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	s := start(t, func(c *Config) { c.MoreListen, c.UnixSocket = []string{"127.0.0.1:0"}, path })
	p := dial(t, s)
	p.send("stats conns\n")
	lines := map[string]string{}
	for line := p.line(); line != "END"; line = p.line() {
		_, rest, _ := strings.Cut(line, " ")
		name, value, _ := strings.Cut(rest, " ")
		lines[name] = value
	}
	for id, addr := range []string{"tcp:" + s.Addrs()[0].String(), "tcp:" + s.Addrs()[1].String(), "unix:" + path} {
		require.Equal(t, addr, lines[fmt.Sprintf("%d:addr", id)])
		require.Equal(t, "conn_listening", lines[fmt.Sprintf("%d:state", id)])
	}
	require.Equal(t, "tcp:"+p.nc.LocalAddr().String(), lines["3:addr"])
}

func TestStatsConns(t *testing.T) {
	s := start(t, nil)
	a, b, w := dial(t, s), dial(t, s), dial(t, s)
	b.send("mn\n")
	b.expect("MN")
	w.send("watch evictions\n")
	w.expect("OK")
	lines := map[string]string{}
	require.Eventually(t, func() bool { // w has heard OK before it is put aside
		a.send("stats conns\n")
		for line := a.line(); line != "END"; line = a.line() {
			_, rest, _ := strings.Cut(line, " ")
			name, value, _ := strings.Cut(rest, " ")
			lines[name] = value
		}
		return lines["3:state"] == "conn_watch"
	}, 5*time.Second, time.Millisecond)
	require.Equal(t, "tcp:"+s.Addr().String(), lines["0:addr"])
	require.Equal(t, "conn_listening", lines["0:state"])
	for id, p := range map[string]*peer{"1": a, "2": b} {
		require.Equal(t, "tcp:"+p.nc.LocalAddr().String(), lines[id+":addr"])
		require.Equal(t, "tcp:"+s.Addr().String(), lines[id+":listen_addr"])
		require.Equal(t, "0", lines[id+":secs_since_last_cmd"])
	}
	require.Equal(t, "conn_parse_cmd", lines["1:state"])
	require.Equal(t, "conn_read", lines["2:state"])
}

// Many connections do not make one reply of any length.
func TestStatsConnsIsBounded(t *testing.T) {
	f := newFed(t)
	ours, theirs := net.Pipe()
	defer func() { _, _ = ours.Close(), theirs.Close() }()
	f.srv.mu.Lock()
	for range 12_000 {
		c := f.srv.newConn(ours)
		f.srv.conns[c] = struct{}{}
	}
	f.srv.mu.Unlock()
	defer func() {
		f.srv.mu.Lock()
		clear(f.srv.conns)
		f.srv.mu.Unlock()
	}()
	f.statsConns()
	require.Less(t, len(f.out), maxConnsReply+1000)
	require.True(t, bytes.Contains(f.out, []byte("STAT conns_not_shown ")))
}

func TestPrefixesAreBounded(t *testing.T) {
	f := newFed(t)
	f.do([]byte("stats detail on\r\n"))
	for i := range 2 * maxPrefixes {
		f.do(fmt.Appendf(nil, "get p%d:k\r\n", i))
	}
	f.do([]byte("get :k\r\n"))
	f.do([]byte("get p0:k\r\n"))
	dump := string(f.do([]byte("stats detail dump\r\n")))
	require.Equal(t, maxPrefixes+1, strings.Count(dump, "\n"))
	require.Contains(t, dump, "PREFIX p0 get 2 hit 0 set 0 del 0\r\n")
	f.do([]byte("stats reset\r\n"))
	f.do([]byte("get :k\r\n"))
	require.Equal(t, "PREFIX  get 1 hit 0 set 0 del 0\r\nEND\r\n", string(f.do([]byte("stats detail dump\r\n"))))
}

// Several connections that find new prefixes at once lose none.
func TestPrefixesAreCountedTogether(t *testing.T) {
	var p prefixes
	p.counting.Store(true)
	var working sync.WaitGroup
	for range 4 {
		working.Go(func() {
			for i := range 20_000 {
				p.get(fmt.Appendf(nil, "p%d:k", i%100), i%2 == 0)
			}
		})
	}
	working.Wait()
	lines := strings.Split(strings.TrimSpace(string(p.append(nil))), "\r\n")
	require.Len(t, lines, 100)
	for _, line := range lines {
		require.Regexp(t, ` get 800 hit (800|0) set 0 del 0$`, line)
	}
}

// Nobody pays for counting by prefix while it is off, and when it is on nobody
// allocates for it.
func TestDetailDoesNotAllocate(t *testing.T) {
	f := newFed(t)
	f.do([]byte("set user:1 0 0 1\r\nx\r\n"))
	request := []byte("get user:1\r\n")
	require.Zero(t, testing.AllocsPerRun(1000, func() { f.do(request) }))
	f.do([]byte("stats detail on\r\n"))
	require.Zero(t, testing.AllocsPerRun(1000, func() { f.do(request) }))
	require.Contains(t, string(f.do([]byte("stats detail dump\r\n"))), "PREFIX user get 1001 hit 1001 ")
}
