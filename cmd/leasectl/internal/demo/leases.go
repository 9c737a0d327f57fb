package demo

import (
	"context"
	"errors"
	"time"

	"github.com/leasecache/leasecache/client"
)

// newClient gives a Leasecache client that speaks up when the cache fails, where one in service would read the database instead:
// the run is to show the cache, not the way around it. Its time-outs lie far above every pause of the run.
//
// It also installs the fence in the database, for the cluster that the server turns out to be.
func newClient(ctx context.Context, addr string, db *database) (*client.Client, error) {
	c, err := client.New(client.Options{
		Addr:           addr,
		RequestTimeout: 5 * time.Second,
		StallTimeout:   10 * time.Second,
		TTL:            ttl * time.Second,
		RequireCache:   true,
		Fencer:         db.fence,
	})
	if err != nil {
		return nil, err
	}
	info, err := c.Cluster(ctx)
	if err == nil {
		err = db.fence.Install(ctx, info.ID, info.Shards)
	}
	if err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return c, nil
}

// leases is cache-aside whose fills need a lease. The schedule that [plain] loses goes like this:
//
//  1. reader: lg k, a miss, gets lease t
//  2. reader: SELECT, sees version 1
//  3. writer: UPDATE, COMMIT of version 2, ld k: lease t is void
//  4. reader: ls k with t, refused; the reader has its answer, the cache has nothing
//
// What is left (HOLES B1): between the COMMIT and the ld's ack a cached version 1 is still served. Those are the
// stale reads after commit.
type leases struct {
	c   *client.Client
	src *database
}

func (l *leases) mode() Mode { return Leases }

func (l *leases) read(ctx context.Context, key string, load loader) ([]byte, error) {
	return get(ctx, l.c, key, load)
}

func (l *leases) write(ctx context.Context, id int, key string, committed func(version int64)) error {
	if err := l.src.update(ctx, id, committed); err != nil {
		return err
	}
	return l.c.Invalidate(ctx, key)
}

// get is how leases and intents read.
func get(ctx context.Context, c *client.Client, key string, load loader) ([]byte, error) {
	v, err := c.Get(ctx, key, func(ctx context.Context, _ string) (client.Value, error) {
		data, err := load(ctx)
		return client.Value{Data: data}, err
	})
	return v.Data, err
}
