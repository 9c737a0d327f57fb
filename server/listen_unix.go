package server

import (
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// longestPath is how long the path of a socket may be everywhere; systems differ by
// a few bytes.
const longestPath = 103

// listenUnix listens on a socket that has its permissions before anybody can
// connect to it: as long as nobody listens everybody is refused.
//
// The socket of a dead process is replaced. Two that start must not both find it
// dead:
//
//	1 A finds it dead, removes it and binds the path. It does not listen yet.
//	2 B is refused as by a dead process, and removes A's. 3 Both believe to serve.
//
// So all of it is done under a lock on the directory, which the kernel lets go with
// the process.
func listenUnix(path string, mode fs.FileMode) (net.Listener, error) {
	if path[0] == '@' {
		path = "./" + path // it would be a name without a file, and without permissions
	}
	switch {
	case len(path) > longestPath:
		return nil, errors.New("the path is too long for a socket: 103 bytes is the most")
	case strings.IndexByte(path, 0) >= 0:
		return nil, errors.New("the path holds a byte of value 0")
	}
	unlock, err := lockDirectory(filepath.Dir(path))
	if err != nil {
		return nil, plain(err)
	}
	defer unlock()
	if err := clearStale(path); err != nil {
		return nil, err
	}
	// Forked processes must not get it: between the two calls none may be forked.
	syscall.ForkLock.RLock()
	fd, err := syscall.Socket(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
	if err == nil {
		syscall.CloseOnExec(fd)
	}
	syscall.ForkLock.RUnlock()
	if err != nil {
		return nil, err
	}
	file := os.NewFile(uintptr(fd), path)
	defer file.Close() // the listener has a duplicate
	if err := syscall.Bind(fd, &syscall.SockaddrUnix{Name: path}); err != nil {
		return nil, err
	}
	ln, err := listenAt(file, fd, path, mode)
	if err != nil {
		_ = os.Remove(path) // it was made here
	}
	return ln, err
}

func listenAt(file *os.File, fd int, path string, mode fs.FileMode) (net.Listener, error) {
	if err := os.Chmod(path, mode); err != nil {
		return nil, plain(err)
	}
	if err := syscall.Listen(fd, syscall.SOMAXCONN); err != nil {
		return nil, err
	}
	ln, err := net.FileListener(file)
	if err != nil {
		return nil, plain(err)
	}
	l, err := newUnixListener(ln.(*net.UnixListener), path)
	if err != nil {
		_ = ln.Close()
		return nil, plain(err)
	}
	return l, nil
}

// lockPatience is how long a start waits for another's. Whoever can read a directory
// can lock it, so it is not waited for longer: the lock guards only against a start
// at the same moment.
const lockPatience = 2 * time.Second

// lockDirectory goes on without a lock where there can be none, or not in time.
func lockDirectory(dir string) (unlock func(), err error) {
	f, err := os.OpenFile(dir, os.O_RDONLY|syscall.O_DIRECTORY, 0) // nothing else is opened, which might block
	if err != nil {
		if errors.Is(err, fs.ErrPermission) {
			return func() {}, nil // it may be written though it cannot be read
		}
		return nil, err
	}
	for end := time.Now().Add(lockPatience); ; time.Sleep(10 * time.Millisecond) {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if !errors.Is(err, syscall.EWOULDBLOCK) || time.Now().After(end) {
			return func() { _ = f.Close() }, nil // a file system without locks has none
		}
	}
}
