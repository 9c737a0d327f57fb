package sqlfence_test

import (
	"context"
	"database/sql"
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/leasecache/leasecache/client"
	"github.com/leasecache/leasecache/client/sqlfence"
)

var levels = []sql.IsolationLevel{sql.LevelDefault, sql.LevelReadCommitted, sql.LevelRepeatableRead, sql.LevelSerializable}

// TestSchedule_H10d_EveryIsolationLevelSeesTheFence: the fence is raised between
// the start of the writer's transaction and his look at the row.
func TestSchedule_H10d_EveryIsolationLevelSeesTheFence(t *testing.T) {
	s := newPostgres(t)
	if s == nil {
		return
	}
	s.installed(t)
	for i, level := range levels {
		t.Run(level.String(), func(t *testing.T) {
			fence := s.fence(sqlfence.Options{Isolation: level})
			token := uint64(10 * (i + 1))
			// A recoverer holds the locks of both kinds and has raised the row; the
			// writer's transaction begins and waits behind him.
			rec, err := s.db.BeginTx(ctx(t), nil)
			require.NoError(t, err)
			_, err = rec.Exec("SELECT pg_advisory_xact_lock(hashtextextended('leasecache_fence " + cluster + " 3', 0))")
			require.NoError(t, err)
			_, err = rec.Exec("UPDATE leasecache_fence SET token = $1 WHERE cluster = $2 AND shard = 3", int64(token+1), cluster)
			require.NoError(t, err)
			wrote := make(chan error)
			go func() {
				wrote <- fence.InTx(ctx(t), intents(t, 3, token), func(sqlfence.Tx) error { t.Error("called"); return nil })
			}()
			require.Eventually(t, func() bool {
				var waiting bool
				err := s.db.QueryRow("SELECT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND NOT granted)").Scan(&waiting)
				return err == nil && waiting
			}, 10*time.Second, time.Millisecond, "both sides take the same advisory lock")
			require.NoError(t, rec.Commit())
			err = <-wrote
			require.ErrorIs(t, err, client.ErrFenced)
			require.True(t, client.IsRolledBack(err))
			require.NoError(t, fence.InTx(ctx(t), intents(t, 3, token+1), set(ctx(t), 1)))
		})
	}
}

// TestSchedule_H10e_ASavepointDoesNotReleaseTheFence, as the check is taken at
// top level.
func TestSchedule_H10e_ASavepointDoesNotReleaseTheFence(t *testing.T) {
	s := newPostgres(t)
	if s == nil {
		return
	}
	s.installed(t)
	impatient := s.fence(sqlfence.Options{LockTimeout: 100 * time.Millisecond})
	require.NoError(t, s.InTx(ctx(t), intents(t, 3, 10), func(tx sqlfence.Tx) error {
		for _, q := range []string{"SAVEPOINT a", "UPDATE value SET n = 1", "ROLLBACK TO a", "SAVEPOINT b", "RELEASE b"} {
			_, err := tx.ExecContext(ctx(t), q)
			require.NoError(t, err)
			require.Error(t, impatient.Fence(ctx(t), cluster, 3, 20))
		}
		return nil
	}))
	require.NoError(t, impatient.Fence(ctx(t), cluster, 3, 20))
}

// TestSchedule_H10g_TheFenceIsCommittedDurably, whatever the sessions' default.
func TestSchedule_H10g_TheFenceIsCommittedDurably(t *testing.T) {
	s := newPostgres(t)
	if s == nil {
		return
	}
	s.installed(t)
	for _, q := range []string{
		"DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET synchronous_commit = off', current_database()); END $$",
		"CREATE TABLE seen (sync text, lock text)",
		`CREATE FUNCTION see() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
			INSERT INTO seen VALUES (current_setting('synchronous_commit'), current_setting('lock_timeout')); RETURN NEW; END $$`,
		"CREATE TRIGGER see AFTER UPDATE ON leasecache_fence FOR EACH ROW EXECUTE FUNCTION see()",
	} {
		_, err := s.db.Exec(q)
		require.NoError(t, err)
	}
	s.db.SetMaxIdleConns(0) // new sessions, with the new default
	require.NoError(t, s.Fence.Fence(ctx(t), cluster, 3, 20))
	var sync, lock, now string
	require.NoError(t, s.db.QueryRow("SELECT sync, lock, current_setting('synchronous_commit') FROM seen").Scan(&sync, &lock, &now))
	require.Equal(t, "on", sync)
	require.Equal(t, "4s", lock)
	require.Equal(t, "off", now)
}

// TestSchedule_U3_WhatThePostgresCommitSaid: errors of COMMIT by what the
// database has really done.
func TestSchedule_U3_WhatThePostgresCommitSaid(t *testing.T) {
	s := newPostgres(t)
	if s == nil {
		return
	}
	s.installed(t)
	for _, q := range []string{
		"CREATE TABLE parent (n integer PRIMARY KEY)",
		"CREATE TABLE child (n integer REFERENCES parent DEFERRABLE INITIALLY DEFERRED)",
		"CREATE TABLE slow (seconds float)",
		"CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(NEW.seconds); RETURN NEW; END $$",
		"CREATE CONSTRAINT TRIGGER slow AFTER INSERT ON slow DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION slow()",
	} {
		_, err := s.db.Exec(q)
		require.NoError(t, err)
	}
	count := func(table string) (n int) {
		require.NoError(t, s.db.QueryRow("SELECT count(*) FROM "+table).Scan(&n))
		return n
	}

	in := intents(t, 3, 10)
	err := s.InTx(ctx(t), in, func(tx sqlfence.Tx) error {
		_, err := tx.ExecContext(ctx(t), "INSERT INTO child VALUES (1)")
		require.NoError(t, err)
		return nil
	})
	require.Error(t, err)
	require.True(t, client.IsRolledBack(err), "a deferred constraint: %v", err)

	err = s.InTx(ctx(t), in, func(tx sqlfence.Tx) error {
		_, _ = tx.ExecContext(ctx(t), "SELECT 1/0") // fails, and nobody minds
		return nil
	})
	require.ErrorIs(t, err, pgx.ErrTxCommitRollback)
	require.True(t, client.IsRolledBack(err), "COMMIT was answered by ROLLBACK: %v", err)
	require.False(t, in.OutcomeUnknown())

	// The caller's context ends while COMMIT is under way: it goes on.
	c, cancel := context.WithCancel(ctx(t))
	err = s.InTx(c, in, func(tx sqlfence.Tx) error {
		_, err := tx.ExecContext(c, "INSERT INTO slow VALUES (0.3)")
		time.AfterFunc(100*time.Millisecond, cancel)
		return err
	})
	require.NoError(t, err)
	require.Equal(t, 1, count("slow"))

	// COMMIT takes longer than it may: nobody knows.
	hasty := s.fence(sqlfence.Options{CommitTimeout: 100 * time.Millisecond})
	start := time.Now()
	err = hasty.InTx(ctx(t), in, func(tx sqlfence.Tx) error {
		_, err := tx.ExecContext(ctx(t), "INSERT INTO slow VALUES (3)")
		return err
	})
	require.Error(t, err)
	require.False(t, client.IsRolledBack(err))
	require.True(t, in.OutcomeUnknown())
	require.Less(t, time.Since(start), 2*time.Second)

	// The session is shut down in COMMIT.
	in = intents(t, 3, 10)
	err = s.InTx(ctx(t), in, func(tx sqlfence.Tx) error {
		var pid int
		require.NoError(t, tx.QueryRowContext(ctx(t), "SELECT pg_backend_pid()").Scan(&pid))
		_, err := tx.ExecContext(ctx(t), "INSERT INTO slow VALUES (5)")
		time.AfterFunc(200*time.Millisecond, func() { _, _ = s.db.Exec(fmt.Sprintf("SELECT pg_terminate_backend(%d)", pid)) })
		return err
	})
	require.Error(t, err)
	require.False(t, client.IsRolledBack(err), "%v", err)
	require.True(t, in.OutcomeUnknown())

	// The session is shut down before COMMIT, in a statement.
	in = intents(t, 3, 10)
	err = s.InTx(ctx(t), in, func(tx sqlfence.Tx) error {
		_, err := tx.ExecContext(ctx(t), "SELECT pg_terminate_backend(pg_backend_pid())")
		return err
	})
	require.Error(t, err)
	require.True(t, client.IsRolledBack(err), "COMMIT was never sent: %v", err)
}

// TestSerializationFailuresAreRollbacks at COMMIT, under SERIALIZABLE.
func TestSerializationFailuresAreRollbacks(t *testing.T) {
	s := newPostgres(t)
	if s == nil {
		return
	}
	s.installed(t)
	_, err := s.db.Exec("INSERT INTO value VALUES ('other', 0)")
	require.NoError(t, err)
	fence := s.fence(sqlfence.Options{Isolation: sql.LevelSerializable})
	skew := func(read, write string, between func()) error {
		return fence.InTx(ctx(t), intents(t, 3, 10), func(tx sqlfence.Tx) error {
			var n int
			if err := tx.QueryRowContext(ctx(t), "SELECT n FROM value WHERE k = $1", read).Scan(&n); err != nil {
				return err
			}
			if _, err := tx.ExecContext(ctx(t), "UPDATE value SET n = n + 1 WHERE k = $1", write); err != nil {
				return err
			}
			between()
			return nil
		})
	}
	err = skew("k", "other", func() { require.NoError(t, skew("other", "k", func() {})) })
	require.Error(t, err)
	require.True(t, client.IsRolledBack(err))
}
