package pgtest_test

import (
	"database/sql"
	"os"
	"testing"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"
	"github.com/stretchr/testify/require"

	"github.com/leasecache/leasecache/internal/pgtest"
)

func TestMain(m *testing.M) { os.Exit(pgtest.Run(m)) }

func TestEachTestHasADatabaseOfItsOwn(t *testing.T) {
	for range 2 {
		dsn, ok := pgtest.DSN(t)
		if !ok {
			return
		}
		db, err := sql.Open("pgx", dsn)
		require.NoError(t, err)
		_, err = db.Exec("CREATE TABLE t (n integer)")
		require.NoError(t, err)
		require.NoError(t, db.Close())
	}
}

func TestAServerLeavesNothingBehind(t *testing.T) {
	if os.Getenv(pgtest.NoPostgres) == "1" {
		return
	}
	s, err := pgtest.Start()
	require.NoError(t, err)
	db, err := sql.Open("pgx", s.DSN("postgres"))
	require.NoError(t, err)
	require.NoError(t, db.Ping())
	require.NoError(t, s.Stop())
	require.Error(t, db.Ping())
	require.NoError(t, db.Close())
}
