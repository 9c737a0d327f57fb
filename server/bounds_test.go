package server

import (
	"bytes"
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// held sums up the replies that all connections keep.
func (s *Server) held() (open, bytes int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.conns {
		o, h := c.load()
		open, bytes = open+o, bytes+h
	}
	return open, bytes
}

// One fill answers everybody who waits, and each has a copy of the value. A
// connection that waits many times over must not make one large value a heap
// full of them:
//
//	1 P sends 200 `lg k v w5000` and reads nothing.
//	2 The holder fills k with 1 MiB.
//	3 All 200 replies stand in P's queue at once.
//
// Beyond what a connection may keep they are told to ask again, in their place.
func TestOneFillIsNotCopiedWithoutBound(t *testing.T) {
	s := start(t, func(c *Config) { c.StallTimeout = time.Minute }) // a busy machine is no peer that stalls
	holder, p := dial(t, s), dial(t, s)
	token := holder.lease("k")
	const readers = 200
	value := strings.Repeat("v", 1<<20)
	p.send(strings.Repeat("lg k v w5000\n", readers))
	require.Eventually(t, func() bool { return s.Snapshot().Leases.Parked == readers }, 5*time.Second, time.Millisecond)
	holder.send(fmt.Sprintf("ls k %d L%s\n%s\n", len(value), token, value))
	holder.expect("HD")
	_, held := s.held()
	require.Less(t, held, 2*maxHeld)

	values, again := 0, 0
	for range readers {
		switch line := p.line(); line {
		case fmt.Sprintf("VA %d", len(value)):
			values++
			body := make([]byte, len(value)+2)
			_, err := io.ReadFull(p.r, body)
			require.NoError(t, err)
			require.Equal(t, value, string(body[:len(value)]))
		case "WT e1":
			again++
		default:
			require.Fail(t, "unexpected", "%q", line)
		}
	}
	require.NotZero(t, values)
	require.NotZero(t, again)
	p.send("lg k s\n")
	p.expect(fmt.Sprintf("HD s%d", len(value)))
}

// Where values may be large, one of them behind a reply that waits is no excess.
func TestLargeValueMayWaitBehindARead(t *testing.T) {
	s := start(t, func(c *Config) { c.Memory, c.MaxItem = 512<<20, 20<<20 })
	holder, p := dial(t, s), dial(t, s)
	size := 20 << 20
	value := strings.Repeat("v", size)
	holder.send(fmt.Sprintf("set big 0 0 %d\n%s\n", size, value))
	holder.expect("STORED")
	token := holder.lease("k")
	p.send("lg k v w5000\nget big\n")
	require.Eventually(t, func() bool { _, held := s.held(); return held > size }, 5*time.Second, time.Millisecond)
	holder.send("ls k 1 L" + token + "\nx\n")
	holder.expect("HD")
	p.expect("VA 1", "x", fmt.Sprintf("VALUE big 0 %d", size))
	_, err := io.CopyN(io.Discard, p.r, int64(size+2))
	require.NoError(t, err)
	p.expect("END")
}

// The bound on waiting replies holds within one batch, too, however much of it
// came in one read.
func TestWaitingRepliesAreBoundedWithinABatch(t *testing.T) {
	f := newFed(t)
	f.do([]byte("lg k\r\n"))
	buf := bytes.Repeat([]byte("lg k w60000\r\n"), 10*maxOpen)
	used, state := f.feed(buf, f.srv.read())
	open, _ := f.queue.load()
	require.LessOrEqual(t, open, maxOpen)
	require.Equal(t, feedFull, state)
	require.Less(t, used, len(buf))
	f.queue.abandon()
}

// What is refused is passed over once and for all, also where the request behind it
// has too many replies to be answered at once: what a client stores is no command.
func TestRefusedBlockBeforeManyReplies(t *testing.T) {
	for name, refused := range map[string]string{
		"block": fmt.Sprintf("set k 0 0 %d\r\n%s\r\n", 2<<20, strings.Repeat("delete big\r\n\r\n\r\n\r\n", 2<<20/18+1)[:2<<20]),
		"line":  "delete k" + strings.Repeat(" ", 4<<10) + "mn\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			f := newFed(t)
			value := strings.Repeat("v", 100<<10)
			f.do(fmt.Appendf(nil, "set big 0 0 %d\r\n%s\r\n", len(value), value))
			const n = 10
			begin := len(refused) - 5
			used, state := f.feed([]byte(refused[:begin]), f.srv.clock.read())
			require.Equal(t, feedMore, state)
			got := string(f.taken())
			got += string(f.all([]byte(refused[used:] + "get" + strings.Repeat(" big", n) + "\r\nmn\r\n")))
			require.Contains(t, got[:20], "_ERROR ")
			require.Equal(t, n, strings.Count(got, "VALUE big 0 "))
			require.True(t, strings.HasSuffix(got, value+"\r\nEND\r\nMN\r\n"), "%.200q", got[max(0, len(got)-200):])
		})
	}
}

// A connection at rest holds no memory of the large requests it once made.
func TestIdleConnectionKeepsNoLargeRequest(t *testing.T) {
	s := start(t, nil)
	live := func() int64 {
		runtime.GC()
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	list := "get" + strings.Repeat(" a", 400<<10) + "\n"
	value := strings.Repeat("v", 900<<10)
	store := fmt.Sprintf("set k 0 0 %d\n%s\n", len(value), value)
	const conns = 10
	before := live()
	for i := range conns {
		p := dial(t, s)
		p.r.Reset(p.nc)
		if i%2 == 0 {
			p.send(list)
			p.expect("END")
		} else {
			p.send(store)
			p.expect("STORED")
		}
	}
	// The peers here have a buffer of a MiB each.
	require.Less(t, live()-before, int64(conns*(1<<20+256<<10)))
}

// All the memory is for values however few shards there are: a partition of the
// store that no shard is dealt to would lie idle.
func TestFewShardsUseAllMemory(t *testing.T) {
	s := start(t, func(c *Config) { c.Memory, c.MaxItem = 256<<20, 64<<10 }) // 16 shards
	p := dial(t, s)
	value := strings.Repeat("v", 32<<10)
	const items = 200 << 20 / (32 << 10)
	for i := range items {
		p.send(fmt.Sprintf("set k%d 0 0 %d noreply\n%s\n", i, len(value), value))
	}
	p.send("mn\n")
	p.expect("MN")
	require.Less(t, s.cache.Stats().Evictions, uint64(items/10))
}

// What a peer does not read counts, too, whoever fills and when: a connection that
// waits for many keys must not make each of them a copy that lies there.
func TestFillsOneByOneAreBounded(t *testing.T) {
	s := start(t, func(c *Config) { c.Memory, c.StallTimeout = 1<<30, 30*time.Second })
	holder, p := dial(t, s), dial(t, s)
	const keys = 30
	value := strings.Repeat("v", 1<<20)
	tokens := make([]string, keys)
	for i := range tokens {
		holder.send(fmt.Sprintf("lg k%d e60000\n", i))
		tokens[i] = tokenOf(t, holder.line())
		p.send(fmt.Sprintf("lg k%d v w60000\n", i))
	}
	require.Eventually(t, func() bool { return s.Snapshot().Leases.Parked == keys }, 5*time.Second, time.Millisecond)
	for i, token := range tokens {
		holder.send(fmt.Sprintf("ls k%d %d L%s\n%s\n", i, len(value), token, value))
		holder.expect("HD")
	}
	_, held := s.held()
	require.Less(t, held, 2*maxHeld)
	again := 0
	for range keys {
		if line := p.line(); line == "WT e1" {
			again++
			continue
		}
		p.expect(value)
	}
	require.NotZero(t, again)
}
