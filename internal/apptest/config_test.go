package apptest

import (
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestAlone: without a word about it the metadata are in ./leasecached.data.
func TestAlone(t *testing.T) {
	dir := t.TempDir()
	p := Start(t, Options{Bare: true, Dir: dir, Flags: []string{"--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"}})
	m, _ := readMap(t, p.Listen)
	require.Equal(t, 1024, m.Shards)
	require.DirExists(t, filepath.Join(dir, "leasecached.data"))
	require.NotEmpty(t, filesOf(t, filepath.Join(dir, "leasecached.data")))
	require.NoError(t, p.Stop())
}

func TestEphemeralLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	p := Start(t, Options{Dir: dir, Flags: []string{"--ephemeral"}})
	require.Contains(t, ask(t, dial(t, p.Listen), "lg k\r\n", 1)[0], "LE L")
	require.NoError(t, p.Stop())
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Empty(t, entries)
}

// TestWrittenOutCommandLine is the line of the contract that must keep working.
func TestWrittenOutCommandLine(t *testing.T) {
	p := Start(t, Options{Bare: true, Flags: []string{
		"--node-id", "n1", "--data-dir", DataDir(t), "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0",
		"--cluster", "127.0.0.1:0", "--memory", "1GiB", "--shards", "1024", "--threads", "2", "--session-ttl", "3s",
	}})
	m, _ := readMap(t, p.Listen)
	require.Equal(t, "n1", m.Nodes[0].ID)
}

// TestSettingsOverride: flag over environment over file.
func TestSettingsOverride(t *testing.T) {
	file := filepath.Join(t.TempDir(), "leasecached.toml")
	require.NoError(t, os.WriteFile(file, []byte("shards = 8\nnode-id = \"from-file\"\n"), 0o600))
	for name, c := range map[string]struct {
		flags, env []string
		shards     int
	}{
		"file":        {[]string{"--config", file}, nil, 8},
		"environment": {[]string{"--config", file}, []string{"LEASECACHED_SHARDS=4"}, 4},
		"flag":        {[]string{"--config", file, "--shards", "2"}, []string{"LEASECACHED_SHARDS=4"}, 2},
		"config env":  {nil, []string{"LEASECACHED_CONFIG=" + file}, 8},
	} {
		t.Run(name, func(t *testing.T) {
			p := Start(t, Options{Flags: c.flags, Env: c.env})
			m, _ := readMap(t, p.Listen)
			require.Equal(t, c.shards, m.Shards)
			require.Equal(t, "from-file", m.Nodes[0].ID)
		})
	}
}

func TestBadSettings(t *testing.T) {
	file := filepath.Join(t.TempDir(), "leasecached.toml")
	require.NoError(t, os.WriteFile(file, []byte("shrads = 8\n"), 0o600))
	refused(t, Options{Flags: []string{"--config", file}}, "shrads")
	require.NoError(t, os.WriteFile(file, []byte("shards = = 8\n"), 0o600))
	refused(t, Options{Flags: []string{"--config", file}}, file)
	refused(t, Options{Env: []string{"LEASECACHED_SHARDS=many"}}, "LEASECACHED_SHARDS")
}

// TestAdmin: the HTTP side answers what it promises, and only that.
func TestAdmin(t *testing.T) {
	p := Start(t, Options{Flags: []string{"--shards", "4"}})
	c := dial(t, p.Listen)
	ask(t, c, "lw held F e60000\r\n", 1)
	ask(t, c, "lg leased e60000\r\n", 1)
	ask(t, c, "set k 0 0 2\r\nhi\r\n", 1)
	for _, path := range []string{"/healthz", "/readyz"} {
		code, _ := fetch(t, p, path)
		require.Equal(t, http.StatusOK, code, path)
	}
	code, body := fetch(t, p, "/metrics")
	require.Equal(t, http.StatusOK, code)
	require.Contains(t, string(body), "# TYPE leasecache")
	for _, path := range []string{"status", "shards", "leases", "intents", "doubts", "inspect?key=k", "get?key=k"} {
		code, body := fetch(t, p, "/api/v1/"+path)
		require.Equal(t, http.StatusOK, code, "%s: %s", path, body)
		require.True(t, json.Valid(body), "%s: %s", path, body)
	}
	_, body = fetch(t, p, "/api/v1/leases")
	require.Contains(t, string(body), "leased")
	_, body = fetch(t, p, "/api/v1/intents")
	require.Contains(t, string(body), "held")
	code, _ = fetch(t, p, "/api/v1/no-such-thing")
	require.Equal(t, http.StatusNotFound, code)
}

func fetch(t *testing.T, p *Process, path string) (int, []byte) {
	t.Helper()
	resp, err := http.Get("http://" + p.Admin + path)
	require.NoError(t, err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return resp.StatusCode, body
}
