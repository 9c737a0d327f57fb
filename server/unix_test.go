package server

import (
	"bufio"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/leasecache/leasecache/shard/single"
)

func dialUnix(t testing.TB, path string) *peer {
	t.Helper()
	nc, err := net.Dial("unix", path)
	require.NoError(t, err)
	t.Cleanup(func() { _ = nc.Close() })
	return &peer{t: t, nc: nc, r: bufio.NewReader(nc)}
}

func socketPath(t testing.TB) string { return filepath.Join(t.TempDir(), "socket") }

// A socket beside the port leads to the same values.
func TestUnixSocketBesideThePort(t *testing.T) {
	path := socketPath(t)
	s := start(t, func(c *Config) { c.UnixSocket = path })
	near, far := dialUnix(t, path), dial(t, s)
	near.send("set k 0 0 1\nx\n")
	near.expect("STORED")
	far.send("get k\n")
	far.expect("VALUE k 0 1", "x", "END")
	token := far.lease("l")
	near.send("lg l v w5000\n")
	far.send("ls l 1 L" + token + "\ny\n")
	near.expect("VA 1", "y")
}

func TestUnixSocketAlone(t *testing.T) {
	path := socketPath(t)
	s := start(t, func(c *Config) { c.Listen, c.UnixSocket = NoPort, path })
	require.Equal(t, path, s.Addr().String())
	p := dialUnix(t, path)
	p.send("mn\n")
	p.expect("MN")
}

func TestUnixSocketHasItsMode(t *testing.T) {
	for mode, want := range map[fs.FileMode]fs.FileMode{0: 0o700, 0o777: 0o777, 0o660: 0o660} {
		path := socketPath(t)
		start(t, func(c *Config) { c.UnixSocket, c.UnixMode = path, mode })
		info, err := os.Stat(path)
		require.NoError(t, err)
		require.Equal(t, want, info.Mode().Perm())
	}
}

// try begins a server on the path, and closes it again.
func try(t testing.TB, path string) (*Server, error) {
	t.Helper()
	keeper, err := single.Ephemeral(single.Options{Shards: 1}, false)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, keeper.Close()) })
	return New(Config{Listen: NoPort, UnixSocket: path, Memory: 64 << 20, Loops: *loops, Ring: *ring, Keeper: keeper})
}

// What a process left that was killed is replaced.
func TestStaleUnixSocketIsReplaced(t *testing.T) {
	path := socketPath(t)
	ln, err := net.Listen("unix", path)
	require.NoError(t, err)
	ln.(*net.UnixListener).SetUnlinkOnClose(false)
	require.NoError(t, ln.Close())
	require.FileExists(t, path)
	start(t, func(c *Config) { c.UnixSocket = path })
	p := dialUnix(t, path)
	p.send("mn\n")
	p.expect("MN")
}

func TestWhatIsNoStaleUnixSocketIsLeftAlone(t *testing.T) {
	path := socketPath(t)
	start(t, func(c *Config) { c.UnixSocket = path })
	_, err := try(t, path)
	require.ErrorContains(t, err, "another process listens there")
	p := dialUnix(t, path)
	p.send("mn\n")
	p.expect("MN")

	file := socketPath(t)
	require.NoError(t, os.WriteFile(file, []byte("precious"), 0o600))
	link := filepath.Join(t.TempDir(), "link")
	require.NoError(t, os.Symlink(path, link))
	for _, other := range []string{file, filepath.Dir(file), link} {
		_, err = try(t, other)
		require.ErrorContains(t, err, "not a socket", other)
	}
	content, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, "precious", string(content))

	_, err = try(t, filepath.Join(file, "below"))
	require.ErrorContains(t, err, "not a directory")
	_, err = try(t, "/"+strings.Repeat("x", 200))
	require.ErrorContains(t, err, "too long")
	_, err = try(t, "a\x00b")
	require.Error(t, err)
}

// A stop removes the socket, but not that of a process that took the name over.
func TestStopRemovesItsUnixSocket(t *testing.T) {
	path := socketPath(t)
	s, err := try(t, path)
	require.NoError(t, err)
	require.FileExists(t, path)
	require.NoError(t, s.Stop(t.Context()))
	require.NoFileExists(t, path)

	s, err = try(t, path)
	require.NoError(t, err)
	require.NoError(t, os.Remove(path))
	next, err := try(t, path)
	require.NoError(t, err)
	require.NoError(t, s.Stop(t.Context()))
	require.FileExists(t, path)
	require.NoError(t, next.Stop(t.Context()))
	require.NoFileExists(t, path)
}

// A name that systems keep apart from files would be open to everybody.
func TestUnixSocketIsAlwaysAFile(t *testing.T) {
	t.Chdir(t.TempDir())
	s, err := try(t, "@name")
	require.NoError(t, err)
	require.FileExists(t, "@name")
	require.NoError(t, s.Stop(t.Context()))
}
