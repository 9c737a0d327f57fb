package apptest

import (
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func dialUnix(t *testing.T, path string) net.Conn {
	t.Helper()
	c, err := net.Dial("unix", path)
	require.NoError(t, err)
	t.Cleanup(func() { c.Close() })
	require.NoError(t, c.SetDeadline(time.Now().Add(10*time.Second)))
	return c
}

// TestUnixSocket: over a clean stop, a crash, and with or without a port.
func TestUnixSocket(t *testing.T) {
	path := filepath.Join(t.TempDir(), "socket")
	p := Start(t, Options{Flags: []string{"--unix-socket", path, "--unix-mode", "0770"}})
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.Equal(t, fs.FileMode(0o770), info.Mode().Perm())
	require.Equal(t, []string{"STORED"}, ask(t, dialUnix(t, path), "set k 0 0 1\r\nx\r\n", 1))
	require.Equal(t, []string{"VALUE k 0 1", "x", "END"}, ask(t, dial(t, p.Listen), "get k\r\n", 3))
	refused(t, Options{Flags: []string{"--unix-socket", path}}, path, "another process listens there")
	require.NoError(t, p.Stop())
	require.NoFileExists(t, path)

	p = Start(t, Options{Flags: []string{"--unix-socket", path, "--listen", "none"}})
	require.Equal(t, "none", p.Listen)
	require.Equal(t, []string{"MN"}, ask(t, dialUnix(t, path), "mn\r\n", 1))
	require.NoError(t, p.Kill())
	require.FileExists(t, path)

	p = Start(t, Options{Flags: []string{"--unix-socket", path, "--listen="}})
	c := dialUnix(t, path)
	require.Equal(t, []string{"MN"}, ask(t, c, "mn\r\n", 1))
	require.NoError(t, p.Stop())
	require.NoFileExists(t, path)
	_, err = io.Copy(io.Discard, c)
	require.NoError(t, err, "an end, no reset")
}

func TestUnixSocketRefused(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, []byte("precious"), 0o600))
	refused(t, Options{Flags: []string{"--unix-socket", file}}, file, "not a socket")
	content, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, "precious", string(content))
	refused(t, Options{Flags: []string{"--listen", "none"}}, "--unix-socket")
}
