package apptest

import (
	"context"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestCoherence plays a database, its readers and its writers against a real
// process for some seconds, while that is killed, stopped, paused and started
// again with intents outstanding. It judges only what clients see:
//
//   - no hit is older than its key's level allows (see source.floor),
//   - tokens of a key only grow, over restarts too,
//   - every reply is one that the protocol knows for its command,
//   - replies come once, in order, however long some of them wait.
//
// LEASECACHE_COHERENCE=2m makes it last longer.
func TestCoherence(t *testing.T) {
	length := 8 * time.Second
	if testing.Short() {
		length = 3 * time.Second
	}
	if text := os.Getenv("LEASECACHE_COHERENCE"); text != "" {
		var err error
		length, err = time.ParseDuration(text)
		require.NoError(t, err)
	}
	Binary(t, "leasecached") // built before the time runs
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed) // of the choices; what they meet is the scheduler's
	ctx, cancel := context.WithTimeout(context.Background(), length)
	// The bounded keys are all in one shard: after a restart that is closed, and would
	// hide what goes wrong with the fenced ones.
	const shards = 2
	w := newWorld(ctx, t, 1, shards, slices.Concat(inShard("f", 0, shards, 1), inShard("f", 1, shards, 3), inShard("b", 0, shards, 2), inShard("l", 1, shards, 2)))
	dir := DataDir(t)
	start := func() *Process {
		p := Start(t, Options{DataDir: dir, Flags: []string{"--shards", strconv.Itoa(shards)}})
		w.addrs[0].Store(&p.Listen)
		return p
	}
	p := start()
	wait := w.play(seed, cast{readers: 7, writers: 5, meddlers: 2})
	defer wait() // also after a fault that went wrong
	defer cancel()
	rng := rand.New(rand.NewPCG(seed, 99))
	for fault := 2; !w.over(); fault = rng.IntN(4) {
		time.Sleep(time.Duration(300+rng.IntN(900)) * time.Millisecond)
		switch fault {
		case 0:
			require.NoError(t, p.Signal(syscall.SIGSTOP))
			time.Sleep(time.Duration(rng.IntN(400)) * time.Millisecond)
			require.NoError(t, p.Signal(syscall.SIGCONT))
			w.saw("pause")
			continue
		case 1:
			require.NoError(t, p.Stop())
			w.saw("stop")
		default:
			require.NoError(t, p.Kill())
			w.saw("kill")
		}
		p = start()
	}
	wait()
	t.Log(w.seen)
	require.NoError(t, p.Stop())
	require.NotContains(t, p.Log(), "panic")
	for _, what := range []string{"hit", "fill", "commit", "kill"} {
		require.NotZero(t, w.seen[what], "never seen: %s", what)
	}
}
