package demo

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/leasecache/leasecache/client/sqlfence"
)

// openPostgres uses the server behind the DSN, in a schema of its own that close drops: nothing else there is read or written.
func openPostgres(ctx context.Context, dsn string, readers, writers int) (*database, error) {
	cfg, err := pgx.ParseConfig(dsn)
	if err != nil {
		// pgx takes the password out of the error before it quotes the DSN.
		return nil, fmt.Errorf("--postgres: %w", err)
	}
	schema := "leasectl_demo_" + randomHex()
	cfg.RuntimeParams["search_path"] = schema
	db := stdlib.OpenDB(*cfg)
	db.SetMaxOpenConns(min(readers, 16) + writers)
	db.SetMaxIdleConns(min(readers, 16) + writers)
	closeDB := func(context.Context) error { return db.Close() }

	var version string
	if err := db.QueryRowContext(ctx, `SHOW server_version`).Scan(&version); err != nil {
		return nil, cleanUp(ctx, fmt.Errorf("reach PostgreSQL: %w", err), closeDB)
	}
	if _, err := db.ExecContext(ctx, `CREATE SCHEMA `+schema); err != nil {
		return nil, cleanUp(ctx, fmt.Errorf("make the throwaway schema %s (the user needs CREATE on the database): %w", schema, err), closeDB)
	}
	version, _, _ = strings.Cut(version, " ") // the packager's name follows
	return &database{
		name:       "PostgreSQL " + version + " in schema " + schema,
		read:       db,
		write:      db,
		selectOne:  `SELECT name, cents, stock, version FROM products WHERE id = $1`,
		updateOne:  `UPDATE products SET stock = stock - 1, version = version + 1 WHERE id = $1 RETURNING version`,
		fence:      sqlfence.Postgres(db, sqlfence.Options{}),
		fenceCosts: 2, // the advisory locks, SELECT … FOR SHARE
		remove: func(ctx context.Context) (err error) {
			// The pool is closed by now, and with it every lock that a cancelled statement may have held.
			conn, err := pgx.ConnectConfig(ctx, cfg)
			if err == nil {
				_, err = conn.Exec(ctx, `DROP SCHEMA `+schema+` CASCADE`)
				err = errors.Join(err, conn.Close(ctx))
			}
			if err != nil {
				return fmt.Errorf("drop the throwaway schema; do it by hand with DROP SCHEMA %s CASCADE: %w", schema, err)
			}
			return nil
		},
	}, nil
}

func randomHex() string {
	var b [6]byte
	_, _ = rand.Read(b[:]) // never fails, see its documentation
	return hex.EncodeToString(b[:])
}
