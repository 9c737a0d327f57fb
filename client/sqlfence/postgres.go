package sqlfence

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/leasecache/leasecache/client"
)

// Postgres returns the fence of a PostgreSQL database. db must lead to the
// primary. Any database/sql driver will do whose errors have SQLState.
func Postgres(db *sql.DB, o Options) *Fence {
	o = o.filled()
	return &Fence{d: &postgres{db: db, o: o}}
}

// postgres
//
// Both sides take an advisory lock per shard before the row, the writers shared
// and the recoverer exclusive. The rows alone would be right too, but PostgreSQL
// lets new FOR SHARE locks overtake an UPDATE that waits, for ever if writers
// keep coming; advisory locks queue.
//
// Lock order: advisory locks in ascending order of shards, then rows in the same
// order. A recoverer takes one of each.
//
// FOR SHARE and nothing else: FOR KEY SHARE does not keep the row from being
// raised, and a plain SELECT under REPEATABLE READ sees the row as it was.
type postgres struct {
	db *sql.DB
	o  Options
}

const (
	pgTable = `CREATE TABLE IF NOT EXISTS leasecache_fence (
	cluster text    NOT NULL,
	shard   integer NOT NULL,
	token   bigint  NOT NULL,
	PRIMARY KEY (cluster, shard))`

	pgRows = `INSERT INTO leasecache_fence (cluster, shard, token)
	SELECT $1::text, s, 0 FROM generate_series(0, $2::integer - 1) AS s ON CONFLICT DO NOTHING`

	// The key of a shard's advisory lock is made by the database, so that it is
	// the same whatever language its clients are written in.
	pgKey = `hashtextextended('leasecache_fence ' || $1::text || ' ' || s::text, 0)`

	// The shards come in ascending order, and unnest keeps it.
	pgShared = `SELECT pg_advisory_xact_lock_shared(` + pgKey + `) FROM unnest($2::text::integer[]) AS s`

	pgCheck = `SELECT shard, token FROM leasecache_fence
	WHERE cluster = $1::text AND shard = ANY ($2::text::integer[]) ORDER BY shard FOR SHARE`

	pgExclusive = `SELECT pg_advisory_xact_lock(` + pgKey + `) FROM unnest($2::text::integer[]) AS s`

	pgRaise = `UPDATE leasecache_fence SET token = GREATEST(token, $3::bigint) WHERE cluster = $1::text AND shard = $2::integer`
)

func (p *postgres) install(ctx context.Context, cluster string, shards uint32) error {
	// Two CREATE TABLE IF NOT EXISTS at a time can collide in the catalogue, and
	// who may not create tables may still use one that is there.
	var there bool
	if err := p.db.QueryRowContext(ctx, "SELECT to_regclass('leasecache_fence') IS NOT NULL").Scan(&there); err != nil {
		return err
	}
	if !there {
		if _, err := p.db.ExecContext(ctx, pgTable); err != nil {
			if state := sqlState(err); state != "23505" && state != "42P07" { // somebody else made it just now
				return err
			}
		}
	}
	_, err := p.db.ExecContext(ctx, pgRows, cluster, int64(shards))
	return err
}

func (p *postgres) inTx(ctx context.Context, in client.Intents, fn func(Tx) error) error {
	// The transaction's context ends only when COMMIT has taken too long; see the
	// package comment.
	tctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	tx, err := p.begin(ctx, tctx, cancel)
	if err != nil {
		return client.RolledBack(fmt.Errorf("sqlfence: begin: %w", err))
	}
	done := false
	defer func() {
		if !done {
			_ = tx.Rollback() // COMMIT was not sent: it cannot be committed either way
		}
	}()
	if err := p.check(ctx, tx, in); err != nil {
		return client.RolledBack(err)
	}
	if err := fn(tx); err != nil {
		return client.RolledBack(err)
	}
	if err := ctx.Err(); err != nil {
		return client.RolledBack(err)
	}
	done = true
	stop := time.AfterFunc(p.o.CommitTimeout, cancel)
	err = tx.Commit()
	stop.Stop()
	switch {
	case err == nil:
		return nil
	case p.rolledBack(err):
		return client.RolledBack(fmt.Errorf("sqlfence: the database rolled back: %w", err))
	default:
		return fmt.Errorf("sqlfence: COMMIT of unknown outcome: %w", err)
	}
}

// begin begins with tctx, but waits for a connection no longer than ctx.
func (p *postgres) begin(ctx, tctx context.Context, cancel context.CancelFunc) (*sql.Tx, error) {
	stop := context.AfterFunc(ctx, cancel)
	tx, err := p.db.BeginTx(tctx, &sql.TxOptions{Isolation: p.o.Isolation})
	if stop() {
		return tx, err
	}
	if err == nil { // ctx ended, and has ended tctx or will at once
		_ = tx.Rollback()
	}
	return nil, ctx.Err()
}

func (p *postgres) check(ctx context.Context, tx *sql.Tx, in client.Intents) error {
	guards := in.Guards()
	shards := pgArray(guards)
	if _, err := tx.ExecContext(ctx, pgShared, in.Cluster(), shards); err != nil {
		return fmt.Errorf("sqlfence: lock: %w", err)
	}
	rows, err := scan(tx.QueryContext(ctx, pgCheck, in.Cluster(), shards))
	if sqlState(err) == "40001" {
		// The snapshot is older than a fence that came meanwhile: REPEATABLE READ
		// cannot see the new token, and must not go on with the old one.
		return &client.FencedError{Shard: guards[0].Shard, Token: guards[0].Token}
	}
	if err != nil {
		return fmt.Errorf("sqlfence: check: %w", missingTable(err))
	}
	return check(in.Cluster(), guards, rows)
}

func (p *postgres) fence(ctx context.Context, cluster string, shard uint32, token int64) error {
	tx, err := p.db.BeginTx(ctx, &sql.TxOptions{Isolation: sql.LevelReadCommitted})
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // nothing after a commit
	ms := strconv.FormatInt(max(1, p.o.LockTimeout.Milliseconds()), 10)
	for _, set := range []string{"SET LOCAL synchronous_commit = on", "SET LOCAL lock_timeout = " + ms} {
		if _, err := tx.ExecContext(ctx, set); err != nil {
			return err
		}
	}
	one := "{" + strconv.FormatUint(uint64(shard), 10) + "}"
	if _, err := tx.ExecContext(ctx, pgExclusive, cluster, one); err != nil {
		return err
	}
	res, err := tx.ExecContext(ctx, pgRaise, cluster, int64(shard), token)
	if err != nil {
		return missingTable(err)
	}
	n, err := res.RowsAffected()
	if err != nil {
		return err
	}
	if n != 1 {
		return notInstalled(cluster, shard)
	}
	return tx.Commit()
}

func (p *postgres) read(ctx context.Context, fn func(Tx) error) error {
	tx, err := p.db.BeginTx(ctx, &sql.TxOptions{Isolation: sql.LevelRepeatableRead, ReadOnly: true})
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }()
	return fn(tx)
}

// pgArray is the shards of the guards as the text of an array, which every
// driver can send.
func pgArray(guards []client.Guard) string {
	var b strings.Builder
	b.WriteByte('{')
	for i, g := range guards {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(strconv.FormatUint(uint64(g.Shard), 10))
	}
	b.WriteByte('}')
	return b.String()
}

func missingTable(err error) error {
	if sqlState(err) == "42P01" {
		return fmt.Errorf("%w: there is no table leasecache_fence; run Install: %w", ErrNotInstalled, err)
	}
	return err
}

// sqlState returns the SQLSTATE of a driver's error, or "".
func sqlState(err error) string {
	var se interface{ SQLState() string }
	if errors.As(err, &se) {
		return se.SQLState()
	}
	return ""
}

// rolledBack reports whether an error of COMMIT is the database's own word that
// the transaction was rolled back. Everything else is unknown: a lost
// connection, a context, driver.ErrBadConn, sql.ErrTxDone, a shutdown (57P01 to
// 57P03, which also ends the wait for a standby of a transaction that is
// committed), a cancelled or timed-out statement, 40003, which says itself that
// the completion is unknown.
func (p *postgres) rolledBack(err error) bool {
	if p.o.RolledBack != nil && p.o.RolledBack(err) {
		return true
	}
	if err.Error() == pgxCommitRollback {
		return true
	}
	state := sqlState(err)
	if len(state) != 5 || state == "40003" {
		return false
	}
	switch state[:2] {
	case "22", // data: a deferred trigger
		"23", // a deferred constraint
		"25", // the state of the transaction; 25P03 and 25P04 ended it before COMMIT came
		"40", // serialization, deadlock
		"42", // a deferred trigger
		"44", // a view's check
		"P0": // raised by a deferred trigger
		return true
	}
	return false
}

// pgxCommitRollback is what pgx says when the database answered COMMIT by
// ROLLBACK, because a statement had failed and fn did not mind. It has no
// SQLSTATE, and pgx is not imported here.
const pgxCommitRollback = "commit unexpectedly resulted in rollback"
