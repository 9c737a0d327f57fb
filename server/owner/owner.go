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
)

// Keeper is who remembers epochs and notes for longer than the process.
// Everything it is told is durable when the call returns, except Fenced. What is
// stale for it gives an error that wraps shard.ErrStale.
type Keeper interface {
	Shards() uint32
	Note(ctx context.Context, s shard.ID, e shard.Epoch, n shard.Note) error
	// Raise gives a shard, if its epoch is from, a higher one under the same owner.
	Raise(ctx context.Context, s shard.ID, from, atLeast shard.Epoch) (shard.Epoch, error)
	// Raised is the newest epoch that a shard has been raised to since it had the
	// epoch from, without a change of owner in between; from if there is none.
	Raised(s shard.ID, from shard.Epoch) shard.Epoch
	Fenced(s shard.ID, token uint64)
	Quiet(ctx context.Context, shards []shard.ID) error
	Intents() error
}

// ErrUnavailable says that the shard cannot be served now and that nothing was
// done; the text that wraps it names the reason.
var ErrUnavailable = errors.New("unavailable")

// ErrNotOwner is the ErrUnavailable of who may ask another node: the shard is not
// this one's to serve, and nothing was done.
var ErrNotOwner = unavailable("this node does not own the shard")

// errNoSession is the ErrNotOwner of a node whose right to serve is over.
var errNoSession = fmt.Errorf("%w: it has no session at present", ErrNotOwner)

// errLeaving is the ErrNotOwner of a shard between two owners.
var errLeaving = fmt.Errorf("%w: it is being moved", ErrNotOwner)

func unavailable(format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{ErrUnavailable}, args...)...)
}

// Owner serves those shards that it was told to open, as long as its session lasts.
type Owner struct {
	keeper  Keeper
	cache   *memory.Cache
	clock   func() int64
	reading func() int64
	session session
	shards  []owned
	buckets []bucket
	reserve uint64 // tokens left in an epoch when the next is asked for
}

// bucket is the lock of its shards' keys and what is guarded by it.
type bucket struct {
	mu struct {
		sync.Mutex
		part    *memory.Partition
		until   int64 // when the session ends: from then on nothing has any effect; 0 is no session
		stopped bool  // for good; until is 0
		timer   *time.Timer
		wakeAt  int64 // when the timer fires; 0 is never
	}
	shards []*owned
	_      [64]byte // a bucket's lock is not another's cache line
}

// owned is one shard. All of it is guarded by its bucket's lock.
type owned struct {
	id      shard.ID
	open    bool // the gate: closed, nothing has any effect
	leaving bool // the gate is closed for a planned move, and all is kept: see leave.go
	bucket  *bucket
	tokens  *lease.Sequence
	table   *lease.Table
	store   store
	since   shard.Epoch // the first of this tenure
	noted   shard.Note  // what the keeper holds for the current epoch
	raising bool        // somebody is asking the keeper for a higher epoch
	item    lease.Item  // what a Viewer is shown: an item of its own would cost every hit an allocation
}

// Options of an Owner. Limits are of one shard.
type Options struct {
	Keeper Keeper
	Cache  *memory.Cache
	Limits lease.Limits
	Clock  func() int64 // monotonic nanoseconds; the same that callers pass as now
	// Reading is Clock for who is about to do something: it first calls Lapse where
	// another clock says that the session is over. It is called without a lock.
	// Nil: Clock.
	Reading func() int64
}

// New makes an Owner that has no session and serves nothing yet.
func New(o Options) *Owner {
	w := &Owner{
		keeper:  o.Keeper,
		cache:   o.Cache,
		clock:   o.Clock,
		reading: o.Reading,
		reserve: reserve,
		shards:  make([]owned, o.Keeper.Shards()),
		buckets: make([]bucket, o.Cache.Partitions()),
	}
	if w.reading == nil {
		w.reading = w.clock
	}
	for i := range w.buckets {
		b := &w.buckets[i]
		b.mu.part = o.Cache.Partition(i)
		b.mu.timer = time.AfterFunc(time.Hour, func() { w.advance(b) })
		b.mu.timer.Stop()
	}
	for i := range w.shards {
		s := &w.shards[i]
		s.id = shard.ID(i)
		s.bucket = &w.buckets[i%len(w.buckets)]
		s.bucket.shards = append(s.bucket.shards, s)
		s.tokens = lease.NewSequence(0)
		s.store.part = s.bucket.mu.part
		s.table = lease.New(s.tokens, &s.store, o.Limits, lease.Start{})
	}
	return w
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
	b.mu.wakeAt = 0
	if now < b.mu.until { // else Lapse tells those who wait; or Extend comes in time
		w.settle(b, now)
	}
}

// settle lets whatever ran out in a bucket do so. The bucket is locked.
func (w *Owner) settle(b *bucket, now int64) {
	next := int64(0)
	for _, s := range b.shards {
		if !s.open {
			continue
		}
		s.table.Advance(now)
		if due := s.table.NextDue(); due != 0 && (next == 0 || due < next) {
			next = due
		}
	}
	w.wake(b, next)
}

// Stop closes all gates for good: from then on no command has any effect, and
// readers who waited are told so. Then it clears the notes of those shards in
// which no writer can be outstanding, so that the next start finds them open.
func (w *Owner) Stop(ctx context.Context) error {
	now := w.clock()
	for i := range w.buckets {
		b := &w.buckets[i]
		b.mu.Lock()
		b.mu.stopped, b.mu.until = true, 0
		b.mu.timer.Stop()
		for _, s := range b.shards {
			if s.open {
				s.table.Advance(now)
				s.table.Close(lease.Unavailable)
			}
		}
		b.mu.Unlock()
	}
	var quiet []shard.ID
	for i := range w.shards {
		s := &w.shards[i]
		s.bucket.mu.Lock()
		if s.open && s.table.Quiet(now) {
			quiet = append(quiet, s.id)
		}
		s.bucket.mu.Unlock()
	}
	if err := w.keeper.Quiet(ctx, quiet); err != nil {
		return fmt.Errorf("clear the notes of shards without writers: %w", err)
	}
	return nil
}
