package server

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"syscall"
	"time"
)

// NoPort as Config.Listen opens no TCP port.
const NoPort = "none"

// ErrListen is what New fails with when it cannot listen where it is to.
var ErrListen = errors.New("cannot listen for clients")

// listen opens what the configuration names: TCP first, which is the address that
// is told to others.
func listen(cfg *Config) (list []net.Listener, err error) {
	if cfg.Listen != NoPort {
		for _, address := range append([]string{cfg.Listen}, cfg.MoreListen...) {
			ln, err := net.Listen(family(address), address)
			if err != nil {
				closeAll(list)
				return nil, fmt.Errorf("%w: %w", ErrListen, err)
			}
			list = append(list, ln)
		}
	}
	if cfg.UnixSocket != "" {
		ln, err := listenUnix(cfg.UnixSocket, cfg.UnixMode)
		if err != nil {
			closeAll(list)
			return nil, fmt.Errorf("%w on the Unix socket %s: %w", ErrListen, cfg.UnixSocket, err)
		}
		list = append(list, ln)
	}
	if len(list) == 0 {
		return nil, fmt.Errorf("%w: neither a port nor a Unix socket is given", ErrListen)
	}
	return list, nil
}

// family is the network to listen on: an address that is written as a number means
// itself. Go takes 0.0.0.0 for every address, those of IPv6 too.
func family(address string) string {
	host, _, err := net.SplitHostPort(address)
	ip := net.ParseIP(host)
	switch {
	case err != nil || ip == nil:
		return "tcp"
	case ip.To4() != nil:
		return "tcp4"
	}
	return "tcp6"
}

func closeAll(list []net.Listener) {
	for _, ln := range list {
		_ = ln.Close() // nobody can be told more than that it is closed
	}
}

// unixListener is a listener whose file is removed when it is closed, if it is its
// own still: another process may have put a socket of the same name there.
type unixListener struct {
	*net.UnixListener
	path string
	made fs.FileInfo
}

// newUnixListener takes over a socket that listens at path.
func newUnixListener(ln *net.UnixListener, path string) (*unixListener, error) {
	ln.SetUnlinkOnClose(false)
	made, err := os.Lstat(path)
	return &unixListener{ln, path, made}, err
}

// Close removes the file first: as long as it listens nobody takes it for one of a
// dead process and puts another there.
func (l *unixListener) Close() error {
	if now, err := os.Lstat(l.path); err == nil && os.SameFile(now, l.made) {
		_ = os.Remove(l.path) // the next start replaces it
	}
	return l.UnixListener.Close()
}

// clearStale makes room for a socket: what a process left behind that is dead is
// removed. What is no socket, or may belong to somebody alive, is left alone.
func clearStale(path string) error {
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return plain(err)
	case info.Mode().Type() != fs.ModeSocket:
		return errors.New("there is something else of that name, and it is not a socket")
	}
	nc, err := net.DialTimeout("unix", path, time.Second)
	switch {
	case err == nil:
		_ = nc.Close()
		return errors.New("another process listens there")
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case !errors.Is(err, syscall.ECONNREFUSED):
		return fmt.Errorf("there is a socket, and it cannot be seen whether anybody listens there: %w", plain(err))
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("the socket of a process that is dead cannot be removed: %w", plain(err))
	}
	return nil
}

// plain is the reason alone: which call failed on which file is said already.
func plain(err error) error {
	for inner := errors.Unwrap(err); inner != nil; inner = errors.Unwrap(err) {
		err = inner
	}
	return err
}
