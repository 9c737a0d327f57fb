package main

import (
	"bufio"
	"context"
	"errors"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/leasecache/leasecache/server"
)

// The test binary is the program when this variable is set, so that signals
// and exit codes are seen on a real process.
const asProgram = "RUN_AS_LEASECACHED"

func TestMain(m *testing.M) {
	switch os.Getenv(asProgram) {
	case "real":
		main()
	case "endless":
		os.Exit(run(NewCommand(nil, os.Stdout, os.Stderr, listenEndless), os.Args[1:]))
	}
	os.Exit(m.Run())
}

func program(t *testing.T, as string, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], args...)
	cmd.Env = append(os.Environ(), asProgram+"="+as)
	return cmd
}

// endlessNode never gets done with its stop.
type endlessNode struct{}

func listenEndless(Config, *slog.Logger, server.Keeper, *member) (node, error) {
	return endlessNode{}, nil
}

func (endlessNode) Serve() error               { select {} }
func (endlessNode) Stop(context.Context) error { select {} }
func (endlessNode) Reload() error              { return nil }
func (endlessNode) Addr() string               { return "nowhere" }
func (endlessNode) AdminAddr() string          { return "nowhere" }
func (endlessNode) Addrs() []net.Addr          { return nil }

func (endlessNode) ShutdownAsked() <-chan struct{} { return nil }

var serving = regexp.MustCompile(`msg=serving listen=(\S+) admin=(\S+)`)

// startProgram returns when the process serves. log waits for its end and
// returns what it logged.
func startProgram(t *testing.T, as, dir string) (cmd *exec.Cmd, addr string, log func() string) {
	t.Helper()
	cmd = program(t, as, "--data-dir", dir, "--cluster", "127.0.0.1:0", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0")
	stderr, err := cmd.StderrPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	var lines []string
	for s := bufio.NewScanner(stderr); s.Scan(); {
		lines = append(lines, s.Text())
		if m := serving.FindStringSubmatch(s.Text()); m != nil {
			return cmd, m[1], func() string {
				for s.Scan() {
					lines = append(lines, s.Text())
				}
				return strings.Join(lines, "\n")
			}
		}
	}
	require.NoError(t, cmd.Wait(), strings.Join(lines, "\n"))
	t.Fatal("it ended at once")
	return nil, "", nil
}

func TestSignalStopsInOrder(t *testing.T) {
	for _, signal := range []os.Signal{syscall.SIGTERM, os.Interrupt} {
		cmd, addr, log := startProgram(t, "real", t.TempDir())
		conn, err := net.Dial("tcp", addr)
		require.NoError(t, err)
		_, err = conn.Write([]byte("version\r\n"))
		require.NoError(t, err)
		require.NoError(t, conn.SetReadDeadline(time.Now().Add(10*time.Second)))
		line, err := bufio.NewReader(conn).ReadString('\n')
		require.NoError(t, err)
		require.Regexp(t, "^VERSION ", line)

		require.NoError(t, cmd.Process.Signal(signal))
		text := log()
		require.NoError(t, cmd.Wait(), text)
		require.Contains(t, text, "msg=stopped")
		require.NoError(t, conn.Close())
	}
}

func TestASecondSignalEndsAtOnce(t *testing.T) {
	cmd, _, log := startProgram(t, "endless", t.TempDir())
	require.NoError(t, cmd.Process.Signal(syscall.SIGTERM))
	// The first one may be on its way still; the next ones are the second.
	go func() {
		for cmd.Process.Signal(syscall.SIGTERM) == nil {
			time.Sleep(20 * time.Millisecond)
		}
	}()
	text := log()
	var exit *exec.ExitError
	require.ErrorAs(t, cmd.Wait(), &exit)
	status, ok := exit.Sys().(syscall.WaitStatus)
	require.True(t, ok)
	require.Equal(t, syscall.SIGTERM, status.Signal())
	require.NotContains(t, text, "msg=stopped")
}

func TestExitCodesOfTheProcess(t *testing.T) {
	dir := t.TempDir()
	cmd, addr, log := startProgram(t, "real", dir)
	for name, c := range map[string]struct {
		args []string
		code int
		want string
	}{
		"a bad flag":         {[]string{"--memory", "x"}, 2, "--memory: "},
		"too many shards":    {[]string{"--ephemeral", "--memory", "64MiB", "--shards", "65536", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"}, 2, "give 800 MiB, or begin a new cluster with fewer shards"},
		"a second process":   {[]string{"--data-dir", dir}, 1, "--data-dir takes another"},
		"a port in use":      {[]string{"--ephemeral", "--listen", addr, "--admin", "127.0.0.1:0"}, 1, "address already in use: --listen HOST:PORT takes another"},
		"beyond loopback":    {[]string{"--listen", ":0"}, 2, "--insecure"},
		"an unusable folder": {[]string{"--data-dir", dir + "/node.json"}, 1, "not a directory"},
	} {
		out, err := program(t, "real", append(c.args, "--log-level", "error")...).CombinedOutput()
		var exit *exec.ExitError
		require.True(t, errors.As(err, &exit), "%s: %v", name, err)
		require.Equal(t, c.code, exit.ExitCode(), "%s: %s", name, out)
		require.Contains(t, string(out), c.want, name)
		require.Regexp(t, `^leasecached: [^\n]+\n$`, string(out), name)
	}
	require.NoError(t, cmd.Process.Signal(syscall.SIGTERM))
	_ = log()
	require.NoError(t, cmd.Wait())
}
