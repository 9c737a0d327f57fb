package apptest

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/leasecache/leasecache/shard"
)

// trio is a cluster of three processes, of which a test stops one at a time.
type trio struct {
	t     testing.TB
	flags []string
	dirs  []string
	port  string // of the first, for others to join at
	nodes []*Process
	addrs [3]atomic.Pointer[string] // of clients' ports; nil: it is stopped
}

var peersAttr = regexp.MustCompile(`\bpeers="?([^ "]+)`)

func startTrio(t testing.TB, flags ...string) *trio {
	c := &trio{t: t, flags: flags, nodes: make([]*Process, 3)}
	for i := range c.nodes {
		c.dirs = append(c.dirs, DataDir(t))
		c.start(i)
	}
	c.even(20 * time.Second)
	return c
}

func (c *trio) start(i int) {
	c.t.Helper()
	flags := append(slices.Clone(c.flags), "--node-id", fmt.Sprintf("n%d", i+1))
	if i > 0 {
		flags = append(flags, "--join", c.port)
	}
	p := Start(c.t, Options{Flags: flags, DataDir: c.dirs[i]})
	if c.nodes[i] = p; c.port == "" {
		c.port = peersAttr.FindStringSubmatch(servingLine.FindString(p.Log()))[1]
	}
	c.addrs[i].Store(&p.Listen)
}

// even waits until each owns its part, and returns the map.
func (c *trio) even(limit time.Duration) clusterMap {
	c.t.Helper()
	var m clusterMap
	require.Eventually(c.t, func() bool {
		var err error
		if m, err = mapOf(c.nodes[0].Listen); err != nil {
			return false
		}
		own := make(map[int]int)
		for _, o := range m.Owners {
			own[o]++
		}
		return len(m.Nodes) == 3 && own[-1] == 0 && min(own[0], own[1], own[2]) >= len(m.Owners)/3
	}, limit, 20*time.Millisecond)
	return m
}

func mapOf(addr string) (m clusterMap, err error) {
	a, err := dialTo(addr)
	if err != nil {
		return m, err
	}
	defer a.nc.Close()
	line, err := a.ask("lm\r\n")
	if err != nil {
		return m, err
	}
	var size int
	if _, err := fmt.Sscanf(line, "VA %d ", &size); err != nil {
		return m, err
	}
	body := make([]byte, size)
	if _, err := io.ReadFull(a.r, body); err != nil {
		return m, err
	}
	return m, json.Unmarshal(body, &m)
}

// restart stops a node in order and starts it again, and waits until it has its part.
func (c *trio) restart(i int) (stopped, even time.Duration) {
	c.t.Helper()
	begin := time.Now()
	c.addrs[i].Store(nil)
	require.NoError(c.t, c.nodes[i].Stop())
	stopped = time.Since(begin)
	c.start(i)
	begin = time.Now()
	c.even(20 * time.Second)
	return stopped, time.Since(begin)
}

// asker is one connection of a client.
type asker struct {
	nc net.Conn
	r  *bufio.Reader
}

func dialTo(addr string) (*asker, error) {
	nc, err := net.Dial("tcp", addr)
	if err != nil {
		return nil, err
	}
	return &asker{nc, bufio.NewReader(nc)}, nil
}

// ask returns the first line of the reply; what follows a value is read away.
func (a *asker) ask(request string) (string, error) {
	if err := a.nc.SetDeadline(time.Now().Add(5 * time.Second)); err != nil {
		return "", err
	}
	if _, err := a.nc.Write([]byte(request)); err != nil {
		return "", err
	}
	line, err := a.r.ReadString('\n')
	first := strings.TrimSpace(line)
	for more := 0; err == nil && more < 2 && strings.HasPrefix(first, "VALUE"); more++ {
		_, err = a.r.ReadString('\n')
	}
	return first, err
}

func (c *trio) ask(i int, request string) string {
	c.t.Helper()
	a, err := dialTo(c.nodes[i].Listen)
	require.NoError(c.t, err)
	defer a.nc.Close()
	line, err := a.ask(request)
	require.NoError(c.t, err)
	return line
}

// TestPlannedMovesKeepIntents: an orderly restart of all nodes, one after the other, moves
// every shard, and nothing that a writer relies on is lost, nor anybody else in doubt.
func TestPlannedMovesKeepIntents(t *testing.T) {
	c := startTrio(t, "--shards", "64")
	keys := make(map[shard.ID]string)
	for i := 0; len(keys) < 4; i++ {
		key := fmt.Sprintf("key%d", i)
		keys[shard.Of([]byte(key), 64)] = key
	}
	own := slices.Collect(func(yield func(string) bool) {
		for _, k := range keys {
			if !yield(k) {
				return
			}
		}
	})
	open, doubt, lease, plain := own[0], own[1], own[2], own[3]
	began := c.ask(0, "lw "+open+" e60000 F U0123456789abcdef0123\r\n")
	require.Regexp(t, `^HD L\d+ e60000$`, began)
	token := strings.Fields(began)[1]
	require.Regexp(t, `^HD`, c.ask(1, "lw "+doubt+" e50 F\r\n"))
	granted := c.ask(2, "lg "+lease+"\r\n")
	require.Regexp(t, `^LE L\d+`, granted)
	require.Eventually(t, func() bool { return c.ask(0, "lg "+doubt+"\r\n") == "QU X" }, 5*time.Second, 10*time.Millisecond)

	before := c.even(time.Second)
	for i := range c.nodes {
		c.restart(i)
		require.Regexp(t, `^QU e\d+$`, c.ask(i, "lg "+open+"\r\n"))
		require.Equal(t, "QU X", c.ask(i, "lg "+doubt+"\r\n"))
		require.Regexp(t, `^LE L\d+ e\d+$`, c.ask(i, "lg "+plain+"\r\n"), "nobody else is in doubt")
		require.Equal(t, "HD", strings.Fields(c.ask(i, "ld "+plain+"\r\n"))[0])
	}
	after := c.even(time.Second)
	for _, k := range own {
		id := shard.Of([]byte(k), 64)
		require.Greater(t, after.Epochs[id], before.Epochs[id], "the shard of %s was not moved", k)
	}

	require.Equal(t, "NS ro", c.ask(0, "ls "+lease+" 1 "+strings.Fields(granted)[1]+"\r\nv\r\n"), "leases end")
	require.Regexp(t, `^NS`, c.ask(0, "ls "+open+" 1 "+token+"\r\nv\r\n"))
	again := c.ask(1, "lw "+open+" e60000 F U0123456789abcdef0123\r\n")
	require.Equal(t, token, strings.Fields(again)[1], "the nonce names the same intent")
	require.Equal(t, "HD", c.ask(2, "lc "+open+" "+token+"\r\n"))
	require.Regexp(t, `^LE L\d+ e\d+$`, c.ask(0, "lg "+open+"\r\n"))
	require.Regexp(t, `^LE .*\bD\d+`, c.ask(0, "lg "+doubt+" D\r\n"))
}

// TestRollingRestart restarts all nodes while clients work on all of them.
func TestRollingRestart(t *testing.T) {
	c := startTrio(t)
	w := &workload{c: c, failed: make(map[string]int)}
	stop := w.start(8)
	time.Sleep(time.Second)
	for i := range c.nodes {
		stopped, even := c.restart(i)
		t.Logf("n%d ended after %v, had its part %v after it was back", i+1, stopped.Round(time.Millisecond), even.Round(time.Millisecond))
	}
	stop()
	w.mu.Lock()
	defer w.mu.Unlock()
	bad := 0
	for what, n := range w.failed {
		bad += n
		t.Logf("%d × %s", n, what)
	}
	part := float64(w.done-bad) / float64(w.done)
	t.Logf("%d commands, %.4f %% of them done; the slowest took %v", w.done, 100*part, w.slowest.Round(time.Millisecond))
	require.Greater(t, w.done, 1000)
	require.GreaterOrEqual(t, part, 0.999)
}

// workload is clients who go to another node when theirs says goodbye.
type workload struct {
	c  *trio
	mu sync.Mutex

	done    int
	failed  map[string]int
	slowest time.Duration
}

func (w *workload) start(clients int) (stop func()) {
	var all sync.WaitGroup
	end := make(chan struct{})
	for i := range clients {
		all.Go(func() { w.client(i, end) })
	}
	return func() { close(end); all.Wait() }
}

func (w *workload) client(i int, end <-chan struct{}) {
	rng := rand.New(rand.NewPCG(uint64(i), 1))
	var a *asker
	var at *string
	for n := i; ; {
		select {
		case <-end:
			if a != nil {
				a.nc.Close()
			}
			return
		case <-time.After(time.Millisecond):
		}
		// Who runs a rolling restart takes the node out of his clients' lists first.
		if a != nil && w.c.addrs[n%3].Load() != at {
			a.nc.Close()
			a = nil
		}
		if a == nil {
			n++
			if at = w.c.addrs[n%3].Load(); at == nil {
				continue
			}
			var err error
			if a, err = dialTo(*at); err != nil {
				continue
			}
		}
		if err := w.one(a, rng); err != nil {
			a.nc.Close()
			a = nil
		}
	}
}

// one does one thing and counts it.
func (w *workload) one(a *asker, rng *rand.Rand) error {
	key := fmt.Sprintf("k%d", rng.IntN(20000))
	verb, rest := "get", "\r\n"
	switch n := rng.IntN(100); {
	case n < 10:
		verb, rest = "set", " 0 0 1\r\nv\r\n"
	case n < 20:
		verb = "ld"
	case n < 40:
		verb = "lg"
	}
	reply, err := w.count(a, verb, key, rest)
	if err == nil && strings.HasPrefix(reply, "LE ") {
		_, err = w.count(a, "ls", key, " 1 "+strings.Fields(reply)[1]+"\r\nv\r\n")
	}
	return err
}

var numbers = regexp.MustCompile(`[0-9]+`)

// count does one command. A fill that is refused is an answer like another.
func (w *workload) count(a *asker, verb, key, rest string) (string, error) {
	begin := time.Now()
	reply, err := a.ask(verb + " " + key + rest)
	took := time.Since(begin)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.done++
	w.slowest = max(w.slowest, took)
	switch {
	case err != nil:
		w.failed[verb+": "+numbers.ReplaceAllString(err.Error(), "#")]++
	case strings.Contains(reply, "ERROR"):
		w.failed[verb+": "+numbers.ReplaceAllString(reply, "#")]++
	}
	return reply, err
}
