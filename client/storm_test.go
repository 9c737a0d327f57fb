package client_test

import (
	"context"
	"database/sql"
	"errors"
	"math/rand/v2"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib"
	"github.com/stretchr/testify/require"

	"github.com/leasecache/leasecache/client"
	"github.com/leasecache/leasecache/client/sqlfence"
	"github.com/leasecache/leasecache/internal/pgtest"
)

// TestNoReadIsEverOlderThanTheSource: readers and writers at once, writers that
// stall beyond their intents, roll back, or lose track of what they did, and a
// server that is started again in the middle.
func TestNoReadIsEverOlderThanTheSource(t *testing.T) {
	t.Run("sqlite", func(t *testing.T) {
		s := newShop(t, 8)
		require.Zero(t, storm(t, s, s.fence))
	})
	t.Run("postgres", func(t *testing.T) {
		dsn, ok := pgtest.DSN(t)
		if !ok {
			return
		}
		db, err := sql.Open("pgx", dsn)
		require.NoError(t, err)
		db.SetMaxOpenConns(40)
		t.Cleanup(func() { require.NoError(t, db.Close()) })
		s := stockShop(t, db, sqlfence.Postgres(db, sqlfence.Options{}), 8)
		require.Zero(t, storm(t, s, s.fence))
	})
	t.Run("without a fence the same run finds stale reads", func(t *testing.T) {
		require.NotZero(t, storm(t, newShop(t, 8), noFence{}))
	})
}

// noFence says that it has fenced the source, and has not.
type noFence struct{}

func (noFence) Fence(context.Context, string, uint32, uint64) error { return nil }

// storm returns how many reads were older than what was known to be committed
// when they began.
func storm(t *testing.T, s *shop, fencer client.Fencer) (stale int64) {
	n := newNode(t)
	writer := n.client(t)
	s.install(t, writer)
	readers := []*client.Client{n.client(t, func(o *client.Options) { o.Fencer = fencer }), n.client(t)}

	r := &run{shop: s}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() { r.read(ctx, t, readers[i%2]) })
	}
	for i := range 4 {
		wg.Go(func() { r.write(ctx, t, writer, i) })
	}
	time.Sleep(time.Second)
	n.restart(t)
	wg.Wait()
	t.Logf("%d reads, %d of them cached, %d stale; updates: %+v", r.reads.Load(), r.cached.Load(), r.stale.Load(), writer.Stats())
	require.NotZero(t, r.cached.Load())
	require.NotZero(t, writer.Stats().Committed)
	return r.stale.Load()
}

// run is what a storm knows.
type run struct {
	shop                 *shop
	floor                [8]atomic.Int64 // highest version known to be committed, by product
	reads, cached, stale atomic.Int64
}

func (r *run) read(ctx context.Context, t *testing.T, c *client.Client) {
	for ctx.Err() == nil {
		id := rand.IntN(len(r.floor))
		known := r.floor[id].Load()
		v, err := c.Get(ctx, product(id), r.shop.load)
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			t.Error(err)
			return
		}
		version, err := strconv.ParseInt(string(v.Data), 10, 64)
		if err != nil {
			t.Error(err)
		}
		if version < known {
			r.stale.Add(1)
		}
		raise(&r.floor[id], version)
		r.reads.Add(1)
		if v.Cached {
			r.cached.Add(1)
		}
	}
}

func (r *run) write(ctx context.Context, t *testing.T, c *client.Client, w int) {
	for i := w; ctx.Err() == nil; i++ {
		id := rand.IntN(len(r.floor))
		err := c.Update(ctx, []string{product(id)}, func(wctx context.Context, in client.Intents) error {
			var before func() error
			switch i % 6 {
			case 1: // stalls beyond the intent, and goes on as if nothing had been
				time.Sleep(120 * time.Millisecond)
				wctx = ctx
			case 2:
				before = func() error { return errors.New("changed my mind") }
			}
			version, err := r.shop.bump(wctx, in, id, before)
			if err != nil {
				return err
			}
			raise(&r.floor[id], int64(version))
			if i%6 == 3 || i%12 == 1 {
				return errors.New("lost the answer to COMMIT")
			}
			return nil
		}, client.WithIntent(100*time.Millisecond))
		var unknown *client.OutcomeUnknownError
		if err != nil && ctx.Err() == nil && !client.IsRolledBack(err) && !errors.As(err, &unknown) &&
			!errors.Is(err, client.ErrIntentUnavailable) {
			t.Error(err)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func raise(a *atomic.Int64, to int64) {
	for {
		v := a.Load()
		if v >= to || a.CompareAndSwap(v, to) {
			return
		}
	}
}
