package load

import (
	"errors"
	"fmt"
	"net/netip"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// dial connects to an IPv4 address and returns a non-blocking socket.
// receive bounds its receive buffer; 0 leaves it to the system.
func dial(addr string, receive int) (int, error) {
	ap, err := netip.ParseAddrPort(addr)
	if err != nil {
		return -1, fmt.Errorf("connect: %w", err)
	}
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, fmt.Errorf("connect: %w", err)
	}
	fail := func(err error) (int, error) {
		_ = unix.Close(fd) // the first error counts
		return -1, fmt.Errorf("connect to %s: %w", addr, err)
	}
	if receive > 0 {
		if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, receive); err != nil {
			return fail(err)
		}
	}
	to := &unix.SockaddrInet4{Port: int(ap.Port()), Addr: ap.Addr().As4()}
	for err = unix.Connect(fd, to); errors.Is(err, unix.EINTR); {
		err = unix.Connect(fd, to)
	}
	if err != nil && !errors.Is(err, unix.EISCONN) {
		return fail(err)
	}
	if err := unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1); err != nil {
		return fail(err)
	}
	if err := unix.SetNonblock(fd, true); err != nil {
		return fail(err)
	}
	return fd, nil
}

// hangUp closes by a reset: thousands of connections a minute would leave as
// many ports waiting.
func hangUp(fd int) {
	_ = unix.SetsockoptLinger(fd, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1})
	_ = unix.Close(fd) // nothing is left to be sent
}

// read and write do not tell Go's scheduler: they never block, and there is
// nobody whom it could run instead. n is -1 when the socket is not ready.
func read(fd int, b []byte) (int, error) {
	return transfer(unix.SYS_READ, fd, b)
}

func write(fd int, b []byte) (int, error) {
	return transfer(unix.SYS_WRITE, fd, b)
}

func transfer(call uintptr, fd int, b []byte) (int, error) {
	for {
		n, _, errno := syscall.RawSyscall(call, uintptr(fd), uintptr(unsafe.Pointer(&b[0])), uintptr(len(b)))
		switch errno {
		case 0:
			return int(n), nil
		case unix.EAGAIN:
			return -1, nil
		case unix.EINTR:
		default:
			return 0, errno
		}
	}
}

// poll asks which sockets are ready, and does not wait.
func poll(epfd int, events []unix.EpollEvent) (int, error) {
	n, _, errno := syscall.RawSyscall6(unix.SYS_EPOLL_PWAIT, uintptr(epfd),
		uintptr(unsafe.Pointer(&events[0])), uintptr(len(events)), 0, 0, 0)
	if errno != 0 && errno != unix.EINTR {
		return 0, errno
	}
	return int(n) * boolInt(errno == 0), nil
}

func boolInt(b bool) int {
	if b {
		return 1
	}
	return 0
}

var start = time.Now()

// clock is the time since the process started.
func clock() time.Duration { return time.Since(start) }
