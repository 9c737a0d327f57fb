package server

import (
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	internode "github.com/leasecache/leasecache/internal/peer"
	"github.com/leasecache/leasecache/server/owner"
	"github.com/leasecache/leasecache/shard"
)

// reads has a pipeline of reads of the keys, and what they are answered where each
// key's value is made of it.
func reads(keys []string, value func(string) string) (ask, want string) {
	var a, w strings.Builder
	for i, key := range keys {
		v := value(key)
		switch i % 3 {
		case 0:
			fmt.Fprintf(&a, "get %s\n", key)
			fmt.Fprintf(&w, "VALUE %s 0 %d\n%s\nEND\n", key, len(v), v)
		case 1:
			fmt.Fprintf(&a, "mg %s v O%d\n", key, i)
			fmt.Fprintf(&w, "VA %d O%d\n%s\n", len(v), i, v)
		default:
			fmt.Fprintf(&a, "mg none%s v q\n", key)
		}
	}
	return a.String(), w.String()
}

func storeAll(t *testing.T, p *peer, keys []string, value func(string) string) {
	for _, key := range keys {
		v := value(key)
		require.Equal(t, "STORED\n", p.whole(fmt.Sprintf("set %s 0 0 %d\n%s\n", key, len(v), v)))
	}
}

func ofKey(key string) string { return "value of " + key }

// A train goes as one call, and its replies are those of its requests.
func TestReadsGoTogether(t *testing.T) {
	for _, loops := range []int{0, 2} {
		nodes, m := startMeddled(t, 2, loops)
		p := dial(t, nodes[0].Server)
		keys := keysOf("k", 1, 2, 300)
		for _, value := range []func(string) string{
			ofKey,
			func(key string) string { return strings.Repeat(key, 900) }, // answered in parts
		} {
			storeAll(t, p, keys, value)
			ask, want := reads(keys, value)
			before := m.n.Load()
			require.Equal(t, want, p.whole(ask))
			if len(want) < 64<<10 {
				require.Less(t, m.n.Load()-before, int32(50))
			}
		}
		// What is asked for in between stays in between.
		require.Equal(t, "STORED\n", p.whole(fmt.Sprintf("set %s 0 0 1\na\n", keys[0])))
		got := p.whole(fmt.Sprintf("get %[1]s\nmn\nget %[1]s\nset %[1]s 0 0 1\nb\nget %[1]s\nflush_all\nget %[1]s\nmg %[1]s v\n", keys[0])[:])
		require.Equal(t, fmt.Sprintf("VALUE %s 0 1\na\nEND\n", keys[0]), got)
		p.expect(fmt.Sprintf("VALUE %s 0 1", keys[0]), "a", "END", "STORED", fmt.Sprintf("VALUE %s 0 1", keys[0]), "b", "END", "OK", "END", "EN", "MN")
	}
}

// What is lost, refused or moved under a train is tried again for each of its requests,
// and each has a reply of its own.
func TestATrainComesApart(t *testing.T) {
	for _, loops := range []int{0, 2} {
		nodes, m := startMeddled(t, 3, loops)
		p := dial(t, nodes[0].Server)
		keys := keysOf("k", 1, 3, 120)
		storeAll(t, p, keys, ofKey)
		ask, want := reads(keys, ofKey)
		for name, f := range map[string]func(c internode.Call, n int32) (bool, error){
			"lost": func(c internode.Call, n int32) (bool, error) { go c.Done(nil, true, errLost); return n == 1, nil },
			"moved": func(c internode.Call, n int32) (bool, error) {
				go c.Done(nil, false, internode.ErrMoved)
				return true, nil
			},
			"not sent": func(c internode.Call, n int32) (bool, error) { return true, internode.ErrUnreachable },
		} {
			var n atomic.Int32
			act := func(c internode.Call) (bool, error) {
				if n.Add(1)%3 != 1 {
					return false, nil
				}
				return f(c, 1)
			}
			m.act.Store(&act)
			require.Equal(t, want, p.whole(ask), name)
		}
		// Nobody can be asked: each says so.
		act := func(c internode.Call) (bool, error) { go c.Done(nil, true, internode.ErrDeadline); return true, nil }
		m.act.Store(&act)
		for _, line := range strings.Split(strings.TrimSpace(p.whole(strings.Repeat("get "+keys[0]+"\n", 100))), "\n") {
			require.Contains(t, line, "SERVER_ERROR unavailable: ")
			n := strings.Count(line, "SERVER_ERROR")
			require.Equal(t, 1, n)
		}
		require.Equal(t, 100, strings.Count(p.whole(strings.Repeat("get "+keys[0]+"\n", 100)), "SERVER_ERROR unavailable"))
		none := func(internode.Call) (bool, error) { return false, nil }
		m.act.Store(&none)

		// One of its shards goes to another node while it is asked for.
		id := shard.Of([]byte(keys[50]), 16)
		nodes[1].Host().Close(id)
		require.NoError(t, nodes[2].Host().Open(id, owner.Start{Epoch: 6}))
		go func() {
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
		left := keys[:0:0]
		var gone strings.Builder
		for _, key := range keys {
			if shard.Of([]byte(key), 16) != id {
				left = append(left, key)
				fmt.Fprintf(&gone, "VALUE %s 0 %d\n%s\n", key, len(ofKey(key)), ofKey(key))
			}
			gone.WriteString("END\n")
		}
		require.NotEmpty(t, left)
		require.Equal(t, gone.String(), p.whole("get "+strings.Join(keys, "\nget ")+"\n"))
		require.Zero(t, nodes[0].budget.used.Load())
	}
}
