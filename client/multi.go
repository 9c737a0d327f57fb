package client

import (
	"context"
	"slices"
	"time"

	"github.com/leasecache/leasecache/protocol"
)

// MultiLoader reads many keys from the source at once, in one snapshot, under
// the rules of a Loader. A key missing in its map is "not there". After an error
// the map is not looked at.
type MultiLoader func(ctx context.Context, keys []string) (map[string]Value, error)

// Result is what GetMulti found out about one key.
type Result struct {
	Value Value
	Err   error // nil, ErrNotFound, or why the key could not be read
}

// GetMulti is Get for many keys: it asks for all of them at once and calls load
// once for all that have to be read from the source. Keys which somebody else is
// loading are waited for after that (never before: two such calls could wait for
// each other), and load is called a second time for those that did not come.
//
// The map holds a Result for every key. The error is nil if each key has a value
// or is not there; otherwise it is one of the errors in the map.
func (c *Client) GetMulti(ctx context.Context, keys []string, load MultiLoader, opts ...GetOption) (map[string]Result, error) {
	m := multi{c: c, o: c.getOptions(opts), load: load, out: make(map[string]Result, len(keys))}
	keys = slices.Clone(keys)
	slices.Sort(keys)
	keys = slices.Compact(keys)

	began := time.Now()
	waiting := m.ask(ctx, keys, 0)
	m.loadPending(ctx)
	if len(waiting) > 0 {
		c.stats.waits.Add(uint64(len(waiting)))
		if left := m.o.maxWait - time.Since(began); left > 0 {
			waiting = m.ask(ctx, waiting, left)
		}
		for _, key := range waiting {
			m.pending = append(m.pending, pending{key: key})
		}
		m.loadPending(ctx)
	}
	return m.out, m.err
}

// multi is one call of GetMulti.
type multi struct {
	c       *Client
	o       getOptions
	load    MultiLoader
	out     map[string]Result
	err     error     // the first failure
	pending []pending // to be loaded next
}

// pending is a key to be read from the source.
type pending struct {
	key   string
	lease *Lease       // nil: not to be filled
	hit   *LeaseResult // an answer for the case that the load fails, or nil
}

// ask reads keys, with their owners all at once, and sorts the answers. It returns
// those that somebody else is loading.
func (m *multi) ask(ctx context.Context, keys []string, wait time.Duration) (waiting []string) {
	c := m.c
	read := m.o.read(c.o.Fencer != nil)
	read.Wait = wait
	items := make([]item, len(keys))
	for i, key := range keys {
		items[i].req, items[i].orphan = c.leaseGet(key, &read, flagsValue), c.orphanedLease(key)
	}
	sent := time.Now()
	c.doAll(ctx, wait > 0, items, c.o.RequestTimeout+wait, nil)
	for i, key := range keys {
		it := &items[i]
		var res LeaseResult
		err := it.err
		if err == nil {
			res, err = result(it.on, key, &it.rep, sent)
		}
		switch {
		case err != nil:
			m.unanswered(ctx, key, err)
		case res.Status == Wait:
			waiting = append(waiting, key)
		default:
			m.answered(key, &res)
		}
	}
	return waiting
}

func (m *multi) answered(key string, res *LeaseResult) {
	switch {
	case res.Status == Hit && !res.Won:
		m.hit(key, res)
	case res.Status == Hit:
		m.c.stats.refreshes.Add(1)
		m.pending = append(m.pending, pending{key: key, lease: &res.Lease, hit: res})
	case res.Status == Leased:
		m.c.stats.misses.Add(1)
		m.pending = append(m.pending, pending{key: key, lease: &res.Lease})
	default:
		m.pending = append(m.pending, pending{key: key})
	}
}

func (m *multi) unanswered(ctx context.Context, key string, err error) {
	if err := m.c.withoutCache(ctx, err); err != nil {
		m.fail(key, err)
		return
	}
	m.pending = append(m.pending, pending{key: key})
}

func (m *multi) hit(key string, res *LeaseResult) {
	v, err := m.c.hit(res)
	m.out[key] = Result{Value: v, Err: err}
}

func (m *multi) fail(key string, err error) {
	m.out[key] = Result{Err: err}
	if m.err == nil {
		m.err = err
	}
}

// loadPending loads what is to be loaded, and ends every lease of it: by a fill, or
// given back, also when the loader panics.
func (m *multi) loadPending(ctx context.Context) {
	list := m.pending
	m.pending = nil
	if len(list) == 0 {
		return
	}
	ends := endings{c: m.c}
	open := true
	defer func() {
		if open {
			for _, t := range list {
				ends.giveBack(t.lease)
			}
		}
		ends.send(ctx)
	}()
	for i := range list {
		t := &list[i]
		if t.lease == nil {
			m.c.stats.bypasses.Add(1)
		} else if t.lease.Doubt && m.c.fence(ctx, t.lease) != nil {
			ends.giveBack(t.lease)
			t.lease = nil
			m.c.stats.bypasses.Add(1)
		}
	}
	keys := make([]string, len(list))
	for i := range list {
		keys[i] = list[i].key
	}
	m.c.stats.loads.Add(1)
	values, err := m.load(ctx, keys)
	open = false
	if err != nil {
		m.c.stats.loadErrors.Add(1)
	}
	for i := range list {
		t := &list[i]
		v, found := values[t.key]
		switch {
		case err != nil && t.hit != nil && ctx.Err() == nil:
			ends.giveBack(t.lease)
			m.hit(t.key, t.hit)
		case err != nil:
			ends.giveBack(t.lease)
			m.fail(t.key, err)
		case !found:
			m.out[t.key] = Result{Err: ErrNotFound}
			if m.c.o.NegativeTTL > 0 {
				ends.fill(t.lease, nil, FillOptions{TTL: m.c.o.NegativeTTL, Flags: negativeFlag}, nil)
			} else {
				ends.giveBack(t.lease)
			}
		default:
			m.loaded(t, v, &ends)
		}
	}
}

func (m *multi) loaded(t *pending, v Value, ends *endings) {
	if err := checkValue(&v); err != nil {
		ends.giveBack(t.lease)
		m.fail(t.key, err)
		return
	}
	v.Cached, v.Stale = false, false
	m.out[t.key] = Result{Value: v}
	if v.TTL < 0 {
		ends.giveBack(t.lease)
		return
	}
	ends.fill(t.lease, v.Data, FillOptions{TTL: v.TTL, Flags: v.Flags, Tags: v.Tags}, func(err error) {
		switch {
		case err == nil:
			v.Cached = true
			m.out[t.key] = Result{Value: v}
		case invalid(err) != nil:
			ends.giveBackNow(t.lease)
			m.fail(t.key, err)
		}
	})
}

// endings are the fills and returns of leases of one batch, sent together.
type endings struct {
	c    *Client
	list []ending
}

type ending struct {
	req  *protocol.Request
	fill bool
	then func(err error) // told the outcome of a fill; may be nil
}

func (e *endings) giveBack(lease *Lease) {
	if lease == nil {
		return
	}
	e.c.stats.givenBack.Add(1)
	e.list = append(e.list, ending{req: giveBack(lease.Key, lease.Token)})
}

// giveBackNow is for a lease whose fill could not be written.
func (e *endings) giveBackNow(lease *Lease) {
	e.c.stats.givenBack.Add(1)
	e.c.post(giveBack(lease.Key, lease.Token))
}

func (e *endings) fill(lease *Lease, data []byte, o FillOptions, then func(error)) {
	if lease == nil {
		return
	}
	o.Fenced = lease.Doubt
	e.list = append(e.list, ending{req: e.c.leaseSet(lease.Key, data, lease, &o), fill: true, then: then})
}

// send sends all endings and waits for their answers, as long as the caller is
// there.
func (e *endings) send(ctx context.Context) {
	if len(e.list) == 0 {
		return
	}
	if ctx.Err() != nil {
		for _, end := range e.list {
			e.c.post(end.req)
		}
		return
	}
	items := make([]item, len(e.list))
	for i := range e.list {
		items[i].req = e.list[i].req
	}
	e.c.doAll(ctx, false, items, e.c.o.RequestTimeout, nil)
	for i, end := range e.list {
		err := items[i].err
		if err == nil {
			err = end.outcome(items[i].on, &items[i].rep)
		}
		if end.fill {
			e.c.filled(err)
		} else if err != nil {
			e.c.stats.errors.Add(1)
		}
		if end.then != nil {
			end.then(err)
		}
	}
}

func (e *ending) outcome(on *conn, rep *reply) error {
	if e.fill {
		return storedBy(on, rep)
	}
	return ended(on, rep)
}
