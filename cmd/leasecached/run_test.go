package main

import (
	"io"
	"net"
	"net/http"
	"testing"

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
	require.ErrorContains(t, err, "address already in use")
	require.Equal(t, 1, exitCode(err))
	again, err := net.Listen("tcp", addr)
	require.NoError(t, err, "the client port was closed")
	require.NoError(t, again.Close())
}
