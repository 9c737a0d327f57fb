package client

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"time"

	"github.com/leasecache/leasecache/protocol"
)

// way is what one request has learnt on its way through the cluster.
type way struct {
	node    *node // where it is, or was last
	direct  bool  // node is asked as the owner, and is not to forward
	next    *node // whom the last node named as the owner
	forward bool  // no owner could be reached: whoever can be is asked to forward
	moves   int   // how often it was sent elsewhere
	losses  int   // how often it got no answer
}

const (
	maxMoves  = 4 // after so many it is left to the nodes to find the owner
	maxLosses = 2 // so often a request is tried again
)

// connect gets the connection for a request with this key, nil for one that any
// node answers. On an error nothing was sent.
func (c *Client) connect(ctx context.Context, parked bool, key []byte, w *way) (*conn, error) {
	for {
		t := c.table.Load()
		c.step(t, key, w)
		on, err := w.node.pool(parked).get(ctx, len(t.nodes) == 1)
		if err == nil {
			return on, nil
		}
		if !c.again(ctx, w, true, nil, err) {
			return nil, err
		}
	}
}

// step decides where a request goes next.
func (c *Client) step(t *table, key []byte, w *way) {
	last := w.node
	w.node, w.direct = nil, false
	if !w.forward && key != nil {
		if w.node = w.next; w.node == nil {
			w.node = t.owner(key)
		}
		w.direct = w.node != nil
	}
	if w.node == nil {
		if w.losses == 0 {
			last = nil
		}
		w.node = t.any(last)
	}
}

// again reports whether a request that failed is to be tried again, and where is
// noted in w. on is nil if there was not even a connection.
//
// What may have arrived is repeated only if its verb says that doing it twice does
// no harm. With a single server nothing is, as there nobody else could know.
func (c *Client) again(ctx context.Context, w *way, repeats bool, on *conn, err error) bool {
	var te *TransportError
	if !errors.As(err, &te) {
		return false
	}
	t := c.table.Load()
	alone := len(t.nodes) == 1 && t.owners == nil
	if !alone && !errors.Is(err, context.Canceled) {
		c.refreshSoon()
	}
	if ctx.Err() != nil || c.nodes.ctx.Err() != nil || errors.Is(err, errGarbage) {
		return false
	}
	left := errors.Is(err, errLeft) // the table has changed under it
	if errors.Is(err, os.ErrDeadlineExceeded) && on != nil && on.alive() {
		return false // no time is left
	}
	limit := maxLosses
	if on == nil {
		limit = max(limit, len(t.nodes)-1)
	}
	switch w.losses++; {
	case w.losses > limit:
		return false
	case te.Sent && (alone || !repeats):
		return false
	case alone && (on == nil || on.alive()):
		return false
	}
	w.next = nil
	w.forward = !left && (on == nil || w.losses > 1)
	return true
}

// moved reads MV: the owner is another node. It reports whether the request is to
// be sent there; nothing was done.
func (c *Client) moved(w *way, rep *reply) bool {
	if !w.direct {
		return false
	}
	c.stats.moved.Add(1)
	c.refreshTo(rep.version)
	w.moves++
	if _, _, err := net.SplitHostPort(rep.text); err != nil || w.moves >= maxMoves {
		w.next, w.forward = nil, true
		return true
	}
	w.next = c.nodes.at(rep.text, rep.version)
	return true
}

// repeats reports whether a request may be done twice. A fill may not: it is there
// once for its lease. An intent may because it carries a nonce.
func repeats(r *protocol.Request) bool {
	return r.Verb != protocol.VerbLS && (r.Verb != protocol.VerbLW || len(r.Nonce) > 0)
}

// routedBy is the key by which a request finds its owner. A tag is everybody's.
func routedBy(r *protocol.Request) []byte {
	if r.Verb == protocol.VerbLT || r.Verb == protocol.VerbLM {
		return nil
	}
	return r.Key
}

// do sends one request to where its key's owner is and waits for its answer.
func (c *Client) do(ctx context.Context, parked bool, r *protocol.Request, limit time.Duration, orphan func(reply)) (reply, *conn, error) {
	var w way
	var due time.Time // of all attempts together; set by the first that failed
	for {
		on, err := c.connect(ctx, parked, routedBy(r), &w)
		if err != nil {
			return reply{}, nil, err
		}
		r.NoForward = w.direct
		began := time.Now()
		rep, err := c.doOn(ctx, on, r, limit, orphan)
		if !c.onward(ctx, &w, r, on, &rep, err) {
			return rep, on, err
		}
		if due.IsZero() {
			due = began.Add(limit)
		}
		if limit = time.Until(due); limit <= 0 {
			return reply{}, nil, outOfTime(on, err)
		}
	}
}

// onward reports whether a request is to be sent once more after what came of it.
func (c *Client) onward(ctx context.Context, w *way, r *protocol.Request, on *conn, rep *reply, err error) bool {
	switch {
	case err != nil:
		return c.again(ctx, w, repeats(r), on, err)
	case rep.code == protocol.CodeMV:
		return c.moved(w, rep)
	case w.direct && errors.Is(rep.err(), ErrUnavailable):
		c.refreshSoon() // it may not be the owner any more
	}
	return false
}

// outOfTime is the error of a request that found nobody in time: what was last
// heard of it, or that it was sent from one node to the next.
func outOfTime(on *conn, err error) error {
	if err == nil {
		err = &TransportError{Addr: on.addr, Err: fmt.Errorf("looking for the owner: %w", os.ErrDeadlineExceeded)}
	}
	return err
}

// post sends a request that nobody waits for, if there is a connection with
// room; it never blocks. Who gets it sees that it comes to its owner.
func (c *Client) post(r *protocol.Request) {
	t := c.table.Load()
	var on *conn
	if n := t.owner(r.Key); n != nil {
		on = n.shared.any()
	}
	if on == nil {
		on = t.any(nil).shared.any()
	}
	if on == nil {
		return
	}
	r.NoForward = false
	k, err := c.compose(r)
	if err != nil {
		return
	}
	on.post(k)
}
