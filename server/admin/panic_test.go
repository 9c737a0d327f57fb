package admin

import (
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"testing"

	"github.com/stretchr/testify/require"
)

// The test runs itself as a process that a handler's panic has to end.
func TestAPanicEndsTheProcess(t *testing.T) {
	const asServer = "RUN_A_SERVER_THAT_PANICS"
	if os.Getenv(asServer) != "" {
		s := httptest.NewServer(fatal(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("the lock is held") })))
		_, err := http.Get(s.URL)
		t.Fatalf("it lives: %v", err)
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run", "^TestAPanicEndsTheProcess$", "-test.timeout", "20s")
	cmd.Env = append(os.Environ(), asServer+"=1")
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	require.ErrorAs(t, err, &exit)
	require.Equal(t, 2, exit.ExitCode())
	require.Contains(t, string(out), "panic: the lock is held\n")
	require.Contains(t, string(out), "panic_test.go", "the stack of the handler")
}
