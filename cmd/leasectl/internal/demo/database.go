package demo

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/leasecache/leasecache/client/sqlfence"
)

// database is the source of truth: one table of products, thrown away with it. The statements are the same for every database but
// for their placeholders.
type database struct {
	name        string // for the output, with the version
	read, write *sql.DB
	selectOne   string // id → the row
	updateOne   string // id → the new version
	fence       *sqlfence.Fence
	fenceCosts  int           // statements of the fence in each writing transaction
	measured    time.Duration // one statement, there and back, as it really is
	topUp       time.Duration // what is missing to Delays.RoundTrip
	remove      func(context.Context) error
}

const (
	createProducts = `CREATE TABLE products (id BIGINT PRIMARY KEY, name TEXT NOT NULL, cents BIGINT NOT NULL, stock BIGINT NOT NULL, version BIGINT NOT NULL)`

	fillProducts = `INSERT INTO products (id, name, cents, stock, version)
		WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < %d)
		SELECT i, 'product ' || i, 100 + (i * 37) %% 9900, 1000, 1 FROM n`

	selectVersions = `SELECT version FROM products ORDER BY id`
)

// prepare makes the products, opens the connections and measures the round trip.
func (d *database) prepare(ctx context.Context, products int, roundTrip time.Duration) error {
	if _, err := d.write.ExecContext(ctx, createProducts); err != nil {
		return fmt.Errorf("create the products: %w", err)
	}
	if _, err := d.write.ExecContext(ctx, fmt.Sprintf(fillProducts, products)); err != nil {
		return fmt.Errorf("load %d products: %w", products, err)
	}
	if err := d.connect(ctx); err != nil {
		return err
	}
	times := make([]time.Duration, 21)
	for i := range times {
		start := time.Now()
		if _, err := d.row(ctx, i%products); err != nil {
			return err
		}
		times[i] = time.Since(start)
	}
	slices.SortFunc(times, cmp.Compare[time.Duration])
	d.measured = times[len(times)/2]
	d.topUp = max(roundTrip-d.measured, 0)
	return nil
}

// connect opens all connections at once, so that the first mode does not pay for what the others find there.
func (d *database) connect(ctx context.Context) error {
	conns := make([]*sql.Conn, d.read.Stats().MaxOpenConnections)
	defer func() {
		for _, c := range conns {
			if c != nil {
				_ = c.Close() // back to the pool
			}
		}
	}()
	for i := range conns {
		c, err := d.read.Conn(ctx)
		if err != nil {
			return fmt.Errorf("open the database's connections: %w", err)
		}
		conns[i] = c
		var p Product
		if err := c.QueryRowContext(ctx, d.selectOne, 0).Scan(&p.Name, &p.Cents, &p.Stock, &p.Version); err != nil {
			return fmt.Errorf("read a product: %w", err)
		}
	}
	return nil
}

// load is one read of the source in a snapshot of its own, a round trip away.
func (d *database) load(ctx context.Context, id int) (Product, error) {
	time.Sleep(d.topUp / 2)
	p, err := d.row(ctx, id)
	time.Sleep(d.topUp / 2)
	return p, err
}

func (d *database) row(ctx context.Context, id int) (Product, error) {
	p := Product{ID: id}
	err := d.read.QueryRowContext(ctx, d.selectOne, id).Scan(&p.Name, &p.Cents, &p.Stock, &p.Version)
	if err != nil {
		return Product{}, fmt.Errorf("read product %d: %w", id, err)
	}
	return p, nil
}

// update changes one product in a transaction. It calls committed as soon as COMMIT has returned.
func (d *database) update(ctx context.Context, id int, committed func(version int64)) error {
	d.travel(3) // BEGIN, UPDATE, COMMIT
	tx, err := d.write.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	version, err := d.updateIn(ctx, tx, id)
	if err != nil {
		return errors.Join(err, tx.Rollback())
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("commit product %d: %w", id, err)
	}
	committed(version)
	return nil
}

// updateIn is the statement of every write: the database itself makes the version.
func (d *database) updateIn(ctx context.Context, tx sqlfence.Tx, id int) (version int64, err error) {
	if err := tx.QueryRowContext(ctx, d.updateOne, id).Scan(&version); err != nil {
		return 0, fmt.Errorf("update product %d: %w", id, err)
	}
	return version, nil
}

// travel waits for the round trips of a transaction's statements, all of them before it begins but for the last way back, which
// is left to the caller of back. They are not spent inside: SQLite has one writer at a time, and holding its lock over a
// pretended network would slow down all other writers, as no database with row locks does.
func (d *database) travel(statements int) {
	time.Sleep(d.topUp*time.Duration(statements) - d.topUp/2)
}

// back waits for the COMMIT's answer on its way to the writer.
func (d *database) back() { time.Sleep(d.topUp / 2) }

// versions reads every product's version, in one snapshot.
func (d *database) versions(ctx context.Context) ([]int64, error) {
	rows, err := d.read.QueryContext(ctx, selectVersions)
	if err != nil {
		return nil, fmt.Errorf("read all versions: %w", err)
	}
	defer rows.Close()
	var all []int64
	for rows.Next() {
		var v int64
		if err := rows.Scan(&v); err != nil {
			return nil, fmt.Errorf("read all versions: %w", err)
		}
		all = append(all, v)
	}
	return all, rows.Err()
}

// close ends the connections and removes what was made.
func (d *database) close(ctx context.Context) error {
	errs := []error{d.read.Close()}
	if d.write != d.read {
		errs = append(errs, d.write.Close())
	}
	return errors.Join(append(errs, d.remove(ctx))...)
}
