package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"time"

	"github.com/leasecache/leasecache/protocol"
)

// ErrLogin: the server did not take the user and the password of the options. It is
// in the TransportError of every request until it does.
var ErrLogin = errors.New("the server refused user and password")

// maxLogin is how long user and password may be together, with the blank between.
const maxLogin = 16384

// checkLogin says what is wrong with a user and a password, or nothing.
func checkLogin(user, password string) error {
	switch {
	case user == "" && password == "":
		return nil
	case user == "":
		return fmt.Errorf("%w: a Password without a Username", ErrInvalid)
	case strings.ContainsAny(user, " :\r\n\x00"):
		return fmt.Errorf("%w: Username holds a blank, a colon or a line end", ErrInvalid)
	case strings.ContainsAny(password, "\r\n\x00"):
		return fmt.Errorf("%w: Password holds a line end", ErrInvalid)
	case len(user)+1+len(password) > maxLogin:
		return fmt.Errorf("%w: Username and Password are too long", ErrInvalid)
	}
	return nil
}

// logIn shows the server who is there, before anything else is sent: the value of a
// set is user and password. It reads the reply and nothing behind it. Where everybody
// may come in, the time of the set is over at once, and nobody can read it.
func (o *Options) logIn(ctx context.Context, nc net.Conn) error {
	if o.Username == "" {
		return nil
	}
	// Whatever ends the dial ends this too.
	stop := context.AfterFunc(ctx, func() { _ = nc.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	pair := o.Username + " " + o.Password
	if _, err := fmt.Fprintf(nc, "set auth 0 -1 %d\r\n%s\r\n", len(pair), pair); err != nil {
		return fmt.Errorf("log in: %w", err)
	}
	line, err := readLine(nc)
	if err != nil {
		return fmt.Errorf("log in: %w", err)
	}
	if line != protocol.LineStored {
		return fmt.Errorf("%w: %s", ErrLogin, strings.TrimSpace(line))
	}
	if !stop() {
		return ctx.Err()
	}
	return nil
}

// readLine reads a line byte by byte: what follows it is another's to read.
func readLine(r io.Reader) (string, error) {
	var line []byte
	var b [1]byte
	for len(line) < 1024 {
		if _, err := io.ReadFull(r, b[:]); err != nil {
			return "", err
		}
		if line = append(line, b[0]); b[0] == '\n' {
			return string(line), nil
		}
	}
	return "", errGarbage
}
