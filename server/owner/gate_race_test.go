package owner

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/leasecache/leasecache/internal/storage/memory"
	"github.com/leasecache/leasecache/lease"
	"github.com/leasecache/leasecache/shard"
)

// observer knows the truth: it is told of an opening before the Owner is, and of a
// closing when the Owner says that it is done.
type observer struct {
	tenure []atomic.Uint32 // the epoch it began with; 0: nobody may serve the shard here
	until  atomic.Int64    // of any session so far
	epoch  shard.Epoch     // the agent's newest
}

// Shards are opened, closed and raised, sessions made longer and ended, by one
// goroutine, as the agent does; others use the shards with readings that may be old.
// No command has an effect where the observer says that there is no owner, none sees
// what another tenure stored, and none gets by with a reading from after the end.
func TestSchedule_H6_CommandsRaceWithGates(t *testing.T) {
	const shards, keys, workers, steps = 8, 40, 6, 1000
	var clock atomic.Int64
	clock.Store(int64(time.Hour))
	k := newKeeper(shards)
	cache, err := memory.New(memory.Options{Bytes: 16 << 20, MaxItem: 4096, MaxPartitions: 4})
	require.NoError(t, err)
	w := New(Options{Keeper: k, Cache: cache, Limits: lease.DefaultLimits(), Clock: clock.Load})
	o := &observer{tenure: make([]atomic.Uint32, shards)}

	var over atomic.Bool
	var all sync.WaitGroup
	var served, refused, parked atomic.Int64
	for i := range workers {
		all.Go(func() {
			r := rand.New(rand.NewPCG(uint64(i), 1))
			now := clock.Load()
			for !over.Load() {
				if r.IntN(4) == 0 {
					now = clock.Load() // else the batch goes on
				}
				err := o.use(t, w, r, now, fmt.Sprintf("k%d", r.IntN(keys)), &parked)
				if err != nil {
					refused.Add(1)
					continue
				}
				served.Add(1)
				if end := o.until.Load(); now >= end {
					t.Errorf("a command was done by a reading of %d, and no session lasts longer than %d", now, end)
				}
			}
		})
	}
	enough := time.Now().Add(30 * time.Second)
	for time.Now().Before(enough) && (served.Load() < 2000 || refused.Load() < 2000) {
		o.agent(t, w, &clock, steps)
	}
	over.Store(true)
	all.Wait()
	require.NoError(t, w.Stop(t.Context()))
	require.NoError(t, cache.Close())
	require.Zero(t, parked.Load(), "readers who were told nothing")
	t.Logf("%d commands were done, %d refused", served.Load(), refused.Load())
	require.Positive(t, served.Load())
	require.Positive(t, refused.Load())
}

// agent is the one goroutine that opens and closes.
func (o *observer) agent(t *testing.T, w *Owner, clock *atomic.Int64, steps int) {
	r := rand.New(rand.NewPCG(uint64(o.epoch), 7))
	session, epoch := shard.Session(0), o.epoch
	at := make([]shard.Epoch, len(o.tenure)) // which the shard has
	left := make([]uint32, len(o.tenure))    // tenures that are between two owners
	defer func() { o.epoch = epoch }()
	for step := 0; step < steps || session != 0; step++ {
		runtime.Gosched()
		now := clock.Add(r.Int64N(int64(time.Millisecond)))
		id := shard.ID(r.IntN(len(o.tenure)))
		switch r.IntN(9) {
		case 0, 1:
			if session == 0 {
				continue
			}
			w.Close(id)
			o.tenure[id].Store(0)
			left[id] = 0
		case 2, 3, 4:
			if session == 0 || o.tenure[id].Load() != 0 {
				continue
			}
			epoch++
			at[id], left[id] = epoch, 0
			o.tenure[id].Store(uint32(epoch))
			require.NoError(t, w.Open(id, Start{Epoch: epoch}))
		case 5:
			if left[id] != 0 { // the move was called off
				o.tenure[id].Store(left[id])
				left[id] = 0
			}
			if o.tenure[id].Load() != 0 {
				epoch++
				at[id] = epoch
				w.Raise(id, epoch)
			}
		case 6:
			if session == 0 {
				epoch++
				session = shard.Session(epoch)
			}
			o.until.Store(now + int64(5*time.Millisecond))
			require.True(t, w.Extend(session, now+int64(5*time.Millisecond)))
		case 7:
			if session == 0 || r.IntN(4) > 0 {
				continue
			}
			w.Lapse(session)
			for i := range o.tenure {
				o.tenure[i].Store(0)
				left[i] = 0
			}
			require.False(t, w.Extend(session, now+int64(time.Hour)))
			session = 0
		case 8:
			if tenure := o.tenure[id].Load(); tenure != 0 {
				if _, ok := w.Leave(id, at[id]); ok { // else the session is at its end
					o.tenure[id].Store(0)
					left[id] = tenure
				}
			}
		}
	}
}

// use does something with a key; what is stored names the tenure that it is stored in.
func (o *observer) use(t *testing.T, w *Owner, r *rand.Rand, now int64, name string, parked *atomic.Int64) error {
	hash, key := hashOf(name)
	id := shard.OfHash(hash, uint32(len(o.tenure)))
	seen := func(value []byte) {
		if in, is := binary.BigEndian.Uint32(value), o.tenure[id].Load(); in != is {
			t.Errorf("shard %d shows in tenure %d what was stored in %d", id, is, in)
		}
	}
	switch r.IntN(4) {
	case 0:
		_, err := w.Get(now, hash, key, viewing(func(it *lease.Item) { seen(it.Value) }))
		return err
	case 1:
		_, err := w.Invalidate(now, hash, key, 0)
		return err
	case 2:
		return w.Lease(now, hash, key, lease.Read{StaleOK: true, Wait: int64(time.Hour)}, &onlooker{seen: seen, parked: parked})
	}
	value := make([]byte, 4)
	_, err := w.Edit(now, hash, key, during{it: lease.Item{Value: value}, do: func(cur *lease.Current) {
		if cur.Found {
			seen(cur.Item.Value)
		}
		is := o.tenure[id].Load()
		if is == 0 {
			t.Errorf("shard %d: a command has an effect, and nobody is the owner", id)
		}
		binary.BigEndian.PutUint32(value, is)
	}})
	return err
}

type viewing func(*lease.Item)

func (v viewing) View(it *lease.Item) { v(it) }

// onlooker is a reader who checks the value that it is told, also after a wait.
type onlooker struct {
	seen   func([]byte)
	parked *atomic.Int64
	waits  bool
}

func (l *onlooker) Park() lease.Reader {
	l.waits = true
	l.parked.Add(1)
	return l
}

func (l *onlooker) Answer(a *lease.Answer) {
	if a.Kind == lease.Hit {
		l.seen(a.Item.Value)
	}
	if l.waits {
		l.parked.Add(-1)
	}
}
