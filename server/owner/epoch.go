package owner

import (
	"context"
	"errors"
	"time"

	"github.com/leasecache/leasecache/lease"
	"github.com/leasecache/leasecache/shard"
)

const (
	// reserve is how many tokens are left in an epoch when the next is asked for:
	// enough for the seconds that a slow disk may take.
	reserve = 1 << 24
	// floor is below what commands are refused: one command may take a token for
	// every reader that waits.
	floor = 1 << 20

	raiseTimeout = 10 * time.Second
)

// spareEpochs are left to restarts, which take one each: a node that has none
// left cannot start, so clients must not be able to use them up.
const spareEpochs = 1 << 16

// MaxLift is how many epochs above the current one a reported fence may lie.
const MaxLift = 4096

// ErrFuture says that a reported fence is too far above the shard's epoch to be
// of this cluster. Nothing was done.
var ErrFuture = errors.New("token is of an epoch too far above the current one")

// Fence is told that the source is fenced at token for the key's shard; it ends
// the doubts below. A token above the shard's last one first lifts the epoch
// above it, which waits for the disk: NeedsLift tells whether it would.
//
// Errors: ErrFuture, or one that wraps ErrUnavailable.
func (w *Owner) Fence(ctx context.Context, hash uint64, token lease.Token) error {
	for range 1000 {
		now := w.reading()
		s, err := w.lock(now, hash)
		if err != nil {
			return err
		}
		last := s.table.Last()
		if token <= last {
			if s.table.Fence(now, token) {
				w.keeper.Fenced(s.id, uint64(token))
			}
			w.unlock(s)
			return nil
		}
		w.unlock(s)
		if token.Epoch() > last.Epoch()+MaxLift || shard.Epoch(token.Epoch()) >= shard.MaxEpoch-spareEpochs {
			return ErrFuture
		}
		if err := w.raise(ctx, s, shard.Epoch(token.Epoch()+1)); err != nil {
			return err
		}
	}
	return unavailable("the shard's epoch does not settle")
}

// NeedsLift reports whether a fence at token would have to wait for the disk.
func (w *Owner) NeedsLift(hash uint64, token lease.Token) bool {
	s, err := w.lock(w.clock(), hash)
	if err != nil {
		return false
	}
	defer s.bucket.mu.Unlock()
	return token > s.table.Last()
}

// raise moves the shard to an epoch of at least atLeast and above its own: a
// planned move to itself. The keeper's epoch is durable before the table gives
// tokens of it; in between the table gives tokens of the old one, which are
// smaller.
func (w *Owner) raise(ctx context.Context, s *owned, atLeast shard.Epoch) error {
	s.bucket.mu.Lock()
	from, busy, open := shard.Epoch(s.tokens.Epoch()), s.raising, s.open
	s.raising = true
	s.bucket.mu.Unlock()
	if busy {
		// Another's raise may do for us; the caller looks again.
		return sleepUnavailable(ctx)
	}
	var err error = ErrNotOwner
	if open {
		_, err = w.keeper.Raise(ctx, s.id, from, atLeast)
		if w.adopt(s, from) {
			err = nil
		}
	}
	s.bucket.mu.Lock()
	s.raising = false
	s.bucket.mu.Unlock()
	if err != nil {
		return unavailable("the shard's epoch could not be raised: %w", err)
	}
	return nil
}

// adopt moves the table to the epoch that the keeper raised from to, and reports
// whether it was behind. It may be behind for longer than a moment:
//
//	1 A raise waits for a slow disk. 2 Its caller's time is up: an error.
//	3 The keeper writes the epoch all the same.
//	4 Every note and raise for the table's epoch is stale from now on.
func (w *Owner) adopt(s *owned, from shard.Epoch) bool {
	return w.raiseTo(s, from, w.keeper.Raised(s.id, from))
}

// raiseTo moves a table whose tenure had the epoch from to another of the same
// tenure, and reports whether it was behind. The tenure is asked for under the
// lock: to is nothing to a shard that was closed and opened again since.
func (w *Owner) raiseTo(s *owned, from, to shard.Epoch) bool {
	now := w.clock()
	s.bucket.mu.Lock()
	defer s.bucket.mu.Unlock()
	if s.bucket.mu.stopped || !s.open && !s.leaving || from < s.since || uint32(to) <= s.tokens.Epoch() {
		return false
	}
	s.table.Raise(now, uint32(to))
	s.open, s.leaving = true, false
	w.wake(s.bucket, s.table.NextDue())
	return true
}

func sleepUnavailable(ctx context.Context) error {
	if err := sleep(ctx, 5*time.Millisecond); err != nil {
		return unavailable("the shard's epoch could not be raised: %w", err)
	}
	return nil
}

// shortOfTokens asks for the next epoch, once, and says whether the shard can
// be served meanwhile. The bucket is locked.
func (w *Owner) shortOfTokens(s *owned) error {
	if !s.raising {
		go func() {
			ctx, cancel := context.WithTimeout(context.Background(), raiseTimeout)
			defer cancel()
			// An error shows in what the shard answers, and the next command tries again.
			_ = w.raise(ctx, s, 0)
		}()
	}
	if s.tokens.Left() < floor {
		return unavailable("the shard waits for its next epoch")
	}
	return nil
}
