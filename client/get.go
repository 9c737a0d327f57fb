package client

import (
	"context"
	"errors"
	"os"
	"time"
)

// Get returns the value of a key, from the cache or else by load:
//
//	hit                      the value; load is not called
//	lease granted            load, fill
//	somebody else loads      wait for his value, at most Options.MaxWait, then load without filling
//	quarantined, in doubt    load without filling
//	lease in doubt           fence the source, load, fill (only with Options.Fencer)
//	cache unreachable        load without filling (unless Options.RequireCache)
//	fill refused             the loaded value: it is right for this read
//
// Errors: ErrNotFound if the source has no such thing, also when the cache
// remembers that; whatever load returned, which is not cached, and whose lease is
// given back; the end of ctx; ErrInvalid; ErrClosed.
func (c *Client) Get(ctx context.Context, key string, load Loader, opts ...GetOption) (Value, error) {
	o := c.getOptions(opts)
	res, err := c.read(ctx, key, &o)
	if err != nil {
		if err := c.withoutCache(ctx, err); err != nil {
			return Value{}, err
		}
		return c.bypass(ctx, key, load)
	}
	switch res.Status {
	case Hit:
		if res.Won {
			return c.refresh(ctx, &res, load)
		}
		return c.hit(&res)
	case Leased:
		c.stats.misses.Add(1)
		return c.loadAndFill(ctx, res.Lease, load)
	default:
		return c.bypass(ctx, key, load)
	}
}

// withoutCache returns nil if a read may go on without the cache after err.
func (c *Client) withoutCache(ctx context.Context, err error) error {
	if ctx.Err() != nil || errors.Is(err, ErrClosed) || errors.Is(err, ErrInvalid) {
		return err
	}
	c.stats.errors.Add(1)
	if c.o.RequireCache {
		return err
	}
	return nil
}

// read asks for a key, and waits while somebody else loads it.
func (c *Client) read(ctx context.Context, key string, o *getOptions) (LeaseResult, error) {
	ask := o.read(c.o.Fencer != nil)
	began := time.Now()
	res, err := c.ask(ctx, key, ask, flagsValue, c.o.RequestTimeout)
	if err != nil || res.Status != Wait {
		return res, err
	}
	c.stats.waits.Add(1)
	for pause := 5 * time.Millisecond; err == nil && res.Status == Wait; {
		asked := time.Now()
		left := o.maxWait - asked.Sub(began)
		if left <= 0 {
			return res, nil
		}
		ask.Wait = left
		res, err = c.ask(ctx, key, ask, flagsValue, c.o.RequestTimeout)
		if err != nil && ctx.Err() == nil && errors.Is(err, os.ErrDeadlineExceeded) {
			return LeaseResult{Status: Wait}, nil // stuck behind others who wait; not the cache's fault
		}
		// A server that has no room to park readers answers at once.
		if err == nil && res.Status == Wait && time.Since(asked) < pause {
			if !sleep(ctx, min(pause, left)) {
				return res, ctx.Err()
			}
			pause = min(2*pause, 100*time.Millisecond)
		}
	}
	return res, err
}

func (c *Client) hit(res *LeaseResult) (Value, error) {
	c.stats.hits.Add(1)
	if res.Stale {
		c.stats.staleHits.Add(1)
	}
	v := Value{Flags: res.Flags, Cached: true, Stale: res.Stale}
	if isNegative(res.Value, res.Flags) {
		c.stats.negativeHits.Add(1)
		v.Flags &^= negativeFlag
		return v, ErrNotFound
	}
	v.Data = res.Value
	return v, nil
}

// refresh loads a value anew whose lease came with a hit. If that fails the hit
// is still an answer: fresh, or stale to a reader who said that stale will do.
func (c *Client) refresh(ctx context.Context, res *LeaseResult, load Loader) (Value, error) {
	c.stats.refreshes.Add(1)
	v, err := c.loadAndFill(ctx, res.Lease, load)
	if err != nil && !errors.Is(err, ErrNotFound) && ctx.Err() == nil {
		return c.hit(res)
	}
	return v, err
}

// bypass reads the source on the caller's own account.
func (c *Client) bypass(ctx context.Context, key string, load Loader) (Value, error) {
	c.stats.bypasses.Add(1)
	return c.load(ctx, key, load)
}

func (c *Client) load(ctx context.Context, key string, load Loader) (Value, error) {
	c.stats.loads.Add(1)
	v, err := load(ctx, key)
	switch {
	case errors.Is(err, ErrNotFound):
		// Of what is not there only the tags are of use.
		return Value{Tags: v.Tags}, err
	case err != nil:
		c.stats.loadErrors.Add(1)
		return Value{}, err
	}
	v.Cached, v.Stale = false, false
	return v, nil
}

// loadAndFill does what a granted lease is for. Whatever happens, a panic of the
// loader included, the lease is ended: by a fill, or given back.
func (c *Client) loadAndFill(ctx context.Context, lease Lease, load Loader) (Value, error) {
	open := true
	defer func() {
		if open {
			c.endLease(ctx, lease)
		}
	}()
	if lease.Doubt {
		if err := c.fence(ctx, &lease); err != nil {
			open = false
			c.endLease(ctx, lease)
			if ctx.Err() != nil {
				return Value{}, ctx.Err()
			}
			return c.bypass(ctx, lease.Key, load)
		}
	}
	v, err := c.load(ctx, lease.Key, load)
	fill := FillOptions{TTL: v.TTL, Flags: v.Flags, Tags: v.Tags, Fenced: lease.Doubt}
	switch {
	case err == nil:
		if err := checkValue(&v); err != nil {
			return Value{}, err
		}
		if v.TTL < 0 {
			return v, nil
		}
	case errors.Is(err, ErrNotFound) && c.o.NegativeTTL > 0:
		fill.TTL, fill.Flags = c.o.NegativeTTL, negativeFlag
	default:
		return Value{}, err
	}
	open = false
	stored, fillErr := c.fill(ctx, lease, v.Data, fill)
	if fillErr != nil {
		open = true
		return Value{}, fillErr
	}
	v.Cached = stored
	return v, err
}

// fill stores what was loaded, if the cache takes it. Only a value that cannot
// be written on the wire at all is an error.
func (c *Client) fill(ctx context.Context, lease Lease, data []byte, o FillOptions) (stored bool, err error) {
	if ctx.Err() != nil {
		// The caller has gone, but the value is as good as before.
		c.post(c.leaseSet(lease.Key, data, &lease, &o))
		return false, nil
	}
	err = c.fillOnce(ctx, lease, data, o)
	return c.filled(err), invalid(err)
}

func (c *Client) fillOnce(ctx context.Context, lease Lease, data []byte, o FillOptions) error {
	rep, on, err := c.do(ctx, false, c.leaseSet(lease.Key, data, &lease, &o), c.o.RequestTimeout, nil)
	if err != nil {
		return err
	}
	return storedBy(on, &rep)
}

// filled counts the outcome of a fill.
func (c *Client) filled(err error) bool {
	var refused *RefusedError
	switch {
	case err == nil:
		c.stats.fills.Add(1)
		return true
	case errors.As(err, &refused):
		c.stats.refused[refused.Reason].Add(1)
	default:
		c.stats.errors.Add(1)
	}
	return false
}

func invalid(err error) error {
	if errors.Is(err, ErrInvalid) {
		return err
	}
	return nil
}

// endLease gives a lease back on behalf of a reader: as long as he is there it
// waits for the answer, so that his next read finds the key free.
func (c *Client) endLease(ctx context.Context, lease Lease) {
	c.stats.givenBack.Add(1)
	r := giveBack(lease.Key, lease.Token)
	if ctx.Err() != nil {
		c.post(r)
		return
	}
	rep, on, err := c.do(ctx, false, r, c.o.RequestTimeout, nil)
	if err == nil {
		err = ended(on, &rep)
	}
	if err != nil {
		c.stats.errors.Add(1)
	}
}
