package demo

import (
	"context"

	"github.com/leasecache/leasecache/client"
	"github.com/leasecache/leasecache/client/sqlfence"
)

// intents announces every write before the database hears of it. No read can see the old value once the new one is committed:
//
//  1. writer: lw k, an intent: the value leaves the cache, and whoever reads k now asks the database and fills nothing
//  2. writer: checks the fence, UPDATE, COMMIT of version 2
//  3. readers: version 2, from the database
//  4. writer: lc k: the key opens; the next reader gets a lease and reads version 2
//
// The price is the locking statements of the fence, and loads of the database between 1 and 4.
type intents struct {
	c   *client.Client
	src *database
}

func (s *intents) mode() Mode { return Intents }

func (s *intents) read(ctx context.Context, key string, load loader) ([]byte, error) {
	return get(ctx, s.c, key, load)
}

func (s *intents) write(ctx context.Context, id int, key string, committed func(version int64)) error {
	return s.c.Update(ctx, []string{key}, func(ctx context.Context, in client.Intents) error {
		var version int64
		s.src.travel(3 + s.src.fenceCosts) // BEGIN, the fence, UPDATE, COMMIT
		err := s.src.fence.InTx(ctx, in, func(tx sqlfence.Tx) (err error) {
			version, err = s.src.updateIn(ctx, tx, id)
			return err
		})
		if err == nil {
			committed(version)
		}
		return err
	})
}
