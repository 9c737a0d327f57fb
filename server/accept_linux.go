package server

import (
	"fmt"
	"net"
	"os"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// acceptor takes connections off a listener as bare descriptors and hands them to
// the loops. The first of these watches it and calls accept.
type acceptor struct {
	srv   *Server
	addr  net.Addr // of the listener
	loops []*loop

	mu     sync.Mutex // for fd and what it is in
	fd     int        // a duplicate of the listener's; -1 when it is closed
	paused bool       // it is not watched for a moment
}

// acceptTurn is how many connections are taken at once.
const acceptTurn = 64

func newAcceptor(s *Server, ln net.Listener) (*acceptor, error) {
	sc, ok := ln.(syscall.Conn)
	if !ok {
		return nil, fmt.Errorf("event loops need a socket to listen on, not %T", ln)
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		return nil, err
	}
	a := &acceptor{srv: s, addr: ln.Addr(), fd: -1}
	// A duplicate: the listener may be closed while a loop uses it.
	var failed error
	err = raw.Control(func(fd uintptr) { a.fd, failed = unix.FcntlInt(fd, unix.F_DUPFD_CLOEXEC, 0) })
	if err == nil {
		err = os.NewSyscallError("fcntl", failed)
	}
	return a, err
}

// watch has the first loop tell of new connections from now on.
func (a *acceptor) watch() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.paused = false
	if a.fd < 0 {
		return
	}
	err := unix.EpollCtl(a.loops[0].epoll, unix.EPOLL_CTL_ADD, a.fd, &unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(a.fd)})
	if err != nil {
		a.pause(os.NewSyscallError("epoll_ctl", err))
	}
}

// pause stops watching for a moment: the peers there are go on, new ones wait.
func (a *acceptor) pause(err error) {
	a.srv.log.Error("cannot accept a connection", "error", err)
	_ = unix.EpollCtl(a.loops[0].epoll, unix.EPOLL_CTL_DEL, a.fd, nil) // it may not be watched
	a.paused = true
	time.AfterFunc(acceptPause, a.watch)
}

// close ends the taking of connections. The loops have to be there still.
func (a *acceptor) close() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.fd >= 0 {
		_ = unix.Close(a.fd)
		a.fd = -1
	}
}

// accept takes the connections that wait. It is called by the first loop, and may
// find none.
func (a *acceptor) accept() {
	a.mu.Lock()
	defer a.mu.Unlock()
	for range acceptTurn {
		if a.fd < 0 || a.paused {
			return
		}
		fd, sa, err := unix.Accept4(a.fd, unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC)
		switch err {
		case nil:
			a.serve(fd, addrOf(sa))
		case unix.EINTR, unix.ECONNABORTED:
		case unix.EAGAIN:
			return
		default:
			a.pause(os.NewSyscallError("accept", err))
		}
	}
}

// serve hands a connection to the loop that has the fewest, or refuses it.
func (a *acceptor) serve(fd int, addr net.Addr) {
	tune(fd, addr)
	l := a.loops[0]
	for _, other := range a.loops[1:] {
		if other.open.Load() < l.open.Load() {
			l = other
		}
	}
	c := newLoopConn(a.srv, l, fd, addr, a.addr)
	if !a.srv.admit(c) {
		if why := a.srv.tooMany(); why != "" {
			_, _ = rawWrite(fd, []byte(why)) // if it takes it at once
		}
		_ = unix.Close(fd)
		return
	}
	l.open.Add(1)
	c.tellNew()
	l.post(c)
}

func addrOf(sa unix.Sockaddr) net.Addr {
	switch sa := sa.(type) {
	case *unix.SockaddrInet4:
		return &net.TCPAddr{IP: sa.Addr[:], Port: sa.Port}
	case *unix.SockaddrInet6:
		return &net.TCPAddr{IP: sa.Addr[:], Port: sa.Port}
	}
	return &net.UnixAddr{Net: "unix", Name: "@"} // as Go calls a peer without a name
}

// tune sets what Go sets on a connection: no delay of small replies, and a probe
// of peers that say nothing. An error costs that, not the connection.
func tune(fd int, addr net.Addr) {
	if _, tcp := addr.(*net.TCPAddr); !tcp {
		return
	}
	_ = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1)
	_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_KEEPALIVE, 1)
	_ = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_KEEPIDLE, 15)
	_ = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_KEEPINTVL, 15)
}
