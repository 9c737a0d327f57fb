package server

import (
	"context"
	"io"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/leasecache/leasecache/shard/single"
)

// Peers that always have something to send do not keep the server from stopping:
// a stop ends after what they had asked for, long before its patience does.
func TestStopEndsPeersThatNeverPause(t *testing.T) {
	keeper, err := single.Ephemeral(single.Options{Shards: 64, ClusterID: "test"}, true)
	require.NoError(t, err)
	s, err := New(Config{Loops: *loops, Ring: *ring, Listen: "127.0.0.1:0", Memory: 64 << 20, Keeper: keeper, Logger: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	served := make(chan error, 1)
	go func() { served <- s.Serve() }()
	batch := strings.Repeat("lw k F\r\nmn\r\nset s 0 0 1000\r\n"+strings.Repeat("x", 1000)+"\r\n", 40)
	for range 8 {
		p := dial(t, s)
		go func() { _, _ = io.Copy(io.Discard, p.nc) }()
		go func() {
			for {
				if _, err := io.WriteString(p.nc, batch); err != nil {
					return
				}
			}
		}()
	}
	require.Eventually(t, func() bool { return s.Snapshot().BytesRead > 1<<20 }, 5*time.Second, time.Millisecond)
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	begun := time.Now()
	require.NoError(t, s.Stop(ctx))
	require.Less(t, time.Since(begun), 5*time.Second)
	require.NoError(t, <-served)
	require.NoError(t, keeper.Close())
}
