package server

import (
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Calls that never block, made without telling Go's scheduler: telling it costs
// more than a small read does. Nothing that may block may be called so.

// rawRead reads from a descriptor that does not block. n is 0 at the end.
func rawRead(fd int, b []byte) (n int, errno syscall.Errno) {
	r, _, errno := syscall.RawSyscall(unix.SYS_READ, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)))
	return byteCount(r, errno)
}

// rawReceive reads from a socket that does not block: for the kernel less work than
// to read a file that turns out to be one. n is 0 at the end.
func rawReceive(fd int, b []byte) (n int, errno syscall.Errno) {
	r, _, errno := syscall.RawSyscall6(unix.SYS_RECVFROM, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)), 0, 0, 0)
	return byteCount(r, errno)
}

// rawWrite writes to a socket that does not block. One whose peer is gone is an
// error, and no signal.
func rawWrite(fd int, b []byte) (n int, errno syscall.Errno) {
	r, _, errno := syscall.RawSyscall6(unix.SYS_SENDTO, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)), unix.MSG_NOSIGNAL, 0, 0)
	return byteCount(r, errno)
}

// rawPoll asks for events without waiting.
func rawPoll(epoll int, events []unix.EpollEvent) (n int) {
	r, _, errno := syscall.RawSyscall6(unix.SYS_EPOLL_PWAIT, uintptr(epoll), uintptr(unsafe.Pointer(unsafe.SliceData(events))), uintptr(len(events)), 0, 0, 0)
	if errno != 0 {
		return 0 // interrupted: the call that waits comes next
	}
	return int(r)
}

func byteCount(r uintptr, errno syscall.Errno) (int, syscall.Errno) {
	if errno != 0 {
		return 0, errno
	}
	return int(r), 0
}
