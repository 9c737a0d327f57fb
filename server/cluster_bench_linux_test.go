package server

import (
	"bytes"
	"fmt"
	"net"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// BenchmarkForwarded is a get of 100 bytes through its owner and through another
// node, by so many connections, each with so many in a pipeline; the processor's time
// is that of both nodes, without the client's.
func BenchmarkForwarded(b *testing.B) {
	nodes := startNodes(b, 2, 1, nil)
	key := keysOf("k", 1, 2, 1)[0]
	dial(b, nodes[1].Server).whole(fmt.Sprintf("set %s 0 0 100\n%0100d\n", key, 7))
	reply := fmt.Appendf(nil, "VALUE %s 0 100\r\n%0100d\r\nEND\r\n", key, 7)
	for _, conns := range []int{1, 50} {
		for _, depth := range []int{1, 16, 128} {
			for i, name := range []string{"forwarded", "direct"} {
				b.Run(fmt.Sprintf("%s/%dx%d", name, conns, depth), func(b *testing.B) {
					c := newChorus(b, nodes[i].Server, conns)
					ask, want := bytes.Repeat([]byte("get "+key+"\r\n"), depth), bytes.Repeat(reply, depth)
					in := make([]byte, len(want))
					c.round(b, ask, in)
					b.ReportAllocs()
					before := c.nodesTime(b)
					n := 0
					for b.Loop() {
						c.round(b, ask, in)
						n += depth * conns
					}
					b.ReportMetric(float64(c.nodesTime(b)-before)/float64(n), "cpu-ns/get")
					b.ReportMetric(float64(b.Elapsed())/float64(n), "ns/get")
					require.Equal(b, string(want), string(in))
				})
			}
		}
	}
}

// chorus is clients on one thread, whose time can be told from that of the nodes.
type chorus []int

func newChorus(b *testing.B, s *Server, conns int) (c chorus) {
	runtime.LockOSThread()
	b.Cleanup(runtime.UnlockOSThread)
	to := s.Addr().(*net.TCPAddr)
	for range conns {
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)
		require.NoError(b, err)
		b.Cleanup(func() { _ = unix.Close(fd) })
		require.NoError(b, unix.Connect(fd, &unix.SockaddrInet4{Port: to.Port, Addr: [4]byte(to.IP.To4())}))
		require.NoError(b, unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1))
		c = append(c, fd)
	}
	return c
}

// round has all ask, then takes all replies.
func (c chorus) round(b *testing.B, ask, in []byte) {
	for _, fd := range c {
		if n, err := unix.Write(fd, ask); n != len(ask) {
			b.Fatal(n, err)
		}
	}
	for _, fd := range c {
		for got := 0; got < len(in); {
			n, err := unix.Read(fd, in[got:])
			if n <= 0 && err != unix.EINTR {
				b.Fatal(n, err)
			}
			got += max(0, n)
		}
	}
}

// nodesTime is the processor's time without this thread's.
func (c chorus) nodesTime(b *testing.B) time.Duration {
	return processorTime(b, unix.RUSAGE_SELF) - processorTime(b, unix.RUSAGE_THREAD)
}

func processorTime(b *testing.B, whose int) time.Duration {
	var u unix.Rusage
	require.NoError(b, unix.Getrusage(whose, &u))
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
