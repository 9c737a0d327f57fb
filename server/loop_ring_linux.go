package server

import "github.com/leasecache/leasecache/internal/uring"

// useRing lets the loop read and write a batch with one system call each. It is
// called by the loop's own thread, as the ring belongs to that.
func (l *loop) useRing() {
	ring, err := uring.New(batchConns)
	if err != nil {
		// Usual in containers, and said once.
		l.srv.noRing.Do(func() {
			l.srv.log.Info("no io_uring here: each read and each write is a system call", "error", err)
		})
		return
	}
	l.ring = ring
}

// do has what is queued done, and returns the ring for its results. If that fails,
// which no kernel is known to have it do, the ring is not used again. What it did
// not do counts as what would have blocked: epoll names the connection again.
func (l *loop) do() *uring.Ring {
	ring := l.ring
	if err := ring.Do(); err != nil {
		l.srv.log.Error("io_uring failed: a system call for each read and write from now on", "error", err)
		l.leaveRing()
	}
	return ring
}

func (l *loop) leaveRing() {
	if l.ring != nil {
		l.ring.Close()
		l.ring = nil
	}
}
