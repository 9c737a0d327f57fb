package apptest

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestMemoryWithManyLargeRequests: --memory is full, and many connections have large
// requests and replies under way at once; the process keeps to what docs/operations.md
// says, and gives it back when they have gone.
func TestMemoryWithManyLargeRequests(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector's own memory counts, too")
	}
	const (
		memory = 64 << 20
		share  = 20 << 20 // of connections, and what comes while the collector runs
		conns  = 500
	)
	p := Start(t, Options{Flags: []string{"--memory", "64MiB", "--ephemeral", "--io", "auto"}})
	c := dial(t, p.Listen)
	small := strings.Repeat("x", 100)
	var fill bytes.Buffer
	for i := range 600_000 {
		fmt.Fprintf(&fill, "set key-%010d 0 0 100 noreply\r\n%s\r\n", i, small)
	}
	require.NoError(t, c.SetDeadline(time.Now().Add(time.Minute)))
	_, err := c.Write(fill.Bytes())
	require.NoError(t, err)
	require.Equal(t, []string{"MN"}, ask(t, c, "mn\r\n", 1))
	require.Less(t, rss(t, p), memory*21/20, "full")

	block := strings.Repeat("y", 60_000)
	for range 2 {
		most, served := 0, 0
		all := make([]net.Conn, conns)
		for i := range all {
			all[i] = dial(t, p.Listen)
			require.NoError(t, all[i].SetDeadline(time.Now().Add(time.Minute)))
		}
		for range 3 {
			// Half of it first, so that the server has to keep it.
			for _, half := range []string{"set big 0 0 60000\r\n" + block[:30_000], block[30_000:] + "\r\nget big\r\nmn\r\n"} {
				for _, c := range all {
					_, _ = io.WriteString(c, half) // fails where it was refused
				}
				most = max(most, rss(t, p))
			}
			for _, c := range all {
				served += wholeReply(c)
			}
			most = max(most, rss(t, p))
		}
		t.Logf("%d MiB; %d of %d served", most>>20, served, 3*conns)
		require.Less(t, most, memory*21/20+share, "with %d connections", conns)
		require.NotZero(t, served)
		for _, c := range all {
			require.NoError(t, c.Close())
		}
		time.Sleep(5 * time.Second)
		require.Less(t, rss(t, p), memory*21/20, "5 s after")
	}
}

// wholeReply is 1 if a connection's replies came up to that of mn.
func wholeReply(c net.Conn) int {
	lines := bufio.NewScanner(c)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		if lines.Text() == "MN" {
			return 1
		}
	}
	return 0
}

// rss is what the system counts as a process's memory, in bytes.
func rss(t *testing.T, p *Process) int {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	require.NoError(t, err)
	_, after, found := strings.Cut(string(status), "VmRSS:")
	require.True(t, found)
	var kib int
	_, err = fmt.Sscan(after, &kib)
	require.NoError(t, err)
	return kib << 10
}
