package apptest

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/leasecache/leasecache/shard"
)

// world is what all actors share.
type world struct {
	t      testing.TB
	source *source
	keys   []string
	addrs  []atomic.Pointer[string] // of the nodes
	pauses []atomic.Int64           // of the nodes: how often one was stopped or continued; odd: it stands still
	ctx    context.Context          // of the play

	mu   sync.Mutex
	seen map[string]int
}

func newWorld(ctx context.Context, t testing.TB, nodes, shards int, keys []string) *world {
	return &world{
		t: t, ctx: ctx, source: newSource(shards), keys: keys, seen: make(map[string]int),
		addrs: make([]atomic.Pointer[string], nodes), pauses: make([]atomic.Int64, nodes),
	}
}

func (w *world) over() bool { return w.ctx.Err() != nil || w.t.Failed() }

func (w *world) saw(what string) {
	w.mu.Lock()
	w.seen[what]++
	w.mu.Unlock()
}

// cast is who plays.
type cast struct {
	readers, writers, meddlers int
	think                      int                          // see actor
	only                       func(i int) func(n int) bool // see actor; nil: all talk to all nodes
}

// play has them begin. They end with the world's context; then wait returns.
func (w *world) play(seed uint64, c cast) (wait func()) {
	var all sync.WaitGroup
	for i := range c.readers + c.writers + c.meddlers {
		a := &actor{world: w, rng: rand.New(rand.NewPCG(seed, uint64(i))), name: fmt.Sprintf("actor%d", i), think: c.think}
		if c.only != nil {
			a.only = c.only(i)
		}
		work := a.read
		switch {
		case i >= c.readers+c.writers:
			work = a.meddle
		case i >= c.readers:
			work = a.write
		}
		all.Go(func() {
			for !w.over() {
				work()
			}
			a.hangUp()
		})
	}
	return all.Wait
}

// inShard names keys of a shard. Keys have their level in their first letter: f, every
// writer takes fenced intents; b, bounded ones; l, writers invalidate after their commit.
func inShard(level string, id shard.ID, shards uint32, count int) (keys []string) {
	for i := 0; len(keys) < count; i++ {
		if key := level + strconv.Itoa(i); shard.Of([]byte(key), shards) == id {
			keys = append(keys, key)
		}
	}
	return keys
}
