package apptest

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Options says how a leasecached is started.
type Options struct {
	// Flags come on the command line. Where they do not name --listen, --admin,
	// --memory or, unless --ephemeral is among them, --data-dir and --cluster, they
	// are added: free ports on loopback, 64 MiB, DataDir.
	Flags []string
	// Bare adds nothing to Flags.
	Bare bool
	// Env is added to the environment, as "NAME=value".
	Env []string
	// Dir is the working directory; empty: the test's own.
	Dir string
	// DataDir is used again over restarts; empty: a fresh one, which is kept if
	// the test fails.
	DataDir string
	// Under is a command that turns into the one behind it, with its process id, such
	// as what netlab's Lab.Under names.
	Under []string
}

// StartTimeout bounds how long a process may take until it serves, and
// StopTimeout until it has ended. Both are far above what is right, for slow
// machines and race-built binaries; tests of speed measure.
const (
	StartTimeout = 15 * time.Second
	StopTimeout  = 15 * time.Second
)

// transportVariable names the transport that the processes are to use, as --io
// does; without it they use what they do by themselves.
const transportVariable = "LEASECACHE_TEST_IO"

// Process is a started leasecached.
type Process struct {
	Listen string // address of the clients' port
	Admin  string // address of the admin interface
	Peers  string // address for other nodes, or none

	cmd    *exec.Cmd
	log    *journal
	ended  chan struct{} // closed when the process is gone
	status error         // what Wait said; valid once ended is closed
}

// Start starts a leasecached and waits until it is ready. The test fails if it
// does not get so far. The process is killed when the test ends.
func Start(t testing.TB, o Options) *Process {
	t.Helper()
	p, err := Launch(t, o)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// Launch is Start for callers who want to see the error. It still ties the life of
// the process to the test's.
func Launch(t testing.TB, o Options) (*Process, error) {
	t.Helper()
	p, err := Spawn(t, o)
	if err != nil {
		return nil, err
	}
	if err := p.awaitReady(); err != nil {
		_ = p.Kill() // the reason counts, not this
		return nil, fmt.Errorf("%w\n%s", err, p.Log())
	}
	return p, nil
}

// Spawn starts a leasecached and does not wait for anything: for those that are
// expected to refuse.
func Spawn(t testing.TB, o Options) (*Process, error) {
	t.Helper()
	flags := o.Flags
	if !o.Bare {
		if o.DataDir == "" {
			o.DataDir = DataDir(t)
		}
		flags = withDefaults(flags, o.DataDir)
	}
	p := &Process{log: &journal{}, ended: make(chan struct{})}
	command := append(append(slices.Clone(o.Under), Binary(t, "leasecached")), flags...)
	p.cmd = exec.Command(command[0], command[1:]...)
	p.cmd.Dir = o.Dir
	p.cmd.Env = append(cleanEnv(os.Environ()), o.Env...)
	if io := os.Getenv(transportVariable); io != "" && !o.Bare {
		p.cmd.Env = append(p.cmd.Env, "LEASECACHED_IO="+io)
	}
	p.cmd.Stdout, p.cmd.Stderr = p.log, p.log
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		p.status = p.cmd.Wait()
		close(p.ended)
	}()
	t.Cleanup(func() {
		_ = p.Kill() // gone already in most tests
		if t.Failed() {
			t.Logf("log of process %d (%s):\n%s", p.cmd.Process.Pid, strings.Join(flags, " "), p.Log())
		}
	})
	return p, nil
}

// DataDir makes a data directory for the test. It is kept if the test fails.
func DataDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "leasecache-data-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("data kept in %s", dir)
			return
		}
		_ = os.RemoveAll(dir) // a leftover in the temporary directory harms nobody
	})
	return dir
}

func withDefaults(flags []string, dataDir string) []string {
	named := func(name string) bool {
		return slices.ContainsFunc(flags, func(f string) bool { return f == name || strings.HasPrefix(f, name+"=") })
	}
	out := slices.Clone(flags)
	if !named("--listen") {
		out = append(out, "--listen", "127.0.0.1:0")
	}
	if !named("--admin") {
		out = append(out, "--admin", "127.0.0.1:0")
	}
	if !named("--memory") {
		out = append(out, "--memory", "64MiB")
	}
	if !named("--data-dir") && !named("--ephemeral") {
		out = append(out, "--data-dir", dataDir)
	}
	if !named("--cluster") && !named("--ephemeral") {
		out = append(out, "--cluster", "127.0.0.1:0")
	}
	return out
}

// cleanEnv drops settings of the surrounding shell that would reach the process.
func cleanEnv(env []string) []string {
	return slices.DeleteFunc(slices.Clone(env), func(kv string) bool { return strings.HasPrefix(kv, "LEASECACHED_") })
}

// awaitReady waits for the addresses in the log, then for /readyz.
func (p *Process) awaitReady() error {
	for deadline := time.Now().Add(StartTimeout); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		select {
		case <-p.ended:
			return fmt.Errorf("leasecached ended before it served: %v", p.status)
		default:
		}
		if p.Admin == "" {
			at, ok := serving(p.Log())
			if !ok {
				continue
			}
			p.Listen, p.Admin, p.Peers = at.Listen, at.Admin, at.Peers
		}
		resp, err := http.Get("http://" + p.Admin + "/readyz")
		if err != nil {
			continue
		}
		resp.Body.Close()
		if resp.StatusCode == http.StatusOK {
			return nil
		}
	}
	return fmt.Errorf("leasecached was not ready within %v", StartTimeout)
}

// Log returns everything that the process wrote so far.
func (p *Process) Log() string { return p.log.String() }

// Alive says whether the process still runs.
func (p *Process) Alive() bool {
	select {
	case <-p.ended:
		return false
	default:
		return true
	}
}

// PID is the process's.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Signal sends a signal to the process: SIGTERM to stop in order, SIGSTOP and
// SIGCONT to pause it.
func (p *Process) Signal(s syscall.Signal) error { return p.cmd.Process.Signal(s) }

// Wait waits for the end and returns the exit code (-1: ended by a signal).
func (p *Process) Wait(within time.Duration) (int, error) {
	select {
	case <-p.ended:
		return p.cmd.ProcessState.ExitCode(), nil
	case <-time.After(within):
		return 0, fmt.Errorf("process %d still runs after %v\n%s", p.cmd.Process.Pid, within, p.Log())
	}
}

// Stop asks the process to stop in order and returns an error unless it ends with
// exit code 0.
func (p *Process) Stop() error {
	if err := p.Signal(syscall.SIGTERM); err != nil {
		return fmt.Errorf("stop: %w", err)
	}
	code, err := p.Wait(StopTimeout)
	if err != nil {
		return fmt.Errorf("stop: %w", err)
	}
	if code != 0 {
		return fmt.Errorf("stop: exit code %d\n%s", code, p.Log())
	}
	return nil
}

// Kill ends the process at once and waits until it is gone. A process that is gone
// already is no error.
func (p *Process) Kill() error {
	if err := p.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	_, err := p.Wait(StopTimeout)
	return err
}
