package sqlfence

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/leasecache/leasecache/client"
)

// Options configure a Fence. What zero means stands in brackets.
type Options struct {
	// LockTimeout bounds how long Fence waits for the writers of a shard [4 s,
	// less than the shortest lease in doubt lasts].
	LockTimeout time.Duration
	// CommitTimeout bounds COMMIT of InTx; then its outcome is unknown [10 s].
	// Drivers that do not let a COMMIT be given up wait for the network.
	CommitTimeout time.Duration
	// Isolation is the level of InTx on PostgreSQL [the database's default]. The
	// fence is right under every level.
	Isolation sql.IsolationLevel
	// RolledBack tells of an error of COMMIT whether it is the driver's word for
	// "rolled back", beyond what the package knows [none].
	RolledBack func(err error) bool
}

// Tx is what a write may use. It is not to be kept, and sends no BEGIN, COMMIT,
// ROLLBACK or PREPARE TRANSACTION of its own.
type Tx interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// ErrNotInstalled: the fence has no row for a shard, so nothing may be written.
// The cure is Install with the id and the shard count of the cluster.
var ErrNotInstalled = errors.New("sqlfence: the fence is not installed")

// Fence is the fence of any number of clusters in one database. It is a
// client.Fencer, and safe for concurrent use.
type Fence struct {
	d dialect
}

var _ client.Fencer = (*Fence)(nil)

// dialect is how one kind of database does the parts.
type dialect interface {
	install(ctx context.Context, cluster string, shards uint32) error
	// inTx runs fn in a transaction after check found no row above its guard. Its
	// error carries the mark of client.RolledBack where that is certain.
	inTx(ctx context.Context, in client.Intents, fn func(Tx) error) error
	fence(ctx context.Context, cluster string, shard uint32, token int64) error
	read(ctx context.Context, fn func(Tx) error) error
}

func (o Options) filled() Options {
	if o.LockTimeout <= 0 {
		o.LockTimeout = 4 * time.Second
	}
	if o.CommitTimeout <= 0 {
		o.CommitTimeout = 10 * time.Second
	}
	return o
}

// Install makes the table, if it is not there, and a row for each shard of the
// cluster that has none. It never changes a row, so it may run at every start
// and beside writers. It needs the right to create a table the first time.
func (f *Fence) Install(ctx context.Context, cluster string, shards uint32) error {
	if cluster == "" || shards == 0 || shards > math.MaxInt32 {
		return fmt.Errorf("sqlfence: install: cluster %q with %d shards", cluster, shards)
	}
	if err := f.d.install(ctx, cluster, shards); err != nil {
		return fmt.Errorf("sqlfence: install: %w", err)
	}
	return nil
}

// InTx runs fn in a transaction that has checked the fence for the intents, and
// commits it. ctx must be the one the write function was given: it ends before
// the intents do, and ends the waits and statements of fn.
//
// The error is made for client.Update:
//
//	nil                         committed
//	marked client.RolledBack    surely not: fn failed (its error is wrapped), the
//	                            database refused, ErrNotInstalled, or ErrFenced
//	unmarked                    unknown; the intents remember it
//
// Under intents of which a transaction ended unknown InTx does nothing any more.
// A panic of fn rolls back and goes on.
func (f *Fence) InTx(ctx context.Context, in client.Intents, fn func(tx Tx) error) error {
	if in.OutcomeUnknown() {
		return errors.New("sqlfence: a transaction under these intents ended with an unknown outcome; the next one needs new intents")
	}
	guards := in.Guards()
	if len(guards) == 0 {
		return client.RolledBack(errors.New("sqlfence: a write without intents"))
	}
	for _, g := range guards {
		if g.Token > math.MaxInt64 {
			return client.RolledBack(fmt.Errorf("sqlfence: token %d does not fit the fence", g.Token))
		}
	}
	if err := ctx.Err(); err != nil {
		return client.RolledBack(err)
	}
	err := f.d.inTx(ctx, in, fn)
	if err != nil && !client.IsRolledBack(err) {
		in.MarkUnknown()
	}
	return err
}

// Fence raises the row of a shard to at least token, once all writers who have
// looked at it are done. It returns nil only when the commit of that was
// acknowledged. It must not be called from within an open transaction on the
// shard: it would wait for that until LockTimeout.
func (f *Fence) Fence(ctx context.Context, cluster string, shard uint32, token uint64) error {
	if token > math.MaxInt64 {
		return fmt.Errorf("sqlfence: token %d does not fit the fence", token)
	}
	if err := f.d.fence(ctx, cluster, shard, int64(token)); err != nil {
		return fmt.Errorf("sqlfence: fence shard %d at %d: %w", shard, token, err)
	}
	return nil
}

// Read runs fn in a read-only transaction of its own, with one snapshot that is
// opened now: what a loader needs.
func (f *Fence) Read(ctx context.Context, fn func(tx Tx) error) error {
	return f.d.read(ctx, fn)
}

// row is a row of the fence as a writer found it.
type row struct {
	shard uint32
	token uint64
}

// check compares the rows a writer found with his guards.
func check(cluster string, guards []client.Guard, rows []row) error {
	found := make(map[uint32]uint64, len(rows))
	for _, r := range rows {
		found[r.shard] = r.token
	}
	for _, g := range guards {
		token, ok := found[g.Shard]
		if !ok {
			return notInstalled(cluster, g.Shard)
		}
		if token > g.Token {
			return &client.FencedError{Shard: g.Shard, Token: g.Token, Row: token}
		}
	}
	return nil
}

func notInstalled(cluster string, shard uint32) error {
	return fmt.Errorf("%w: leasecache_fence has no row for shard %d of cluster %s; run Install for that cluster in this database",
		ErrNotInstalled, shard, cluster)
}

// scan reads rows of (shard, token).
func scan(rows *sql.Rows, err error) ([]row, error) {
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var list []row
	for rows.Next() {
		var shard, token int64
		if err := rows.Scan(&shard, &token); err != nil {
			return nil, err
		}
		list = append(list, row{shard: uint32(shard), token: uint64(token)})
	}
	return list, rows.Err()
}
