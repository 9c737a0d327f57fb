package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/leasecache/leasecache/shard"
	"github.com/leasecache/leasecache/shard/control"
)

// asks has commands done over one connection, one after the other, until done is closed,
// and tells look how each went.
func asks(t *testing.T, addr string, done <-chan struct{}, command func(i int) string, look func(reply string, took time.Duration)) {
	nc, err := net.Dial("tcp", addr)
	require.NoError(t, err)
	defer nc.Close()
	r := bufio.NewReader(nc)
	for i := 0; ; i++ {
		select {
		case <-done:
			return
		default:
		}
		begin := time.Now()
		_, err := io.WriteString(nc, command(i))
		require.NoError(t, err)
		reply, err := r.ReadString('\n')
		require.NoError(t, err)
		if strings.HasPrefix(reply, "VALUE") {
			for range 2 {
				_, err = r.ReadString('\n')
				require.NoError(t, err)
			}
		}
		look(reply, time.Since(begin))
	}
}

// TestOnePlannedMove measures what clients see of a shard that moves while they, and
// others, work: how long a read takes at worst, and an update.
func TestOnePlannedMove(t *testing.T) {
	const shards, moves = 64, 24
	var nodes []*harness
	for i := range 3 {
		h := newRealHarness()
		args := []string{"--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--cluster", "127.0.0.1:0", "--memory", "32MiB",
			"--data-dir", t.TempDir(), "--node-id", fmt.Sprintf("n%d", i+1)}
		if i == 0 {
			args = append(args, "--shards", "64")
		} else {
			args = append(args, "--join", nodes[0].member.Addr().String())
		}
		stop := h.start(t, args...)
		t.Cleanup(func() { require.NoError(t, stop()) })
		nodes = append(nodes, h)
	}
	first := nodes[0].member
	require.Eventually(t, func() bool {
		own := make(map[shard.Owner]int)
		for _, o := range first.Map().Owners {
			own[o]++
		}
		return own[shard.NoOwner] == 0 && min(own[0], own[1], own[2]) >= shards/3
	}, 20*time.Second, 10*time.Millisecond)

	done := make(chan struct{})
	var all sync.WaitGroup
	for i, n := range nodes {
		all.Go(func() { // others
			asks(t, n.Addr(), done, func(j int) string { return fmt.Sprintf("set k%d.%d 0 0 1\r\nv\r\n", i, j%5000) }, func(string, time.Duration) {})
		})
	}
	const key = "key"
	id := shard.Of([]byte(key), shards)
	var mu sync.Mutex
	longest, refused := make(map[string]time.Duration), 0
	for _, n := range nodes {
		for _, c := range []string{"get", "ld"} {
			all.Go(func() {
				asks(t, n.Addr(), done, func(int) string { return c + " " + key + "\r\n" }, func(reply string, took time.Duration) {
					mu.Lock()
					defer mu.Unlock()
					longest[c] = max(longest[c], took)
					if strings.Contains(reply, "ERROR") {
						refused++
					}
				})
			})
		}
	}
	var reads, updates []time.Duration
	for len(reads) < moves {
		var plan control.Plan
		first.View(func(st *control.State) {
			s := st.Shards[id]
			for _, m := range st.Members {
				if m.Session != s.Session && s.Session != 0 && s.Transfer.ID == 0 {
					plan = control.Plan{From: s.Session, Moves: []control.Owner{{Shard: id, Epoch: s.Epoch, To: m.Session}}}
				}
			}
		})
		mu.Lock()
		clear(longest)
		mu.Unlock()
		r, err := first.Propose(t.Context(), plan)
		require.NoError(t, err)
		if len(plan.Moves) == 0 || r.Items[0] != control.OK {
			time.Sleep(10 * time.Millisecond) // it is made even again
			continue
		}
		moved := func() (is bool) {
			first.View(func(st *control.State) {
				is = st.Shards[id].Session == plan.Moves[0].To || st.Shards[id].Since > plan.Moves[0].Epoch
			})
			return is
		}
		require.Eventually(t, moved, 5*time.Second, time.Millisecond)
		time.Sleep(50 * time.Millisecond)
		mu.Lock()
		reads, updates = append(reads, longest["get"]), append(updates, longest["ld"])
		mu.Unlock()
	}
	close(done)
	all.Wait()
	slices.Sort(reads)
	slices.Sort(updates)
	t.Logf("of %d moves, what took longest: half of the reads up to %v, at most %v; invalidations %v, %v; refused: %d",
		moves, reads[moves/2], reads[moves-1], updates[moves/2], updates[moves-1], refused)
	require.Less(t, reads[moves/2], 500*time.Millisecond)
}
