package server

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/leasecache/leasecache/lease"
	"github.com/leasecache/leasecache/shard"
)

var body = strings.Repeat("x", 4000)

// cache_memlimit changes the budget up and down, and the reply comes when it is
// kept.
func TestMemLimit(t *testing.T) {
	f := newFed(t)
	fill := func(name string, n int) {
		for i := range n {
			f.do(fmt.Appendf(nil, "set %s%d 0 0 %d noreply\r\n%s\r\n", name, i, len(body), body))
		}
	}
	hits := func(name string, n int) (found int) {
		for i := range n {
			if strings.HasPrefix(string(f.do(fmt.Appendf(nil, "get %s%d\r\n", name, i))), "VALUE") {
				found++
			}
		}
		return found
	}
	fill("a", 20_000)
	full := statsOf(t, f, "")
	require.Positive(t, number(t, full, "evictions"))
	require.EqualValues(t, 64<<20, number(t, full, "limit_maxbytes"))

	require.Equal(t, "OK\r\n", string(f.do([]byte("cache_memlimit 256\r\n"))))
	fill("b", 40_000)
	grown := statsOf(t, f, "")
	require.Equal(t, full["evictions"], grown["evictions"])
	require.EqualValues(t, 256<<20, number(t, grown, "limit_maxbytes"))
	require.Greater(t, number(t, grown, "bytes"), uint64(150<<20))
	require.Equal(t, 40_000, hits("b", 40_000))

	require.Equal(t, "OK\r\n", string(f.do([]byte("cache_memlimit 48\r\n"))))
	shrunk := statsOf(t, f, "")
	require.EqualValues(t, 48<<20, number(t, shrunk, "limit_maxbytes"))
	other := notForValues(f.srv.cfg.Memory)
	require.LessOrEqual(t, number(t, shrunk, "memory_used"), uint64(48<<20-other), "what others may take is not the values'")
	require.Greater(t, number(t, shrunk, "bytes"), uint64(22<<20))
	require.Equal(t, "48", fmt.Sprint(number(t, statsOf(t, f, "settings"), "maxbytes")>>20))

	// What is refused changes nothing, and the bound that is named is the bound.
	reply := string(f.do([]byte("cache_memlimit 8\r\n")))
	var least int
	_, err := fmt.Sscanf(reply, "SERVER_ERROR cannot set maxbytes to less than %dm\r\n", &least)
	require.NoError(t, err, "%q", reply)
	require.Equal(t, shrunk["bytes"], statsOf(t, f, "")["bytes"])
	require.Contains(t, string(f.do(fmt.Appendf(nil, "cache_memlimit %d\r\n", least-1))), "SERVER_ERROR")
	require.Equal(t, "OK\r\n", string(f.do(fmt.Appendf(nil, "cache_memlimit %d\r\n", least))))
	require.Equal(t, "MEMLIMIT_ADJUST_FAILED out of bounds or unable to adjust\r\n", string(f.do([]byte("cache_memlimit 100000\r\n"))))
}

// However much has to go, others are held up for a moment at most.
func TestMemLimitDoesNotStopReaders(t *testing.T) {
	s := start(t, nil)
	p := dial(t, s)
	p.send("cache_memlimit 220\n")
	p.expect("OK")
	for i := range 40_000 {
		key := fmt.Append(nil, "k", i)
		_, err := s.owner.Put(s.clock.now(), shard.Hash(key), key, lease.Set, lease.Item{Value: []byte(body)})
		require.NoError(t, err)
	}

	stop := make(chan struct{})
	var reading sync.WaitGroup
	longest, reads := time.Duration(0), 0
	reading.Go(func() {
		reader := dial(t, s)
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
			}
			began := time.Now()
			reader.send(fmt.Sprintf("mg k%d\n", i*7919%40_000))
			reader.line()
			longest = max(longest, time.Since(began))
			reads++
		}
	})
	began := time.Now()
	p.send("cache_memlimit 40\n")
	p.expect("OK")
	took := time.Since(began)
	close(stop)
	reading.Wait()
	t.Logf("180 MiB given back in %v; meanwhile %d reads, the longest %v", took, reads, longest)
	require.Positive(t, reads)
	require.Less(t, longest, 5*time.Second) // owner's tests count the turns of the lock; this is on a machine at work
}

func TestMemLimitOfAStoppedServer(t *testing.T) {
	f := newFed(t)
	require.NoError(t, f.owner.Stop(t.Context()))
	require.Contains(t, string(f.do([]byte("cache_memlimit 70\r\n"))), "SERVER_ERROR unavailable")
	for _, arg := range []string{"items", "sizes", "cachedump 1 0"} {
		require.Contains(t, string(f.do([]byte("stats "+arg+"\r\n"))), "SERVER_ERROR unavailable", arg)
	}
	require.Contains(t, string(f.do([]byte("stats\r\n"))), "STAT pid ")
}
