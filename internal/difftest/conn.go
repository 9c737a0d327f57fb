package difftest

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"time"
)

const (
	// patience is how long a server may take for a step. One that says nothing for
	// so long is taken to wait for more.
	patience = 2 * time.Second
	// quiet is for steps after which a server waits for more: how long nothing has
	// to come.
	quiet = 40 * time.Millisecond
	// meal is how many barriers are offered to a server that may eat some.
	meal = 40
)

// reply is what a server said to a step.
type reply struct {
	bytes  []byte // without the barrier's
	closed bool   // the server ended the connection
	silent bool   // nothing more came, and the barrier was not answered
}

// end says in a word how the reply ended.
func (r *reply) end() string {
	switch {
	case r.closed:
		return "closes"
	case r.silent:
		return "waits"
	}
	return "goes on"
}

// conn is a connection that is dialed when it is needed.
type conn struct {
	addr  string
	sock  net.Conn
	buf   []byte
	seq   int
	chunk []byte
}

func (c *conn) close() {
	if c.sock != nil {
		_ = c.sock.Close() // it is given up
	}
	c.sock, c.buf = nil, nil
}

// exchange sends a step and reads the reply. An error says that there is no such
// server any more; everything a server may do is a reply.
func (c *conn) exchange(payload string, s *Step) (reply, error) {
	if c.sock == nil {
		sock, err := net.DialTimeout("tcp", c.addr, patience)
		if err != nil {
			return reply{}, err
		}
		c.sock = sock
	}
	barrier, answer := "mn\r\n", "MN\r\n"
	if s.Hungry || strings.Contains(payload, "mn") {
		// An MN says nothing about which mn it answers, so where there are several the
		// last barrier has a name.
		c.seq++
		barrier = fmt.Sprintf("%smg . O%d\r\n", strings.Repeat("mn\r\n", meal), c.seq)
		answer = fmt.Sprintf("EN O%d\r\n", c.seq)
	}
	within := patience
	if s.Stuck {
		barrier, within = "", quiet
	}
	sent := make(chan struct{})
	go func() {
		defer close(sent)
		c.send(payload+barrier, s.Cut)
	}()
	r := c.read(answer, within)
	if r.closed || r.silent || s.Stuck {
		c.close()
	}
	<-sent
	return r, nil
}

// send writes in one piece or two. An error is of no interest: what became of the
// connection shows in the reply.
func (c *conn) send(text string, cut int) {
	sock := c.sock
	_ = sock.SetWriteDeadline(time.Now().Add(2 * patience))
	if cut > 0 && cut < len(text) {
		_, _ = sock.Write([]byte(text[:cut]))
		time.Sleep(200 * time.Microsecond) // so that it is read alone
		text = text[cut:]
	}
	_, _ = sock.Write([]byte(text))
}

// read reads up to the barrier's answer.
func (c *conn) read(answer string, within time.Duration) reply {
	if c.chunk == nil {
		c.chunk = make([]byte, 64<<10)
	}
	for {
		if rest, ok := cutBarrier(c.buf, answer); ok {
			c.buf = nil
			return reply{bytes: rest}
		}
		_ = c.sock.SetReadDeadline(time.Now().Add(within)) // a socket that is gone says so in Read
		n, err := c.sock.Read(c.chunk)
		c.buf = append(c.buf, c.chunk[:n]...)
		if n > 0 {
			continue
		}
		r := reply{bytes: c.buf, closed: true}
		if errors.Is(err, os.ErrDeadlineExceeded) {
			r.closed, r.silent = false, true
		}
		return r
	}
}

// cutBarrier takes the barrier's answer off the end of a reply.
func cutBarrier(b []byte, answer string) ([]byte, bool) {
	rest, ok := bytes.CutSuffix(b, []byte(answer))
	if !ok || (len(rest) > 0 && !bytes.HasSuffix(rest, []byte("\n"))) {
		return nil, false
	}
	return rest, true
}
