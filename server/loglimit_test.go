package server

import (
	"bytes"
	"io"
	"log/slog"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

type lockedText struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedText) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedText) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func TestLogLimit(t *testing.T) {
	var l logLimit
	pass := func(now int64) [2]any { left, ok := l.pass(now); return [2]any{left, ok} }
	require.Equal(t, [2]any{0, true}, pass(second))
	require.Equal(t, [2]any{0, false}, pass(second))
	require.Equal(t, [2]any{0, false}, pass(60*second))
	require.Equal(t, [2]any{2, true}, pass(61*second))
	require.Equal(t, [2]any{0, true}, pass(200*second))
}

// Clients that come again and again with what is not spoken here leave one line of
// each kind, which says what is to be changed at their end.
func TestForeignClientsAreLoggedOnce(t *testing.T) {
	said := &lockedText{}
	s := start(t, func(c *Config) { c.Logger = slog.New(slog.NewTextHandler(said, nil)) })
	for range 20 {
		for _, wire := range []string{"\x80\x01", "GET / HTTP/1.0\n\n"} {
			p := dial(t, s)
			p.send(wire)
			_, _ = io.Copy(io.Discard, p.nc) // a reset where it had sent more
		}
	}
	require.EqualValues(t, 20, s.Snapshot().Foreign["binary"])
	require.EqualValues(t, 20, s.Snapshot().Foreign["http"])
	text := said.String()
	require.Equal(t, 2, strings.Count(text, "connection closed"), text)
	require.Contains(t, text, "switch it to the text (ascii) or meta protocol")
	require.Contains(t, text, "it wants the admin port, if there is one")

	s.logs[logBinary].mu.Lock()
	s.logs[logBinary].next = 0 // a minute later
	s.logs[logBinary].mu.Unlock()
	p := dial(t, s)
	p.send("\x80\x01")
	p.closed()
	require.Contains(t, said.String(), "not_logged=19")
}
