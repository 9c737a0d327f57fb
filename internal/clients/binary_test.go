package clients

import (
	"net"
	"os/exec"
	"regexp"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/leasecache/leasecache/internal/apptest"
)

// TestBinaryClientIsTurnedAway: a client that speaks memcached's binary protocol
// gets an error soon, not a timeout, and whoever reads the log learns why. The
// server's text clients notice nothing.
func TestBinaryClientIsTurnedAway(t *testing.T) {
	t.Parallel()
	if command(t, time.Minute, "memccat", "--version").Run() != nil {
		absent(t, "libmemcached-tools", "libmemcached-tools")
		return
	}
	p := apptest.Start(t, apptest.Options{})
	begun := time.Now()
	out, err := command(t, 20*time.Second, "memccat", "--binary", "--servers="+p.Listen, "k").CombinedOutput()
	var exit *exec.ExitError
	require.ErrorAs(t, err, &exit, "%s", out)
	require.Equal(t, 1, exit.ExitCode(), "it gave up by itself: %s", out)
	require.Less(t, time.Since(begun), 10*time.Second)
	require.Len(t, regexp.MustCompile(`(?im)^.*binary.*$`).FindAllString(p.Log(), -1), 1, "one line says so")

	host, port, err := net.SplitHostPort(p.Listen)
	require.NoError(t, err)
	program{args: []string{"memcping", "--servers=HOST:PORT"}}.run(t, "", server{host: host, port: port})
}
