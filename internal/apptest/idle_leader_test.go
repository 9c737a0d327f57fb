package apptest

import (
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestALeaderThatOwnsNothing: nobody notices its end but a first intent of an epoch (R16a).
func TestALeaderThatOwnsNothing(t *testing.T) {
	t.Parallel()
	// So little memory that by its weight it gets no shard.
	c := StartCluster(t, Options{Flags: faultFlags("--memory", "16MiB")}, Options{Flags: faultFlags("--memory", "1GiB")}, Options{Flags: faultFlags("--memory", "1GiB")})
	c.AwaitVoters()
	leader := c.Leader()
	require.Zero(t, leader)
	owned, err := c.Owned(leader, leader)
	require.NoError(t, err)
	require.Empty(t, owned)

	var done, failed atomic.Int64
	end := make(chan struct{})
	var all sync.WaitGroup
	for i := range 4 {
		all.Go(func() { dataCommands(t, c.Listen(1+i%2), end, &done, &failed) })
	}
	time.Sleep(500 * time.Millisecond)
	require.NoError(t, c.Nodes[leader].Kill())
	begun := time.Now()
	require.NotEqual(t, leader, c.Leader())
	elected := time.Since(begun)
	time.Sleep(5 * time.Second) // sessions would have run out
	close(end)
	all.Wait()
	t.Logf("another led after %v; %d data commands, %d failed", elected.Round(time.Millisecond), done.Load(), failed.Load())
	require.Greater(t, done.Load(), int64(1000))
	require.Zero(t, failed.Load())
}

// dataCommands does one after the other on one connection.
func dataCommands(t *testing.T, addr string, end chan struct{}, done, failed *atomic.Int64) {
	for n := 0; ; n++ {
		select {
		case <-end:
			return
		default:
		}
		c := &connection{dial(t, addr)}
		for _, line := range c.firstLines(t, dataRequests(n)) {
			done.Add(1)
			if isError(line) {
				t.Error(line)
				failed.Add(1)
			}
		}
		_ = c.Close() // it has answered
		time.Sleep(2 * time.Millisecond)
	}
}

// dataRequests are of keys all over the shards.
func dataRequests(n int) (requests []string) {
	for i := range 8 {
		key := fmt.Sprintf("key%d", n*8+i)
		requests = append(requests, "set "+key+" 0 0 1\r\nv\r\n", "touch "+key+" 60\r\n", "ld "+key+"\r\n", "lg "+key+"\r\n", "ls "+key+" 1 L1\r\nv\r\n")
	}
	return requests
}

func isError(line string) bool { return strings.Contains(line, "ERROR") }
