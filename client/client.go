package client

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/leasecache/leasecache/protocol"
)

// Client speaks with a Leasecache server, or with all nodes of a cluster, over a
// bounded number of connections to each. It is safe for concurrent use; make one
// and share it.
type Client struct {
	o         Options
	nodes     nodes
	table     atomic.Pointer[table]
	adopting  sync.Mutex                  // see adopt
	bound     atomic.Pointer[ClusterInfo] // the cluster that the client has to do with; see adopt
	refresher refresher
	stats     counters
	opaques   atomic.Uint64
	fences    fences
}

// New returns a client. It does not connect: the first request does, so that a
// program may start before its cache. An error is an option that makes no sense.
func New(o Options) (*Client, error) {
	o, err := o.filled()
	if err != nil {
		return nil, err
	}
	c := &Client{o: o}
	c.refresher.wake = make(chan struct{}, 1)
	c.nodes.init(o.StallTimeout, func(ctx context.Context, addr string) *node {
		n := &node{
			shared: newPool(ctx, &c.o, &c.stats, addr, o.PoolSize, false),
			parked: newPool(ctx, &c.o, &c.stats, addr, o.WaitConns, true),
		}
		n.shared.greet, n.parked.greet = c.greet, c.greet
		return n
	})
	t := &table{first: rand.IntN(1 << 16)}
	for _, addr := range o.Addrs {
		t.nodes = append(t.nodes, c.nodes.at(addr, 0))
	}
	c.table.Store(t)
	return c, nil
}

// Close ends all connections and waits for the client's goroutines. Requests
// under way fail with an error that is ErrClosed, as do later ones. It may be
// called more than once.
func (c *Client) Close() error {
	c.nodes.close()
	c.refresher.end.Wait() // started by connections, which are no more
	return nil
}

// unlimited is for requests whose bound is their context's deadline.
const unlimited = 24 * time.Hour

// limit is how long a single request of a caller with this context may take.
func (c *Client) limit(ctx context.Context) time.Duration {
	if _, ok := ctx.Deadline(); ok {
		return unlimited
	}
	return c.o.RequestTimeout
}

// Return flags of the requests.
var (
	flagsNone  = []byte("O")
	flagsValue = []byte("vfO")
	flagsAll   = []byte("vfctO")
)

// compose makes a call of a request whose Echo.Flags are set or nil. An error
// is ErrInvalid.
func (c *Client) compose(r *protocol.Request) (*call, error) {
	var room [16]byte
	o := opaque(c.opaques.Add(1))
	if r.Echo.Flags == nil {
		r.Echo.Flags = flagsNone
	}
	r.Echo.Opaque = o.append(room[:0])
	buf, err := protocol.AppendRequest(getBuffer(), r)
	r.Echo.Opaque = nil
	if err != nil {
		putBuffer(buf)
		return nil, fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	k := newCall()
	k.req, k.opaque = buf, o
	return k, nil
}

// submit composes a request and queues it on a connection.
func (c *Client) submit(ctx context.Context, on *conn, r *protocol.Request, orphan func(reply)) (*call, error) {
	k, err := c.compose(r)
	if err != nil {
		return nil, err
	}
	k.park, k.orphan = r.Wait, orphan
	if err := on.submit(ctx, k); err != nil {
		putBuffer(k.req)
		k.release()
		return nil, err
	}
	return k, nil
}

func (c *Client) doOn(ctx context.Context, on *conn, r *protocol.Request, limit time.Duration, orphan func(reply)) (reply, error) {
	k, err := c.submit(ctx, on, r, orphan)
	if err != nil {
		return reply{}, err
	}
	return on.await(ctx, k, limit)
}

// repeat sends requests that are safe to repeat, all at once, until each has an
// answer that accept takes, or a refusal that repeating would not change. It
// returns the last error of each request. ctx must have a deadline.
func (c *Client) repeat(ctx context.Context, reqs []*protocol.Request, accept func(on *conn, i int, rep *reply) error) []error {
	errs := make([]error, len(reqs))
	open := make([]int, len(reqs))
	for i := range open {
		open[i] = i
	}
	for pause := restMin; ; pause = min(2*pause, time.Second) {
		c.round(ctx, reqs, open, errs, accept)
		again := open[:0]
		for _, i := range open {
			if errs[i] != nil && repeatable(errs[i]) {
				again = append(again, i)
			}
		}
		open = again
		if len(open) == 0 || !sleep(ctx, pause) {
			return errs
		}
	}
}

// round sends those of reqs that are open, together.
func (c *Client) round(ctx context.Context, reqs []*protocol.Request, open []int, errs []error, accept func(*conn, int, *reply) error) {
	items := make([]item, len(open))
	for n, i := range open {
		items[n].req = reqs[i]
	}
	c.doAll(ctx, false, items, c.o.RequestTimeout, nil)
	for n, i := range open {
		it := &items[n]
		err := it.err
		if err == nil {
			err = accept(it.on, i, &it.rep)
		}
		if err != nil {
			err = orBefore(err, errs[i])
		}
		errs[i] = err
	}
}

// orBefore keeps the more telling error: that a context ended says less than
// what went wrong before it did.
func orBefore(err, before error) error {
	if before != nil && isContextEnd(err) && !isContextEnd(before) {
		return fmt.Errorf("%w; before that: %w", err, before)
	}
	return err
}

// repeatable reports whether a command that may be repeated should be.
func repeatable(err error) bool {
	var se *ServerError
	var te *TransportError
	switch {
	case errors.As(err, &te):
		return !errors.Is(err, ErrClosed) && !isContextEnd(err)
	case errors.As(err, &se):
		return true
	}
	return false
}

// sleep waits for about d and reports whether ctx still lives.
func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(jitter(d))
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// bounded gives a context without a deadline the one of commands that are
// repeated.
func (c *Client) bounded(ctx context.Context) (context.Context, context.CancelFunc) {
	if _, ok := ctx.Deadline(); ok {
		return ctx, func() {}
	}
	return context.WithTimeout(ctx, c.o.RetryFor)
}
