// Package trial runs a cluster of some nodes on this machine, each a process of its own,
// so that somebody can look at it and break it.
package trial

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Options says what is to run.
type Options struct {
	Nodes  int
	Port   int    // of the first node's clients; its admin port is the next, its cluster port the one after. Ten on is the second node
	Dir    string // for data and logs; "" is a temporary one, removed at the end
	Binary string // of leasecached; "" is the one beside this program, or the PATH's
	Flags  []string
}

// portsApart is how far one node's ports are from the next one's.
const portsApart = 10

// Node is one process.
type Node struct {
	ID                     string
	Client, Admin, Cluster string // host:port
	Log                    string // its file
	cmd                    *exec.Cmd
	ended                  chan struct{}
	err                    error // valid once ended is closed
}

// PID is the process's.
func (n *Node) PID() int { return n.cmd.Process.Pid }

// Gone says whether, and how, the process ended.
func (n *Node) Gone() (bool, error) {
	select {
	case <-n.ended:
		return true, n.err
	default:
		return false, nil
	}
}

// LastWords is the last line of the node's log.
func (n *Node) LastWords() string {
	text, err := os.ReadFile(n.Log)
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	return lines[len(lines)-1]
}

// Cluster is all of them.
type Cluster struct {
	Nodes []*Node
	dir   string
	temp  bool
}

// Start starts the nodes. The others join the first one. Stop has to be called, also
// after an error.
func Start(o Options) (*Cluster, error) {
	c := &Cluster{dir: o.Dir}
	binary, err := find(o.Binary)
	if err != nil {
		return c, err
	}
	if c.dir == "" {
		if c.dir, err = os.MkdirTemp("", "leasecache-"); err != nil {
			return c, err
		}
		c.temp = true
	}
	for i := range o.Nodes {
		at := func(offset int) string { return "127.0.0.1:" + strconv.Itoa(o.Port+i*portsApart+offset) }
		n := &Node{ID: fmt.Sprintf("n%d", i+1), Client: at(0), Admin: at(1), Cluster: at(2), ended: make(chan struct{})}
		n.Log = filepath.Join(c.dir, n.ID+".log")
		args := []string{"--node-id", n.ID, "--data-dir", filepath.Join(c.dir, n.ID),
			"--listen", n.Client, "--admin", n.Admin, "--cluster", n.Cluster}
		if i > 0 {
			args = append(args, "--join", c.Nodes[0].Cluster)
		}
		if err := n.start(binary, append(args, o.Flags...)); err != nil {
			return c, err
		}
		c.Nodes = append(c.Nodes, n)
	}
	return c, nil
}

func find(binary string) (string, error) {
	if binary != "" {
		return binary, nil
	}
	if self, err := os.Executable(); err == nil {
		beside := filepath.Join(filepath.Dir(self), "leasecached")
		if _, err := os.Stat(beside); err == nil {
			return beside, nil
		}
	}
	path, err := exec.LookPath("leasecached")
	if err != nil {
		return "", errors.New("there is no leasecached beside leasectl or in the PATH: --leasecached says where it is")
	}
	return path, nil
}

func (n *Node) start(binary string, args []string) error {
	log, err := os.OpenFile(n.Log, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	defer log.Close() // the process has its own
	n.cmd = exec.Command(binary, args...)
	n.cmd.Stderr = log
	// A process group of its own: a terminal's ctrl-C is for us, who stop it in order.
	n.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := n.cmd.Start(); err != nil {
		return fmt.Errorf("%s: %w", binary, err)
	}
	go func() {
		n.err = n.cmd.Wait()
		close(n.ended)
	}()
	return nil
}

// stopLimit is how long processes may take to end before they are killed.
const stopLimit = 15 * time.Second

// Stop ends all processes, and removes what is temporary.
func (c *Cluster) Stop() error {
	ctx, cancel := context.WithTimeout(context.Background(), stopLimit)
	defer cancel()
	for _, n := range c.Nodes {
		_ = n.cmd.Process.Signal(syscall.SIGTERM) // it may be gone
	}
	var errs []error
	for _, n := range c.Nodes {
		select {
		case <-n.ended:
		case <-ctx.Done():
			errs = append(errs, fmt.Errorf("%s did not end within %v and was killed; its log is %s", n.ID, stopLimit, n.Log))
			_ = n.cmd.Process.Kill()
			<-n.ended
		}
	}
	if c.temp && len(errs) == 0 {
		errs = append(errs, os.RemoveAll(c.dir))
	}
	return errors.Join(errs...)
}
