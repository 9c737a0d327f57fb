package server

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"math/rand/v2"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/leasecache/leasecache/shard/single"
)

// dumped reads the rest of a dump, behind its OK, and counts the keys.
func (p *peer) dumped(end string) map[string]int {
	p.t.Helper()
	seen := map[string]int{}
	for {
		line := p.line()
		if line == end {
			return seen
		}
		key, _, ok := strings.Cut(strings.TrimPrefix(strings.TrimPrefix(line, "key="), "mg "), " ")
		require.True(p.t, ok || end == "EN", "%q", line)
		seen[key]++
	}
}

// many of fillUp's keys are more lines than sockets take, 11 MB, if the peer's is
// kept small.
const many = 40_000

func (p *peer) smallSocket() {
	require.NoError(p.t, p.nc.(*net.TCPConn).SetReadBuffer(64<<10))
}

// fillUp stores that many values with long keys, and returns their names.
func fillUp(p *peer, n int) []string {
	keys := make([]string, n)
	var b strings.Builder
	for i := range keys {
		keys[i] = fmt.Sprintf("%0200d", i)
		fmt.Fprintf(&b, "set %s 0 0 1 noreply\nx\n", keys[i])
		if b.Len() > 1<<20 || i == n-1 {
			p.send(b.String())
			b.Reset()
		}
	}
	p.send("mn\n")
	p.expect("MN")
	return keys
}

func TestMetadumpTellsOfAnItem(t *testing.T) {
	s := start(t, nil)
	p := dial(t, s)
	before := time.Now().Unix()
	at := before + 1000
	p.send(fmt.Sprintf("set plain 7 0 5\nvalue\nset dated 0 %d 1\nx\nset a%%/\xc3\xa9 0 100 1\nx\nms AAEC 2 b E99\nxy\nget plain\n", at))
	p.expect("STORED", "STORED", "STORED", "HD", "VALUE plain 7 5", "value", "END")
	p.send("lru_crawler metadump all\n")
	p.expect("OK")
	lines := map[string]string{}
	for line := p.line(); line != "END"; line = p.line() {
		key, rest, _ := strings.Cut(line, " ")
		lines[key] = rest
	}
	require.Equal(t, []string{"key=%00%01%02", "key=a%25%2F%C3%A9", "key=dated", "key=plain"}, slices.Sorted(maps.Keys(lines)))
	require.Regexp(t, `^exp=-1 la=\d+ cas=\d+ fetch=yes cls=1 size=10 flags=7 \n$`, lines["key=plain"])
	require.Regexp(t, fmt.Sprintf(`^exp=%d la=\d+ cas=\d+ fetch=no cls=1 size=6 flags=0 \n$`, at), lines["key=dated"])
	require.Regexp(t, `^exp=-1 la=\d+ cas=99 fetch=no `, lines["key=%00%01%02"])
	var expires, read int64
	_, err := fmt.Sscanf(lines["key=a%25%2F%C3%A9"], "exp=%d la=%d", &expires, &read)
	require.NoError(t, err)
	require.InDelta(t, before+100, expires, 1)
	require.InDelta(t, before, read, 1)

	p.send("lru_crawler mgdump hash\n")
	p.expect("OK")
	require.Equal(t, map[string]int{"plain": 1, "dated": 1, "a%/\xc3\xa9": 1, "AAEC": 1}, p.dumped("EN"))
}

// A dump shows what a get would find: nobody else's stub, no stale copy, nothing
// under an intent or void.
func TestDumpHidesWhatReadersMiss(t *testing.T) {
	s := start(t, nil)
	p := dial(t, s)
	store := func(key string) { p.send("set " + key + " 0 0 1\nx\n"); p.expect("STORED") }
	fill := func(key, flags string) {
		p.send("ls " + key + " 1 L" + p.lease(key) + flags + "\nx\n")
		p.expect("HD")
	}
	for _, key := range []string{"stale", "deleted", "short", "written", "flushed"} {
		store(key)
	}
	fill("tagged", " Gred")
	fill("kept", " Ggreen")
	p.send("flush_all\n")
	p.expect("OK")
	for _, key := range []string{"stale", "deleted", "written", "seen", "marked"} {
		store(key)
	}
	fill("tagged", " Gred")
	fill("kept", " Ggreen")
	p.send("mg stub N30\nld stale S30\ndelete deleted\nset short 0 -1 1\nx\nlt red\nmd marked I\nlg waits\nlw written F\n")
	p.expect("HD W")
	require.Contains(t, p.line(), "HD L")
	p.expect("DELETED", "STORED")
	require.Contains(t, p.line(), "HD L")
	p.expect("HD")
	require.Contains(t, p.line(), "LE L")
	require.Contains(t, p.line(), "HD L") // in its own time, so nothing is pipelined behind it
	p.send("lru_crawler mgdump all\n")
	p.expect("OK")
	require.Equal(t, map[string]int{"seen": 1, "marked": 1, "kept": 1}, p.dumped("EN"))
}

func TestRequestsBehindADumpComeAfterIt(t *testing.T) {
	s := start(t, nil)
	p := dial(t, s)
	keys := fillUp(p, 5000) // many batches
	p.send("lru_crawler metadump all\nget " + keys[7] + "\nlru_crawler metadump all\nmn\n")
	p.expect("OK")
	require.Len(t, p.dumped("END"), len(keys))
	p.expect("VALUE "+keys[7]+" 0 1", "x", "END", "ERROR cannot pipeline other commands before metadump", "MN")
}

// memcached refuses a dump behind anything of which it has not written the reply,
// if it has one.
func TestDumpInAPipelineIsRefused(t *testing.T) {
	s := start(t, nil)
	holder, p := dial(t, s), dial(t, s)
	for _, before := range []string{"mg k q\n", "set k 0 0 1 noreply\nx\n"} {
		p.send(before + "lru_crawler mgdump all\nmn\n")
		p.expect("ERROR cannot pipeline other commands before mgdump", "MN")
	}
	// A reply that waits is in the way, too, however long ago it was asked for.
	token := holder.lease("waited")
	p.send("lg waited w5000\n")
	require.Eventually(t, func() bool { return s.Snapshot().Leases.Parked == 1 }, time.Second, time.Millisecond)
	p.send("lru_crawler metadump all\n")
	p.silent(20 * time.Millisecond)
	holder.send("la waited L" + token + "\n")
	holder.expect("HD")
	require.Contains(t, p.line(), "LE L")
	p.expect("ERROR cannot pipeline other commands before metadump")
}

// A peer that does not read its dump is waited for with one batch in memory;
// others do not notice. The dump goes on where it was, and one at a time is enough.
func TestDumpWaitsForASlowReader(t *testing.T) {
	s := start(t, func(c *Config) { c.StallTimeout = time.Minute })
	slow, other := dial(t, s), dial(t, s)
	slow.smallSocket()
	keys := fillUp(other, many)
	slow.send("lru_crawler metadump all\n")
	slow.expect("OK")
	require.Eventually(t, func() bool {
		sent := s.Snapshot().BytesSent
		time.Sleep(50 * time.Millisecond)
		return s.Snapshot().BytesSent == sent // the socket is full
	}, 10*time.Second, time.Millisecond)
	require.Less(t, s.Snapshot().BytesSent, uint64(9<<20))
	_, held := s.held()
	require.Less(t, held, 2*fullBatch, "one batch")
	var longest time.Duration
	for range 200 {
		begun := time.Now()
		other.send("set new 0 0 1\nx\ndelete " + keys[5] + "\nset " + keys[5] + " 0 0 1\nx\n")
		other.expect("STORED", "DELETED", "STORED")
		longest = max(longest, time.Since(begun))
	}
	require.Less(t, longest, 500*time.Millisecond)
	other.send("lru_crawler metadump all\n")
	other.expect("BUSY currently processing crawler request")

	seen := slow.dumped("END")
	delete(seen, "new")
	delete(seen, keys[5])
	require.Len(t, seen, len(keys)-1)
	for key, n := range seen {
		require.Equal(t, 1, n, key)
	}
	other.send("lru_crawler mgdump 2\n")
	other.expect("OK", "EN")
}

// Whoever hangs up in the middle of a dump ends it, and the next may begin.
func TestDumpEndsWithItsReader(t *testing.T) {
	s := start(t, func(c *Config) { c.StallTimeout = time.Minute })
	gone, next := dial(t, s), dial(t, s)
	gone.smallSocket()
	fillUp(next, many)
	gone.send("lru_crawler metadump all\n")
	gone.expect("OK")
	require.NoError(t, gone.nc.Close())
	require.Eventually(t, func() bool { return s.connections() == 1 }, 5*time.Second, time.Millisecond)
	next.send("lru_crawler metadump 7\n")
	next.expect("OK", "END")
}

// A dump that the server's end cuts off does not look whole.
func TestStopEndsADump(t *testing.T) {
	keeper, err := single.Ephemeral(single.Options{Shards: 4, ClusterID: "test"}, true)
	require.NoError(t, err)
	s, err := New(Config{Loops: *loops, Ring: *ring, Listen: "127.0.0.1:0", Memory: 128 << 20, Keeper: keeper, Logger: slog.New(slog.NewTextHandler(io.Discard, nil))})
	require.NoError(t, err)
	served := make(chan error, 1)
	go func() { served <- s.Serve() }()
	p := dial(t, s)
	p.smallSocket()
	fillUp(p, many)
	p.send("lru_crawler metadump all\n")
	p.expect("OK")
	stopped := make(chan error, 1)
	go func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		stopped <- s.Stop(ctx)
	}()
	require.Eventually(t, func() bool { return s.ctx.Err() != nil }, 5*time.Second, time.Millisecond)
	require.NoError(t, p.nc.SetReadDeadline(time.Now().Add(5*time.Second)))
	text, err := io.ReadAll(p.r)
	require.NoError(t, err)
	require.NoError(t, <-stopped)
	require.NoError(t, <-served)
	require.NoError(t, keeper.Close())
	require.NotContains(t, string(text), "END\r\n")
	require.True(t, strings.HasSuffix(string(text), "SERVER_ERROR unavailable: the node is stopping; the dump is not whole\r\n"), "%q", text[max(0, len(text)-200):])
}

// Over the wire, too: while others store and delete and pages of the index split,
// what is there all the time is listed once, and nothing twice.
func TestDumpAmongWriters(t *testing.T) {
	s := start(t, func(c *Config) { c.Memory = 128 << 20 })
	p := dial(t, s)
	stays := fillUp(p, 5000)
	var ended atomic.Bool
	var writers sync.WaitGroup
	for g := range 3 {
		w := dial(t, s)
		writers.Go(func() {
			r := rand.New(rand.NewPCG(uint64(g), 5))
			for !ended.Load() {
				var b strings.Builder
				for range 50 {
					fmt.Fprintf(&b, "set other%d 0 0 10 noreply\n0123456789\n", r.IntN(50_000))
					fmt.Fprintf(&b, "delete other%d noreply\nset %s 0 0 %d noreply\n%s\n", r.IntN(50_000), stays[r.IntN(len(stays))], 60, strings.Repeat("y", 60))
				}
				w.send(b.String() + "mn\n")
				w.expect("MN")
			}
		})
	}
	for range 10 {
		p.send("lru_crawler mgdump hash\n")
		p.expect("OK")
		seen := p.dumped("EN")
		for _, key := range stays {
			require.Equal(t, 1, seen[key], key)
		}
		for key, n := range seen {
			require.Equal(t, 1, n, key)
		}
	}
	ended.Store(true)
	writers.Wait()
	require.Zero(t, s.cache.Stats().Evictions)
}

func BenchmarkMetadump(b *testing.B) {
	s := start(b, nil)
	p := dial(b, s)
	keys := fillUp(p, 100_000)
	r := bufio.NewReaderSize(p.nc, 256<<10)
	b.ResetTimer()
	for b.Loop() {
		p.send("lru_crawler metadump all\n")
		for {
			line, err := r.ReadSlice('\n')
			require.NoError(b, err)
			if string(line) == "END\r\n" {
				break
			}
		}
	}
	b.ReportMetric(float64(b.N*len(keys))/b.Elapsed().Seconds(), "items/s")
}
