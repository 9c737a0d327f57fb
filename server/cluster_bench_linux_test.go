package server

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// BenchmarkForwarded is a get of 100 bytes through its owner and through another
// node, in pipelines; the processor's time is that of both nodes and of the client.
func BenchmarkForwarded(b *testing.B) {
	nodes := startNodes(b, 2, 1, nil)
	key := keysOf("k", 1, 2, 1)[0]
	dial(b, nodes[1].Server).whole(fmt.Sprintf("set %s 0 0 100\n%0100d\n", key, 7))
	reply := fmt.Appendf(nil, "VALUE %s 0 100\r\n%0100d\r\nEND\r\n", key, 7)
	for _, depth := range []int{1, 16, 128} {
		for name, s := range map[string]*Server{"direct": nodes[1].Server, "forwarded": nodes[0].Server} {
			b.Run(fmt.Sprintf("%s/%d", name, depth), func(b *testing.B) {
				nc, err := net.Dial("tcp", s.Addr().String())
				require.NoError(b, err)
				defer func() { _ = nc.Close() }()
				ask := bytes.Repeat([]byte("get "+key+"\r\n"), depth)
				in, want := make([]byte, depth*len(reply)), bytes.Repeat(reply, depth)
				b.ReportAllocs()
				before := processorTime(b)
				n := 0
				for b.Loop() {
					_, err := nc.Write(ask)
					require.NoError(b, err)
					_, err = io.ReadFull(nc, in)
					require.NoError(b, err)
					n += depth
				}
				b.ReportMetric(float64(processorTime(b)-before)/float64(n), "cpu-ns/get")
				require.Equal(b, string(want), string(in))
			})
		}
	}
}

func processorTime(b *testing.B) time.Duration {
	var u unix.Rusage
	require.NoError(b, unix.Getrusage(unix.RUSAGE_SELF, &u))
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
