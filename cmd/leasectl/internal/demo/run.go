package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/bradfitz/gomemcache/memcache"
)

// Options of a run. There are no defaults here: the command line has them.
type Options struct {
	Postgres string        // DSN; empty: SQLite
	Duration time.Duration // of each mode
	Products int           // 2 or more
	Readers  int
	Writers  int
	Seed     uint64
	Delays   Delays
	Progress io.Writer // a terminal, for the bar; nil: none
}

// ErrOptions says that an option makes no sense; the error's text says which.
var ErrOptions = errors.New("bad options")

// Validate reports the first option that makes no sense, wrapping [ErrOptions].
func (o Options) Validate() error {
	switch {
	case o.Duration < 100*time.Millisecond:
		return fmt.Errorf("%w: --duration must be 100ms or longer", ErrOptions)
	case o.Products < 2 || o.Products > 1_000_000:
		return fmt.Errorf("%w: --products must be 2 to 1000000", ErrOptions)
	case o.Readers < 1 || o.Readers > 1000:
		return fmt.Errorf("%w: --readers must be 1 to 1000", ErrOptions)
	case o.Writers < 1 || o.Writers > 1000:
		return fmt.Errorf("%w: --writers must be 1 to 1000", ErrOptions)
	}
	return nil
}

// removeWithin bounds the cleaning up, also after the context was cancelled.
const removeWithin = 10 * time.Second

// ErrInterrupted says that the run was cancelled and left nothing behind.
var ErrInterrupted = errors.New("interrupted; everything the demo made is removed")

// Run starts server and database, runs the modes one after the other, and removes everything, also when ctx is cancelled: then the
// error is [ErrInterrupted], or says what could not be removed. A broken promise is no error; it stands in the report.
func Run(ctx context.Context, o Options) (*Report, error) {
	if err := o.Validate(); err != nil {
		return nil, err
	}
	var made removals
	report, err := run(ctx, o, &made)
	if end, ok := ctx.Deadline(); ok && !time.Now().Before(end) {
		<-ctx.Done() // a connection that takes over the deadline may notice it a moment before
	}
	left := made.remove(ctx)
	switch {
	case ctx.Err() != nil && left != nil:
		return nil, fmt.Errorf("interrupted, but not everything could be removed: %w", left)
	case ctx.Err() != nil:
		return nil, ErrInterrupted // a context that ends surfaces as many things; all of them mean this
	case err != nil || left != nil:
		return nil, errors.Join(err, left)
	}
	return report, nil
}

func run(ctx context.Context, o Options, made *removals) (*Report, error) {
	db, err := openDatabase(ctx, o)
	if err != nil {
		return nil, err
	}
	made.add(db.close)
	if err := db.prepare(ctx, o.Products, o.Delays.RoundTrip); err != nil {
		return nil, err
	}
	node, err := startNode()
	if err != nil {
		return nil, err
	}
	made.add(node.stop)
	mc := newMemcache(node.addr, o.Readers+o.Writers)
	made.add(func(context.Context) error { return mc.Close() })
	lc, err := newClient(ctx, node.addr, db)
	if err != nil {
		return nil, err
	}
	made.add(func(context.Context) error { return lc.Close() })

	report := &Report{
		Database: db.name, MeasuredUS: db.measured.Microseconds(), Products: o.Products, Readers: o.Readers, Writers: o.Writers,
		DurationMS: o.Duration.Milliseconds(), Seed: o.Seed, Popularity: fmt.Sprintf("popularity by Zipf's law, exponent %.1f", zipfExponent),
		Delays: o.Delays.Explain(), Counts: definitions,
	}
	for _, s := range []strategy{&plain{mc: mc, src: db}, &leases{c: lc, src: db}, &intents{c: lc, src: db}} {
		r, err := runMode(ctx, o, s, db, mc)
		if err != nil {
			return nil, err
		}
		report.Modes = append(report.Modes, r)
	}
	report.conclude()
	return report, nil
}

// removals undo what a run has made, the last first.
type removals []func(context.Context) error

func (r *removals) add(f func(context.Context) error) { *r = append(*r, f) }

// remove runs all of them, bounded, whether ctx has ended or not.
func (r *removals) remove(ctx context.Context) error {
	var err error
	for _, f := range slices.Backward(*r) {
		err = cleanUp(ctx, err, f)
	}
	return err
}

// runMode is one mode from its cold start to the look at what it left in the cache.
func runMode(ctx context.Context, o Options, s strategy, db *database, mc *memcache.Client) (Result, error) {
	before, err := db.versions(ctx)
	if err != nil {
		return Result{}, err
	}
	w := workload{products: o.Products, readers: o.Readers, writers: o.Writers, duration: o.Duration, seed: o.Seed, delays: o.Delays}
	var m meter
	stop := showProgress(o.Progress, s.mode(), o.Duration, &m)
	t, err := w.run(ctx, s, db, NewJudge(before), &m)
	stop()
	if err != nil {
		return Result{}, err
	}
	after, err := db.versions(ctx)
	if err != nil {
		return Result{}, err
	}
	keys := make([]string, o.Products)
	for i := range keys {
		keys[i] = keyOf(s.mode(), i)
	}
	values, err := survey(mc, keys)
	if err != nil {
		return Result{}, err
	}
	left, err := compare(values, after)
	if err != nil {
		return Result{}, err
	}
	return result(s.mode(), t, left), nil
}

// compare holds what is cached against the database. Any difference counts: nobody writes any more, so a newer version than the
// database's would be as wrong as an older one.
func compare(values [][]byte, versions []int64) (Left, error) {
	var left Left
	for id, b := range values {
		if b == nil {
			continue
		}
		p, err := decodeProduct(b)
		if err != nil {
			return Left{}, err
		}
		left.Cached++
		if p.Version != versions[id] {
			left.Stale++
		}
	}
	return left, nil
}

func openDatabase(ctx context.Context, o Options) (*database, error) {
	if o.Postgres != "" {
		return openPostgres(ctx, o.Postgres, o.Readers, o.Writers)
	}
	return openSQLite(ctx, o.Readers)
}

// cleanUp runs f, also after ctx has ended, and joins its error to err.
func cleanUp(ctx context.Context, err error, f func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), removeWithin)
	defer cancel()
	return errors.Join(err, f(ctx))
}
