package apptest

import (
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/leasecache/leasecache/internal/apptest/wire"
	"github.com/stretchr/testify/require"
)

func TestMain(m *testing.M) { os.Exit(Main(m)) }

// TestWire runs every script of testdata/wire against a process of its own.
func TestWire(t *testing.T) {
	Binary(t, "leasecached") // built before the scripts run side by side
	for name, script := range scripts(t, "*.txt") {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.NoError(t, script.Run(&daemon{t: t, dataDir: DataDir(t)}))
		})
	}
}

// TestWireAgainstMemcached runs the scripts of memcached's own commands against
// memcached where it is installed: it is the reference for them, so a script that
// fails there is a wrong script. classic45-… holds what only the version that the
// contract names, and later ones, do; the others must pass on older ones too.
func TestWireAgainstMemcached(t *testing.T) {
	path, err := exec.LookPath("memcached")
	if err != nil {
		t.Log("no memcached here: the classic scripts are checked against leasecached alone")
		return
	}
	patterns := []string{"classic-*.txt"}
	if patchOf(t, path) >= 45 {
		patterns = append(patterns, "classic45-*.txt")
	}
	for _, pattern := range patterns {
		for name, script := range scripts(t, pattern) {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				require.NoError(t, script.Run(&reference{t: t, path: path}))
			})
		}
	}
}

// TestHolesAreThereInMemcached shows that the scripts named after the holes in the
// leases of memcached bite: memcached fails them.
func TestHolesAreThereInMemcached(t *testing.T) {
	path, err := exec.LookPath("memcached")
	if err != nil {
		t.Log("no memcached here: the holes are not shown")
		return
	}
	// Of the others 6 needs a flag of ours, and 7 is none.
	patterns := []string{"hole-1-*.txt", "hole-3-restart.txt", "hole-4-*.txt", "hole-5-*.txt"}
	if patchOf(t, path) >= 27 {
		patterns = append(patterns, "hole-2-*.txt")
	}
	for _, pattern := range patterns {
		for name, script := range scripts(t, pattern) {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				err := script.Run(&reference{t: t, path: path})
				require.Error(t, err)
				t.Log(err)
			})
		}
	}
}

// patchOf gives the n of memcached 1.6.n.
func patchOf(t *testing.T, path string) (patch int) {
	t.Helper()
	said, err := exec.Command(path, "-V").Output()
	require.NoError(t, err)
	_, err = fmt.Sscanf(string(said), "memcached 1.6.%d", &patch)
	require.NoError(t, err, "%s", said)
	return patch
}

func scripts(t *testing.T, pattern string) map[string]*wire.Script {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("testdata", "wire", pattern))
	require.NoError(t, err)
	require.NotEmpty(t, files)
	out := map[string]*wire.Script{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		name := strings.TrimSuffix(filepath.Base(file), ".txt")
		out[name], err = wire.Parse(filepath.Base(file), string(text))
		require.NoError(t, err)
	}
	return out
}

// daemon is a leasecached for a script; its data directory outlives its restarts.
type daemon struct {
	t       *testing.T
	dataDir string
	process *Process
}

func (d *daemon) Start(flags []string) (string, error) {
	p, err := Launch(d.t, Options{Flags: flags, DataDir: d.dataDir})
	if err != nil {
		return "", err
	}
	d.process = p
	return p.Listen, nil
}

func (d *daemon) Stop() error             { return d.process.Stop() }
func (d *daemon) Kill() error             { return d.process.Kill() }
func (d *daemon) Logged(text string) bool { return strings.Contains(d.process.Log(), text) }

// reference is a memcached for a script.
type reference struct {
	t    *testing.T
	path string
	cmd  *exec.Cmd
}

func (r *reference) Start(flags []string) (string, error) {
	if len(flags) > 0 {
		return "", fmt.Errorf("the classic scripts take no flags, not %q", flags)
	}
	addr, err := freeAddr()
	if err != nil {
		return "", err
	}
	_, port, err := net.SplitHostPort(addr)
	if err != nil {
		return "", err
	}
	r.cmd = exec.Command(r.path, "-l", "127.0.0.1", "-p", port, "-U", "0", "-u", "nobody")
	if err := r.cmd.Start(); err != nil {
		return "", err
	}
	r.t.Cleanup(func() { _ = r.Kill() }) // gone already after a script that stops it
	for deadline := time.Now().Add(StartTimeout); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		if answers(addr) {
			return addr, nil
		}
	}
	return "", fmt.Errorf("memcached does not answer on %s", addr)
}

// answers says whether a memcached speaks at the address: a listener alone may be
// somebody else's.
func answers(addr string) bool {
	c, err := net.DialTimeout("tcp", addr, time.Second)
	if err != nil {
		return false
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(time.Second)) // a connection that cannot take it fails below
	if _, err := io.WriteString(c, "mn\r\n"); err != nil {
		return false
	}
	var reply [4]byte
	_, err = io.ReadFull(c, reply[:])
	return err == nil && string(reply[:]) == "MN\r\n"
}

func (r *reference) Stop() error { return r.Kill() }

func (r *reference) Kill() error {
	if err := r.cmd.Process.Kill(); err != nil {
		return err
	}
	_ = r.cmd.Wait() // it says that it was killed
	return nil
}

func (r *reference) Logged(string) bool { return false }

// freeAddr returns a loopback address that was free a moment ago, for programs
// that cannot choose one themselves.
func freeAddr() (string, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer ln.Close()
	return ln.Addr().String(), nil
}
