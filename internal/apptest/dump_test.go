package apptest

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// memcachedTool is where Debian's memcached puts it.
const memcachedTool = "/usr/share/memcached/scripts/memcached-tool"

func clientOf(t *testing.T, p *Process) (net.Conn, *bufio.Reader) {
	t.Helper()
	c, err := net.Dial("tcp", p.Listen)
	require.NoError(t, err)
	t.Cleanup(func() { _ = c.Close() })
	require.NoError(t, c.SetDeadline(time.Now().Add(30*time.Second)))
	return c, bufio.NewReader(c)
}

// memcached-tool's dump is a script of add commands: what it writes of one server
// fills another with the same.
func TestMemcachedToolDumpsAndRestores(t *testing.T) {
	if _, err := os.Stat(memcachedTool); err != nil {
		t.Log("no memcached-tool here: TestDumpOfManyItems speaks the wire alone")
		return
	}
	first, second := Start(t, Options{}), Start(t, Options{})
	c, r := clientOf(t, first)
	const items = 500
	for i := range items {
		_, err := fmt.Fprintf(c, "set item:%d/%% %d 0 %d noreply\r\n%0*d\r\n", i, i, 1+i%50, 1+i%50, i%10)
		require.NoError(t, err)
	}
	_, err := io.WriteString(c, "set dated 0 10000 1\r\nx\r\nmg stub N100\r\nlg leased\r\nset gone 0 -1 1\r\nx\r\n")
	require.NoError(t, err)
	for _, want := range []string{"STORED", "HD W", "LE L", "STORED"} {
		line, err := r.ReadString('\n')
		require.NoError(t, err)
		require.True(t, strings.HasPrefix(line, want), "%q", line)
	}

	keys := tool(t, first, "keys")
	require.Equal(t, items+1, strings.Count(keys, "key="))
	require.Equal(t, items+1, strings.Count(keys, "\n"))
	require.Equal(t, 9, strings.Count(tool(t, first, "keys", "10"), "key="), "it counts the OK")

	script := tool(t, first, "dump")
	require.Equal(t, items+1, strings.Count(script, "add "))
	c, r = clientOf(t, second)
	_, err = io.WriteString(c, script+"mn\r\n")
	require.NoError(t, err)
	for range items + 1 {
		line, err := r.ReadString('\n')
		require.NoError(t, err)
		require.Equal(t, "STORED\r\n", line)
	}
	line, err := r.ReadString('\n')
	require.NoError(t, err)
	require.Equal(t, "MN\r\n", line)
	again := tool(t, second, "dump")
	adds := func(script string) []string {
		return strings.Split(strings.TrimSuffix("\r\n"+script, "\r\n"), "\r\nadd ")
	}
	require.ElementsMatch(t, adds(script), adds(again))
}

// tool runs memcached-tool, which hangs for ever on a server that it does not
// understand.
func tool(t *testing.T, p *Process, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	out, err := exec.CommandContext(ctx, memcachedTool, append([]string{p.Listen}, args...)...).Output()
	require.NoError(t, err)
	return string(out)
}

// A dump of a server that is written to lists what stays, while its process stays
// as large as it was.
func TestDumpOfManyItems(t *testing.T) {
	p := Start(t, Options{Flags: []string{"--memory", "256MiB"}})
	c, r := clientOf(t, p)
	const items = 200_000
	go func() {
		w := bufio.NewWriterSize(c, 1<<20)
		for i := range items {
			fmt.Fprintf(w, "set %0100d 0 0 1 noreply\r\nx\r\n", i)
		}
		_, _ = w.WriteString("mn\r\n")
		_ = w.Flush() // an error shows below
	}()
	line, err := r.ReadString('\n')
	require.NoError(t, err)
	require.Equal(t, "MN\r\n", line)

	writer, _ := clientOf(t, p)
	written := make(chan struct{})
	go func() {
		defer close(written)
		for i := 0; ; i++ {
			if _, err := fmt.Fprintf(writer, "set new%d 0 0 1 noreply\r\nx\r\ndelete new%d noreply\r\n", i, i-10); err != nil {
				return
			}
		}
	}()
	_, err = io.WriteString(c, "lru_crawler mgdump all\r\n")
	require.NoError(t, err)
	line, err = r.ReadString('\n')
	require.NoError(t, err)
	require.Equal(t, "OK\r\n", line)
	seen := make(map[string]bool, items)
	for {
		line, err := r.ReadString('\n')
		require.NoError(t, err)
		if line == "EN\r\n" {
			break
		}
		require.False(t, seen[line], "%q twice", line)
		if !strings.HasPrefix(line, "mg new") {
			seen[line] = true
		}
	}
	require.Len(t, seen, items)
	require.NoError(t, writer.Close())
	<-written
}
