package apptest

import (
	"net"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestMaxConnections: who is too many is told so, and those who are in go on.
func TestMaxConnections(t *testing.T) {
	p := Start(t, Options{Flags: []string{"--max-connections", "2"}})
	a, b := dial(t, p.Listen), dial(t, p.Listen)
	require.Equal(t, []string{"MN"}, ask(t, a, "mn\r\n", 1))
	require.Equal(t, []string{"MN"}, ask(t, b, "mn\r\n", 1))
	for range 100 {
		require.Equal(t, []string{"ERROR Too many open connections"}, ask(t, dial(t, p.Listen), "", 1))
	}
	require.Equal(t, []string{"MN"}, ask(t, a, "mn\r\n", 1))
	_, metrics := fetch(t, p, "/metrics")
	require.Contains(t, string(metrics), `leasecache_connections_closed_total{reason="too many"} 100`)
}

// TestBinaryClientsDoNotFillTheLog: a client that comes again at once and for ever.
func TestBinaryClientsDoNotFillTheLog(t *testing.T) {
	p := Start(t, Options{})
	for range 100 {
		c, err := net.Dial("tcp", p.Listen)
		require.NoError(t, err)
		require.NoError(t, c.SetDeadline(time.Now().Add(5*time.Second)))
		_, err = c.Write([]byte{0x80})
		require.NoError(t, err)
		_, err = c.Read(make([]byte, 1))
		require.Error(t, err)
		require.NoError(t, c.Close())
	}
	require.Equal(t, 1, strings.Count(p.Log(), "binary protocol"))
	require.Contains(t, p.Log(), "switch it to the text (ascii) or meta protocol")
}
