package server

import (
	"errors"
	"net"
	"os"

	"golang.org/x/sys/unix"
)

// handOver gives a connection that does nothing but watch from now on a goroutine of
// its own: there are few of them, and they write without being asked.
func (c *loopConn) handOver() {
	nc, err := c.detach()
	if err != nil {
		c.log(err)
		c.end()
		return
	}
	w := &conn{nc: nc}
	w.srv, w.addr, w.local, w.session, w.reason = c.srv, c.addr, c.local, c.session, c.reason
	w.session.calls = &w.calls
	w.activity.Store(c.activity.Load())
	w.queue = newBlocking(nc, c.srv.cfg.StallTimeout, c.srv.mostHeld(), &c.srv.stats.bytesWritten, c.srv.budget)
	w.queue.ready = c.unsent[c.sent:] // counted already
	c.srv.budget.add(-c.sent)
	w.session.closed = w.refused
	c.srv.replace(c, w)
	if c.killed.Load() {
		w.kill() // only c was told, whom nobody will ask any more
	}
	c.closed = true
	c.expire(0)
	c.in, c.rest = nil, nil
	c.recount(0)
	c.leave()
	go func() {
		defer w.end(nil)
		if err := w.queue.flush(nil); err != nil {
			w.log(err)
			return
		}
		w.watch()
	}()
}

// detach takes the socket out of epoll and makes a net.Conn of it.
func (c *loopConn) detach() (net.Conn, error) {
	if err := unix.EpollCtl(c.loop.epoll, unix.EPOLL_CTL_DEL, c.fd, nil); err != nil {
		return nil, os.NewSyscallError("epoll_ctl", err)
	}
	dup, err := unix.FcntlInt(uintptr(c.fd), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return nil, os.NewSyscallError("fcntl", err)
	}
	f := os.NewFile(uintptr(dup), "client")
	nc, err := net.FileConn(f) // with a descriptor of its own
	if err = errors.Join(err, f.Close()); err != nil {
		return nil, err
	}
	_ = unix.Close(c.fd)
	return nc, nil
}
