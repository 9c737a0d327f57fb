package client

import (
	"context"
	"fmt"
	"time"

	"github.com/leasecache/leasecache/protocol"
)

// Lease is the right to fill one key once, with what was read from the source
// after it was granted.
type Lease struct {
	Key   string
	Token uint64
	// Doubt: a writer may still commit to the key. Before the read begins the
	// source must be fenced at Token, and the fill must say so.
	Doubt bool
	// Deadline is when another reader may be given a lease, counted from before
	// this one was asked for. A fill that comes later still counts as long as
	// nobody else was given one.
	Deadline time.Time

	on *conn // the process that granted it, which knows the cluster it speaks for
}

// Status is what became of a read.
type Status uint8

// The answers to a read.
const (
	Hit       Status = iota + 1 // Value holds the value
	Leased                      // no value; Lease is yours: load, then fill or give back
	Wait                        // no value; somebody else holds the lease, for at most Remaining
	UseSource                   // quarantined or in doubt: read the source, do not fill
	Empty                       // nothing there (Peek only)
)

func (s Status) String() string {
	switch s {
	case Hit:
		return "hit"
	case Leased:
		return "leased"
	case Wait:
		return "wait"
	case UseSource:
		return "use source"
	case Empty:
		return "empty"
	}
	return "none"
}

// LeaseResult is the answer to GetWithLease.
type LeaseResult struct {
	Status  Status
	Value   []byte        // Hit; the caller owns it
	Flags   uint32        // Hit: client flags
	Version uint64        // Hit: changes with every change of the value
	TTL     time.Duration // Hit: time left, in seconds; NoExpiry if it has no end
	// Stale: the value was invalidated, and is shown because LeaseOptions.Stale
	// was set.
	Stale bool
	// Won: the value is a hit, and the lease to refresh it is yours, in Lease.
	Won bool
	// Refreshing: the value is a hit, and another reader is refreshing it.
	Refreshing bool
	Lease      Lease // Leased, or Hit with Won
	// InDoubt, Quarantined: why UseSource was answered; both may hold.
	InDoubt, Quarantined bool
	Remaining            time.Duration // Wait; UseSource if Quarantined: at most so long
}

// NoExpiry is the TTL of a value that is kept until it is evicted.
const NoExpiry time.Duration = -1

// LeaseOptions say what a reader wants. The zero value is a plain read.
type LeaseOptions struct {
	Length  time.Duration // wanted for a lease, ms [Options.Lease]
	Wait    time.Duration // how long the server may wait for another's fill, ms, at most 60 s [it answers Wait at once]
	Stale   bool          // an invalidated value will do
	Refresh time.Duration // if less TTL than this is left, one reader wins the lease to refresh, seconds [never]
	// CanFence: this reader is able to fence the source, and so may be granted a
	// lease in doubt.
	CanFence bool
}

// GetWithLease reads a key. If there is no value and nobody is loading it, the
// caller is granted the lease and must end it, by SetIfLeaseValid or GiveBack.
//
// A read with Wait travels apart from other requests. If ctx ends, the answer is
// thrown away and a lease in it given back.
func (c *Client) GetWithLease(ctx context.Context, key string, o LeaseOptions) (LeaseResult, error) {
	return c.ask(ctx, key, o, flagsAll, c.limit(ctx))
}

// Peek reads a key without taking part: no lease is granted, nothing is waited
// for. The answer is Hit, UseSource or Empty.
func (c *Client) Peek(ctx context.Context, key string) (LeaseResult, error) {
	r := protocol.Request{Verb: protocol.VerbLG, Key: []byte(key), Peek: true}
	r.Echo.Flags = flagsAll
	rep, on, err := c.do(ctx, false, &r, c.limit(ctx), nil)
	if err != nil {
		return LeaseResult{}, err
	}
	return result(on, key, &rep, time.Now())
}

func (c *Client) leaseGet(key string, o *LeaseOptions, flags []byte) *protocol.Request {
	r := &protocol.Request{
		Verb: protocol.VerbLG, Key: []byte(key), LeaseFor: o.Length, Wait: o.Wait, StaleOK: o.Stale, CanFence: o.CanFence,
	}
	if r.LeaseFor <= 0 {
		r.LeaseFor = c.o.Lease
	}
	if o.Refresh > 0 {
		r.HasRefresh, r.RefreshBelow = true, uint32(min(seconds(o.Refresh), maxRefresh))
	}
	r.Echo.Flags = flags
	return r
}

const maxRefresh = 1<<32 - 1

func (c *Client) ask(ctx context.Context, key string, o LeaseOptions, flags []byte, limit time.Duration) (LeaseResult, error) {
	parked := o.Wait > 0
	if parked && limit < unlimited {
		limit += o.Wait
	}
	sent := time.Now()
	rep, on, err := c.do(ctx, parked, c.leaseGet(key, &o, flags), limit, c.orphanedLease(key))
	if err != nil {
		return LeaseResult{}, err
	}
	return result(on, key, &rep, sent)
}

// orphanedLease gives back a lease whose reader has gone: else the key would
// have no loader until it runs out.
func (c *Client) orphanedLease(key string) func(reply) {
	return func(rep reply) {
		if rep.code == protocol.CodeLE || rep.won {
			c.stats.givenBack.Add(1)
			c.post(giveBack(key, rep.token))
		}
	}
}

// result turns the reply of lg into its result. sent is a time before it was
// asked.
func result(on *conn, key string, rep *reply, sent time.Time) (LeaseResult, error) {
	res := LeaseResult{Remaining: rep.length}
	switch rep.code {
	case protocol.CodeVA:
		res = LeaseResult{
			Status: Hit, Value: rep.value, Flags: rep.flags, Version: rep.version,
			TTL: NoExpiry, Stale: rep.x, Won: rep.won, Refreshing: rep.leased,
		}
		if rep.ttl >= 0 {
			res.TTL = time.Duration(rep.ttl) * time.Second
		}
		if !rep.won {
			return res, nil
		}
	case protocol.CodeLE:
		res.Status = Leased
	case protocol.CodeWT:
		res.Status = Wait
		return res, nil
	case protocol.CodeQU:
		res.Status, res.InDoubt, res.Quarantined = UseSource, rep.x, rep.length > 0
		return res, nil
	case protocol.CodeEN:
		res.Status = Empty
		return res, nil
	default:
		return LeaseResult{}, unexpected(on, rep)
	}
	if rep.token == 0 {
		return LeaseResult{}, &TransportError{Addr: on.addr, Sent: true, Err: fmt.Errorf("%w: a lease without a token", errGarbage)}
	}
	res.Remaining = 0
	res.Lease = Lease{Key: key, Token: rep.token, Doubt: rep.doubt, Deadline: sent.Add(rep.length), on: on}
	return res, nil
}

// FillOptions describe the value of a fill.
type FillOptions struct {
	// TTL is how long the value is kept, rounded up to seconds [Options.TTL].
	// More than 30 days is cut to 30 days. Negative: not at all.
	TTL   time.Duration
	Flags uint32
	Tags  []string // at most 8, each 1 to 64 bytes without blanks or control bytes
	// Fenced says that the fence of the key's shard was committed at the lease's
	// token or above before the value was read. A lease in doubt needs it.
	Fenced bool
}

// SetIfLeaseValid fills a key. If nothing happened to the key since the lease
// was granted the value is stored; otherwise the error is a *RefusedError and
// nothing is. The lease is over either way.
func (c *Client) SetIfLeaseValid(ctx context.Context, key string, value []byte, lease Lease, o FillOptions) error {
	rep, on, err := c.do(ctx, false, c.leaseSet(key, value, &lease, &o), c.limit(ctx), nil)
	if err != nil {
		return err
	}
	return storedBy(on, &rep)
}

func (c *Client) leaseSet(key string, value []byte, lease *Lease, o *FillOptions) *protocol.Request {
	r := &protocol.Request{
		Verb: protocol.VerbLS, Key: []byte(key), Body: value, Token: lease.Token, HasToken: true,
		ClientFlags: o.Flags, FenceDone: o.Fenced,
	}
	ttl := o.TTL
	if ttl == 0 {
		ttl = c.o.TTL
	}
	if ttl != 0 {
		r.HasTTL, r.TTL = true, seconds(min(ttl, maxTTL))
	}
	for _, tag := range o.Tags {
		r.Tags = append(r.Tags, []byte(tag))
	}
	return r
}

func storedBy(on *conn, rep *reply) error {
	switch rep.code {
	case protocol.CodeHD:
		return nil
	case protocol.CodeNS:
		return &RefusedError{Reason: Reason(rep.reason)}
	}
	return unexpected(on, rep)
}

// GiveBack ends a lease without a fill: the next reader gets one at once.
// Nothing is invalidated. A lease that is over already is no error.
func (c *Client) GiveBack(ctx context.Context, lease Lease) error {
	rep, on, err := c.do(ctx, false, giveBack(lease.Key, lease.Token), c.limit(ctx), nil)
	if err != nil {
		return err
	}
	return ended(on, &rep)
}

func giveBack(key string, token uint64) *protocol.Request {
	return &protocol.Request{Verb: protocol.VerbLA, Key: []byte(key), Token: token, HasToken: true}
}

// ended accepts the replies of lc and la.
func ended(on *conn, rep *reply) error {
	if rep.code == protocol.CodeHD || rep.code == protocol.CodeEX {
		return nil
	}
	return unexpected(on, rep)
}

// seconds rounds a duration up to whole seconds; a negative one is -1, which
// the wire reads as "at once".
func seconds(d time.Duration) int64 {
	if d < 0 {
		return -1
	}
	return int64((d + time.Second - 1) / time.Second)
}
