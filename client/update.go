package client

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/leasecache/leasecache/protocol"
)

// WriteFunc writes to the source, in one transaction that checks the fence rows
// of in.Guards before its first write. ctx ends a margin before the first of the
// intents runs out, with cause ErrIntentEnding. What it returns decides what
// becomes of the keys:
//
//	nil                    committed: the commit was acknowledged
//	ErrFenced              the check failed, COMMIT was not sent: tried again
//	RolledBack(err)        surely not committed, now and for ever
//	anything else, a panic unknown
//
// The marks count only on the error itself or below single wrappings of it: an
// errors.Join with a mark somewhere inside is unknown, for its other half may be
// the news of another transaction. After an unknown outcome a WriteFunc must not
// try again by itself; it returns.
type WriteFunc func(ctx context.Context, in Intents) error

// UpdateOption changes one call of Update.
type UpdateOption func(*updateOptions)

type updateOptions struct {
	length   time.Duration
	attempts int
}

// WithIntent asks for intents of this length instead of Options.Intent. The
// write has a little less time than that.
func WithIntent(d time.Duration) UpdateOption { return func(o *updateOptions) { o.length = d } }

// WithAttempts runs the write function up to n times if it is fenced off.
func WithAttempts(n int) UpdateOption { return func(o *updateOptions) { o.attempts = n } }

// Update writes to the source so that no reader ever sees less than what is
// committed: it opens an intent on every key, calls write, and ends the intents
// by what write says. keys are all keys whose values the write changes, derived
// ones too; their order and repetitions do not matter.
//
// Errors:
//
//	nil                     the write is committed. That holds also if the cache
//	                        could not be told (counted in Stats.Unsettled): its
//	                        keys then stay with the source until it was fenced,
//	                        so that there is nothing the caller should do about it
//	ErrIntentUnavailable    nothing was written, write was not called
//	ErrFenced               fenced off in every attempt, nothing was written
//	RolledBack(err)         as write returned it, nothing was written
//	*OutcomeUnknownError    any other error of write: it may have been committed
//
// A panic of write is an unknown outcome and goes on.
func (c *Client) Update(ctx context.Context, keys []string, write WriteFunc, opts ...UpdateOption) error {
	o := updateOptions{length: c.o.Intent, attempts: c.o.Attempts}
	for _, opt := range opts {
		opt(&o)
	}
	keys = slices.Clone(keys)
	slices.Sort(keys)
	keys = slices.Compact(keys)
	if len(keys) == 0 {
		return fmt.Errorf("%w: an update of no keys", ErrInvalid)
	}
	if o.length <= 0 || o.length > maxLength {
		return fmt.Errorf("%w: an intent of %v", ErrInvalid, o.length)
	}
	for attempt := 1; ; attempt++ {
		in, err := c.begin(ctx, keys, o.length)
		if err != nil {
			return err
		}
		err = c.write(ctx, in, write, o.length)
		if !isFenced(err) || in.OutcomeUnknown() || attempt >= o.attempts || ctx.Err() != nil {
			return err
		}
		c.liftAbove(ctx, in, err)
	}
}

// begin opens the intents of one attempt, with time left to write under them.
func (c *Client) begin(ctx context.Context, keys []string, length time.Duration) (Intents, error) {
	list, err := c.beginAll(ctx, keys, IntentOptions{Length: length})
	if err != nil {
		return Intents{}, err
	}
	in, err := NewIntents(list...)
	if err == nil {
		err = ctx.Err()
	}
	if err == nil && !time.Now().Before(in.Deadline().Add(-margin(length))) {
		err = errors.New("too slow: the intents are about to run out already")
	}
	if err != nil {
		c.settle(ctx, protocol.VerbLA, list)
		return Intents{}, fmt.Errorf("%w: %w", ErrIntentUnavailable, err)
	}
	return in, nil
}

// margin is how long before the end of the intents the write is stopped, so
// that the cache can be told in time.
func margin(length time.Duration) time.Duration { return min(500*time.Millisecond, length/4) }

// write calls the write function once and ends the intents by its outcome.
func (c *Client) write(ctx context.Context, in Intents, write WriteFunc, length time.Duration) error {
	c.stats.updates.Add(1)
	wctx, cancel := context.WithDeadlineCause(ctx, in.Deadline().Add(-margin(length)), ErrIntentEnding)
	defer cancel()

	returned := false
	defer func() {
		// A panic, or runtime.Goexit: nobody knows how far the write came, so
		// nothing is said about the intents.
		if !returned {
			c.outcomeUnknown(in, errors.New("the write function did not return"))
		}
	}()
	err := write(wctx, in)
	returned = true

	switch {
	case in.OutcomeUnknown():
		// Also after nil: a second transaction that was committed says nothing
		// about the first.
		if err == nil {
			err = errors.New("a transaction of this update ended with an unknown outcome")
		}
		return c.outcomeUnknown(in, err)
	case err == nil:
		c.stats.committed.Add(1)
		c.settle(ctx, protocol.VerbLC, in.list)
		return nil
	case isFenced(err):
		c.stats.fencedOff.Add(1)
		c.settle(ctx, protocol.VerbLA, in.list)
		return err
	case IsRolledBack(err):
		c.stats.aborted.Add(1)
		c.settle(ctx, protocol.VerbLA, in.list)
		return err
	default:
		return c.outcomeUnknown(in, err)
	}
}

func (c *Client) outcomeUnknown(in Intents, err error) error {
	c.stats.unknown.Add(1)
	keys := make([]string, len(in.list))
	for i := range in.list {
		keys[i] = in.list[i].Key
	}
	c.o.Logger.Warn("leasecache: outcome of an update unknown, its keys stay with the source until it is fenced",
		"keys", len(keys), "key", keys[0], "err", err)
	return &OutcomeUnknownError{Keys: keys, Err: err}
}

// settle tells the server how the write ended. It outlives the caller's context,
// by Options.SettleTimeout at most: the write is over, and an intent that nobody
// ends costs all readers.
func (c *Client) settle(ctx context.Context, verb protocol.Verb, list []Intent) {
	ctx, cancel := c.settling(ctx)
	defer cancel()
	for i, err := range c.endAll(ctx, verb, list) {
		if err != nil {
			c.o.Logger.Warn("leasecache: an intent could not be ended, its key stays with the source until it is fenced",
				"key", list[i].Key, "committed", verb == protocol.VerbLC, "err", err)
		}
	}
}

// liftAbove helps a writer who met a row of an older life of the cluster: all
// tokens of the shard's present epoch are below it, so that new intents would be
// fenced off for ever. Reporting the row makes the owner go above it.
func (c *Client) liftAbove(ctx context.Context, in Intents, err error) {
	var fe *FencedError
	if !errors.As(err, &fe) || fe.Row>>40 <= fe.Token>>40 {
		return
	}
	for i := range in.list {
		if in.list[i].Shard != fe.Shard {
			continue
		}
		ctx, cancel := context.WithTimeout(ctx, c.o.RequestTimeout)
		defer cancel()
		if err := c.ReportFence(ctx, in.list[i].Key, fe.Row); err != nil {
			c.o.Logger.Warn("leasecache: the shard's tokens could not be lifted above the fence",
				"shard", fe.Shard, "fence", fe.Row, "err", err)
		}
		return
	}
}
