package main

import (
	"io"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func newRealHarness() *harness {
	h := newHarness()
	h.listen = listen
	return h
}

var freePorts = []string{"--ephemeral", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"}

// What Validate lets pass the store takes.
func TestTheSmallestMemories(t *testing.T) {
	for _, sizes := range [][2]string{{"1MiB", "1KiB"}, {"1MiB", "64KiB"}, {"16MiB", "1MiB"}, {"2000000", "125000"}} {
		stop := newRealHarness().start(t, append(freePorts, "--memory", sizes[0], "--max-item-size", sizes[1])...)
		require.NoError(t, stop(), sizes)
	}
}

func TestTheAdminPortAnswers(t *testing.T) {
	h := newRealHarness()
	stop := h.start(t, freePorts...)
	reply, err := http.Get("http://" + h.AdminAddr() + "/readyz")
	require.NoError(t, err)
	body, err := io.ReadAll(reply.Body)
	require.NoError(t, err)
	require.NoError(t, reply.Body.Close())
	require.Equal(t, "ready\n", string(body))
	require.NoError(t, stop())
}

// A client that may ends the node, in order.
func TestAClientAsksForTheEnd(t *testing.T) {
	for _, how := range []string{"shutdown", "shutdown graceful"} {
		h := newRealHarness()
		ended := make(chan error, 1)
		go func() { ended <- h.execute(t.Context(), append(freePorts, "--allow-shutdown")) }()
		<-h.Ready()
		nc, err := net.Dial("tcp", h.Addr())
		require.NoError(t, err)
		_, err = io.WriteString(nc, how+"\r\nmn\r\n")
		require.NoError(t, err)
		require.NoError(t, nc.SetReadDeadline(time.Now().Add(5*time.Second)))
		reply, _ := io.ReadAll(nc) // the rest of what was sent makes it a reset
		require.Empty(t, reply, "there is no answer")
		require.NoError(t, nc.Close())
		require.NoError(t, <-ended)
		require.Contains(t, h.stderr.String(), "a client has asked for the end")
		require.Contains(t, h.stderr.String(), "stopped")
	}
}

// A start that fails half-way leaves nothing open.
func TestAnAdminPortInUse(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer taken.Close()
	free, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	addr := free.Addr().String()
	require.NoError(t, free.Close())

	err = newRealHarness().execute(t.Context(),
		[]string{"--ephemeral", "--listen", addr, "--admin", taken.Addr().String()})
	require.ErrorContains(t, err, "address already in use: --admin HOST:PORT takes another")
	require.Equal(t, 1, exitCode(err))
	again, err := net.Listen("tcp", addr)
	require.NoError(t, err, "the client port was closed")
	require.NoError(t, again.Close())
}
