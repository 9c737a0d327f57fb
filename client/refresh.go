package client

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// refresher has the map asked for: by one goroutine, one question at a time and at
// least refreshRest apart, however many want it.
//
//	1: a hundred requests get MV of map 8. 2: the first wakes the goroutine, the
//	others find it woken. 3: it brings map 8. 4: who comes with his MV of map 8 now
//	wakes nobody, and a wake from before 3 finds that nothing newer is wanted.
type refresher struct {
	start  sync.Once
	end    sync.WaitGroup // the first connection of all starts the goroutine
	wake   chan struct{}
	turn   int           // whom to ask first; the goroutine's own
	wanted atomic.Uint64 // a map of this version is known to exist
	soon   atomic.Bool   // something went wrong that a newer map may explain
}

const (
	refreshRest    = 50 * time.Millisecond
	refreshRestMax = time.Second // while nothing new comes
)

// refreshTo has a map of at least this version asked for.
func (c *Client) refreshTo(version uint64) {
	for {
		wanted := c.refresher.wanted.Load()
		if version <= wanted || c.refresher.wanted.CompareAndSwap(wanted, version) {
			break
		}
	}
	if version > c.table.Load().version {
		c.refresher.poke()
	}
}

// refreshSoon has the map asked for because what is known may be old.
func (c *Client) refreshSoon() {
	c.refresher.soon.Store(true)
	c.refresher.poke()
}

func (r *refresher) poke() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// keepMap asks for the map when it is wanted, and from time to time while the
// client is used.
func (c *Client) keepMap() {
	ctx := c.nodes.ctx
	every := c.o.MapEvery
	if every < 0 {
		every = unlimited
	}
	regular := time.NewTimer(jitter(every))
	defer regular.Stop()
	var used uint64 // c.opaques after the last question: requests are numbered
	rest := refreshRest
	for {
		select {
		case <-ctx.Done():
			return
		case <-regular.C:
			regular.Reset(jitter(every))
			if c.opaques.Load() == used {
				continue
			}
		case <-c.refresher.wake:
			before := c.table.Load()
			if !c.refresher.soon.Swap(false) && c.refresher.wanted.Load() <= before.version {
				continue
			}
		}
		before := c.table.Load()
		c.renew(ctx)
		used = c.opaques.Load()
		now := c.table.Load()
		if rest = min(2*rest, refreshRestMax); now != before {
			rest = refreshRest
		}
		if c.refresher.wanted.Load() > now.version {
			c.refresher.poke() // who was asked lags behind
		}
		if !sleepExactly(ctx, rest) {
			return
		}
	}
}

// renew asks one node after the other for its map until one answers, and in the
// end those that the client was given: all others may have gone.
func (c *Client) renew(ctx context.Context) {
	t := c.table.Load()
	c.refresher.turn++
	list := make([]*node, 0, len(t.nodes)+len(c.o.Addrs))
	for i := range t.nodes {
		list = append(list, t.nodes[(c.refresher.turn+i)%len(t.nodes)])
	}
	var err error
	for i := range cap(list) {
		var n *node
		if i < len(list) {
			n = list[i]
		} else {
			n = c.nodes.at(c.o.Addrs[i-len(list)], 0)
		}
		if err = c.renewFrom(ctx, n); err == nil || ctx.Err() != nil {
			return
		}
	}
	c.o.Logger.Warn("leasecache: nobody gives a map of the cluster", "err", err)
}

func (c *Client) renewFrom(ctx context.Context, n *node) error {
	ctx, cancel := context.WithTimeout(ctx, c.o.RequestTimeout)
	defer cancel()
	on, err := n.shared.get(ctx, false)
	if err != nil {
		return err
	}
	info, m, err := c.askMap(ctx, on)
	if err != nil {
		return err
	}
	if on.info.Load() == nil {
		on.info.Store(info)
	}
	return c.adopt(info, m)
}

func sleepExactly(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
