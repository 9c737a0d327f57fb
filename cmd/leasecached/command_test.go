package main

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/leasecache/leasecache/server"
	"github.com/leasecache/leasecache/shard"
	"github.com/leasecache/leasecache/shard/consensus"
)

// fakeNode is a server that listens, and notes in which order it was treated.
type fakeNode struct {
	keeper server.Keeper
	lis    net.Listener
	fails  chan error
	steps  func(string)
	end    chan struct{}
}

func (n *fakeNode) Serve() error {
	select {
	case err := <-n.fails:
		return err
	case <-n.end:
		return nil
	}
}

func (n *fakeNode) Stop(ctx context.Context) error {
	n.steps("stop")
	err := n.keeper.Quiet(ctx, []shard.ID{0})
	close(n.end)
	return errors.Join(err, n.lis.Close())
}

func (n *fakeNode) Reload() error {
	n.steps("reload")
	return errors.New("line 3 is not user:password")
}

func (n *fakeNode) Addr() string      { return n.lis.Addr().String() }
func (n *fakeNode) AdminAddr() string { return n.Addr() }
func (n *fakeNode) Addrs() []net.Addr { return []net.Addr{n.lis.Addr()} }

func (n *fakeNode) ShutdownAsked() <-chan struct{} { return nil }

// harness is one command with a fake server.
type harness struct {
	*Command
	stdout, stderr lockedBuffer
	fails          chan error
	steps          []string
}

func newHarness(environ ...string) *harness {
	h := &harness{fails: make(chan error, 1)}
	h.Command = NewCommand(environ, &h.stdout, &h.stderr, func(cfg Config, _ *slog.Logger, k server.Keeper, _ *member) (node, error) {
		lis, err := net.Listen("tcp", cfg.Listen)
		if err != nil {
			return nil, err
		}
		step := func(s string) { h.steps = append(h.steps, s) }
		return &fakeNode{k, lis, h.fails, step, make(chan struct{})}, nil
	})
	return h
}

type lockedBuffer struct {
	mu sync.Mutex
	b  strings.Builder
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// start runs the command as main does, and returns what ends it.
func (h *harness) start(t *testing.T, args ...string) (stop func() error) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	end := make(chan error, 1)
	go func() { end <- h.execute(ctx, args) }()
	select {
	case <-h.Ready():
	case err := <-end:
		require.NoError(t, err)
		t.Fatal("ended at once")
	case <-time.After(10 * time.Second):
		t.Fatal("not ready")
	}
	return func() error {
		cancel()
		return <-end
	}
}

func TestSeveralNodesInOneProcess(t *testing.T) {
	a, b := newHarness(), newHarness()
	stopA := a.start(t, "--data-dir", t.TempDir(), "--cluster", "127.0.0.1:0", "--listen", "127.0.0.1:0")
	stopB := b.start(t, "--ephemeral", "--listen", "127.0.0.1:0", "--log-format", "json")
	require.NotEqual(t, a.Addr(), b.Addr())
	require.Contains(t, a.stderr.String(), "listen="+a.Addr())
	require.Contains(t, b.stderr.String(), `"listen":"`+b.Addr()+`"`)
	require.Contains(t, b.stderr.String(), "write intents are refused")
	require.NoError(t, stopA())
	require.NoError(t, stopB())
	require.Equal(t, []string{"stop"}, a.steps)
	require.NoError(t, a.Close(), "nothing twice")
	require.Contains(t, a.stderr.String(), "stopped")
}

// What cannot be read again is logged, and the node goes on.
func TestHangUpReloads(t *testing.T) {
	h := newHarness()
	stop := h.start(t, "--ephemeral", "--listen", "127.0.0.1:0")
	h.hangup <- syscall.SIGHUP
	require.Eventually(t, func() bool { return strings.Contains(h.stderr.String(), "line 3") }, 10*time.Second, time.Millisecond)
	require.NoError(t, stop())
	require.Equal(t, []string{"reload", "stop"}, h.steps)
}

func TestASecondProcessOnTheDirectory(t *testing.T) {
	dir := t.TempDir()
	stop := newHarness().start(t, "--data-dir", dir, "--cluster", "127.0.0.1:0", "--listen", "127.0.0.1:0")
	second := newHarness()
	err := second.execute(t.Context(), []string{"--data-dir", dir, "--cluster", "127.0.0.1:0", "--listen", "127.0.0.1:0"})
	require.ErrorIs(t, err, consensus.ErrLocked)
	require.Equal(t, 1, exitCode(err))
	require.NotContains(t, sentence(err), "\n")
	require.NoError(t, stop())
	require.NoError(t, newHarness().start(t, "--data-dir", dir, "--cluster", "127.0.0.1:0", "--listen", "127.0.0.1:0")(), "the lock is free again")
}

func TestAPortInUse(t *testing.T) {
	lis, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer lis.Close()
	dir := t.TempDir()
	err = newHarness().execute(t.Context(), []string{"--data-dir", dir, "--cluster", "127.0.0.1:0", "--listen", lis.Addr().String()})
	require.ErrorContains(t, err, "address already in use")
	require.Equal(t, 1, exitCode(err))
	require.NoError(t, newHarness().start(t, "--data-dir", dir, "--cluster", "127.0.0.1:0", "--listen", "127.0.0.1:0")(), "the directory was let go")
}

func TestAnUnusableDirectory(t *testing.T) {
	file := t.TempDir() + "/file"
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	err := newHarness().execute(t.Context(), []string{"--data-dir", file})
	require.Error(t, err)
	require.Equal(t, 1, exitCode(err))
}

func TestAServerThatFailsEndsTheCommand(t *testing.T) {
	h := newHarness()
	stop := h.start(t, "--ephemeral", "--listen", "127.0.0.1:0")
	broken := errors.New("accept: too many open files")
	h.fails <- broken
	require.Eventually(t, func() bool { return strings.Contains(h.stderr.String(), "stopped") },
		10*time.Second, time.Millisecond)
	err := stop()
	require.ErrorIs(t, err, broken)
	require.Equal(t, 1, exitCode(err))
}

// What a cluster was made with is compared with what was asked for, not with
// defaults.
func TestSettingsOfTheCluster(t *testing.T) {
	dir := t.TempDir()
	common := []string{"--data-dir", dir, "--cluster", "127.0.0.1:0", "--listen", "127.0.0.1:0"}
	run := func(more ...string) (*harness, error) {
		h := newHarness()
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		go func() {
			<-h.Ready()
			cancel()
		}()
		return h, h.execute(ctx, append(common, more...))
	}
	_, err := run("--shards", "16", "--node-id", "a", "--session-ttl", "5s", "--cluster-id", "shop")
	require.NoError(t, err)
	h, err := run()
	require.NoError(t, err)
	require.Contains(t, h.stderr.String(), "node=a cluster=shop shards=16")

	for _, other := range [][]string{{"--shards", "1024"}, {"--node-id", "n1"}, {"--cluster-id", "x"}} {
		_, err = run(other...)
		require.ErrorAs(t, err, new(*consensus.Mismatch))
		require.Equal(t, 2, exitCode(err))
	}
}

func TestHelpAndVersionAreAnswers(t *testing.T) {
	h := newHarness()
	err := h.execute(t.Context(), []string{"--help"})
	require.Equal(t, 0, exitCode(err))
	require.Empty(t, sentence(err))
	require.Equal(t, help(), h.stdout.String())

	h = newHarness()
	err = h.execute(t.Context(), []string{"--version"})
	require.Equal(t, 0, exitCode(err))
	require.Regexp(t, `^leasecached \S+ go\S+ \w+/\w+\n$`, h.stdout.String())
}
