package peer

import (
	"bufio"
	"io"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// direct answers a line of as many bytes with a value, as a node answers a
// client: what a call between nodes is compared with.
func direct(b *testing.B) net.Conn {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(b, err)
	b.Cleanup(func() { _ = ln.Close() })
	go func() {
		nc, err := ln.Accept()
		if err != nil {
			return
		}
		defer func() { _ = nc.Close() }()
		r, w := bufio.NewReaderSize(nc, 64<<10), bufio.NewWriterSize(nc, 64<<10)
		for {
			if _, err := r.Discard(len(question)); err != nil {
				return
			}
			_, _ = w.Write(value)
			if r.Buffered() < len(question) && w.Flush() != nil {
				return
			}
		}
	}()
	nc, err := net.Dial("tcp", ln.Addr().String())
	require.NoError(b, err)
	b.Cleanup(func() { _ = nc.Close() })
	return nc
}

var (
	question = []byte("mg a-key-of-some-length v t N30\r\n")
	value    = []byte("VA 100 t30\r\n" + string(make([]byte, 100)) + "\r\n")
)

// BenchmarkDirect is a request of a client by itself, 64 pipelined or alone.
func BenchmarkDirect(b *testing.B) {
	for _, depth := range []struct {
		name string
		n    int
	}{{"one", 1}, {"pipelined", 64}} {
		b.Run(depth.name, func(b *testing.B) {
			nc := direct(b)
			in := make([]byte, depth.n*len(value))
			var out []byte
			for range depth.n {
				out = append(out, question...)
			}
			b.ReportAllocs()
			for b.Loop() {
				if _, err := nc.Write(out); err != nil {
					b.Fatal(err)
				}
				if _, err := io.ReadFull(nc, in); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*depth.n), "ns/request")
		})
	}
}

type answering struct{ value []byte }

func (a answering) Serve(_ Request, r Reply) { r.Send(a.value) }
func (answering) Close()                     {}

// BenchmarkCall is a call and its answer over loopback, alone and in batches of
// 64 as an event loop makes them.
func BenchmarkCall(b *testing.B) {
	for _, depth := range []struct {
		name string
		n    int
	}{{"one", 1}, {"pipelined", 64}} {
		b.Run(depth.name, func(b *testing.B) {
			l := serve(b, Config{Hello: hello("n2")}, func(Hello) Conversation { return answering{value} })
			p := pool(b, Config{Hello: hello("n1"), Address: at(l)})
			var wg sync.WaitGroup
			done := func(_ []byte, _ bool, err error) {
				if err != nil {
					b.Error(err)
				}
				wg.Done()
			}
			parts := [][]byte{question}
			deadline := time.Now().Add(time.Hour)
			b.ReportAllocs()
			for b.Loop() {
				wg.Add(depth.n)
				for range depth.n {
					if err := p.Call(Call{Node: "n2", Kind: KindRequest, Deadline: deadline, Payload: parts, Done: done}); err != nil {
						b.Fatal(err)
					}
				}
				wg.Wait()
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*depth.n), "ns/request")
		})
	}
}
