package client_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	_ "modernc.org/sqlite"

	"github.com/leasecache/leasecache/client"
	"github.com/leasecache/leasecache/client/sqlfence"
	"github.com/leasecache/leasecache/server"
	"github.com/leasecache/leasecache/shard/single"
)

// node is a real server on a data directory, which can be started again.
type node struct {
	dir, addr string
	stop      func() error
}

func startNode(dir, addr string, change ...func(*server.Config)) (*node, error) {
	keeper, err := single.Open(dir, single.Options{Shards: 16})
	if err != nil {
		return nil, err
	}
	cfg := server.Config{Listen: addr, Memory: 64 << 20, Keeper: keeper, Logger: slog.New(slog.DiscardHandler)}
	for _, fn := range change {
		fn(&cfg)
	}
	s, err := server.New(cfg)
	if err != nil {
		return nil, errors.Join(err, keeper.Close())
	}
	served := make(chan error, 1)
	go func() { served <- s.Serve() }()
	return &node{dir: dir, addr: s.Addr().String(), stop: func() error {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		return errors.Join(s.Stop(ctx), <-served, keeper.Close())
	}}, nil
}

func newNode(t testing.TB, change ...func(*server.Config)) *node {
	n, err := startNode(filepath.Join(t.TempDir(), "data"), "127.0.0.1:0", change...)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, n.stop()) })
	return n
}

// restart ends the server and starts it again at the same address.
func (n *node) restart(t testing.TB) {
	require.NoError(t, n.stop())
	again, err := startNode(n.dir, n.addr)
	require.NoError(t, err)
	n.stop = again.stop
}

func (n *node) client(t testing.TB, change ...func(*client.Options)) *client.Client {
	o := client.Options{Addr: n.addr}
	for _, fn := range change {
		fn(&o)
	}
	c, err := client.New(o)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, c.Close()) })
	return c
}

// shop is a source of truth: products with a number that only grows.
type shop struct {
	db    *sql.DB
	fence *sqlfence.Fence
}

func newShop(t testing.TB, products int) *shop {
	db, err := sql.Open("sqlite", filepath.Join(t.TempDir(), "shop.db")+"?_pragma=journal_mode(WAL)&_pragma=busy_timeout(10000)")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	return stockShop(t, db, sqlfence.SQLite(db, sqlfence.Options{}), products)
}

func stockShop(t testing.TB, db *sql.DB, fence *sqlfence.Fence, products int) *shop {
	_, err := db.Exec("CREATE TABLE product (id integer PRIMARY KEY, version integer NOT NULL)")
	require.NoError(t, err)
	for id := range products {
		_, err := db.Exec(fmt.Sprintf("INSERT INTO product VALUES (%d, 1)", id))
		require.NoError(t, err)
	}
	return &shop{db: db, fence: fence}
}

func (s *shop) install(t testing.TB, c *client.Client) {
	cluster, err := c.Cluster(context.Background())
	require.NoError(t, err)
	require.NoError(t, s.fence.Install(context.Background(), cluster.ID, cluster.Shards))
}

func product(id int) string { return fmt.Sprintf("product:%d", id) }

// load reads a product's version, in a snapshot of its own.
func (s *shop) load(ctx context.Context, key string) (v client.Value, err error) {
	var id int
	if _, err := fmt.Sscanf(key, "product:%d", &id); err != nil {
		return v, err
	}
	err = s.fence.Read(ctx, func(tx sqlfence.Tx) error {
		err := tx.QueryRowContext(ctx, fmt.Sprintf("SELECT version FROM product WHERE id = %d", id)).Scan(&v.Data)
		if errors.Is(err, sql.ErrNoRows) {
			return client.ErrNotFound
		}
		return err
	})
	return v, err
}

// bump raises a product's version by one and returns the new one.
func (s *shop) bump(ctx context.Context, in client.Intents, id int, before func() error) (version int, err error) {
	err = s.fence.InTx(ctx, in, func(tx sqlfence.Tx) error {
		err := tx.QueryRowContext(ctx, fmt.Sprintf("UPDATE product SET version = version + 1 WHERE id = %d RETURNING version", id)).Scan(&version)
		if err == nil && before != nil {
			err = before()
		}
		return err
	})
	return version, err
}
