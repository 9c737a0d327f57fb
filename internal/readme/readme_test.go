package readme

import (
	"bytes"
	"context"
	"database/sql"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	_ "modernc.org/sqlite"

	"github.com/leasecache/leasecache/client"
	"github.com/leasecache/leasecache/client/sqlfence"
	"github.com/leasecache/leasecache/server"
	"github.com/leasecache/leasecache/shard/single"
)

func TestTheProgramRuns(t *testing.T) {
	ctx := context.Background()
	db, err := sql.Open("sqlite", filepath.Join(t.TempDir(), "shop.db"))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	_, err = db.Exec("CREATE TABLE product (id TEXT PRIMARY KEY, price TEXT NOT NULL); INSERT INTO product VALUES ('product:1', '10')")
	require.NoError(t, err)

	fence := sqlfence.SQLite(db, sqlfence.Options{})
	cache, err := client.New(client.Options{Addr: serve(t), Fencer: fence})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, cache.Close()) })
	s := shop{fence, cache}
	require.NoError(t, s.install(ctx))

	price, err := s.price(ctx, "product:1")
	require.NoError(t, err)
	require.Equal(t, "10", price)
	require.NoError(t, s.setPrice(ctx, "product:1", "11"))
	price, err = s.price(ctx, "product:1")
	require.NoError(t, err)
	require.Equal(t, "11", price)
	res, err := cache.Peek(ctx, "product:1")
	require.NoError(t, err)
	require.Equal(t, client.Hit, res.Status, "the second read filled the cache")
	require.Equal(t, "11", string(res.Value))
	_, err = s.price(ctx, "product:2")
	require.ErrorIs(t, err, client.ErrNotFound)
}

// serve starts a node on a free port and returns its address.
func serve(t *testing.T) string {
	keeper, err := single.Open(t.TempDir(), single.Options{Shards: 16})
	require.NoError(t, err)
	srv, err := server.New(server.Config{Listen: "127.0.0.1:0", Memory: 64 << 20, Keeper: keeper})
	require.NoError(t, err)
	ended := make(chan error, 1)
	go func() { ended <- srv.Serve() }()
	t.Cleanup(func() {
		require.NoError(t, srv.Stop(context.Background()))
		require.NoError(t, <-ended)
		require.NoError(t, keeper.Close())
	})
	return srv.Addr().String()
}

// TestReadmeShowsTheProgram: the Go text in README.md is program_test.go from its
// function on.
func TestReadmeShowsTheProgram(t *testing.T) {
	program, err := os.ReadFile("program_test.go")
	require.NoError(t, err)
	_, program, found := bytes.Cut(program, []byte("\n\n// A shop"))
	require.True(t, found)
	want := "// A shop" + strings.TrimRight(string(program), "\n")

	text, err := os.ReadFile("../../README.md")
	require.NoError(t, err)
	_, rest, found := strings.Cut(string(text), "```go\n")
	require.True(t, found)
	got, _, found := strings.Cut(rest, "\n```")
	require.True(t, found)
	require.Equal(t, want, got, "README.md and program_test.go are to be the same")
}
