// Package uring has the kernel do receives and sends on many sockets in one system
// call. It is no event loop: every operation is done, or would block, before Do
// returns, and then neither a buffer nor a descriptor is in use any more. Who wants
// to know when a socket is ready asks elsewhere.
//
// It is io_uring (https://kernel.dk/io_uring.pdf) reduced to what saves the entries
// into the kernel. Where the kernel does not have it, or does not give it away, New
// says so.
package uring

import (
	"fmt"
	"sync/atomic"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Ring is a queue of operations, and their results. It belongs to the thread that
// made it: that one only may use it.
type Ring struct {
	fd      int
	entries []sqe
	results []int32
	queued  int

	sqTail         *uint32
	cqHead, cqTail *uint32
	cqes           []cqe
	mapped         [2][]byte
}

// sqe and cqe are the kernel's entries of its two queues.
type sqe struct {
	opcode, flags uint8
	ioprio        uint16
	fd            int32
	off           uint64
	addr          uint64
	len           uint32
	msgFlags      uint32
	userData      uint64
	_             [3]uint64
}

type cqe struct {
	userData uint64
	res      int32
	flags    uint32
}

type params struct {
	sqEntries, cqEntries, flags, threadCPU, threadIdle, features, wqFd uint32
	_                                                                  [3]uint32
	sq                                                                 struct {
		head, tail, mask, entries, flags, dropped, array, _ uint32
		_                                                   uint64
	}
	cq struct {
		head, tail, mask, entries, overflow, cqes, flags, _ uint32
		_                                                   uint64
	}
}

const (
	opSend, opReceive = 26, 27

	setupSubmitAll    = 1 << 7  // one that fails does not keep the others back
	setupCoopTaskrun  = 1 << 8  // no interrupts
	setupSingleIssuer = 1 << 12 // the kernel takes no lock
	featureSingleMap  = 1 << 0
	enterGetEvents    = 1 << 0
	offsetRings       = 0
	offsetEntries     = 0x10000000
)

// New makes a ring for up to n operations at a time. An error wraps what the kernel
// said: unix.ENOSYS or unix.EINVAL if it is too old (before Linux 6.0), unix.EPERM if
// it may not be used here.
func New(n int) (*Ring, error) {
	p := params{flags: setupSubmitAll | setupCoopTaskrun | setupSingleIssuer}
	fd, _, errno := syscall.Syscall(unix.SYS_IO_URING_SETUP, uintptr(n), uintptr(unsafe.Pointer(&p)), 0)
	if errno != 0 {
		return nil, fmt.Errorf("io_uring_setup: %w", errno)
	}
	r := &Ring{fd: int(fd), results: make([]int32, n)}
	if err := r.attach(&p); err != nil {
		r.Close()
		return nil, err
	}
	return r, nil
}

// attach maps what is shared with the kernel.
func (r *Ring) attach(p *params) (err error) {
	if p.features&featureSingleMap == 0 {
		return fmt.Errorf("io_uring: %w", unix.ENOSYS)
	}
	const access, shared = unix.PROT_READ | unix.PROT_WRITE, unix.MAP_SHARED | unix.MAP_POPULATE
	size := int(max(p.cq.cqes+p.cqEntries*uint32(unsafe.Sizeof(cqe{})), p.sq.array+p.sqEntries*uint32(unsafe.Sizeof(uint32(0)))))
	if r.mapped[0], err = unix.Mmap(r.fd, offsetRings, size, access, shared); err != nil {
		return fmt.Errorf("map io_uring: %w", err)
	}
	size = int(p.sqEntries * uint32(unsafe.Sizeof(sqe{})))
	if r.mapped[1], err = unix.Mmap(r.fd, offsetEntries, size, access, shared); err != nil {
		return fmt.Errorf("map io_uring: %w", err)
	}
	at := func(offset uint32) unsafe.Pointer { return unsafe.Pointer(&r.mapped[0][offset]) }
	r.sqTail, r.cqHead, r.cqTail = (*uint32)(at(p.sq.tail)), (*uint32)(at(p.cq.head)), (*uint32)(at(p.cq.tail))
	r.cqes = unsafe.Slice((*cqe)(at(p.cq.cqes)), p.cqEntries)
	r.entries = unsafe.Slice((*sqe)(unsafe.Pointer(&r.mapped[1][0])), p.sqEntries)
	// In which order entries are taken: as they lie. Linux 6.6 can be told to do without
	// this list; the kernels of many systems are older.
	for i, order := 0, unsafe.Slice((*uint32)(at(p.sq.array)), p.sqEntries); i < len(order); i++ {
		order[i] = uint32(i)
	}
	return nil
}

// Close gives everything back.
func (r *Ring) Close() {
	for _, m := range r.mapped {
		if m != nil {
			_ = unix.Munmap(m)
		}
	}
	_ = unix.Close(r.fd)
}

// Receive queues what recv does on a socket. b is not looked at before Do; it is on
// the heap, and not empty. There must be room, as New was told.
func (r *Ring) Receive(fd int, b []byte) { r.queue(opReceive, fd, b, unix.MSG_DONTWAIT) }

// Send queues what send does, likewise. A peer that is gone is an error, and no
// signal.
func (r *Ring) Send(fd int, b []byte) {
	r.queue(opSend, fd, b, unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL)
}

func (r *Ring) queue(op uint8, fd int, b []byte, flags uint32) {
	// What the kernel has taken, and it has taken all, it does not look at again.
	tail := *r.sqTail + uint32(r.queued)
	r.entries[tail&uint32(len(r.entries)-1)] = sqe{
		opcode: op, fd: int32(fd), addr: uint64(uintptr(unsafe.Pointer(unsafe.SliceData(b)))),
		len: uint32(len(b)), msgFlags: flags, userData: uint64(r.queued),
	}
	r.queued++
}

// Do has all that was queued done, and forgets it. What came of each Result says,
// until the next Do. The buffers have to be alive until it returns. After an error
// the ring is of no more use; what was not done is as if it had blocked.
func (r *Ring) Do() error {
	n := r.queued
	r.queued = 0
	for i := range n {
		r.results[i] = -int32(unix.EAGAIN) // of what the kernel did not take
	}
	atomic.StoreUint32(r.sqTail, *r.sqTail+uint32(n))
	for submitted, done := 0, 0; done < n; {
		// Nothing is waited for: what does not block is done when the call returns, and
		// the second time round is for what a signal kept from being taken.
		k, _, errno := syscall.RawSyscall6(unix.SYS_IO_URING_ENTER, uintptr(r.fd), uintptr(n-submitted), 0, enterGetEvents, 0, 0)
		switch errno {
		case 0:
			submitted += int(k)
		case unix.EINTR:
		default:
			return fmt.Errorf("io_uring_enter: %w", errno)
		}
		done += r.reap()
	}
	return nil
}

// reap takes the results there are.
func (r *Ring) reap() (n int) {
	head, tail := *r.cqHead, atomic.LoadUint32(r.cqTail)
	for ; head != tail; head++ {
		c := &r.cqes[head&uint32(len(r.cqes)-1)]
		r.results[c.userData] = c.res
		n++
	}
	atomic.StoreUint32(r.cqHead, head)
	return n
}

// Result is what came of the operation that was queued as number i, from 0: a count
// of bytes, or an error; of one that would have blocked it is unix.EAGAIN.
func (r *Ring) Result(i int) (n int, errno syscall.Errno) {
	if res := r.results[i]; res < 0 {
		return 0, syscall.Errno(-res)
	}
	return int(r.results[i]), 0
}
