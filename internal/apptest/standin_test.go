package apptest

import (
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/user"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// inMemcachedsPlace starts `leasecached memcached` with memcached's flags. As root
// it has to be told whom to be; port -1 and loopback are for the test alone.
func inMemcachedsPlace(t *testing.T, flags ...string) (p *Process, ports string) {
	t.Helper()
	me, err := user.Current()
	require.NoError(t, err)
	ports = filepath.Join(t.TempDir(), "ports")
	p, err = Spawn(t, Options{
		Bare:  true,
		Flags: append([]string{"memcached", "-u", me.Username}, flags...),
		Env:   []string{"MEMCACHED_PORT_FILENAME=" + ports},
	})
	require.NoError(t, err)
	return p, ports
}

// addresses waits for the file with the ports, of which there are so many.
func addresses(t *testing.T, ports string, p *Process, n int) []string {
	t.Helper()
	var all []string
	require.Eventually(t, func() bool {
		text, err := os.ReadFile(ports)
		for _, m := range regexp.MustCompile(`(?m)^TCP INET: (\d+)$`).FindAllStringSubmatch(string(text), -1) {
			all = append(all, net.JoinHostPort("127.0.0.1", m[1]))
		}
		return err == nil || !p.Alive()
	}, StartTimeout, 5*time.Millisecond)
	require.Len(t, all, n, p.Log())
	return all
}

func ends(t *testing.T, p *Process, code int) {
	t.Helper()
	got, err := p.Wait(StopTimeout)
	require.NoError(t, err)
	require.Equal(t, code, got, p.Log())
}

// TestMemcachedsFlags starts lines such as memcached's own tests and those of
// clients have.
func TestMemcachedsFlags(t *testing.T) {
	t.Run("ports", func(t *testing.T) {
		p, ports := inMemcachedsPlace(t, "-o", "relaxed_privileges", "-l", "127.0.0.1,127.0.0.1", "-p", "-1", "-U", "0", "-vvm", "32", "-n", "48")
		for i, at := range addresses(t, ports, p, 2) {
			c := dial(t, at)
			require.Equal(t, []string{[]string{"NOT_FOUND", "DELETED"}[i], "STORED"}, ask(t, c, "delete k\r\nset k 0 0 1\r\nv\r\n", 2))
			require.Regexp(t, `^VERSION 1\.6\.45 `, ask(t, c, "version\r\n", 1)[0])
		}
		require.Contains(t, p.Log(), `options="-n 48"`)
		require.Contains(t, p.Log(), "admin=none")
		require.NoError(t, p.Signal(syscall.SIGUSR1))
		ends(t, p, 0)
	})
	t.Run("everybody", func(t *testing.T) {
		p, ports := inMemcachedsPlace(t, "-p", "-1", "-v")
		addresses(t, ports, p, 1)
		// The file with the ports is there before the line is.
		require.Eventually(t, func() bool { return strings.Contains(p.Log(), "other machines can reach this address") }, StartTimeout, 5*time.Millisecond, p.Log())
		require.NoError(t, p.Stop())
	})
	t.Run("denied", func(t *testing.T) {
		p, ports := inMemcachedsPlace(t, "-l", "127.0.0.1", "-p", "-1", "-FXWA")
		c := dial(t, addresses(t, ports, p, 1)[0])
		require.Equal(t, []string{
			"CLIENT_ERROR flush_all not allowed", "CLIENT_ERROR watch commands not allowed", "ERROR metadump not allowed",
			"ERROR key dump not allowed", "CLIENT_ERROR stats detail not allowed", "CLIENT_ERROR stats cachedump not allowed",
		}, ask(t, c, "flush_all\r\nwatch fetchers\r\nlru_crawler metadump all\r\nlru_crawler mgdump all\r\nstats detail on\r\nstats cachedump 1 1\r\n", 6))
		settings := strings.Join(ask(t, c, "stats settings\r\n", 30), "\n")
		require.Contains(t, settings, "STAT flush_enabled no")
		require.Contains(t, settings, "STAT dump_enabled no")
		_, err := c.Write([]byte("shutdown\r\n"))
		require.NoError(t, err)
		ends(t, p, 0)
	})
	t.Run("socket", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "s")
		p, ports := inMemcachedsPlace(t, "-s", path, "-a", "0770", "-p", "1")
		require.Eventually(t, func() bool { c, err := net.Dial("unix", path); return err == nil && c.Close() == nil }, StartTimeout, 5*time.Millisecond)
		info, err := os.Stat(path)
		require.NoError(t, err)
		require.Equal(t, fs.FileMode(0o770), info.Mode().Perm())
		require.NoFileExists(t, ports)
		require.NoError(t, p.Stop())
	})
	t.Run("users", func(t *testing.T) {
		path := users(t, "ann:secret\n")
		p, ports := inMemcachedsPlace(t, "-l", "127.0.0.1", "-p", "-1", "-Y", path, "-v")
		at := addresses(t, ports, p, 1)[0]
		require.Equal(t, []string{"CLIENT_ERROR unauthenticated"}, ask(t, dial(t, at), "get foo\r\n", 1))
		require.NoError(t, p.Signal(syscall.SIGHUP))
		require.Eventually(t, func() bool { return strings.Contains(p.Log(), "read again") }, 5*time.Second, 5*time.Millisecond)
		require.Equal(t, []string{"STORED"}, ask(t, dial(t, at), "set a 0 0 10\r\nann secret\r\n", 1))
		require.NoError(t, p.Stop())
	})
	t.Run("port in use", func(t *testing.T) {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		defer ln.Close()
		_, port, _ := net.SplitHostPort(ln.Addr().String())
		p, _ := inMemcachedsPlace(t, "-l", "127.0.0.1", "-p", port)
		ends(t, p, 71)
		require.Contains(t, p.Log(), "failed to listen on one of interface(s) 127.0.0.1: Address already in use\n")
		p, _ = inMemcachedsPlace(t, "-l", "127.0.0.1:"+port, "-d")
		ends(t, p, 71)
		require.Contains(t, p.Log(), "Address already in use\n", "-d does not hide it")
	})
}

// TestMemcachedsDaemon: once the command is back, there is a server; its end takes
// its pid file along.
func TestMemcachedsDaemon(t *testing.T) {
	pidFile := filepath.Join(t.TempDir(), "pid")
	first, ports := inMemcachedsPlace(t, "-d", "-l", "127.0.0.1", "-p", "-1", "-P", pidFile)
	ends(t, first, 0)
	text, err := os.ReadFile(pidFile)
	require.NoError(t, err)
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	require.NoError(t, err)
	t.Cleanup(func() { _ = syscall.Kill(pid, syscall.SIGKILL) }) // gone already in a test that passes
	require.NotEqual(t, first.cmd.Process.Pid, pid)
	at := addresses(t, ports, first, 1)[0]
	require.Equal(t, []string{"MN"}, ask(t, dial(t, at), "mn\r\n", 1))
	session, _, errno := syscall.RawSyscall(syscall.SYS_GETSID, uintptr(pid), 0, 0)
	require.Zero(t, errno)
	require.EqualValues(t, pid, session, "a terminal's end is none of its")

	require.NoError(t, syscall.Kill(pid, syscall.SIGTERM))
	require.Eventually(t, func() bool {
		_, err := net.Dial("tcp", at)
		_, left := os.Stat(pidFile)
		return err != nil && left != nil
	}, StopTimeout, 5*time.Millisecond)
}

// TestMemcachedsUser: root has to say whom it is to be, and everything is that
// user's then; others stay who they are.
func TestMemcachedsUser(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	p, err := Spawn(t, Options{Bare: true, Flags: []string{"memcached", "-s", path}})
	require.NoError(t, err)
	if os.Getuid() == 0 {
		ends(t, p, 64)
		require.Contains(t, p.Log(), "must add '-u root' to start as root\n")
		p, err = Spawn(t, Options{Bare: true, Flags: []string{"memcached", "-s", path, "-u", "no-such-user"}})
		require.NoError(t, err)
		ends(t, p, 67)
		require.Contains(t, p.Log(), "can't find the user no-such-user to switch to\n")
		p, err = Spawn(t, Options{Bare: true, Flags: []string{"memcached", "-s", path, "-vu", "nobody"}})
		require.NoError(t, err)
	}
	require.Eventually(t, func() bool { return strings.Contains(p.Log(), "msg=serving") || !p.Alive() || os.Getuid() != 0 },
		StartTimeout, 5*time.Millisecond)
	want := os.Getuid()
	if want == 0 {
		nobody, err := user.Lookup("nobody")
		require.NoError(t, err)
		want, err = strconv.Atoi(nobody.Uid)
		require.NoError(t, err)
		status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
		require.NoError(t, err)
		require.Regexp(t, fmt.Sprintf(`(?m)^Uid:\t%d\t%d\t%d\t%d$`, want, want, want, want), string(status))
		require.Regexp(t, `(?m)^Groups:\s*$`, string(status))
	}
	var owner uint32
	require.Eventually(t, func() bool {
		info, err := os.Stat(path)
		if err == nil {
			owner = info.Sys().(*syscall.Stat_t).Uid
		}
		return err == nil
	}, StartTimeout, 5*time.Millisecond)
	require.EqualValues(t, want, owner)
	require.NoError(t, p.Stop())
}
