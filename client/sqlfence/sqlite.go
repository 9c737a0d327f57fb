package sqlfence

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/leasecache/leasecache/client"
)

// SQLite returns the fence of an SQLite database in a file. All processes that
// write to it must use the fence; a database in memory, which each connection
// has for itself, has no use for one.
//
// Open the database in WAL mode and with a busy timeout. Otherwise loaders and
// writers that meet fail with SQLITE_BUSY.
func SQLite(db *sql.DB, o Options) *Fence {
	o = o.filled()
	return &Fence{d: &sqlite{db: db, o: o, turn: make(chan struct{}, 1)}}
}

// sqlite
//
// Both sides are BEGIN IMMEDIATE: there is one writer at a time, so a writer who
// has looked at the row keeps every recoverer out until he is done, and needs no
// further lock. sql.Tx cannot begin like that with every driver, so that a
// connection is taken out of the pool and driven by hand; it goes back only if
// surely no transaction is open on it.
//
// Who finds the database locked can only try again, and a writer who has just
// finished is always first in that race. Within the process turn is a queue, so
// that neither writers nor a fence are overtaken for ever; processes among each
// other take their chances.
type sqlite struct {
	db   *sql.DB
	o    Options
	turn chan struct{} // holds a token while somebody of this process writes
}

const (
	liteTable = `CREATE TABLE IF NOT EXISTS leasecache_fence (
	cluster TEXT    NOT NULL,
	shard   INTEGER NOT NULL,
	token   INTEGER NOT NULL,
	PRIMARY KEY (cluster, shard)) WITHOUT ROWID`

	liteRows = `WITH RECURSIVE s (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM s WHERE n + 1 < ?2)
	INSERT INTO leasecache_fence (cluster, shard, token) SELECT ?1, n, 0 FROM s WHERE true ON CONFLICT DO NOTHING`

	liteCheck = `SELECT shard, token FROM leasecache_fence WHERE cluster = ? AND shard IN (`

	liteRaise = `UPDATE leasecache_fence SET token = max(token, ?3) WHERE cluster = ?1 AND shard = ?2`
)

// SQLite's result codes, without their extension.
const (
	liteBusy      = 5
	liteNoMemory  = 7
	liteInterrupt = 9
	liteIOError   = 10
	liteFull      = 13
)

// liteCode returns the result code of a driver's error, or 0.
func liteCode(err error) int {
	var ce interface{ Code() int }
	if errors.As(err, &ce) {
		return ce.Code() & 0xff
	}
	return 0
}

func (s *sqlite) install(ctx context.Context, cluster string, shards uint32) error {
	tx, err := s.begin(ctx)
	if err != nil {
		return err
	}
	defer tx.release()
	if _, err := tx.conn.ExecContext(ctx, liteTable); err != nil {
		return err
	}
	if _, err := tx.conn.ExecContext(ctx, liteRows, cluster, int64(shards)); err != nil {
		return err
	}
	return tx.commit(ctx, s.o.CommitTimeout)
}

func (s *sqlite) inTx(ctx context.Context, in client.Intents, fn func(Tx) error) error {
	tx, err := s.begin(ctx)
	if err != nil {
		return client.RolledBack(fmt.Errorf("sqlfence: begin: %w", err))
	}
	defer tx.release()
	if err := s.check(ctx, tx, in); err != nil {
		return client.RolledBack(err)
	}
	if err := fn(tx); err != nil {
		return client.RolledBack(err)
	}
	if err := errors.Join(tx.broken(), ctx.Err()); err != nil {
		return client.RolledBack(err)
	}
	err = tx.commit(ctx, s.o.CommitTimeout)
	if err == nil {
		return nil
	}
	// A COMMIT that failed, by SQLITE_BUSY say, mostly leaves the transaction
	// open. If a ROLLBACK then has something to roll back, nothing was committed;
	// if it has not, nobody knows.
	if tx.rollback() == nil || s.o.RolledBack != nil && s.o.RolledBack(err) {
		return client.RolledBack(fmt.Errorf("sqlfence: the database did not commit: %w", err))
	}
	return fmt.Errorf("sqlfence: COMMIT of unknown outcome: %w", err)
}

func (s *sqlite) check(ctx context.Context, tx *liteTx, in client.Intents) error {
	guards := in.Guards()
	var q strings.Builder
	q.WriteString(liteCheck)
	for i, g := range guards {
		if i > 0 {
			q.WriteByte(',')
		}
		q.WriteString(strconv.FormatUint(uint64(g.Shard), 10))
	}
	q.WriteByte(')')
	rows, err := scan(tx.QueryContext(ctx, q.String(), in.Cluster()))
	if err != nil {
		return fmt.Errorf("sqlfence: check: %w", liteMissing(err))
	}
	return check(in.Cluster(), guards, rows)
}

func liteMissing(err error) error {
	if strings.Contains(err.Error(), "no such table: leasecache_fence") {
		return fmt.Errorf("%w: there is no table leasecache_fence; run Install: %w", ErrNotInstalled, err)
	}
	return err
}

func (s *sqlite) fence(ctx context.Context, cluster string, shard uint32, token int64) error {
	ctx, cancel := context.WithTimeout(ctx, s.o.LockTimeout)
	defer cancel()
	tx, err := s.connect(ctx)
	if err != nil {
		return err
	}
	defer tx.release()
	// A fence must outlive a loss of power, whatever the application asks of its
	// own commits. It cannot be set inside a transaction.
	var sync int
	if err := tx.conn.QueryRowContext(ctx, "PRAGMA synchronous").Scan(&sync); err != nil {
		return err
	}
	if sync < syncFull {
		if _, err := tx.conn.ExecContext(ctx, "PRAGMA synchronous = FULL"); err != nil {
			return err
		}
		tx.restore = "PRAGMA synchronous = " + strconv.Itoa(sync)
	}
	if err := tx.begin(ctx); err != nil {
		return err
	}
	res, err := tx.conn.ExecContext(ctx, liteRaise, cluster, int64(shard), token)
	if err != nil {
		return liteMissing(err)
	}
	n, err := res.RowsAffected()
	if err != nil {
		return err
	}
	if n != 1 {
		return notInstalled(cluster, shard)
	}
	return tx.commit(ctx, s.o.CommitTimeout)
}

const syncFull = 2

func (s *sqlite) read(ctx context.Context, fn func(Tx) error) error {
	tx, err := s.db.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }()
	return fn(tx)
}

// liteTx is a transaction driven by hand on one connection. It holds the turn.
type liteTx struct {
	conn    *sql.Conn
	turn    chan struct{}
	open    bool   // BEGIN was answered, COMMIT and ROLLBACK were not
	discard bool   // the connection must not be used again
	restore string // a statement that makes the connection as it was
	ended   atomic.Pointer[error]
}

// connect waits for the turn and takes a connection.
func (s *sqlite) connect(ctx context.Context) (*liteTx, error) {
	select {
	case s.turn <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	conn, err := s.db.Conn(ctx)
	if err != nil {
		<-s.turn
		return nil, err
	}
	return &liteTx{conn: conn, turn: s.turn}, nil
}

func (s *sqlite) begin(ctx context.Context) (*liteTx, error) {
	tx, err := s.connect(ctx)
	if err != nil {
		return nil, err
	}
	if err := tx.begin(ctx); err != nil {
		tx.release()
		return nil, err
	}
	return tx, nil
}

// begin tries again while another process is writing, as long as ctx lives.
func (t *liteTx) begin(ctx context.Context) error {
	for pause := time.Millisecond; ; pause = min(2*pause, 20*time.Millisecond) {
		_, err := t.conn.ExecContext(ctx, "BEGIN IMMEDIATE")
		if err == nil {
			t.open = true
			return nil
		}
		if liteCode(err) != liteBusy {
			t.discard = true // an interrupted BEGIN may or may not have begun
			return err
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return fmt.Errorf("%w: %w", ctx.Err(), err)
		}
	}
}

// commit does not end with ctx: an interrupted COMMIT says nothing.
func (t *liteTx) commit(ctx context.Context, timeout time.Duration) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), timeout)
	defer cancel()
	_, err := t.conn.ExecContext(ctx, "COMMIT")
	if err == nil {
		t.open = false
	}
	return err
}

// rollback returns nil if a transaction was open and was rolled back.
func (t *liteTx) rollback() error {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	_, err := t.conn.ExecContext(ctx, "ROLLBACK")
	if err == nil {
		t.open = false
	}
	return err
}

// release gives the connection back to the pool, or throws it away if it is not
// certain that no transaction is open on it: the next user's statements would
// land in it. Closing the connection rolls back.
func (t *liteTx) release() {
	if t.open {
		_ = t.rollback()
	}
	if t.restore != "" && !t.open && !t.discard {
		_, err := t.conn.ExecContext(context.Background(), t.restore)
		t.discard = err != nil
	}
	if t.open || t.discard {
		_ = t.conn.Raw(func(any) error { return driver.ErrBadConn })
	}
	_ = t.conn.Close() // the connection may be gone; nothing is lost with it
	<-t.turn
}

// broken is the error of a statement that may have ended the transaction.
func (t *liteTx) broken() error {
	if err := t.ended.Load(); err != nil {
		return fmt.Errorf("sqlfence: an earlier statement ended the transaction: %w", *err)
	}
	return nil
}

// note remembers errors after which SQLite may have rolled back by itself. What
// comes after such a rollback would be committed statement by statement, without
// the fence.
func (t *liteTx) note(err error) error {
	if err == nil {
		return nil
	}
	code := liteCode(err)
	switch code {
	case liteBusy, liteNoMemory, liteInterrupt, liteIOError, liteFull:
	default:
		if !errors.Is(err, context.Canceled) && !errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, driver.ErrBadConn) {
			return err
		}
	}
	t.ended.CompareAndSwap(nil, &err)
	return err
}

func (t *liteTx) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	if err := t.broken(); err != nil {
		return nil, err
	}
	res, err := t.conn.ExecContext(ctx, query, args...)
	return res, t.note(err)
}

func (t *liteTx) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	if err := t.broken(); err != nil {
		return nil, err
	}
	rows, err := t.conn.QueryContext(ctx, query, args...)
	return rows, t.note(err)
}

func (t *liteTx) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	if t.broken() != nil {
		// A sql.Row with an error in it can only be had from database/sql.
		over, cancel := context.WithCancel(ctx)
		cancel()
		ctx = over
	}
	row := t.conn.QueryRowContext(ctx, query, args...)
	_ = t.note(row.Err())
	return row
}
