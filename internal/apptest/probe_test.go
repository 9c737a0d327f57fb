package apptest

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/leasecache/leasecache/shard"
)

const (
	probeEvery = 50 * time.Millisecond
	probeLimit = 4 * time.Second // above what a node waits for another
)

// watch asks a node again and again for a key in each of some shards, each time on a new
// connection, as long as the last ones may be stuck.
type watch struct {
	begun time.Time
	stop  context.CancelFunc
	all   sync.WaitGroup

	mu      sync.Mutex
	first   map[int]answered // the one that came first
	last    map[int]answered // the one that was asked for last
	why     map[int]string   // what the newest refusal says
	slowest time.Duration    // refusal, which a client waits for
}

type answered struct{ sent, received time.Time }

// watchShards begins.
func watchShards(addr string, shards []int, of int) *watch {
	ctx, cancel := context.WithCancel(context.Background())
	w := &watch{begun: time.Now(), stop: cancel, first: make(map[int]answered), last: make(map[int]answered), why: make(map[int]string)}
	for _, s := range shards {
		key := inShard("p", shard.ID(s), uint32(of), 1)[0]
		w.all.Go(func() {
			for ctx.Err() == nil {
				w.all.Go(func() { w.ask(addr, s, key) })
				time.Sleep(probeEvery)
			}
		})
	}
	return w
}

func (w *watch) ask(addr string, s int, key string) {
	begun := time.Now()
	line, err := askOnce(addr, "get "+key+"\r\n")
	at := answered{begun, time.Now()}
	if err != nil {
		line = err.Error()
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if line != "END" {
		w.why[s] = line
		w.slowest = max(w.slowest, at.received.Sub(begun))
		return
	}
	if was, ok := w.first[s]; !ok || at.received.Before(was.received) {
		w.first[s] = at
	}
	if was, ok := w.last[s]; !ok || at.sent.After(was.sent) {
		w.last[s] = at
	}
}

// askOnce makes a connection for one request and returns the first line of the reply.
func askOnce(addr, request string) (string, error) {
	nc, err := net.DialTimeout("tcp", addr, probeLimit)
	if err != nil {
		return "", err
	}
	defer nc.Close()
	_ = nc.SetDeadline(time.Now().Add(probeLimit)) // if it cannot be set the next call fails
	if _, err := io.WriteString(nc, request); err != nil {
		return "", err
	}
	line, err := bufio.NewReader(nc).ReadString('\n')
	return strings.TrimRight(line, "\r\n"), err
}

// end stops asking and waits for those under way.
func (w *watch) end() {
	w.stop()
	w.all.Wait()
}

// awaitAll waits until each of the shards has answered, and returns when the last one
// did, counted from the watch's beginning.
func (w *watch) awaitAll(t *testing.T, shards []int, limit time.Duration) time.Duration {
	t.Helper()
	done := func() (latest time.Duration, missing string) {
		w.mu.Lock()
		defer w.mu.Unlock()
		for _, s := range shards {
			at, ok := w.first[s]
			if !ok {
				missing += fmt.Sprintf("shard %d: %s\n", s, w.why[s])
				continue
			}
			latest = max(latest, at.received.Sub(w.begun))
		}
		return latest, missing
	}
	for {
		latest, missing := done()
		if missing == "" {
			return latest
		}
		require.Less(t, time.Since(w.begun), limit, "shards are not served:\n%s", missing)
		time.Sleep(5 * time.Millisecond)
	}
}

// connection is one on which several requests are sent in one piece.
type connection struct{ net.Conn }

// firstLines returns the first line of each reply; values are read away.
func (c *connection) firstLines(t *testing.T, requests []string) (lines []string) {
	if _, err := io.WriteString(c, strings.Join(requests, "")); err != nil {
		t.Error(err)
		return nil
	}
	r := bufio.NewReader(c)
	for range requests {
		line, err := r.ReadString('\n')
		if err == nil && strings.HasPrefix(line, "VA ") {
			_, err = r.ReadString('\n')
		}
		if err != nil {
			t.Error(err)
			return lines
		}
		lines = append(lines, strings.TrimRight(line, "\r\n"))
	}
	return lines
}
