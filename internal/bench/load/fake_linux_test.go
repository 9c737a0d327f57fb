package load

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// fake is a cache in a map that speaks enough of every dialect, and lies if told
// to.
type fake struct {
	mu     sync.Mutex
	values map[string]string
	gets   int
	lie    func(gets int, reply string) string // changes the reply of a get
	forget bool                                // says STORED and stores nothing

	slowKey string // stored late, while other connections go on
}

func serveFake(t *testing.T, f *fake) string {
	f.values = map[string]string{}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			nc, err := ln.Accept()
			if err != nil {
				return
			}
			serving.Go(func() {
				defer nc.Close()
				f.serve(bufio.NewReader(nc), nc)
			})
		}
	})
	t.Cleanup(func() {
		require.NoError(t, ln.Close())
		serving.Wait()
	})
	return ln.Addr().String()
}

func (f *fake) serve(in *bufio.Reader, out io.Writer) {
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return
		}
		words := strings.Fields(line)
		if line == "quit\r\n" {
			return
		}
		if strings.HasPrefix(line, "*") {
			n, _ := strconv.Atoi(words[0][1:])
			words = words[:0]
			for range n {
				words = append(words, readBulk(in))
			}
		} else if words[0] == "set" {
			words = append(words, readBody(in, words[4]))
		}
		if f.slowKey != "" && words[1] == f.slowKey {
			time.Sleep(50 * time.Millisecond)
		}
		f.mu.Lock()
		reply := f.answer(words)
		f.mu.Unlock()
		if _, err := io.WriteString(out, reply); err != nil {
			return
		}
	}
}

func readBulk(in *bufio.Reader) string {
	head, _ := in.ReadString('\n')
	return readBody(in, strings.TrimSpace(head[1:]))
}

func readBody(in *bufio.Reader, size string) string {
	n, _ := strconv.Atoi(size)
	b := make([]byte, n+2)
	_, _ = io.ReadFull(in, b)
	return string(b[:n])
}

func (f *fake) answer(words []string) string {
	get := func(form func(key, value string) string, miss string) string {
		var b strings.Builder
		for _, key := range words[1:] {
			if v, ok := f.values[key]; ok {
				b.WriteString(form(key, v))
			} else {
				b.WriteString(miss)
			}
		}
		return b.String()
	}
	bulk := func(_, v string) string { return fmt.Sprintf("$%d\r\n%s\r\n", len(v), v) }
	var reply string
	switch words[0] {
	case "get":
		reply = get(func(k, v string) string { return fmt.Sprintf("VALUE %s 0 %d\r\n%s\r\n", k, len(v), v) }, "") + "END\r\n"
	case "mg", "lg":
		words = words[:2]
		reply = get(func(_, v string) string { return fmt.Sprintf("VA %d\r\n%s\r\n", len(v), v) }, "EN\r\n")
	case "GET":
		reply = get(bulk, "$-1\r\n")
	case "MGET":
		reply = fmt.Sprintf("*%d\r\n", len(words)-1) + get(bulk, "$-1\r\n")
	default:
		if !f.forget {
			f.values[words[1]] = words[len(words)-1]
		}
		if words[0] == "SET" {
			return "+OK\r\n"
		}
		return "STORED\r\n"
	}
	f.gets++
	if f.lie != nil {
		reply = f.lie(f.gets, reply)
	}
	return reply
}
