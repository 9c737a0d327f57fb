package sqlfence_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/leasecache/leasecache/client"
	"github.com/leasecache/leasecache/client/sqlfence"
)

// TestAStatementThatWasInterruptedEndsTheWrite: SQLite rolls back by itself
// then, and what follows would be committed without the fence.
func TestAStatementThatWasInterruptedEndsTheWrite(t *testing.T) {
	s := newSQLite(t).installed(t)
	in := intents(t, 3, 10)
	err := s.InTx(ctx(t), in, func(tx sqlfence.Tx) error {
		require.NoError(t, set(ctx(t), 1)(tx))
		short, cancel := context.WithTimeout(ctx(t), 50*time.Millisecond)
		defer cancel()
		_, err := tx.ExecContext(short, `INSERT INTO value
			WITH RECURSIVE c (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < 1000000000) SELECT 'k' || n, n FROM c`)
		require.Error(t, err)
		_, err = tx.ExecContext(ctx(t), "UPDATE value SET n = 2")
		require.ErrorContains(t, err, "ended the transaction")
		_, err = tx.QueryContext(ctx(t), "SELECT 1")
		require.Error(t, err)
		var n int
		require.Error(t, tx.QueryRowContext(ctx(t), "SELECT 1").Scan(&n))
		return nil // did not mind
	})
	require.Error(t, err)
	require.True(t, client.IsRolledBack(err))
	require.False(t, in.OutcomeUnknown())
	require.Zero(t, s.value(t))
	require.NoError(t, s.InTx(ctx(t), in, set(ctx(t), 3)))
}

func TestAConstraintDoesNotEndTheWrite(t *testing.T) {
	s := newSQLite(t).installed(t)
	require.NoError(t, s.InTx(ctx(t), intents(t, 3, 10), func(tx sqlfence.Tx) error {
		_, err := tx.ExecContext(ctx(t), "INSERT INTO value VALUES ('k', 1)")
		require.Error(t, err)
		return set(ctx(t), 4)(tx)
	}))
	require.Equal(t, 4, s.value(t))
}

// TestSchedule_U3_WhatTheSQLiteCommitSaid: a deferred constraint leaves the
// transaction open, and its rollback is the proof that nothing was committed;
// a transaction that is gone proves nothing.
func TestSchedule_U3_WhatTheSQLiteCommitSaid(t *testing.T) {
	s := newSQLite(t).installed(t)
	s.db.SetMaxOpenConns(1)
	for _, q := range []string{
		"PRAGMA foreign_keys = ON",
		"CREATE TABLE parent (n INTEGER PRIMARY KEY)",
		"CREATE TABLE child (n INTEGER REFERENCES parent DEFERRABLE INITIALLY DEFERRED)",
	} {
		_, err := s.db.Exec(q)
		require.NoError(t, err)
	}
	in := intents(t, 3, 10)
	err := s.InTx(ctx(t), in, func(tx sqlfence.Tx) error {
		_, err := tx.ExecContext(ctx(t), "INSERT INTO child VALUES (1)")
		return errors.Join(err, set(ctx(t), 1)(tx))
	})
	require.Error(t, err)
	require.True(t, client.IsRolledBack(err), "%v", err)
	require.Zero(t, s.value(t))

	err = s.InTx(ctx(t), in, func(tx sqlfence.Tx) error {
		_, err := tx.ExecContext(ctx(t), "COMMIT") // which a Tx must not do
		return err
	})
	require.Error(t, err)
	require.False(t, client.IsRolledBack(err))
	require.True(t, in.OutcomeUnknown())
	require.NoError(t, s.InTx(ctx(t), intents(t, 3, 10), set(ctx(t), 2)))
}

// TestSchedule_H10g_TheSQLiteFenceIsSynced, and the connection is as before.
func TestSchedule_H10g_TheSQLiteFenceIsSynced(t *testing.T) {
	s := newSQLite(t).installed(t)
	s.db.SetMaxOpenConns(1)
	_, err := s.db.Exec("PRAGMA synchronous = OFF")
	require.NoError(t, err)
	require.NoError(t, s.Fence.Fence(ctx(t), cluster, 3, 20))
	var sync int
	require.NoError(t, s.db.QueryRow("PRAGMA synchronous").Scan(&sync))
	require.Zero(t, sync)
}
