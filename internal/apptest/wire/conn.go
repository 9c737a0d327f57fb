package wire

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"syscall"
	"time"
)

// conn is a scripted connection. Bytes that came but were not yet asked for stay
// in buf, so that running out of patience loses nothing.
type conn struct {
	net.Conn
	buf  []byte
	kept []string // lines of the last 'until'
}

func dial(addr string) (*conn, error) {
	c, err := net.DialTimeout("tcp", addr, patience)
	if err != nil {
		return nil, err
	}
	return &conn{Conn: c}, nil
}

func (c *conn) send(s string) error {
	if err := c.SetWriteDeadline(time.Now().Add(2 * patience)); err != nil {
		return err
	}
	_, err := io.WriteString(c.Conn, s)
	return err
}

// line returns the next reply line without its \r\n. A bare \n does not end a
// line: replies are \r\n-terminated.
func (c *conn) line(within time.Duration) (string, error) { return c.upTo("\r\n", within) }

// upTo returns what comes before the next end.
func (c *conn) upTo(end string, within time.Duration) (string, error) {
	deadline := time.Now().Add(within)
	from := 0
	for {
		if i := bytes.Index(c.buf[from:], []byte(end)); i >= 0 {
			line := string(c.buf[:from+i])
			c.buf = c.buf[from+i+len(end):]
			return line, nil
		}
		from = max(0, len(c.buf)-1)
		if err := c.more(deadline); err != nil {
			if errors.Is(err, os.ErrDeadlineExceeded) {
				return "", fmt.Errorf("no reply line within %v (so far: %s)", within, shown(string(c.buf)))
			}
			return "", fmt.Errorf("no reply line: %w (so far: %s)", err, shown(string(c.buf)))
		}
	}
}

// silent reports an error if anything comes within d.
func (c *conn) silent(d time.Duration) error {
	if len(c.buf) == 0 {
		err := c.more(time.Now().Add(d))
		if errors.Is(err, os.ErrDeadlineExceeded) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("want silence, the connection ended: %w", err)
		}
	}
	return fmt.Errorf("want silence, got %s", shown(string(c.buf)))
}

// closed reports an error unless the peer ends the connection and sends nothing
// more.
func (c *conn) closed(within time.Duration) error {
	if len(c.buf) == 0 {
		err := c.more(time.Now().Add(within))
		switch {
		case errors.Is(err, io.EOF), errors.Is(err, syscall.ECONNRESET):
			return nil
		case errors.Is(err, os.ErrDeadlineExceeded):
			return fmt.Errorf("still open after %v", within)
		case err != nil:
			return err
		}
	}
	return fmt.Errorf("want the end of the connection, got %s", shown(string(c.buf)))
}

func (c *conn) more(deadline time.Time) error {
	if err := c.SetReadDeadline(deadline); err != nil {
		return err
	}
	var chunk [64 << 10]byte
	n, err := c.Read(chunk[:])
	if n > 0 {
		c.buf = append(c.buf, chunk[:n]...)
		return nil
	}
	return err
}
