package owner

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/leasecache/leasecache/internal/storage/memory"
	"github.com/leasecache/leasecache/lease"
	"github.com/leasecache/leasecache/shard"
	"github.com/leasecache/leasecache/shard/single"
)

// Keeper is who remembers epochs and notes for longer than the process.
// Everything it is told is durable when the call returns, except Fenced.
type Keeper interface {
	Shards() uint32
	State(shard.ID) single.State
	Note(ctx context.Context, s shard.ID, e shard.Epoch, n single.Note) error
	Raise(ctx context.Context, s shard.ID, from, atLeast shard.Epoch) (shard.Epoch, error)
	Fenced(s shard.ID, token uint64)
	Quiet(ctx context.Context, shards []shard.ID) error
	Intents() error
}

// ErrUnavailable says that the shard cannot be served now and that nothing was
// done; the text that wraps it names the reason.
var ErrUnavailable = errors.New("unavailable")

func unavailable(format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{ErrUnavailable}, args...)...)
}

// Owner serves all shards of its keeper.
type Owner struct {
	keeper  Keeper
	cache   *memory.Cache
	clock   func() int64
	shards  []owned
	buckets []bucket
	reserve uint64 // tokens left in an epoch when the next is asked for
}

// bucket is the lock of its shards' keys and what is guarded by it.
type bucket struct {
	mu struct {
		sync.Mutex
		part   *memory.Partition
		open   bool // the gate: closed, nothing has any effect
		timer  *time.Timer
		wakeAt int64 // when the timer fires; 0 is never
	}
	shards []*owned
	_      [64]byte // a bucket's lock is not another's cache line
}

// owned is one shard. All of it is guarded by its bucket's lock.
type owned struct {
	id      shard.ID
	bucket  *bucket
	tokens  *lease.Sequence
	table   *lease.Table
	store   store
	noted   single.Note // what the keeper holds for the current epoch
	raising bool        // somebody is asking the keeper for a higher epoch
	item    lease.Item  // what a Viewer is shown: an item of its own would cost every hit an allocation
}

// Options of an Owner. Limits are of one shard.
type Options struct {
	Keeper Keeper
	Cache  *memory.Cache
	Limits lease.Limits
	Clock  func() int64 // monotonic nanoseconds; the same that callers pass as now
}

// New opens all shards. Their closures count from this moment: nothing was
// served before it.
func New(o Options) *Owner {
	w := &Owner{
		keeper:  o.Keeper,
		cache:   o.Cache,
		clock:   o.Clock,
		reserve: reserve,
		shards:  make([]owned, o.Keeper.Shards()),
		buckets: make([]bucket, o.Cache.Partitions()),
	}
	for i := range w.buckets {
		b := &w.buckets[i]
		b.mu.part = o.Cache.Partition(i)
		b.mu.open = true
		b.mu.timer = time.AfterFunc(time.Hour, func() { w.advance(b) })
		b.mu.timer.Stop()
	}
	now := o.Clock()
	for i := range w.shards {
		s := &w.shards[i]
		st := o.Keeper.State(shard.ID(i))
		s.id = shard.ID(i)
		s.bucket = &w.buckets[i%len(w.buckets)]
		s.bucket.shards = append(s.bucket.shards, s)
		s.tokens = lease.NewSequence(uint32(st.Epoch))
		s.noted = st.Noted
		s.store.part = s.bucket.mu.part
		start := lease.Start{DoubtBelow: lease.Token(st.DoubtBelow)}
		if st.Closed > 0 {
			start.ClosedUntil = now + int64(st.Closed)
		}
		s.table = lease.New(s.tokens, &s.store, o.Limits, start)
	}
	return w
}

// lock takes the lock of the key's shard for a command. When it returns an
// error nothing is locked. The gate is looked at under the lock that the
// command's effect will be made under.
func (w *Owner) lock(hash uint64) (*owned, error) {
	s := w.shardOf(hash)
	s.bucket.mu.Lock()
	if !s.bucket.mu.open {
		s.bucket.mu.Unlock()
		return nil, unavailable("the node is stopping")
	}
	if s.tokens.Left() < w.reserve {
		if err := w.shortOfTokens(s); err != nil {
			s.bucket.mu.Unlock()
			return nil, err
		}
	}
	return s, nil
}

func (w *Owner) shardOf(hash uint64) *owned {
	return &w.shards[shard.OfHash(hash, uint32(len(w.shards)))]
}

// unlock ends a command: it sees to it that the bucket's timer fires when the
// first thing in the shard runs out.
func (w *Owner) unlock(s *owned) {
	w.wake(s.bucket, s.table.NextDue())
	s.bucket.mu.Unlock()
}

// wake makes the timer fire at a time, unless it fires earlier anyway. How long
// that is off the clock says, not the command's reading of it: that may be old,
// and the timer of the whole bucket would be late by as much.
func (w *Owner) wake(b *bucket, at int64) {
	if at == 0 || (b.mu.wakeAt != 0 && b.mu.wakeAt <= at) {
		return
	}
	b.mu.wakeAt = at
	b.mu.timer.Reset(time.Duration(max(0, at-w.clock())))
}

// advance is what the timer does: whatever ran out in the bucket does so now.
func (w *Owner) advance(b *bucket) {
	now := w.clock()
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.mu.open {
		return
	}
	b.mu.wakeAt = 0
	w.settle(b, now)
}

// settle lets whatever ran out in a bucket do so. The bucket is locked.
func (w *Owner) settle(b *bucket, now int64) {
	next := int64(0)
	for _, s := range b.shards {
		s.table.Advance(now)
		if due := s.table.NextDue(); due != 0 && (next == 0 || due < next) {
			next = due
		}
	}
	w.wake(b, next)
}

// Stop closes the gate for good: from then on no command has any effect, and
// readers who waited are told so. Then it clears the notes of those shards in
// which no writer can be outstanding, so that the next start finds them open.
func (w *Owner) Stop(ctx context.Context) error {
	now := w.clock()
	for i := range w.buckets {
		b := &w.buckets[i]
		b.mu.Lock()
		b.mu.open = false
		b.mu.timer.Stop()
		for _, s := range b.shards {
			s.table.Advance(now)
			s.table.Close()
		}
		b.mu.Unlock()
	}
	// The gate is closed, so the tables rest.
	var quiet []shard.ID
	for i := range w.shards {
		if s := &w.shards[i]; s.table.Quiet(now) {
			quiet = append(quiet, s.id)
		}
	}
	if err := w.keeper.Quiet(ctx, quiet); err != nil {
		return fmt.Errorf("clear the notes of shards without writers: %w", err)
	}
	return nil
}
