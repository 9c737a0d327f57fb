package demo

import (
	"context"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/leasecache/leasecache/internal/pgtest"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { os.Exit(pgtest.Run(m)) }

func shortRun() Options {
	return Options{Duration: time.Second, Products: 500, Readers: 16, Writers: 8, Seed: 1, Delays: UsualDelays()}
}

// keepsAndRemoves runs the demo and demands what it promises. That plain goes stale is not demanded: a second on a busy
// machine is short; the demo's own --check does, in CI.
func keepsAndRemoves(t *testing.T, o Options) *Report {
	t.Helper()
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir)
	report, err := Run(t.Context(), o)
	require.NoError(t, err)
	require.True(t, report.Kept, report.Verdict)
	require.Len(t, report.Modes, 3)
	for _, m := range report.Modes {
		require.Positive(t, m.Reads, m.Mode)
		require.Positive(t, m.Hits, m.Mode)
		require.Positive(t, m.Loads, m.Mode)
		require.Positive(t, m.Writes, m.Mode)
		require.Positive(t, m.Left.Cached, m.Mode)
		require.Zero(t, m.Errors, "%s: %s", m.Mode, m.FirstError)
		require.LessOrEqual(t, m.AfterAck.Reads, m.AfterCommit.Reads, m.Mode)
	}
	require.Empty(t, entries(t, dir))
	return report
}

func entries(t *testing.T, dir string) []string {
	t.Helper()
	list, err := os.ReadDir(dir)
	require.NoError(t, err)
	var names []string
	for _, e := range list {
		names = append(names, e.Name())
	}
	return names
}

func TestRunOnSQLite(t *testing.T) {
	report := keepsAndRemoves(t, shortRun())
	require.True(t, strings.HasPrefix(report.Database, "SQLite 3."), report.Database)
}

func TestRunOnPostgres(t *testing.T) {
	dsn, ok := pgtest.DSN(t)
	if !ok {
		return
	}
	o := shortRun()
	o.Postgres = dsn
	report := keepsAndRemoves(t, o)
	require.True(t, strings.HasPrefix(report.Database, "PostgreSQL "), report.Database)
	require.Empty(t, schemas(t, o.Postgres))
}

func TestAnInterruptedRunLeavesNothing(t *testing.T) {
	databases := map[string]string{"SQLite": ""}
	if dsn, ok := pgtest.DSN(t); ok {
		databases["PostgreSQL"] = dsn
	}
	for name, dsn := range databases {
		for _, after := range []time.Duration{0, 5 * time.Millisecond, 700 * time.Millisecond} {
			t.Run(name+" after "+after.String(), func(t *testing.T) {
				before := goleak.IgnoreCurrent()
				dir := t.TempDir()
				t.Setenv("TMPDIR", dir)
				ctx, cancel := context.WithTimeout(t.Context(), after)
				defer cancel()
				o := shortRun()
				o.Duration, o.Postgres = time.Hour, dsn
				start := time.Now()
				_, err := Run(ctx, o)
				require.ErrorIs(t, err, ErrInterrupted)
				require.Less(t, time.Since(start), after+5*time.Second)
				require.Empty(t, entries(t, dir))
				if dsn != "" {
					require.Empty(t, schemas(t, dsn))
				}
				goleak.VerifyNone(t, before)
			})
		}
	}
}

func TestADatabaseThatIsNotThere(t *testing.T) {
	o := shortRun()
	o.Postgres = "postgres://demo:secret@127.0.0.1:1/none"
	_, err := Run(t.Context(), o)
	require.ErrorContains(t, err, "reach PostgreSQL")
	o.Postgres = "no dsn"
	_, err = Run(t.Context(), o)
	require.ErrorContains(t, err, "--postgres")
	require.NotContains(t, err.Error(), "secret")
}

// schemas lists what the demo left in a PostgreSQL.
func schemas(t *testing.T, dsn string) []string {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), dsn)
	require.NoError(t, err)
	defer func() { _ = conn.Close(t.Context()) }()
	rows, err := conn.Query(t.Context(), `SELECT nspname FROM pg_namespace WHERE nspname LIKE 'leasectl_demo_%'`)
	require.NoError(t, err)
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(t, err)
	return names
}
