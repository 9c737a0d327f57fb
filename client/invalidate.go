package client

import (
	"context"
	"fmt"
	"time"

	"github.com/leasecache/leasecache/protocol"
)

// Invalidate drops keys and voids their leases. It returns nil when each key
// was acknowledged: from then on nobody anywhere is given an older value, and no
// load that began before is stored. Until then it repeats what failed, as long
// as ctx lives (without a deadline: Options.RetryFor). The error is an
// *InvalidateError that names the keys without an acknowledgement.
//
// A writer without an intent calls it after its commit was acknowledged. Between
// the two readers may still be given the old value.
func (c *Client) Invalidate(ctx context.Context, keys ...string) error {
	return c.invalidate(ctx, 0, keys)
}

// InvalidateStale is Invalidate which keeps a copy of each value for so long
// (rounded up to seconds, and never beyond the value's own TTL), for readers who
// accept stale values. Nobody else is given it.
func (c *Client) InvalidateStale(ctx context.Context, keepStale time.Duration, keys ...string) error {
	if keepStale <= 0 {
		return fmt.Errorf("%w: a stale copy kept for %v", ErrInvalid, keepStale)
	}
	return c.invalidate(ctx, uint32(min(seconds(keepStale), maxRefresh)), keys)
}

func (c *Client) invalidate(ctx context.Context, staleFor uint32, keys []string) error {
	if len(keys) == 0 {
		return nil
	}
	ctx, cancel := c.bounded(ctx)
	defer cancel()
	reqs := make([]*protocol.Request, len(keys))
	for i, key := range keys {
		reqs[i] = &protocol.Request{Verb: protocol.VerbLD, Key: []byte(key), StaleFor: staleFor}
	}
	var failed map[string]error
	for i, err := range c.repeat(ctx, reqs, acknowledged) {
		if err == nil {
			c.stats.invalidations.Add(1)
			continue
		}
		if failed == nil {
			failed = make(map[string]error)
		}
		failed[keys[i]] = err
	}
	if failed == nil {
		return nil
	}
	c.stats.errors.Add(uint64(len(failed)))
	return &InvalidateError{Failed: failed}
}

// InvalidateTag drops every value that was filled with the tag, and refuses
// fills with it that were loaded before. It returns nil when that holds for all
// shards, and repeats it as Invalidate does until then.
func (c *Client) InvalidateTag(ctx context.Context, tag string) error {
	ctx, cancel := c.bounded(ctx)
	defer cancel()
	req := &protocol.Request{Verb: protocol.VerbLT, Key: []byte(tag)}
	err := c.repeat(ctx, []*protocol.Request{req}, acknowledged)[0]
	if err != nil {
		c.stats.errors.Add(1)
		return err
	}
	c.stats.invalidations.Add(1)
	return nil
}

// ReportFence tells the server that the source is fenced at token for the shard
// of key, by a commit that was acknowledged. It clears the shard's doubts below
// token and lifts the shard's tokens above it. Safe to repeat, and repeated.
func (c *Client) ReportFence(ctx context.Context, key string, token uint64) error {
	ctx, cancel := c.bounded(ctx)
	defer cancel()
	return c.repeat(ctx, []*protocol.Request{reportFence(key, token)}, acknowledged)[0]
}

func reportFence(key string, token uint64) *protocol.Request {
	return &protocol.Request{Verb: protocol.VerbLF, Key: []byte(key), Token: token, HasToken: true}
}

// acknowledged accepts HD and nothing else.
func acknowledged(on *conn, _ int, rep *reply) error {
	if rep.code == protocol.CodeHD {
		return nil
	}
	return unexpected(on, rep)
}
