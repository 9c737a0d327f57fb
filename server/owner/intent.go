package owner

import (
	"context"
	"errors"
	"time"

	"github.com/leasecache/leasecache/lease"
	"github.com/leasecache/leasecache/shard"
)

// ErrNotNoted says that the keeper does not hold a note of such intents for
// this epoch yet: call Note, then again. Nothing was done.
var ErrNotNoted = errors.New("intents of this kind are not noted")

// Intent is what a writer asks for.
type Intent struct {
	Kind   lease.IntentKind
	Length time.Duration
	Nonce  []byte
}

func (in *Intent) note() shard.Note {
	if in.Kind == lease.Bounded {
		return shard.Note{Bounded: in.Length}
	}
	return shard.Note{Fenced: true}
}

func covers(have, want shard.Note) bool {
	return (have.Fenced || !want.Fenced) && have.Bounded >= want.Bounded
}

// Begin opens a write intent on a key whose shard's keeper holds the note. The
// note is looked for under the lock that the intent is added under, by every
// intent of the epoch and not only the first (H6, R17):
//
//	1 W1 asks for the shard's first intent; the note is on its way to the disk.
//	2 W2 asks too. Were it let in now, and the node died before the note was
//	  written, the next epoch would not know that W2 may still commit.
//
// Errors: ErrNotNoted, lease.ErrNonce, or one that wraps ErrUnavailable.
func (w *Owner) Begin(now int64, hash uint64, key []byte, in Intent) (lease.Token, time.Duration, error) {
	if err := w.keeper.Intents(); err != nil {
		return 0, 0, unavailable("%w", err)
	}
	s, err := w.lock(now, hash)
	if err != nil {
		return 0, 0, err
	}
	defer w.unlock(s)
	if !covers(s.noted, in.note()) {
		return 0, 0, ErrNotNoted
	}
	token, length, err := s.table.Begin(now, hash, key, in.Kind, int64(in.Length), in.Nonce)
	if errors.Is(err, lease.ErrFull) {
		err = unavailable("%w", err)
	}
	return token, time.Duration(length), err
}

// Note has the keeper hold that the key's shard may have such intents. It waits
// for the disk. A note that is refused leaves nothing behind. Errors wrap
// ErrUnavailable.
//
// What was noted counts for the tenure in which it was asked for. Schedule (H4,
// R17), were it taken down for whichever is there when the note is made:
//
//	1 W1 notes in epoch 5; the keeper has it; W1's thread sleeps. 2 The session runs
//	  out; the shard is opened anew in epoch 7, in doubt of 5, with nothing noted.
//	3 W1's thread takes down "noted". 4 W2 begins an intent that no keeper knows of.
//	5 The node dies, the doubt was fenced: epoch 8 is open, and W2 commits.
func (w *Owner) Note(ctx context.Context, hash uint64, in Intent) error {
	const tries = 100
	for range tries {
		s, err := w.lock(w.reading(), hash)
		if err != nil {
			return err
		}
		epoch, since, noted := shard.Epoch(s.tokens.Epoch()), s.since, s.noted
		w.unlock(s)
		if covers(noted, in.note()) {
			return nil
		}
		err = w.keeper.Note(ctx, s.id, epoch, in.note())
		if errors.Is(err, shard.ErrStale) {
			// The epoch was raised: durable already, and if not in the table yet it is
			// now. Or the shard has another owner; we are told soon.
			if !w.adopt(s, epoch) {
				if err := sleep(ctx, 5*time.Millisecond); err != nil {
					return unavailable("the intent could not be noted: %w", err)
				}
			}
			continue
		}
		if err != nil {
			return unavailable("the intent could not be noted: %w", err)
		}
		s.bucket.mu.Lock()
		if s.open && s.since == since {
			// Notes outlast a raise of the epoch, so it does not matter if one came
			// between.
			s.noted.Fenced = s.noted.Fenced || in.note().Fenced
			s.noted.Bounded = max(s.noted.Bounded, in.note().Bounded)
		}
		s.bucket.mu.Unlock()
		return nil
	}
	return unavailable("the intent could not be noted: the shard's epoch does not settle")
}

func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}
