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
	// By its weight the third gets no shard, which it would keep if it had one already.
	much := Options{Flags: faultFlags("--memory", "1GiB")}
	c := StartCluster(t, much, much, Options{Flags: faultFlags("--memory", "16MiB")})
	const light = 2
	c.AwaitVoters()
	for range 10 {
		leader := c.Leader()
		if leader == light {
			break
		}
		require.NoError(t, c.Nodes[leader].Stop()) // who leads then is a matter of chance
		require.Eventually(t, func() bool { return c.Leader() != leader }, patience, 10*time.Millisecond)
		c.Start(leader)
	}
	leader := c.Leader()
	require.Equal(t, light, leader)
	c.await("the others own all", func() error {
		for i := range 2 {
			if owned, err := c.Owned(i, i); err != nil || len(owned) != faultShards/2 {
				return fmt.Errorf("n%d owns %v: %w", i+1, owned, err)
			}
		}
		return nil
	})

	var done, failed atomic.Int64
	end := make(chan struct{})
	var all sync.WaitGroup
	for i := range 4 {
		all.Go(func() { dataCommands(t, c.Listen(i%2), end, &done, &failed) })
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
