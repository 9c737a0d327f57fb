package single

import (
	"context"
	"errors"
	"io"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/leasecache/leasecache/shard"
)

// Keeper keeps the epochs of a one-node cluster. Its calls may come from any
// number of goroutines.
//
// A change must be on disk before its caller goes on, and a sync takes
// milliseconds. So changes are queued, and one goroutine takes whatever has
// gathered since its last sync, applies it in the order of the queue to a
// clone of the state, writes the clone once, publishes it and answers them
// all. Under load the batches grow by themselves; no timer delays anybody.
//
// INVARIANT: the published state is what a crash at this instant would bring
// back, or, once broken is set, no more than that is promised about what was
// published before.
// INVARIANT: a batch that was not written leaves no trace in memory. Were a
// note kept that is not on disk, the next intent would rely on it (R17).
type Keeper struct {
	published atomic.Pointer[state]
	refusal   error // why this node gives no intents at all; nil if it does

	mu struct {
		sync.Mutex
		queue  []*change
		closed bool
		broken error // set for good after a write with unknown result
	}
	wake chan struct{} // capacity 1: there is something in the queue, or the end
	done chan struct{} // closed when the last batch is answered
	save func(*state) error
	lock io.Closer
}

// change is one caller's wish, and the place of its answer.
type change struct {
	apply  func(*state) error
	err    error
	answer chan struct{} // closed when err and what apply set may be read
}

func newKeeper(st *state, save func(*state) error, lock io.Closer, refusal error) *Keeper {
	k := &Keeper{
		refusal: refusal,
		wake:    make(chan struct{}, 1),
		done:    make(chan struct{}),
		save:    save,
		lock:    lock,
	}
	k.published.Store(st)
	go k.run()
	return k
}

// Cluster is the cluster's id: 32 hexadecimal digits, unless it was given.
func (k *Keeper) Cluster() string { return k.published.Load().cluster }

// Node is the node's id.
func (k *Keeper) Node() string { return k.published.Load().node }

// Shards is the number of shards.
func (k *Keeper) Shards() uint32 { return k.published.Load().settings.shards }

// SessionTTL and LongestIntent are what the cluster was made with.
func (k *Keeper) SessionTTL() time.Duration { return k.published.Load().sessionTTL }

// LongestIntent is the longest an intent may last: a bounded one that is
// longer cannot be noted.
func (k *Keeper) LongestIntent() time.Duration { return k.published.Load().longest }

// Session numbers this life. It grows with every start.
func (k *Keeper) Session() shard.Session { return k.published.Load().session }

// State is what is durably known about the shard.
func (k *Keeper) State(s shard.ID) State { return k.published.Load().shards[s] }

// Raised is the epoch of a shard that had the epoch from: this node is its only
// owner.
func (k *Keeper) Raised(s shard.ID, from shard.Epoch) shard.Epoch {
	return max(from, k.State(s).Epoch)
}

// Map is the map for clients, who reach this node at addr (host:port).
func (k *Keeper) Map(addr string) shard.Map {
	st := k.published.Load()
	m := shard.Map{
		Version: st.version, Cluster: st.cluster, Shards: st.settings.shards, Hash: shard.HashName,
		SessionTTL: st.sessionTTL.Milliseconds(),
		Nodes:      []shard.Node{{ID: st.node, Addr: addr, State: shard.Alive}},
		Owners:     make([]shard.Owner, len(st.shards)), // all of them node 0
		Epochs:     make([]shard.Epoch, len(st.shards)),
	}
	for i := range st.shards {
		m.Epochs[i] = st.shards[i].Epoch
	}
	return m
}

// Intents is nil if intents may be given, else the reason why not.
func (k *Keeper) Intents() error {
	if k.refusal != nil {
		return k.refusal
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.mu.broken
}

// Note records, durably before it returns, that the shard may have intents of
// that kind in epoch e. The caller adds the intent after that, and only if its
// own gate and epoch still allow it.
//
// The error wraps ErrStale, ErrTooLong, ErrNoIntents, ErrNotWritten,
// ErrUnknown or ErrClosed: nothing is noted that anybody may rely on. If ctx
// ends first, its error is returned and the note may still be made, which is
// safe: a note too many costs a fence.
func (k *Keeper) Note(ctx context.Context, s shard.ID, e shard.Epoch, n Note) error {
	if k.refusal != nil {
		return k.refusal
	}
	return k.do(ctx, func(st *state) error { return st.note(s, e, n) })
}

// Raise gives the shard, if its epoch is from, an epoch of at least atLeast
// and above the current one, and returns it when it is on disk. Notes, doubt
// and closure stay: to the intents this is a planned move. The error wraps
// ErrStale, ErrEpochs, ErrNotWritten, ErrUnknown or ErrClosed. If ctx ends
// first, its error is returned and the epoch may still rise; State tells.
func (k *Keeper) Raise(ctx context.Context, s shard.ID, from, atLeast shard.Epoch) (shard.Epoch, error) {
	var to shard.Epoch
	err := k.do(ctx, func(st *state) (err error) {
		to, err = st.raise(s, from, atLeast)
		return err
	})
	if err != nil {
		return 0, err
	}
	return to, nil
}

// Fenced reports that the source was fenced at token: the shard's doubt of
// former epochs is cleared if it lies below. It does not wait for the disk; a
// report that is lost costs one more fence after the next start.
func (k *Keeper) Fenced(s shard.ID, token uint64) {
	_ = k.enqueue(&change{
		apply:  func(st *state) error { st.fenced(s, token); return nil },
		answer: make(chan struct{}),
	})
}

// Quiet forgets, durably before it returns, what was noted in the shards.
//
// REQUIRES: the shards' gate is closed, they have neither intents nor doubts,
// their closure has passed, and an `lw` that waits for a Note looks at the
// gate again when it returns. Else: 1 lw notes · 2 Quiet forgets · 3 lw adds
// its intent · 4 a crash leaves it without doubt.
//
// The error wraps ErrNotWritten, ErrUnknown or ErrClosed. After ErrUnknown, or
// the error of ctx, the notes may be gone: a shard that goes on has to Note
// again before its next intent.
func (k *Keeper) Quiet(ctx context.Context, shards []shard.ID) error {
	shards = slices.Clone(shards)
	return k.do(ctx, func(st *state) error { st.quiet(shards); return nil })
}

// Close answers what is queued and releases the directory. Further calls that
// change something get ErrClosed; a second Close does nothing.
func (k *Keeper) Close() error {
	k.mu.Lock()
	already := k.mu.closed
	k.mu.closed = true
	k.mu.Unlock()
	if already {
		<-k.done
		return nil
	}
	k.signal()
	<-k.done
	return k.lock.Close()
}

func (k *Keeper) do(ctx context.Context, apply func(*state) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	c := &change{apply: apply, answer: make(chan struct{})}
	if err := k.enqueue(c); err != nil {
		return err
	}
	select {
	case <-c.answer:
		return c.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (k *Keeper) enqueue(c *change) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.mu.closed {
		return ErrClosed
	}
	if k.mu.broken != nil {
		return k.mu.broken
	}
	k.mu.queue = append(k.mu.queue, c)
	k.signal()
	return nil
}

func (k *Keeper) signal() {
	select {
	case k.wake <- struct{}{}:
	default: // it will look anyway, and finds what we added
	}
}

func (k *Keeper) run() {
	defer close(k.done)
	for range k.wake {
		k.mu.Lock()
		batch, broken, closed := k.mu.queue, k.mu.broken, k.mu.closed
		k.mu.queue = nil
		k.mu.Unlock()
		if len(batch) > 0 {
			k.commit(batch, broken)
		}
		if closed { // nothing is queued after that
			return
		}
	}
}

// commit applies a batch, writes it and answers it. broken is why nothing can
// be written any more, for those who were queued before that was known.
func (k *Keeper) commit(batch []*change, broken error) {
	current := k.published.Load()
	next := current.clone()
	for _, c := range batch {
		c.err = c.apply(next)
	}
	err := broken
	if err == nil && !next.equal(current) {
		err = k.save(next)
	}
	if err != nil {
		// All of the batch, also what changed nothing or was refused: its
		// answer may rest on a change before it that is not there now.
		for _, c := range batch {
			c.err = err
		}
		if errors.Is(err, ErrUnknown) {
			k.mu.Lock()
			k.mu.broken = err
			k.mu.Unlock()
		}
	} else {
		k.published.Store(next)
	}
	for _, c := range batch {
		close(c.answer)
	}
}
