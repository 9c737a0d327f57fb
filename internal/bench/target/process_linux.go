package target

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

const startTimeout = 20 * time.Second

// Server is a process that is measured.
type Server struct {
	Kind *Kind
	Addr string

	cmd   *exec.Cmd
	dir   string
	ended chan struct{}
}

// Options say how a server is started.
type Options struct {
	Memory int64    // bytes it may keep
	Conns  int      // connections at most
	Env    []string // added to the environment
	Core   int
}

// Start starts a server of a kind and waits until it takes connections.
func (k *Kind) Start(ctx context.Context, o Options) (*Server, error) {
	var err error
	for range 3 { // another process may take the port that was free
		var s *Server
		if s, err = k.start(ctx, o); err == nil {
			return s, nil
		}
		if ctx.Err() != nil {
			break
		}
	}
	return nil, fmt.Errorf("start %s: %w", k.Name, err)
}

func (k *Kind) start(ctx context.Context, o Options) (*Server, error) {
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	admin, err := freePort()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "leasecache-bench-")
	if err != nil {
		return nil, err
	}
	s := &Server{Kind: k, Addr: "127.0.0.1:" + strconv.Itoa(port), dir: dir, ended: make(chan struct{})}
	// A file, not a pipe: nobody has to run on the load core to empty it.
	log, err := os.Create(s.logFile())
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	defer log.Close()
	s.cmd = exec.Command(k.Path, k.args(o, port, admin)...)
	s.cmd.Dir = dir
	s.cmd.Env = append(os.Environ(), o.Env...)
	s.cmd.Stdout, s.cmd.Stderr = log, log
	// A group of its own: what is typed at the terminal is for the bench, which
	// then stops its servers; should it die instead, they go with it.
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if err := startOn(s.cmd, o.Core); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	go func() {
		_ = s.cmd.Wait() // that it ended is what counts
		close(s.ended)
	}()
	if err := s.await(ctx); err != nil {
		text := s.Log()
		return nil, errors.Join(fmt.Errorf("%w\n%s", err, text), s.Stop())
	}
	return s, nil
}

// startOn starts a command on a core: a child runs where the thread that made it
// was allowed to run.
func startOn(cmd *exec.Cmd, core int) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var before unix.CPUSet
	if err := unix.SchedGetaffinity(0, &before); err != nil {
		return err
	}
	if err := pinThread(core); err != nil {
		return err
	}
	err := cmd.Start()
	return errors.Join(err, unix.SchedSetaffinity(0, &before))
}

func (s *Server) await(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	for {
		if nc, err := net.Dial("tcp", s.Addr); err == nil {
			return nc.Close()
		}
		select {
		case <-s.ended:
			if err := ctx.Err(); err != nil {
				return err // both: nobody wanted it any more
			}
			return errors.New("it ended before it served")
		case <-ctx.Done():
			return fmt.Errorf("not serving: %w", ctx.Err())
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// Stop ends the server at once: it holds nothing that is worth an orderly end,
// for which memcached takes a second.
func (s *Server) Stop() error {
	_ = s.cmd.Process.Kill() // it may be gone
	<-s.ended
	return os.RemoveAll(s.dir)
}

// CPU is the processor time that the server has used.
func (s *Server) CPU() (time.Duration, error) { return cpuOf(s.cmd.Process.Pid) }

// RSS is the resident memory of the server in bytes.
func (s *Server) RSS() (int64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", s.cmd.Process.Pid))
	if err != nil {
		return 0, err
	}
	return rss(string(text))
}

func rss(smaps string) (int64, error) {
	for line := range strings.Lines(smaps) {
		if f := strings.Fields(line); len(f) == 3 && f[0] == "Rss:" {
			kib, err := strconv.ParseInt(f[1], 10, 64)
			return kib << 10, err
		}
	}
	return 0, errors.New("no resident size in smaps_rollup")
}

// Explain adds to an error what the server said last, and whether it still runs. One
// of ours that does is ended, and says where each of its goroutines was.
func (s *Server) Explain(err error) error {
	if err == nil {
		return nil
	}
	state, last := "it still runs", 1000
	select {
	case <-s.ended:
		state = "it has ended: " + s.cmd.ProcessState.String()
	case <-time.After(100 * time.Millisecond): // the end may come after the hang-up
		if s.Kind.Family == Leasecached {
			last = 20_000
			_ = s.cmd.Process.Signal(syscall.SIGQUIT) // what it says to that is for people
			select {
			case <-s.ended:
			case <-time.After(2 * time.Second):
			}
		}
	}
	text := s.Log()
	return fmt.Errorf("%s: %w (%s)\n%s", s.Kind.Name, err, state, text[max(0, len(text)-last):])
}

// Log is what the server has written so far.
func (s *Server) Log() string {
	text, err := os.ReadFile(s.logFile())
	if err != nil {
		return err.Error()
	}
	return string(text)
}

func (s *Server) logFile() string { return filepath.Join(s.dir, "log") }

func freePort() (int, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	return ln.Addr().(*net.TCPAddr).Port, ln.Close()
}
