package apptest

import (
	"io"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// refused starts a leasecached that must not come up and checks the manner: exit
// code 1 or 2, and one plain sentence that names what is wrong.
func refused(t *testing.T, o Options, names ...string) {
	t.Helper()
	p, err := Spawn(t, o)
	require.NoError(t, err)
	code, err := p.Wait(10 * time.Second)
	require.NoError(t, err)
	require.Contains(t, []int{1, 2}, code, p.Log())
	said := strings.TrimSpace(p.Log())
	require.NotEmpty(t, said, "it must say why")
	require.NotContains(t, said, "\n", "one sentence")
	require.NotContains(t, said, "panic")
	require.NotContains(t, said, "goroutine")
	for _, name := range names {
		require.Contains(t, said, name)
	}
}

func TestPortInUse(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer ln.Close()
	for _, flag := range []string{"--listen", "--admin"} {
		refused(t, Options{Flags: []string{flag, ln.Addr().String()}}, ln.Addr().String())
	}
}

func TestUnusableDataDir(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, []byte("x"), 0o600))
	refused(t, Options{Flags: []string{"--data-dir", file}}, file)
	refused(t, Options{Flags: []string{"--data-dir", filepath.Join(file, "below")}}, file)
}

func TestUnreadableDataDir(t *testing.T) {
	dir := DataDir(t)
	require.NoError(t, Start(t, Options{DataDir: dir}).Stop())
	// A directory of its own name takes the place of each file: that no user, not
	// even root, can read as a file.
	for _, file := range filesOf(t, dir) {
		require.NoError(t, os.Rename(file, file+".away"))
		require.NoError(t, os.Mkdir(file, 0o700))
	}
	refused(t, Options{DataDir: dir}, dir)
}

// TestDamagedState: a data directory that cannot be understood is never taken for
// an empty one, which would forget epochs and doubts.
func TestDamagedState(t *testing.T) {
	for name, damage := range map[string]func([]byte) []byte{
		"torn":    func(b []byte) []byte { return b[:len(b)/2] },
		"flipped": func(b []byte) []byte { b[len(b)/2] ^= 0x55; return b },
		"empty":   func([]byte) []byte { return nil },
	} {
		t.Run(name, func(t *testing.T) {
			dir := DataDir(t)
			require.NoError(t, Start(t, Options{DataDir: dir, Flags: []string{"--shards", "4"}}).Stop())
			damaged := 0
			for _, file := range filesOf(t, dir) {
				content, err := os.ReadFile(file)
				require.NoError(t, err)
				if len(content) < 16 {
					continue // a lock file says nothing
				}
				require.NoError(t, os.WriteFile(file, damage(content), 0o600))
				damaged++
			}
			require.Positive(t, damaged, "the epochs must be somewhere")
			refused(t, Options{DataDir: dir, Flags: []string{"--shards", "4"}}, dir)
		})
	}
}

func TestSecondProcessOnTheDirectory(t *testing.T) {
	dir := DataDir(t)
	p := Start(t, Options{DataDir: dir})
	refused(t, Options{DataDir: dir}, dir)
	require.Equal(t, []string{"MN"}, ask(t, dial(t, p.Listen), "mn\r\n", 1), "the first one goes on")
	// Not even a process that cannot answer has lost the directory.
	require.NoError(t, p.Signal(syscall.SIGSTOP))
	refused(t, Options{DataDir: dir}, dir)
	require.NoError(t, p.Signal(syscall.SIGCONT))
	require.NoError(t, p.Kill())
	Start(t, Options{DataDir: dir})
}

func TestBadFlags(t *testing.T) {
	for name, flags := range map[string][]string{
		"--no-such-flag":     {"--no-such-flag"},
		"--memory":           {"--memory", "lots"},
		"--shards":           {"--shards", "0"},
		"--listen":           {"--listen", "nonsense"},
		"--config":           {"--config", "/nonexistent/leasecached.toml"},
		"stray":              {"stray"},
		"--cluster-id":       {"--ephemeral", "--volatile-intents"},
		"--stall-timeout":    {"--stall-timeout", "soon"},
		"--volatile-intents": {"--volatile-intents=perhaps"},
	} {
		t.Run(name, func(t *testing.T) {
			refused(t, Options{Flags: flags}, strings.TrimPrefix(name, "--"))
		})
	}
}

func TestShardsAreComparedLater(t *testing.T) {
	dir := DataDir(t)
	require.NoError(t, Start(t, Options{DataDir: dir, Flags: []string{"--shards", "8"}}).Stop())
	refused(t, Options{DataDir: dir, Flags: []string{"--shards", "16"}}, "8", "16")
	m, _ := readMap(t, Start(t, Options{DataDir: dir}).Listen)
	require.Equal(t, 8, m.Shards, "without the flag the cluster's own count holds")
}

func TestStopAnswersParkedReaders(t *testing.T) {
	p := Start(t, Options{})
	holder, parked, idle := dial(t, p.Listen), dial(t, p.Listen), dial(t, p.Listen)
	require.Contains(t, ask(t, holder, "lg k e60000\r\n", 1)[0], "LE L")
	_, err := io.WriteString(parked, "lg k v w60000\r\nset side 0 0 1\r\nx\r\n")
	require.NoError(t, err)
	require.Equal(t, []string{"MN"}, ask(t, idle, "mn\r\n", 1))
	time.Sleep(100 * time.Millisecond)

	begun := time.Now()
	require.NoError(t, p.Signal(syscall.SIGTERM))
	for _, c := range []net.Conn{parked, holder, idle} {
		_, err := io.Copy(io.Discard, c)
		if err != nil {
			require.ErrorIs(t, err, syscall.ECONNRESET, "an answer and an end, or an end")
		}
	}
	code, err := p.Wait(5 * time.Second)
	require.NoError(t, err)
	require.Zero(t, code, p.Log())
	require.Less(t, time.Since(begun), 5*time.Second)
}

// TestStopsWhileClientsKeepAsking: clients that never cease do not keep the process
// from ending.
func TestStopsWhileClientsKeepAsking(t *testing.T) {
	p := Start(t, Options{})
	done := make(chan struct{})
	c := dial(t, p.Listen)
	go func() {
		defer close(done)
		for {
			if _, err := io.WriteString(c, "lg k\r\nld k\r\n"); err != nil {
				return
			}
		}
	}()
	go func() { _, _ = io.Copy(io.Discard, c) }() // ends with the connection
	time.Sleep(100 * time.Millisecond)
	require.NoError(t, p.Stop())
	<-done
}

// TestRestartServesSoon measures from the end of one process to the first answer of
// the next.
func TestRestartServesSoon(t *testing.T) {
	dir := DataDir(t)
	p := Start(t, Options{DataDir: dir})
	require.Contains(t, ask(t, dial(t, p.Listen), "lw k F e60000\r\n", 1)[0], "HD L")
	for _, end := range []func() error{p.Kill, func() error { return p.Stop() }} {
		require.NoError(t, end())
		begun := time.Now()
		p = Start(t, Options{DataDir: dir})
		require.Equal(t, []string{"QU X"}, ask(t, dial(t, p.Listen), "lg k\r\n", 1))
		took := time.Since(begun)
		t.Logf("served %v after the start", took)
		if !raceEnabled { // the race detector alone may cost more than the promise
			require.Less(t, took, time.Second)
		}
	}
}

// TestPause: a process that stood still goes on where it was, and what ran out
// meanwhile has run out.
func TestPause(t *testing.T) {
	p := Start(t, Options{})
	c := dial(t, p.Listen)
	require.Contains(t, ask(t, c, "lg k e300\r\n", 1)[0], "LE L")
	require.Contains(t, ask(t, c, "lw i F e300\r\n", 1)[0], "HD L")
	require.NoError(t, p.Signal(syscall.SIGSTOP))
	time.Sleep(600 * time.Millisecond)
	require.NoError(t, p.Signal(syscall.SIGCONT))
	require.Contains(t, ask(t, c, "lg k\r\n", 1)[0], "LE L")
	require.Equal(t, []string{"QU X"}, ask(t, c, "lg i\r\n", 1))
}

// TestDataDirIsPrivate: nobody else reads or writes the epochs.
// Whoever reads the log may go away: the next line that a client causes does not
// end the process.
func TestLogReaderGoesAway(t *testing.T) {
	r, w, err := os.Pipe()
	require.NoError(t, err)
	addr, err := freeAddr()
	require.NoError(t, err)
	cmd := exec.Command(Binary(t, "leasecached"), "--listen", addr, "--admin", "127.0.0.1:0", "--memory", "64MiB", "--ephemeral")
	cmd.Stderr = w
	require.NoError(t, cmd.Start())
	t.Cleanup(func() { _ = cmd.Process.Kill() }) // it is gone already if all went well
	require.NoError(t, w.Close())
	require.Eventually(t, func() bool { return answers(addr) }, StartTimeout, 5*time.Millisecond)
	require.NoError(t, r.Close())
	c := dial(t, addr)
	_, err = c.Write([]byte{0x80}) // which is logged
	require.NoError(t, err)
	_, err = io.Copy(io.Discard, c)
	require.NoError(t, err)
	require.Equal(t, []string{"MN"}, ask(t, dial(t, addr), "mn\r\n", 1))
	require.NoError(t, cmd.Process.Signal(syscall.SIGTERM))
	require.NoError(t, cmd.Wait(), "stopped in order")
}

func TestDataDirIsPrivate(t *testing.T) {
	dir := filepath.Join(DataDir(t), "made", "by-the-daemon")
	require.NoError(t, os.Mkdir(filepath.Dir(dir), 0o755))
	p := Start(t, Options{DataDir: dir})
	require.NoError(t, p.Stop())
	info, err := os.Stat(dir)
	require.NoError(t, err)
	require.Equal(t, fs.FileMode(0o700), info.Mode().Perm())
	files := filesOf(t, dir)
	require.NotEmpty(t, files)
	for _, file := range files {
		info, err := os.Stat(file)
		require.NoError(t, err)
		require.Equal(t, fs.FileMode(0o600), info.Mode().Perm(), file)
	}
}

func filesOf(t *testing.T, dir string) []string {
	t.Helper()
	var out []string
	require.NoError(t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			out = append(out, path)
		}
		return err
	}))
	return out
}
