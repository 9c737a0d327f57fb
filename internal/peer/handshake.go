package peer

import (
	"errors"
	"fmt"
	"io"
	"net"
	"time"
)

// greet is the dialer's side of a hello both ways. After an error the
// connection is of no use.
func greet(nc net.Conn, cfg *Config, stream byte, want string, of line) (Hello, error) {
	if err := nc.SetDeadline(time.Now().Add(cfg.times.handshake)); err != nil {
		return Hello{}, err
	}
	ours := cfg.Hello()
	ours.line = of
	if err := ours.check(); err != nil {
		return Hello{}, err
	}
	if _, err := nc.Write(ours.append([]byte{stream})); err != nil {
		return Hello{}, fmt.Errorf("say hello: %w", err)
	}
	theirs, v, err := readHello(nc)
	switch {
	case errors.Is(err, errForeign):
		return Hello{}, fmt.Errorf("%s is not the cluster port of a node: give the address of its --cluster", nc.RemoteAddr())
	case err != nil:
		return Hello{}, fmt.Errorf("no hello from %s: %w", nc.RemoteAddr(), unended(err))
	}
	no := judge(ours, theirs, v, nc, stream, want, cfg.Known)
	// Theirs is read before ours is said: over a connection without buffers
	// both sides would wait for the other to read.
	said, err := readVerdict(nc)
	if err == nil {
		_, err = nc.Write(appendVerdict(nil, no))
	}
	switch {
	case no != nil:
		return theirs, no
	case said != nil:
		return theirs, said
	case err != nil:
		return Hello{}, fmt.Errorf("no verdict from %s: %w", nc.RemoteAddr(), unended(err))
	}
	return theirs, nc.SetDeadline(time.Time{})
}

// welcome is the listener's side, after the first byte. A connection that is not
// refused is begun before it is answered. Its answer has the clock's time.
func welcome(nc net.Conn, cfg *Config, stream byte, clock func() int64, begin func(line) error) (Hello, error) {
	theirs, v, err := readHello(nc)
	if err != nil {
		return Hello{}, unended(err)
	}
	ours := cfg.Hello()
	if err := ours.check(); err != nil {
		return Hello{}, err
	}
	no := judge(ours, theirs, v, nc, stream, "", cfg.Known)
	if no == nil && stream == peerFrames {
		if err := begin(theirs.line); err != nil {
			return theirs, err
		}
		ours.clock = clock()
	}
	if _, err := nc.Write(appendVerdict(ours.append(nil), no)); err != nil {
		return Hello{}, fmt.Errorf("answer the hello: %w", err)
	}
	// Read what the dialer says even to a refusal: a connection that is closed
	// over unread bytes is reset, and takes the sentence with it.
	said, err := readVerdict(nc)
	switch {
	case no != nil:
		return theirs, no
	case err != nil:
		return Hello{}, fmt.Errorf("no verdict: %w", unended(err))
	case said != nil:
		return theirs, said
	}
	return theirs, nc.SetDeadline(time.Time{})
}

func judge(ours, theirs Hello, v uint16, nc net.Conn, stream byte, want string, known func(string) (string, bool)) *Refusal {
	if v != version {
		return refuseVersion(ours.Node, v, nc.RemoteAddr().String())
	}
	return refuse(ours, theirs, stream, want, known)
}

// unended turns the end of a stream within a message into words of its own: an
// io.EOF would look like an orderly end.
func unended(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
