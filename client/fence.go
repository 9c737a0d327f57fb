package client

import (
	"context"
	"errors"
	"sync"
)

// fences lets one fence serve all readers of a shard who wait for one. Every
// reader needs a fence at or above his own token, committed before his read
// begins; a fence at the highest of the waiting tokens is that for each of them.
//
// 1: readers of a hundred keys of one shard hold doubt leases 1 … 100. 2: the
// first fences at 1, the others queue. 3: the second fences at 100. 4: the rest
// find the row at 100 and read at once.
type fences struct {
	mu     sync.Mutex
	shards map[fencedShard]*fenceState
}

type fencedShard struct {
	cluster string
	shard   uint32
}

type fenceState struct {
	turn   chan struct{} // holds a token while somebody fences
	users  int           // readers who hold or wait for the turn; guarded by fences.mu
	wanted uint64        // highest token anybody waits for; guarded by fences.mu
	done   uint64        // the fence was committed at it; guarded by the turn
}

func (f *fences) enter(at fencedShard, token uint64) *fenceState {
	f.mu.Lock()
	defer f.mu.Unlock()
	s := f.shards[at]
	if s == nil {
		s = &fenceState{turn: make(chan struct{}, 1)}
		if f.shards == nil {
			f.shards = make(map[fencedShard]*fenceState)
		}
		f.shards[at] = s
	}
	s.users++
	s.wanted = max(s.wanted, token)
	return s
}

// leave forgets a shard with its last user, so that nothing is kept.
func (f *fences) leave(at fencedShard, s *fenceState) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if s.users--; s.users == 0 {
		delete(f.shards, at)
	}
}

func (f *fences) highest(s *fenceState) uint64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return s.wanted
}

var errNoFencer = errors.New("leasecache: a lease in doubt, and no Options.Fencer")

// FenceSource fences the source for a lease in doubt, by Options.Fencer. When it
// returns nil the read may begin, and its fill says Fenced.
func (c *Client) FenceSource(ctx context.Context, lease Lease) error { return c.fence(ctx, &lease) }

func (c *Client) fence(ctx context.Context, lease *Lease) error {
	if c.o.Fencer == nil {
		return errNoFencer
	}
	at, err := c.shardOf(ctx, lease)
	if err != nil {
		return err
	}
	err = c.fences.raise(ctx, at, lease.Token, func(token uint64) error {
		err := c.o.Fencer.Fence(ctx, at.cluster, at.shard, token)
		if err == nil {
			c.stats.fences.Add(1)
		}
		return err
	})
	if err != nil {
		c.stats.fenceErrors.Add(1)
		c.o.Logger.Warn("leasecache: the source could not be fenced, its shard stays uncached",
			"shard", at.shard, "token", lease.Token, "err", err)
	}
	return err
}

// raise returns nil when the fence of a shard was committed at token or above.
func (f *fences) raise(ctx context.Context, at fencedShard, token uint64, fence func(uint64) error) error {
	s := f.enter(at, token)
	defer f.leave(at, s)
	select {
	case s.turn <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-s.turn }()
	if s.done >= token {
		return nil
	}
	highest := f.highest(s)
	if err := fence(highest); err != nil {
		return err
	}
	s.done = highest
	return nil
}

// shardOf names the row of the fence for a lease, by what the very process says
// that granted it.
func (c *Client) shardOf(ctx context.Context, lease *Lease) (fencedShard, error) {
	if lease.on == nil {
		return fencedShard{}, errors.New("leasecache: a lease that this client was not granted")
	}
	info, err := c.clusterOf(ctx, lease.on)
	if err != nil {
		return fencedShard{}, err
	}
	return fencedShard{cluster: info.ID, shard: info.Shard(lease.Key)}, nil
}
