// Package load drives a server and checks what it answers.
//
// It is one loop on one thread: epoll that never sleeps, non-blocking sockets,
// no goroutines and no allocations while it measures, so that the generator's
// own core is busy with bytes and little else. A loop that sleeps would have to
// be woken by the server's write, on the server's account; clients on other
// machines cost it nothing of the kind.
//
// Where the kernel has io_uring, all connections that are ready are read from with one
// system call, and sent to with another. A server that does so needs
// less time for a request than a generator that does not; it would be measured idling.
//
// What keys and values are follows from a number ([AppendKey], [Value]), so any
// reply can be checked to the byte without a copy of what was stored. A server
// that misses what it holds, or answers anything but what was asked, ends the
// run with an error: it is not measured.
//
// Closed loops ([Generator.Run]) keep every connection busy. Open loops
// ([Generator.RunOpen]) send by the clock and count latency from when a request
// was due, not from when a connection was free for it: a server that stalls is
// charged for all requests that came due meanwhile.
package load
