package readme

import (
	"context"
	"database/sql"
	"errors"

	"github.com/leasecache/leasecache/client"
	"github.com/leasecache/leasecache/client/sqlfence"
)

// A shop: its database is the truth, and its cache never contradicts it.
type shop struct {
	fence *sqlfence.Fence // sqlfence.Postgres(db, sqlfence.Options{}) or sqlfence.SQLite
	cache *client.Client  // client.New(client.Options{Fencer: fence})
}

func (s shop) install(ctx context.Context) error { // a small table in the database, once
	cluster, err := s.cache.Cluster(ctx)
	if err != nil {
		return err
	}
	return s.fence.Install(ctx, cluster.ID, cluster.Shards)
}

func (s shop) price(ctx context.Context, id string) (string, error) {
	v, err := s.cache.Get(ctx, id, func(ctx context.Context, id string) (v client.Value, err error) { // on a miss
		err = s.fence.Read(ctx, func(tx sqlfence.Tx) error { // in a snapshot of its own
			return tx.QueryRowContext(ctx, "SELECT price FROM product WHERE id = $1", id).Scan(&v.Data)
		})
		if errors.Is(err, sql.ErrNoRows) {
			err = client.ErrNotFound
		}
		return v, err
	})
	return string(v.Data), err
}

func (s shop) setPrice(ctx context.Context, id, price string) error {
	return s.cache.Update(ctx, []string{id}, func(ctx context.Context, in client.Intents) error {
		return s.fence.InTx(ctx, in, func(tx sqlfence.Tx) error { // checks the fence, then runs this, then commits
			_, err := tx.ExecContext(ctx, "UPDATE product SET price = $1 WHERE id = $2", price, id)
			return err
		})
	})
}
