package server

import (
	"errors"
	"io/fs"
	"net"
	"os"
	"strings"
	"syscall"
)

// longestPath is how long the path of a socket may be everywhere; systems differ by
// a few bytes.
const longestPath = 103

// listenUnix listens on a socket that has its permissions before anybody can
// connect to it: as long as nobody listens everybody is refused.
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
