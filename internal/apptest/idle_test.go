package apptest

import (
	"io"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestIdleTimeout(t *testing.T) {
	p := Start(t, Options{Flags: []string{"--idle-timeout", "300ms"}})
	c := dial(t, p.Listen)
	require.Equal(t, []string{"MN"}, ask(t, c, "mn\r\n", 1))
	begun := time.Now()
	_, err := io.Copy(io.Discard, c)
	require.NoError(t, err)
	require.Greater(t, time.Since(begun), 250*time.Millisecond)
	_, metrics := fetch(t, p, "/metrics")
	require.Contains(t, string(metrics), `leasecache_connections_closed_total{reason="idle"} 1`)
}
