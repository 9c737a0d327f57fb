package server

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	internode "github.com/leasecache/leasecache/internal/peer"
	"github.com/leasecache/leasecache/server/owner"
	"github.com/leasecache/leasecache/shard"
)

// meddler is a way to other nodes on which a test may act.
type meddler struct {
	Peers
	act atomic.Pointer[func(internode.Call) (bool, error)] // true: it has seen to the call
	n   atomic.Int32
}

func (m *meddler) Call(c internode.Call) error {
	m.n.Add(1)
	if f := m.act.Load(); f != nil {
		if seen, err := (*f)(c); seen {
			return err
		}
	}
	return m.Peers.Call(c)
}

func startMeddled(t *testing.T, count, loops int) ([]*node, *meddler) {
	m := &meddler{}
	nodes := startNodes(t, count, loops, func(c *Config) {
		if m.Peers == nil {
			m.Peers, c.Peers = c.Peers, m
		}
	})
	return nodes, m
}

var errLost = errors.New("connection to n2 lost")

// What is lost after it was sent is repeated if it may be, and never else.
func TestWhatIsLostIsRepeatedIfItMayBe(t *testing.T) {
	for _, loops := range []int{0, 2} {
		nodes, m := startMeddled(t, 2, loops)
		p := dial(t, nodes[0].Server)
		key := keysOf("k", 1, 2, 1)[0]
		for cmd, repeated := range map[string]bool{
			"get K\n": true, "gets K\n": true, "mg K v\n": true, "lg K p\n": true, "ld K\n": true, "lc K L7\n": true, "la K L7\n": true, "lf K L7\n": true,
			"lw K F Uabc\n": true, "me K\n": true, "lease-get K\n": true, "get K K\n": true,
			"lw K F\n": false, "set K 0 0 1\nx\n": false, "add K 0 0 1\nx\n": false, "append K 0 0 1\nx\n": false, "incr K 1\n": false, "delete K\n": false,
			"touch K 1\n": false, "gat 1 K\n": false, "gat 1 K K\n": false, "cas K 0 0 1 1\nx\n": false, "ms K 1\nx\n": false, "md K\n": false, "ma K\n": false,
			"mg K N5\n": false, "mg K T5\n": false, "mg K E5\n": false, "ls K 1 L7\nx\n": false, "lease-set K 7 0 0 1\nx\n": false,
		} {
			var lost atomic.Int32
			act := func(c internode.Call) (bool, error) {
				if lost.Add(1) > 1 {
					return false, nil
				}
				go c.Done(nil, true, errLost)
				return true, nil
			}
			m.act.Store(&act)
			got := p.whole(strings.ReplaceAll(cmd, "K", key))
			if repeated {
				require.Equal(t, int32(2), lost.Load(), cmd)
				require.NotContains(t, got, "unavailable", cmd)
			} else {
				require.Equal(t, int32(1), lost.Load(), cmd)
				require.Contains(t, got, "SERVER_ERROR unavailable: ", cmd)
				require.Contains(t, got, "unknown", cmd)
			}
			lost.Store(0)
			require.Empty(t, p.whole("set "+key+" 0 0 1 noreply\nx\n"), "noreply hides it")
		}
		// What was not sent is asked for again, whatever it is.
		first := true
		act := func(c internode.Call) (bool, error) {
			was := first
			first = false
			return was, internode.ErrUnreachable
		}
		m.act.Store(&act)
		require.Equal(t, "STORED\n", p.whole("set "+keysOf("new", 1, 2, 1)[0]+" 0 0 1\nx\n"))
	}
}

// The schedule of away: a store is not sent again behind a later one of its key.
func TestAStoreDoesNotReplaceALaterOne(t *testing.T) {
	nodes, m := startMeddled(t, 2, 2)
	p := dial(t, nodes[0].Server)
	key := keysOf("k", 1, 2, 1)[0]
	n := 0
	var first internode.Done
	act := func(c internode.Call) (bool, error) {
		n++
		switch n {
		case 1:
			first = c.Done
			return true, nil
		case 2:
			done := c.Done
			c.Done = func(reply []byte, sent bool, err error) {
				done(reply, sent, err)
				first(nil, false, internode.ErrMoved)
			}
			return true, m.Peers.Call(c)
		}
		return false, nil
	}
	m.act.Store(&act)
	got := p.whole(fmt.Sprintf("set %s 0 0 1\n1\nset %s 0 0 1\n2\n", key, key))
	require.Regexp(t, "^SERVER_ERROR unavailable: .*; nothing was done\nSTORED\n$", got)
	require.Equal(t, fmt.Sprintf("VALUE %s 0 1\n2\nEND\n", key), p.whole("get "+key+"\n"))
}

// A shard that is on its way from one node to another is looked for a while.
func TestRequestsFollowAShard(t *testing.T) {
	for _, loops := range []int{0, 2} {
		nodes := startNodes(t, 3, loops, nil)
		keys := keysOf("k", 1, 3, 3)
		id := shard.Of([]byte(keys[0]), 16)
		nodes[1].Host().Close(id)
		moved := make(chan struct{})
		go func() {
			defer close(moved)
			time.Sleep(20 * time.Millisecond)
			_ = nodes[2].Host().Open(id, owner.Start{Epoch: 6})
			time.Sleep(20 * time.Millisecond)
			for _, n := range nodes {
				_ = n.Host().Route(mapOf(2, nodes, func(s shard.ID) int {
					if s == id {
						return 2
					}
					return int(s) % 3
				}))
			}
		}()
		p := dial(t, nodes[0].Server)
		require.Equal(t, "STORED\n", p.whole("set "+keys[0]+" 0 0 1\nx\n"))
		require.Equal(t, fmt.Sprintf("VALUE %s 0 1\nx\nEND\n", keys[0]), p.whole("get "+keys[0]+"\n"))
		<-moved
		require.Contains(t, p.whole("lm\n"), `"version":2`)

		// A reader who waits at the old owner is taken along.
		key := keysOf("w", 2, 3, 1)[0]
		waits, other := dial(t, nodes[0].Server), dial(t, nodes[0].Server)
		other.lease(key)
		waits.send("lg " + key + " w5000\n")
		require.Eventually(t, func() bool { return nodes[2].owner.Stats().Parked == 1 }, 5*time.Second, time.Millisecond)
		home := shard.Of([]byte(key), 16)
		require.NoError(t, nodes[0].Host().Route(mapOf(3, nodes, func(s shard.ID) int {
			if s == home {
				return 0
			}
			return int(s) % 3
		})))
		require.NoError(t, nodes[0].Host().Open(home, owner.Start{Epoch: 6}))
		nodes[2].Host().Close(home)
		require.Contains(t, waits.line(), "LE L")
	}
}

func TestNobodyOwnsTheShard(t *testing.T) {
	nodes := startNodes(t, 2, 2, nil)
	key := keysOf("k", 1, 2, 1)[0]
	id := shard.Of([]byte(key), 16)
	require.NoError(t, nodes[0].Host().Route(mapOf(2, nodes, func(s shard.ID) int {
		if s == id {
			return -1
		}
		return int(s) % 2
	})))
	nodes[1].Host().Close(id)
	p := dial(t, nodes[0].Server)
	want := fmt.Sprintf("SERVER_ERROR unavailable: shard %d has no owner at present; nothing was done\n", id)
	require.Equal(t, want, p.whole("get "+key+"\n"))
	require.Equal(t, want, p.whole("lg "+key+" n\n"))
	require.Contains(t, p.whole("lt x\n"), fmt.Sprintf("SERVER_ERROR unavailable: shard %d has no owner at present; done in part, repeat it", id))
	require.Contains(t, p.whole("get "+key+" other\n"), "SERVER_ERROR unavailable: ")
}

// More than a connection may have away, in one go, and behind a read that waits for a
// fill which is among it (U13).
func TestDeepPipelines(t *testing.T) {
	for _, loops := range []int{0, 2} {
		nodes := startNodes(t, 2, loops, nil)
		p := dial(t, nodes[0].Server)
		wait := keysOf("w", 1, 2, 1)[0]
		token := p.lease(wait)
		keys := keysOf("k", 1, 2, 100)
		var ask strings.Builder
		fmt.Fprintf(&ask, "lg %s v w60000\n", wait)
		for n := range 20_000 {
			fmt.Fprintf(&ask, "set %s 0 0 5\n%05d\nget %s\n", keys[n%100], n, keys[n%100])
			if n == 1500 {
				fmt.Fprintf(&ask, "ls %s 1 L%s\nx\n", wait, token)
			}
		}
		go func() { _, _ = p.nc.Write([]byte(strings.ReplaceAll(ask.String(), "\n", "\r\n"))) }()
		p.expect("VA 1", "x")
		for n := range 20_000 {
			p.expect("STORED", fmt.Sprintf("VALUE %s 0 5", keys[n%100]), fmt.Sprintf("%05d", n), "END")
			if n == 1500 {
				p.expect("HD")
			}
		}
	}
}

// Connections between the nodes are cut all the time, and the goroutines that serve
// them do not run when they should: each request has one reply, in order; what is said
// to be stored is, and what is said not to be done is not. What is unknown, which all
// is that is to have no reply, is done before whatever the client asks for behind it,
// or never: see internal/peer/turns.go.
func TestCutConnections(t *testing.T) {
	for _, loops := range []int{0, 2} {
		nodes := startNodes(t, 2, loops, nil)
		nodes[1].nods.Store(true)
		var clients sync.WaitGroup
		var stored, unknown atomic.Int32
		var done atomic.Bool
		for c := range 4 {
			w := &cutWriter{t: t, stored: &stored, unknown: &unknown, p: dial(t, nodes[0].Server), key: keysOf(fmt.Sprintf("c%d", c), 1, 2, 1)[0]}
			clients.Go(func() {
				for !done.Load() && w.store() && w.read() {
				}
			})
		}
		for began := time.Now(); time.Since(began) < time.Second || unknown.Load() == 0 && time.Since(began) < 20*time.Second; {
			time.Sleep(3 * time.Millisecond)
			nodes[1].cuts.cut()
		}
		done.Store(true)
		clients.Wait()
		require.NotZero(t, stored.Load())
		require.NotZero(t, unknown.Load())
		t.Logf("loops %d: %d stored, %d unknown", loops, stored.Load(), unknown.Load())
	}
}

// cutWriter is a client that alone writes a key, one number above the other, and looks
// what is there.
type cutWriter struct {
	t               *testing.T
	p               *peer
	key             string
	n, sure         int
	maybe           map[int]bool // what may be there instead of sure
	stored, unknown *atomic.Int32
}

// store stores the next number, and sometimes one before it that has no reply.
func (w *cutWriter) store() bool {
	ask := ""
	if w.n++; w.n%4 == 0 {
		ask = fmt.Sprintf("set %s 0 0 6 noreply\n%06d\n", w.key, w.n)
		w.may()
		w.n++
	}
	w.p.send(ask + fmt.Sprintf("set %s 0 0 6\n%06d\n", w.key, w.n))
	switch line := w.p.line(); {
	case line == "STORED":
		w.sure, w.maybe = w.n, nil
		w.stored.Add(1)
	case strings.HasSuffix(line, "it is unknown whether it was done"):
		w.may()
		w.unknown.Add(1)
	case !strings.HasSuffix(line, "nothing was done"):
		w.t.Errorf("%q", line)
		return false
	}
	return true
}

func (w *cutWriter) may() {
	if w.maybe == nil {
		w.maybe = map[int]bool{}
	}
	w.maybe[w.n] = true
}

func (w *cutWriter) read() bool {
	w.p.send("get " + w.key + "\n")
	line := w.p.line()
	if strings.HasPrefix(line, "SERVER_ERROR unavailable") || line == "END" && w.sure == 0 {
		return true
	}
	if !strings.HasPrefix(line, "VALUE") {
		w.t.Errorf("%q, but %06d was stored", line, w.sure)
		return false
	}
	value, err := strconv.Atoi(w.p.line())
	w.p.line()
	if err != nil || value != w.sure && !w.maybe[value] {
		w.t.Errorf("%s: %06d, want %06d or of %v", w.key, value, w.sure, w.maybe)
		return false
	}
	// What was seen is done, and what was asked for before it was done before it, or
	// never will be.
	w.sure = value
	for n := range w.maybe {
		if n <= value {
			delete(w.maybe, n)
		}
	}
	return true
}
