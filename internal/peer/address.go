package peer

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"
)

// Exchange asks one question at an address, over a connection of its own, and
// says who answered: for a node that joins and knows addresses only. A refusal
// by either side is a *Refusal.
func Exchange(ctx context.Context, cfg Config, addr string, kind Kind, payload []byte) ([]byte, Hello, error) {
	cfg = cfg.withDefaults()
	if len(payload) > cfg.MaxPayload {
		return nil, Hello{}, fmt.Errorf("%w: %d bytes, at most %d", ErrTooLong, len(payload), cfg.MaxPayload)
	}
	nc, from, err := cfg.connect(ctx, addr, peerFrames, "", line{})
	if err != nil {
		return nil, from, err
	}
	defer func() { _ = nc.Close() }()
	stop := context.AfterFunc(ctx, func() { _ = nc.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	fail := func(err error) ([]byte, Hello, error) {
		if ctx.Err() != nil {
			err = ctx.Err()
		}
		return nil, from, fmt.Errorf("ask %s at %s: %w", from.Node, addr, unended(err))
	}
	if _, err := nc.Write(appendFrame(nil, kind, 1, 0, len(payload), payload)); err != nil {
		return fail(err)
	}
	in := frames{src: nc, max: cfg.MaxPayload}
	f, err := in.next()
	switch {
	case err != nil:
		return fail(err)
	case f.kind == moved:
		return fail(ErrMoved)
	case f.kind == failed && len(f.payload) > 0:
		return fail(errors.New(printable(f.payload[1:])))
	case f.kind != kind|answer || f.id != 1:
		return fail(fmt.Errorf("%w: kind %#x answers what was not asked", errFrame, byte(f.kind)))
	}
	return f.payload, from, nil
}

// DialRaft opens a raft stream to a node at an address, hellos said. Another node
// that answers there is a *Refusal: raft does not look who acknowledges.
func DialRaft(ctx context.Context, cfg Config, addr, node string) (net.Conn, error) {
	cfg = cfg.withDefaults()
	nc, _, err := cfg.connect(ctx, addr, raftStream, node, line{})
	return nc, err
}
