package admin

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/leasecache/leasecache/server"
	"github.com/leasecache/leasecache/server/admin/api"
	"github.com/leasecache/leasecache/shard"
	"github.com/leasecache/leasecache/shard/single"
)

// A stop amid everything a client or an operator can do: nothing is used after
// its end (with -race), and of every intent whose writer was told that it has
// one and not that it is over, the next life knows (H4, H6).
func TestStopUnderLoad(t *testing.T) {
	dir := t.TempDir()
	quiet := slog.New(slog.DiscardHandler)
	const shards = 8
	for round := range 6 {
		keeper, err := single.Open(dir, single.Options{Shards: shards})
		require.NoError(t, err)
		srv, err := server.New(server.Config{Listen: "127.0.0.1:0", Memory: 64 << 20, Keeper: keeper, Logger: quiet})
		require.NoError(t, err)
		a, err := New("127.0.0.1:0", srv, nil, quiet)
		require.NoError(t, err)
		served := make(chan error, 2)
		go func() { served <- srv.Serve() }()
		go func() { served <- a.Serve() }()

		var peers, lookers sync.WaitGroup
		var open sync.Map // token to shard, of intents that their writers hold
		for range 6 {
			peers.Go(func() { load(srv.Addr().String(), shards, &open) })
		}
		looking, enough := context.WithCancel(context.Background())
		for _, path := range []string{api.PathStatus, api.PathLeases, api.PathInspect + "?key=k1", api.PathDoubts, "/metrics"} {
			lookers.Go(func() {
				for looking.Err() == nil {
					resp, err := http.Get("http://" + a.Addr().String() + path)
					if err != nil {
						continue
					}
					_, _ = io.Copy(io.Discard, resp.Body)
					_ = resp.Body.Close()
				}
			})
		}
		time.Sleep(time.Duration(20+30*round) * time.Millisecond)
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		begun := time.Now()
		require.NoError(t, srv.Stop(ctx))
		require.Less(t, time.Since(begun), 3*time.Second)
		time.Sleep(20 * time.Millisecond) // the admin port is still looked at
		enough()
		require.NoError(t, a.Stop(ctx))
		cancel()
		peers.Wait()
		lookers.Wait()
		require.NoError(t, <-served)
		require.NoError(t, <-served)
		require.NoError(t, keeper.Close())

		next, err := single.Open(dir, single.Options{})
		require.NoError(t, err)
		open.Range(func(token, id any) bool {
			require.Greater(t, next.State(id.(shard.ID)).DoubtBelow, token.(uint64), "shard %d", id)
			return true
		})
		for id := range shards {
			next.Fenced(shard.ID(id), next.State(shard.ID(id)).DoubtBelow)
		}
		require.NoError(t, next.Close())
	}
	http.DefaultClient.CloseIdleConnections()
}

// load sends whatever comes to mind until the connection ends, and keeps in
// open the intents it has.
func load(addr string, shards uint32, open *sync.Map) {
	nc, err := net.Dial("tcp", addr)
	if err != nil {
		return
	}
	defer nc.Close()
	_ = nc.SetDeadline(time.Now().Add(10 * time.Second))
	r := bufio.NewReader(nc)
	line := func() string {
		text, _ := r.ReadString('\n')
		return strings.TrimSpace(text)
	}
	do := func(format string, args ...any) string {
		_, _ = fmt.Fprintf(nc, format+"\r\n", args...)
		return line()
	}
	for {
		key := "k" + strconv.Itoa(rand.IntN(8))
		var reply string
		switch rand.IntN(8) {
		case 0, 1:
			reply = do("lw %s F e2000", key)
			if !strings.HasPrefix(reply, "HD L") {
				break
			}
			token, _ := strconv.ParseUint(strings.Fields(reply)[1][1:], 10, 64)
			open.Store(token, shard.Of([]byte(key), shards))
			if rand.IntN(20) == 0 {
				continue // its writer is gone
			}
			if reply = do("lc %s L%d", key, token); strings.HasPrefix(reply, "HD") {
				open.Delete(token)
			}
		case 2:
			reply = do("lw %s F e2000\r\nlt tag", key)
			if strings.HasPrefix(reply, "HD L") {
				token, _ := strconv.ParseUint(strings.Fields(reply)[1][1:], 10, 64)
				open.Store(token, shard.Of([]byte(key), shards))
				line()
				if reply = do("la %s L%d", key, token); strings.HasPrefix(reply, "HD") {
					open.Delete(token)
				}
			} else {
				line()
			}
		case 3:
			reply = do("lg %s w20 e20", key)
		case 4:
			reply = do("lg %s", key)
			if f := strings.Fields(reply); len(f) > 1 && f[0] == "LE" {
				reply = do("ls %s 1 %s Gtag\r\nx", key, f[1])
			}
		case 5:
			reply = do("ld %s", key)
		case 6:
			reply = do("set %s 0 0 1\r\nx", key)
		case 7:
			reply = do("flush_all")
		}
		if reply == "" || strings.HasPrefix(reply, "SERVER_ERROR") {
			return
		}
	}
}

// A connection on which nothing was asked does not hold up the stop, and is no
// error of it.
func TestStopDoesNotWaitForSilentConnections(t *testing.T) {
	n := start(t)
	nc, err := net.Dial("tcp", n.admin.Addr().String())
	require.NoError(t, err)
	defer nc.Close()
	time.Sleep(50 * time.Millisecond) // until it is accepted
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	begun := time.Now()
	require.NoError(t, n.admin.Stop(ctx))
	require.Less(t, time.Since(begun), 3*time.Second)
}
