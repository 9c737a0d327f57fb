package demo

import (
	"context"
	"database/sql"
	"fmt"
	"net/url"
	"os"
	"path/filepath"

	"github.com/leasecache/leasecache/client/sqlfence"
	_ "modernc.org/sqlite" // the driver "sqlite", in pure Go
)

// openSQLite makes a database in a directory of its own. It is in WAL mode, where readers do not wait for the writer; the writer is a
// pool of one connection, so that writers queue in Go instead of polling SQLite's lock with growing sleeps.
func openSQLite(ctx context.Context, readers int) (*database, error) {
	dir, err := os.MkdirTemp("", "leasectl-demo-")
	if err != nil {
		return nil, fmt.Errorf("a directory for the database: %w", err)
	}
	remove := func(context.Context) error { return os.RemoveAll(dir) }
	dsn := (&url.URL{
		Scheme: "file",
		Path:   filepath.Join(dir, "demo.db"),
		RawQuery: url.Values{
			"_pragma": {"busy_timeout(10000)", "journal_mode(WAL)", "synchronous(NORMAL)"},
			"_txlock": {"immediate"},
		}.Encode(),
	}).String()
	open := func(conns int) (*sql.DB, error) {
		db, err := sql.Open("sqlite", dsn)
		if err != nil {
			return nil, fmt.Errorf("open SQLite: %w", err)
		}
		db.SetMaxOpenConns(conns)
		db.SetMaxIdleConns(conns)
		return db, nil
	}
	d := &database{
		selectOne:  `SELECT name, cents, stock, version FROM products WHERE id = ?1`,
		updateOne:  `UPDATE products SET stock = stock - 1, version = version + 1 WHERE id = ?1 RETURNING version`,
		fenceCosts: 1, // a SELECT; BEGIN IMMEDIATE is the lock
		remove:     remove,
	}
	if d.write, err = open(1); err != nil {
		return nil, cleanUp(ctx, err, remove)
	}
	d.fence = sqlfence.SQLite(d.write, sqlfence.Options{})
	// More connections than cores bring SQLite nothing; the readers above that queue for one.
	if d.read, err = open(min(readers, 8)); err != nil {
		return nil, cleanUp(ctx, err, remove)
	}
	var version string
	if err := d.write.QueryRowContext(ctx, `SELECT sqlite_version()`).Scan(&version); err != nil {
		return nil, cleanUp(ctx, fmt.Errorf("open SQLite: %w", err), d.close)
	}
	d.name = "SQLite " + version + " in this process"
	return d, nil
}
