package demo

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/bradfitz/gomemcache/memcache"
)

// plain is cache-aside as it stands in every tutorial, through a memcached client that knows nothing of leases.
//
// Why it goes stale (HOLES A1), k in the cache or not:
//
//  1. reader: get k, a miss
//  2. reader: SELECT, sees version 1
//  3. writer: UPDATE, COMMIT of version 2, delete k, done
//  4. reader: set k to version 1, which stays until its TTL or the next write
type plain struct {
	mc  *memcache.Client
	src *database
}

// ttl of the cached products, in seconds: longer than any run, as in service it is longer than any race.
const ttl = 3600

// newMemcache gives a client whose time-out is far above every pause of the run: a read that is given up proves nothing.
func newMemcache(addr string, conns int) *memcache.Client {
	mc := memcache.New(addr)
	mc.Timeout = 5 * time.Second
	mc.MaxIdleConns = conns
	mc.DialContext = (&net.Dialer{Timeout: 5 * time.Second}).DialContext
	return mc
}

func (p *plain) mode() Mode { return Plain }

func (p *plain) read(ctx context.Context, key string, load loader) ([]byte, error) {
	item, err := p.mc.Get(key)
	if err == nil {
		return item.Value, nil
	}
	if !errors.Is(err, memcache.ErrCacheMiss) {
		return nil, fmt.Errorf("get %s: %w", key, err)
	}
	value, err := load(ctx)
	if err != nil {
		return nil, err
	}
	if err := p.mc.Set(&memcache.Item{Key: key, Value: value, Expiration: ttl}); err != nil {
		return nil, fmt.Errorf("set %s: %w", key, err)
	}
	return value, nil
}

func (p *plain) write(ctx context.Context, id int, key string, committed func(version int64)) error {
	if err := p.src.update(ctx, id, committed); err != nil {
		return err
	}
	if err := p.mc.Delete(key); err != nil && !errors.Is(err, memcache.ErrCacheMiss) {
		return fmt.Errorf("delete %s: %w", key, err)
	}
	return nil
}

// survey asks for what is left in the cache, in the order of the keys, as any memcached client sees it; nil where there is nothing.
func survey(mc *memcache.Client, keys []string) ([][]byte, error) {
	const batch = 100 // one long line of keys is no faster
	values := make([][]byte, 0, len(keys))
	for from := 0; from < len(keys); from += batch {
		part := keys[from:min(from+batch, len(keys))]
		items, err := mc.GetMulti(part)
		if err != nil {
			return nil, fmt.Errorf("read what is left in the cache: %w", err)
		}
		for _, key := range part {
			if item, ok := items[key]; ok {
				values = append(values, item.Value)
			} else {
				values = append(values, nil)
			}
		}
	}
	return values, nil
}
