package client_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"time"

	"github.com/leasecache/leasecache/client"
	"github.com/leasecache/leasecache/client/sqlfence"
)

// The examples talk to a server and a database of their own; in a program both
// are there already.
var exampleAddr string

func exampleShop() (*sql.DB, func()) {
	dir, err := os.MkdirTemp("", "leasecache-example-")
	if err != nil {
		log.Fatal(err)
	}
	n, err := startNode(filepath.Join(dir, "data"), "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	exampleAddr = n.addr
	db, err := sql.Open("sqlite", filepath.Join(dir, "shop.db"))
	if err != nil {
		log.Fatal(err)
	}
	if _, err := db.Exec(`CREATE TABLE product (id TEXT PRIMARY KEY, name TEXT, price INTEGER);
		INSERT INTO product VALUES ('product:1', 'pencil', 120)`); err != nil {
		log.Fatal(err)
	}
	return db, func() {
		if err := errors.Join(db.Close(), n.stop(), os.RemoveAll(dir)); err != nil {
			log.Fatal(err)
		}
	}
}

func Example() {
	db, done := exampleShop()
	defer done()
	ctx := context.Background()

	fence := sqlfence.SQLite(db, sqlfence.Options{})
	c, err := client.New(client.Options{Addr: exampleAddr, Fencer: fence, TTL: time.Hour, NegativeTTL: 10 * time.Second})
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()

	// Once, when the application is installed.
	cluster, err := c.Cluster(ctx)
	if err != nil {
		log.Fatal(err)
	}
	if err := fence.Install(ctx, cluster.ID, cluster.Shards); err != nil {
		log.Fatal(err)
	}

	// A read: from the cache, or by this function.
	price := func(ctx context.Context, key string) (v client.Value, err error) {
		err = db.QueryRowContext(ctx, "SELECT price FROM product WHERE id = ?", key).Scan(&v.Data)
		if errors.Is(err, sql.ErrNoRows) {
			return v, client.ErrNotFound
		}
		return v, err
	}
	// A write: no reader is ever shown less than what is committed.
	raise := func(ctx context.Context, in client.Intents) error {
		return fence.InTx(ctx, in, func(tx sqlfence.Tx) error {
			_, err := tx.ExecContext(ctx, "UPDATE product SET price = price + 30 WHERE id = 'product:1'")
			return err
		})
	}

	v, err := c.Get(ctx, "product:1", price)
	fmt.Println(string(v.Data), err)
	fmt.Println(c.Update(ctx, []string{"product:1"}, raise))
	v, err = c.Get(ctx, "product:1", price)
	fmt.Println(string(v.Data), err)
	_, err = c.Get(ctx, "product:2", price)
	fmt.Println(err)
	// Output:
	// 120 <nil>
	// <nil>
	// 150 <nil>
	// leasecache: not found
}

func ExampleClient_GetWithLease() {
	_, done := exampleShop()
	defer done()
	ctx := context.Background()
	c, err := client.New(client.Options{Addr: exampleAddr})
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()

	res, err := c.GetWithLease(ctx, "greeting", client.LeaseOptions{})
	fmt.Println(res.Status, err)
	// The lease is ours: read the source now, then fill.
	err = c.SetIfLeaseValid(ctx, "greeting", []byte("hello"), res.Lease, client.FillOptions{TTL: time.Minute})
	fmt.Println(err)
	// The same lease does not fill twice.
	err = c.SetIfLeaseValid(ctx, "greeting", []byte("hello again"), res.Lease, client.FillOptions{})
	fmt.Println(errors.Is(err, client.ErrRefused))
	res, err = c.GetWithLease(ctx, "greeting", client.LeaseOptions{})
	fmt.Println(res.Status, string(res.Value), err)
	// Output:
	// leased <nil>
	// <nil>
	// true
	// hit hello <nil>
}

func ExampleClient_Invalidate() {
	_, done := exampleShop()
	defer done()
	ctx := context.Background()
	c, err := client.New(client.Options{Addr: exampleAddr})
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()

	name := "pencil"
	load := func(context.Context, string) (client.Value, error) { return client.Value{Data: []byte(name)}, nil }
	v, err := c.Get(ctx, "name:1", load)
	fmt.Println(string(v.Data), err)
	name = "crayon" // the source changes …
	fmt.Println(c.Invalidate(ctx, "name:1"))
	v, err = c.Get(ctx, "name:1", load) // … and from the acknowledgement on nobody sees the old name
	fmt.Println(string(v.Data), err)
	// Output:
	// pencil <nil>
	// <nil>
	// crayon <nil>
}

func ExampleClient_GetMulti() {
	_, done := exampleShop()
	defer done()
	ctx := context.Background()
	c, err := client.New(client.Options{Addr: exampleAddr})
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()

	names := map[string]string{"name:1": "pencil", "name:2": "paper"}
	load := func(_ context.Context, keys []string) (map[string]client.Value, error) {
		fmt.Println("loading", keys)
		found := make(map[string]client.Value)
		for _, key := range keys {
			if name, ok := names[key]; ok {
				found[key] = client.Value{Data: []byte(name)}
			}
		}
		return found, nil
	}
	for range 2 {
		out, err := c.GetMulti(ctx, []string{"name:1", "name:2"}, load)
		fmt.Println(string(out["name:1"].Value.Data), string(out["name:2"].Value.Data), err)
	}
	// Output:
	// loading [name:1 name:2]
	// pencil paper <nil>
	// pencil paper <nil>
}
