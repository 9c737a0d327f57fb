//go:build unix

package peer

import (
	"net"
	"syscall"
)

// rawWriter writes to a connection without ever waiting for it. One at a time uses it.
type rawWriter struct {
	raw  syscall.RawConn
	b    []byte
	n    int
	once func(fd uintptr) bool
}

// directly returns nil for a connection that is not one of the system.
func directly(nc net.Conn) *rawWriter {
	sc, ok := nc.(syscall.Conn)
	if !ok {
		return nil
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		return nil
	}
	d := &rawWriter{raw: raw}
	d.once = func(fd uintptr) bool {
		d.n, _ = syscall.Write(int(fd), d.b)
		return true
	}
	return d
}

// write returns how much was taken. Why it was not more who waits will find out.
func (d *rawWriter) write(b []byte) int {
	d.b, d.n = b, 0
	_ = d.raw.Write(d.once)
	d.b = nil
	return max(0, d.n)
}
