package main

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"os/user"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

var standInSignals = []os.Signal{syscall.SIGTERM, os.Interrupt, syscall.SIGUSR1}

// identity is whom the process becomes; the zero one stays what it is.
type identity struct {
	change   bool
	uid, gid int
	name     string
}

// identity looks up the user of -u. As memcached, root has to say that it is
// meant, with -u root, and nobody else can become another.
func (s *standIn) identity() (identity, error) {
	if os.Getuid() != 0 && os.Geteuid() != 0 {
		return identity{}, nil
	}
	if s.user == "" {
		return identity{}, refuse(exitUsage, "must add '-u root' to start as root")
	}
	u, err := user.Lookup(s.user)
	if err != nil {
		return identity{}, refuse(exitNoUser, "can't find the user %s to switch to", s.user)
	}
	uid, err := strconv.Atoi(u.Uid)
	gid, wrong := strconv.Atoi(u.Gid)
	if err := errors.Join(err, wrong); err != nil {
		return identity{}, fmt.Errorf("the user %s: %w", s.user, err)
	}
	return identity{true, uid, gid, s.user}, nil
}

// become gives up root's rights, for all threads. The groups go first, while that
// is allowed.
func (me identity) become(log *slog.Logger) error {
	if !me.change {
		return nil
	}
	switch err := syscall.Setgroups(nil); {
	case errors.Is(err, syscall.EPERM): // there are few rights already
		log.Warn("the supplementary groups are kept", "error", err)
	case err != nil:
		return refuse(exitOS, "failed to drop supplementary groups: %v", err)
	}
	if err := syscall.Setgid(me.gid); err != nil {
		return refuse(exitOS, "failed to assume identity of user %s: %v", me.name, err)
	}
	if err := syscall.Setuid(me.uid); err != nil {
		return refuse(exitOS, "failed to assume identity of user %s: %v", me.name, err)
	}
	return nil
}

// owns makes the user the owner of a file that was made before become.
func (me identity) owns(path string) error {
	if !me.change {
		return nil
	}
	return os.Lchown(path, me.uid, me.gid)
}

// A Go program cannot fork, so -d starts the program anew, in a session of its
// own. The first process waits until the second serves, or has said why not, so
// that whoever started it can connect once it is back:
//
//  1. the first makes a pipe, starts the second with its end, and reads;
//  2. the second opens its ports, gives up rights, writes its files;
//  3. it lets go of terminal and directory, and writes a byte: the first ends
//     with 0;
//  4. or it ends, and the pipe with it: the first ends with its code.
const (
	detachedVariable = "LEASECACHED_DETACHED"
	detachedPipe     = 3
)

func detached() bool { return os.Getenv(detachedVariable) != "" }

func detach(args []string) error {
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("failed to daemon() in order to daemonize: %w", err)
	}
	r, w, err := os.Pipe()
	if err != nil {
		return fmt.Errorf("failed to daemon() in order to daemonize: %w", err)
	}
	defer r.Close()
	second := exec.Command(self, append([]string{standInName}, args...)...)
	second.Env = append(os.Environ(), detachedVariable+"=1")
	second.Stdout, second.Stderr = os.Stdout, os.Stderr
	second.ExtraFiles = []*os.File{w}
	second.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	err = second.Start()
	_ = w.Close() // the second has it
	if err != nil {
		return fmt.Errorf("failed to daemon() in order to daemonize: %w", err)
	}
	if n, _ := r.Read(make([]byte, 1)); n == 1 {
		return nil
	}
	var exit *exec.ExitError
	if err := second.Wait(); errors.As(err, &exit) {
		return silent(exit.ExitCode())
	}
	return silent(1)
}

// letGo is step 3. With -v the log goes on to where it went.
func letGo(keepOutput bool) error {
	if err := os.Chdir("/"); err != nil {
		return err
	}
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer null.Close()
	to := []int{0, 1, 2}
	if keepOutput {
		to = to[:1]
	}
	for _, fd := range to {
		if err := unix.Dup2(int(null.Fd()), fd); err != nil {
			return fmt.Errorf("detach: %w", err)
		}
	}
	pipe := os.NewFile(detachedPipe, "pipe")
	defer pipe.Close()
	_, err = pipe.Write([]byte{1})
	return err
}

func running(pid int) bool { return syscall.Kill(pid, 0) == nil }
