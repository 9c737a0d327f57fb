package client

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/leasecache/leasecache/protocol"
)

// Intent is a writer's open intent on one key: while it lasts the key is
// quarantined, and if it runs out the key is in doubt until the source is
// fenced above Token.
type Intent struct {
	Key   string
	Token uint64
	// Cluster and Shard name the row of the fence that the writer must check.
	Cluster string
	Shard   uint32
	// Deadline is when the intent runs out at the earliest, counted from before
	// it was first sent. The write must be over, with a margin, before it.
	Deadline time.Time
}

// IntentOptions say what kind of intent is wanted.
type IntentOptions struct {
	Length time.Duration // ms, at most 60 s [Options.Intent]
	// Bounded asks for the weaker kind, whose writer does not check the fence:
	// before BeginIntent is called the source must have acknowledged a timeout
	// that ends the transaction at least 500 ms before Length does.
	Bounded bool
}

// BeginIntent opens an intent on a key. The write may start when it returns nil;
// CommitIntent or AbortIntent ends the intent, and when the outcome of the write
// is unknown neither is called.
//
// The request carries a nonce of 128 random bits, of this call alone: it is
// repeated with it when a connection is lost, so that no second intent is left
// behind. Another attempt of a transaction is another call.
//
// An error is ErrIntentUnavailable; what may have been opened is aborted.
func (c *Client) BeginIntent(ctx context.Context, key string, o IntentOptions) (Intent, error) {
	list, err := c.beginAll(ctx, []string{key}, o)
	if err != nil {
		return Intent{}, err
	}
	return list[0], nil
}

// CommitIntent ends an intent after the commit was acknowledged. It is repeated
// until the server has answered; that the server does not know the intent any
// more is no error, the key is invalidated then. After an error the update has
// still happened: the key stays with the source until the intent has run out
// and the source was fenced.
func (c *Client) CommitIntent(ctx context.Context, in Intent) error {
	return c.endIntent(ctx, protocol.VerbLC, in)
}

// AbortIntent ends an intent whose transaction surely did not and will not
// commit: COMMIT was never sent, or the database answered that it rolled back.
// Otherwise as CommitIntent.
func (c *Client) AbortIntent(ctx context.Context, in Intent) error {
	return c.endIntent(ctx, protocol.VerbLA, in)
}

func (c *Client) endIntent(ctx context.Context, verb protocol.Verb, in Intent) error {
	ctx, cancel := c.bounded(ctx)
	defer cancel()
	return c.endAll(ctx, verb, []Intent{in})[0]
}

// endAll ends intents, repeating what fails. ctx must have a deadline.
func (c *Client) endAll(ctx context.Context, verb protocol.Verb, list []Intent) []error {
	reqs := make([]*protocol.Request, len(list))
	for i, in := range list {
		reqs[i] = &protocol.Request{Verb: verb, Key: []byte(in.Key), Token: in.Token, HasToken: true}
	}
	errs := c.repeat(ctx, reqs, func(on *conn, _ int, rep *reply) error { return ended(on, rep) })
	for _, err := range errs {
		if err != nil {
			c.stats.unsettled.Add(1)
		}
	}
	return errs
}

// beginning is one intent on its way.
//
// INVARIANT: nonce belongs to one call of beginAll and to one key.
type beginning struct {
	req   *protocol.Request
	nonce string
	sent  time.Time // before the first send that may have arrived; zero if there was none
	got   *Intent
	err   error

	orphan func(reply)
}

// orphanedIntent aborts an intent that was granted after beginAll had failed,
// when the abort by its nonce had come too early to find it. While beginAll runs
// it must not: the reply of a lost first send names the same intent as that of
// the repetition, which the write is about to rely on.
func (c *Client) orphanedIntent(key string, failed *atomic.Bool) func(reply) {
	return func(rep reply) {
		if failed.Load() && rep.code == protocol.CodeHD {
			c.post(&protocol.Request{Verb: protocol.VerbLA, Key: []byte(key), Token: rep.token, HasToken: true})
		}
	}
}

// beginAll opens an intent on each of the keys, or on none: what was opened, or
// may have been, is aborted before it fails. That is right because no write has
// begun.
func (c *Client) beginAll(ctx context.Context, keys []string, o IntentOptions) ([]Intent, error) {
	if o.Length <= 0 {
		o.Length = c.o.Intent
	}
	parent := ctx
	ctx, cancel := context.WithTimeout(ctx, min(c.o.RetryFor, o.Length))
	defer cancel()
	all := make([]beginning, len(keys))
	failed := new(atomic.Bool)
	for i, key := range keys {
		nonce := newNonce()
		all[i].nonce, all[i].orphan = nonce, c.orphanedIntent(key, failed)
		all[i].req = &protocol.Request{
			Verb: protocol.VerbLW, Key: []byte(key), LeaseFor: o.Length,
			FencedWriter: !o.Bounded, Bounded: o.Bounded, Nonce: []byte(nonce),
		}
	}
	err := c.beginRounds(ctx, all)
	if err == nil {
		return intentsOf(all)
	}
	failed.Store(true)
	c.stats.errors.Add(1)
	c.dropBeginnings(parent, all)
	return nil, fmt.Errorf("%w: %w", ErrIntentUnavailable, err)
}

func newNonce() string {
	var b [16]byte
	rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}

func (c *Client) beginRounds(ctx context.Context, all []beginning) error {
	for pause := restMin; ; pause = min(2*pause, time.Second) {
		c.beginRound(ctx, all)
		var open error
		for i := range all {
			err := all[i].err
			if all[i].got != nil || err == nil {
				continue
			}
			if !c.beginAgain(err) {
				return err // the server said no, or the caller went away
			}
			open = err
		}
		if open == nil {
			return sameCluster(all)
		}
		if !sleep(ctx, pause) {
			return open
		}
	}
}

// beginAgain reports whether an intent may yet be had. In a cluster that nobody
// serves a shard is over soon: it has a new owner in a moment.
func (c *Client) beginAgain(err error) bool {
	var te *TransportError
	if !errors.As(err, &te) {
		return c.table.Load().owners != nil && errors.Is(err, ErrUnavailable)
	}
	return repeatable(err) && !errors.Is(err, errGarbage)
}

// beginRound sends what is not granted yet, to the owners of its keys.
func (c *Client) beginRound(ctx context.Context, all []beginning) {
	var items []item
	var at []int
	for i := range all {
		if b := &all[i]; b.got == nil {
			items = append(items, item{req: b.req, orphan: b.orphan, sent: b.sent})
			at = append(at, i)
		}
	}
	// The cluster is asked for first, where it is not known of a connection: an
	// intent is of no use without.
	c.doAll(ctx, false, items, c.o.RequestTimeout, func(on *conn) error {
		_, err := c.clusterOf(ctx, on)
		return err
	})
	for n, i := range at {
		it, b := &items[n], &all[i]
		b.sent = it.sent
		err := it.err
		if err == nil {
			b.got, err = begun(it.on, it.on.info.Load(), b, &it.rep)
		}
		if err != nil {
			err = orBefore(err, b.err)
		}
		b.err = err
	}
}

func begun(on *conn, info *ClusterInfo, b *beginning, rep *reply) (*Intent, error) {
	if rep.code != protocol.CodeHD {
		return nil, unexpected(on, rep)
	}
	if rep.token == 0 || rep.length <= 0 {
		return nil, &TransportError{Addr: on.addr, Sent: true, Err: fmt.Errorf("%w: an intent without token or length", errGarbage)}
	}
	return &Intent{
		Key: string(b.req.Key), Token: rep.token, Cluster: info.ID,
		Shard: info.Shard(string(b.req.Key)), Deadline: b.sent.Add(rep.length),
	}, nil
}

func sameCluster(all []beginning) error {
	for i := range all {
		if all[i].got.Cluster != all[0].got.Cluster {
			return fmt.Errorf("the server changed from cluster %s to %s meanwhile", all[0].got.Cluster, all[i].got.Cluster)
		}
	}
	return nil
}

func intentsOf(all []beginning) ([]Intent, error) {
	list := make([]Intent, len(all))
	for i := range all {
		list[i] = *all[i].got
	}
	return list, nil
}

// dropBeginnings aborts what beginAll has opened or may have opened. The latter
// is named by its nonce, since its token is not known.
func (c *Client) dropBeginnings(ctx context.Context, all []beginning) {
	var reqs []*protocol.Request
	for i := range all {
		b := &all[i]
		r := &protocol.Request{Verb: protocol.VerbLA, Key: b.req.Key}
		switch {
		case b.got != nil:
			r.Token, r.HasToken = b.got.Token, true
		case b.sent.IsZero() || refusedRequest(b.err):
			continue
		default:
			r.Nonce = []byte(b.nonce)
		}
		reqs = append(reqs, r)
	}
	if len(reqs) == 0 {
		return
	}
	if ctx.Err() != nil { // the caller has gone: do not keep him
		for _, r := range reqs {
			c.post(r)
		}
		return
	}
	ctx, cancel := c.settling(ctx)
	defer cancel()
	for _, err := range c.repeat(ctx, reqs, func(on *conn, _ int, rep *reply) error { return ended(on, rep) }) {
		if err != nil {
			c.stats.unsettled.Add(1)
		}
	}
}

// refusedRequest: the server did not accept the request at all.
func refusedRequest(err error) bool {
	var re *RequestError
	return errors.As(err, &re) || errors.Is(err, ErrInvalid)
}

// settling is the context in which a write that is over is reported: it does not
// end with the caller's own, which may be why the write is over.
func (c *Client) settling(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), c.o.SettleTimeout)
}
