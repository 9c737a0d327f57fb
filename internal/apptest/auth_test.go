package apptest

import (
	"cmp"
	"fmt"
	"io"
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

func users(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "users")
	require.NoError(t, os.WriteFile(path, []byte(text), 0o644))
	return path
}

// TestAuthFile: who is not in the file gets nothing, also when the file changes.
func TestAuthFile(t *testing.T) {
	path := users(t, "ann:secret\n")
	p := Start(t, Options{Flags: []string{"--auth-file", path}})
	c := dial(t, p.Listen)
	require.Equal(t, []string{"CLIENT_ERROR unauthenticated"}, ask(t, c, "get foo\r\n", 1))
	require.Equal(t, []string{"CLIENT_ERROR authentication failure"}, ask(t, c, "set a 0 0 7\r\nann new\r\n", 1))
	require.Equal(t, []string{"STORED", "LE L"}, first(ask(t, c, "set a 0 0 10\r\nann secret\r\nlg k\r\n", 2), 6, 4))

	require.NoError(t, os.WriteFile(path, []byte("ann:new\n"), 0o600))
	require.NoError(t, p.Signal(syscall.SIGHUP))
	require.Eventually(t, func() bool { return strings.Contains(p.Log(), "read again") }, 5*time.Second, 5*time.Millisecond)
	require.Equal(t, []string{"CLIENT_ERROR authentication failure", "STORED"},
		ask(t, dial(t, p.Listen), "set a 0 0 10\r\nann secret\r\nset a 0 0 7\r\nann new\r\n", 2))
	require.Equal(t, []string{"MN"}, ask(t, c, "mn\r\n", 1), "who is in stays")

	require.NoError(t, os.WriteFile(path, []byte("new\n"), 0o600))
	require.NoError(t, p.Signal(syscall.SIGHUP))
	require.Eventually(t, func() bool { return strings.Contains(p.Log(), "line 1 is not user:password") }, 5*time.Second, 5*time.Millisecond)
	require.Equal(t, []string{"STORED"}, ask(t, dial(t, p.Listen), "set a 0 0 7\r\nann new\r\n", 1))
	require.NotContains(t, p.Log(), "secret")
}

func first(lines []string, bytes ...int) []string {
	for i, n := range bytes {
		lines[i] = lines[i][:n]
	}
	return lines
}

func TestAuthFileRefused(t *testing.T) {
	refused(t, Options{Flags: []string{"--auth-file", "/nowhere/at/all"}}, "/nowhere/at/all", "no such file")
	path := users(t, "ann:secret\nbob\n")
	refused(t, Options{Flags: []string{"--auth-file", path}}, path, "line 2")
	// A password crosses the network in plain text.
	refused(t, Options{Flags: []string{"--auth-file", users(t, "a:b\n"), "--listen", "0.0.0.0:0"}}, "--insecure")
}

// TestHangUpWithoutAuthFile: the end of a terminal does not end the process.
func TestHangUpWithoutAuthFile(t *testing.T) {
	p := Start(t, Options{})
	require.NoError(t, p.Signal(syscall.SIGHUP))
	require.NoError(t, p.Stop())
}

// TestAuthAsMemcached sends the same attempts to memcached, where 1.6.45 or a later
// one is installed, or named by MEMCACHED.
func TestAuthAsMemcached(t *testing.T) {
	path := users(t, "ann:secret\nbob:two words\n:\nc:\n")
	p := Start(t, Options{Flags: []string{"--auth-file", path}})
	theirs := ""
	if program, patch := memcached(t); patch >= 45 {
		theirs = startMemcached(t, program, "-Y", path)
	} else { // older ones read lengths and passwords otherwise
		t.Log("no memcached 1.6.45 here: leasecached is compared with what is written here alone")
	}
	// One refusal each: of several that come in one piece memcached sends the last.
	const unknown = "CLIENT_ERROR unauthenticated\r\n"
	for wire, want := range map[string]string{
		"get foo\r\n": unknown,
		"set a 0 0 10\r\nann secret\r\nget k\r\n":        "STORED\r\nEND\r\n",
		"set a 0 0 10\r\nann secreT\r\n":                 "CLIENT_ERROR authentication failure\r\n",
		"set a 0 0 13\r\nbob two words\r\n":              "STORED\r\n",
		"set a 0 0 1\r\n \r\n":                           "STORED\r\n",
		"set a 0 0 2\r\nc \r\n":                          "STORED\r\n",
		"set a 0 0 2\r\nhi\r\n":                          "CLIENT_ERROR bad authentication token format\r\n",
		"set a 0 0 3\r\na bcd":                           "CLIENT_ERROR bad command line termination\r\n",
		"set a 0 0 2147483646\r\n":                       "CLIENT_ERROR auth token too long\r\n",
		"set a 0 0\r\n":                                  unknown,
		"set a b c d\r\n":                                unknown,
		"set a 0 0 -1\r\n":                               unknown,
		"version\r\n":                                    unknown,
		"set a 0 0 10 noreply\r\nann secret\r\nmn\r\n":   "STORED\r\nMN\r\n",
		"set a 0 0 103\nann secret\r\nmn\r\n":            "STORED\r\nMN\r\n",
		"set a 0 0 16384\r\n" + strings.Repeat("x", 100): "",
	} {
		require.Equal(t, want, replies(t, p.Listen, wire), "%.60q", wire)
		if theirs != "" {
			require.Equal(t, want, replies(t, theirs, wire), "memcached: %.60q", wire)
		}
	}
}

// replies are all that a server says to those bytes until it closes.
func replies(t *testing.T, addr, wire string) string {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	require.NoError(t, err)
	defer c.Close()
	_, err = io.WriteString(c, wire)
	require.NoError(t, err)
	require.NoError(t, c.(*net.TCPConn).CloseWrite())
	require.NoError(t, c.SetReadDeadline(time.Now().Add(10*time.Second)))
	said, err := io.ReadAll(c)
	require.NoError(t, err)
	return string(said)
}

// memcached finds the program, and the last number of its version; 0 is none.
func memcached(t *testing.T) (program string, patch int) {
	t.Helper()
	program, err := exec.LookPath(cmp.Or(os.Getenv("MEMCACHED"), "memcached"))
	if err != nil {
		return "", 0
	}
	said, err := exec.Command(program, "-V").Output()
	require.NoError(t, err)
	_, err = fmt.Sscanf(string(said), "memcached 1.6.%d", &patch)
	require.NoError(t, err, "%s", said)
	return program, patch
}

// startMemcached starts a memcached that may want a login, and ends it with the test.
func startMemcached(t *testing.T, program string, flags ...string) (addr string) {
	t.Helper()
	addr, err := freeAddr()
	require.NoError(t, err)
	_, port, err := net.SplitHostPort(addr)
	require.NoError(t, err)
	cmd := exec.Command(program, append([]string{"-l", "127.0.0.1", "-p", port, "-U", "0", "-u", "root"}, flags...)...)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		require.NoError(t, cmd.Process.Kill())
		_ = cmd.Wait() // it says that it was killed
	})
	require.Eventually(t, func() bool {
		c, err := net.DialTimeout("tcp", addr, time.Second)
		if err != nil {
			return false
		}
		defer c.Close()
		_ = c.SetDeadline(time.Now().Add(time.Second)) // what cannot take it fails below
		fmt.Fprint(c, "version\r\n")
		n, err := c.Read(make([]byte, 64))
		return err == nil && n > 0
	}, StartTimeout, 10*time.Millisecond)
	return addr
}
