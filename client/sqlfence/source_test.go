package sqlfence_test

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib"
	"github.com/stretchr/testify/require"
	_ "modernc.org/sqlite"

	"github.com/leasecache/leasecache/client"
	"github.com/leasecache/leasecache/client/sqlfence"
	"github.com/leasecache/leasecache/internal/pgtest"
)

func TestMain(m *testing.M) { os.Exit(pgtest.Run(m)) }

// source is a database with a fence and a table of values.
type source struct {
	db *sql.DB
	sqlfence.Fence
	fence func(o sqlfence.Options) *sqlfence.Fence
}

// onEach runs a test against every kind of database.
func onEach(t *testing.T, test func(t *testing.T, s *source)) {
	t.Run("sqlite", func(t *testing.T) { test(t, newSQLite(t)) })
	t.Run("postgres", func(t *testing.T) {
		if s := newPostgres(t); s != nil {
			test(t, s)
		}
	})
}

func newSQLite(t *testing.T) *source {
	db, err := sql.Open("sqlite", filepath.Join(t.TempDir(), "source.db")+"?_pragma=journal_mode(WAL)")
	require.NoError(t, err)
	return newSource(t, db, func(o sqlfence.Options) *sqlfence.Fence { return sqlfence.SQLite(db, o) })
}

// newPostgres returns nil where there is to be no PostgreSQL.
func newPostgres(t *testing.T) *source {
	dsn, ok := pgtest.DSN(t)
	if !ok {
		return nil
	}
	db, err := sql.Open("pgx", dsn)
	require.NoError(t, err)
	return newSource(t, db, func(o sqlfence.Options) *sqlfence.Fence { return sqlfence.Postgres(db, o) })
}

func newSource(t *testing.T, db *sql.DB, fence func(sqlfence.Options) *sqlfence.Fence) *source {
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	_, err := db.Exec("CREATE TABLE value (k varchar(20) PRIMARY KEY, n integer NOT NULL)")
	require.NoError(t, err)
	_, err = db.Exec("INSERT INTO value VALUES ('k', 0)")
	require.NoError(t, err)
	return &source{db: db, Fence: *fence(sqlfence.Options{}), fence: fence}
}

func (s *source) installed(t *testing.T) *source {
	require.NoError(t, s.Install(ctx(t), cluster, shards))
	return s
}

func (s *source) row(t *testing.T, shard uint32) (token uint64) {
	t.Helper()
	require.NoError(t, s.db.QueryRow(fmt.Sprintf("SELECT token FROM leasecache_fence WHERE cluster = '%s' AND shard = %d", cluster, shard)).Scan(&token))
	return token
}

func (s *source) value(t *testing.T) (n int) {
	t.Helper()
	require.NoError(t, s.Read(ctx(t), func(tx sqlfence.Tx) error {
		return tx.QueryRowContext(ctx(t), "SELECT n FROM value WHERE k = 'k'").Scan(&n)
	}))
	return n
}

func set(c context.Context, n int) func(tx sqlfence.Tx) error {
	return func(tx sqlfence.Tx) error {
		_, err := tx.ExecContext(c, fmt.Sprintf("UPDATE value SET n = %d WHERE k = 'k'", n))
		return err
	}
}

func ctx(t testing.TB) context.Context {
	c, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	t.Cleanup(cancel)
	return c
}

// intents with these tokens, all of one shard.
func intents(t testing.TB, shard uint32, tokens ...uint64) client.Intents {
	var list []client.Intent
	for i, token := range tokens {
		list = append(list, client.Intent{Key: fmt.Sprint("k", i), Token: token, Cluster: cluster, Shard: shard})
	}
	in, err := client.NewIntents(list...)
	require.NoError(t, err)
	return in
}
