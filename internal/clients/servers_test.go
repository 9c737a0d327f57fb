package clients

import (
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/leasecache/leasecache/internal/apptest"
)

// server is a started one, and the shell line that starts another one of its kind
// as if it were memcached.
type server struct {
	host, port string
	standIn    string
}

func (s server) address() string { return net.JoinHostPort(s.host, s.port) }

// against runs f with a memcached of its own, if there is one, and with a
// leasecached of its own.
func against(t *testing.T, f func(t *testing.T, s server)) {
	t.Helper()
	t.Run("memcached", func(t *testing.T) {
		t.Parallel()
		if s, ok := startMemcached(t); ok {
			f(t, s)
		}
	})
	t.Run("leasecached", func(t *testing.T) {
		t.Parallel()
		f(t, startLeasecached(t))
	})
}

// startLeasecached starts one whose cas values are as long as they can be: without
// a data directory its epochs begin at random, with one at 1. A client that keeps
// them in a floating-point number shows it.
func startLeasecached(t *testing.T) server {
	t.Helper()
	p := apptest.Start(t, apptest.Options{Flags: []string{"--ephemeral"}})
	host, port, err := net.SplitHostPort(p.Listen)
	require.NoError(t, err)
	return server{host: host, port: port, standIn: "exec " + apptest.Binary(t, "leasecached") + " memcached -u " + userName(t) + ` "$@"`}
}

// startMemcached starts memcached on a port that it chooses itself.
func startMemcached(t *testing.T) (server, bool) {
	t.Helper()
	path, err := exec.LookPath("memcached")
	if err != nil {
		absent(t, "memcached", "memcached")
		return server{}, false
	}
	me := userName(t)
	ports := filepath.Join(t.TempDir(), "ports")
	cmd := exec.Command(path, "-u", me, "-l", "127.0.0.1", "-p", "-1", "-U", "0")
	cmd.Env = append(os.Environ(), "MEMCACHED_PORT_FILENAME="+ports)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait() // it was killed, and says so
	})
	var port string
	require.Eventually(t, func() bool {
		content, _ := os.ReadFile(ports) // not there yet
		_, port, _ = strings.Cut(strings.TrimSpace(string(content)), "TCP INET: ")
		return port != ""
	}, 10*time.Second, 10*time.Millisecond, "memcached names its port")
	return server{host: "127.0.0.1", port: port, standIn: "exec " + path + " -u " + me + ` "$@"`}, true
}

// userName is for -u: both refuse to run as root unless that is their user by name.
func userName(t *testing.T) string {
	t.Helper()
	me, err := user.Current()
	require.NoError(t, err)
	return me.Username
}
