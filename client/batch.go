package client

import (
	"context"
	"time"

	"github.com/leasecache/leasecache/protocol"
)

// item is one of several requests that are sent together.
type item struct {
	req    *protocol.Request
	orphan func(reply)
	sent   time.Time // before the first send that may have arrived; zero if there was none

	on   *conn // who answered
	rep  reply
	err  error
	way  way
	call *call
	open bool
}

// doAll sends requests to the owners of their keys, over one connection to each of
// them and all at once, and waits for the answers. What was sent elsewhere, or may
// be tried again, goes in a next wave, as long as limit lasts. ready, which may be
// nil, is asked about each connection before anything is sent there.
func (c *Client) doAll(ctx context.Context, parked bool, items []item, limit time.Duration, ready func(*conn) error) {
	due := time.Now().Add(limit)
	for i := range items {
		items[i].open = true
	}
	for more := true; more; {
		c.sendAll(ctx, parked, items, ready)
		more = false
		for i := range items {
			it := &items[i]
			if !it.open {
				continue
			}
			if it.call != nil {
				it.rep, it.err = it.on.await(ctx, it.call, time.Until(due))
				it.call = nil
			}
			it.open = it.on != nil && c.onward(ctx, &it.way, it.req, it.on, &it.rep, it.err)
			if it.open && !time.Now().Before(due) {
				it.open, it.err = false, outOfTime(it.on, it.err)
			}
			more = more || it.open
		}
	}
}

// sendAll sends what is open. An item without a call has an error; without a
// connection it is for good.
func (c *Client) sendAll(ctx context.Context, parked bool, items []item, ready func(*conn) error) {
	var known [8]stop // of this wave, a connection for each node
	stops := known[:0]
	t := c.table.Load()
	for i := range items {
		it := &items[i]
		if !it.open {
			continue
		}
		it.on, it.call, it.err = nil, nil, nil
		key := routedBy(it.req)
		to := it.way
		c.step(t, key, &to)
		s := find(stops, to.node)
		if s == nil {
			on, err := c.connect(ctx, parked, key, &it.way)
			if err == nil && ready != nil {
				err = ready(on)
			}
			stops = append(stops, stop{node: to.node, way: it.way, on: on, err: err})
			s = &stops[len(stops)-1]
		} else if s.way.node == to.node {
			it.way = to
		} else { // nobody could be reached there: all go where the first one went
			to.node, to.direct, to.next, to.forward = s.way.node, s.way.direct, nil, s.way.forward
			it.way = to
		}
		if it.on, it.err = s.on, s.err; it.err != nil {
			continue
		}
		it.req.NoForward = it.way.direct
		first := it.sent.IsZero()
		if first {
			it.sent = time.Now()
		}
		if it.call, it.err = c.submit(ctx, it.on, it.req, it.orphan); it.err != nil && first {
			it.sent = time.Time{}
		}
	}
}

// stop is a node that some of the requests of a wave go to.
type stop struct {
	node *node // whom they were for
	way  way   // how the first of them got where it went
	on   *conn
	err  error
}

func find(stops []stop, n *node) *stop {
	for i := range stops {
		if stops[i].node == n {
			return &stops[i]
		}
	}
	return nil
}
