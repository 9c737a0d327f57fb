package consensus_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"sync"
	"time"

	"github.com/leasecache/leasecache/lease"
	"github.com/leasecache/leasecache/server/owner"
	"github.com/leasecache/leasecache/shard"
)

// source is what the cache stands in front of: rows with versions, and fences.
type source struct {
	mu    sync.Mutex
	rows  map[string]*row
	fence [simShards]lease.Token
}

// row is at a version. No reader who begins now may be told of one below floor: of keys
// with intents that is the committed one; of others, that of the newest invalidation that
// was acknowledged.
type row struct{ version, floor uint64 }

func newSource() *source { return &source{rows: make(map[string]*row)} }

func (d *source) row(key string) *row {
	r := d.rows[key]
	if r == nil {
		r = new(row)
		d.rows[key] = r
	}
	return r
}

func (d *source) read(key string) (version, floor uint64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	r := d.row(key)
	return r.version, r.floor
}

// commit is of a writer who tells the cache after it.
func (d *source) commit(key string) uint64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	r := d.row(key)
	r.version++
	return r.version
}

func (d *source) acknowledged(key string, version uint64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	r := d.row(key)
	r.floor = max(r.floor, version)
}

// commitUnder is of a writer with an intent. If it is fenced he looks at the fence, in the
// same transaction.
func (d *source) commitUnder(key string, id shard.ID, token lease.Token, fenced bool) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if fenced && d.fence[id] > token {
		return false
	}
	r := d.row(key)
	r.version++
	r.floor = r.version
	return true
}

func (d *source) fenceAt(id shard.ID, token lease.Token) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.fence[id] = max(d.fence[id], token)
}

// client asks whichever node answers, over and over.
type client struct {
	s    *sim
	r    *rand.Rand
	name string
}

// keys of a shard: one whose writers have intents, one whose writers invalidate.
var simKeys = func() (keys [simShards][2]string) {
	for i := 0; ; i++ {
		name := "k" + strconv.Itoa(i)
		hash, _ := hashOf(name)
		id := shard.OfHash(hash, simShards)
		for j := range keys[id] {
			if keys[id][j] == "" {
				keys[id][j] = name
				break
			}
		}
		full := true
		for _, k := range keys {
			full = full && k[1] != ""
		}
		if full {
			return keys
		}
	}
}()

func hashOf(key string) (uint64, []byte) { return shard.Hash([]byte(key)), []byte(key) }

func (s *sim) client(i int) {
	c := &client{s: s, r: rand.New(rand.NewPCG(s.seed, uint64(100+i))), name: fmt.Sprintf("c%d", i)}
	s.tasks.Go(func() {
		for !c.over() {
			id := shard.ID(c.r.IntN(simShards))
			intents, plain := simKeys[id][0], simKeys[id][1]
			switch c.r.IntN(9) {
			case 0:
				c.update(id, intents)
			case 1:
				c.invalidate(id, plain)
			case 2, 3, 4:
				c.get(id, plain)
			default:
				c.get(id, intents)
			}
			c.idle(80 * time.Millisecond)
		}
	})
}

func (c *client) over() bool {
	select {
	case <-c.s.over:
		return true
	default:
		return false
	}
}

// idle is up to so long.
func (c *client) idle(d time.Duration) {
	select {
	case <-time.After(time.Duration(c.r.Int64N(int64(d)) + 1)):
	case <-c.s.over:
	}
}

var errNobody = errors.New("nobody answers")

// ask has a command done wherever it is. do says at which epoch, if it knows.
func (c *client) ask(id shard.ID, do func(w *plane, g *glance) (lease.Token, error)) error {
	c.s.mu.Lock()
	all := append([]*plane(nil), c.s.planes...)
	c.s.mu.Unlock()
	c.r.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	err := errNobody
	for _, w := range all {
		if !w.asked() || w.epoch(id) == 0 && c.r.IntN(4) > 0 {
			continue
		}
		w.p.on.rest.pass()
		before, g := w.epoch(id), w.look()
		if c.r.IntN(60) == 0 { // its thread stands still between the clock and the lock
			c.idle(4 * time.Second)
		}
		w.p.on.rest.pass()
		if !w.asked() {
			continue
		}
		var token lease.Token
		if token, err = do(w, &g); err == nil {
			e := max(before, w.epoch(id))
			if token != 0 {
				e = shard.Epoch(token.Epoch())
			}
			c.s.done(w, id, e, g.at)
			return nil
		}
	}
	return err
}

// glance is one look at a node's clock, and when that was.
type glance struct {
	now int64
	at  time.Time
}

func (w *plane) look() glance {
	at := time.Now()
	return glance{w.read(), at}
}

// reader is told an answer.
type reader struct {
	got    chan told
	parked bool
}

type told struct {
	kind    lease.Kind
	version uint64
	token   lease.Token
	doubt   bool
}

func (r *reader) Park() lease.Reader {
	r.parked = true
	return r
}

func (r *reader) Answer(a *lease.Answer) {
	t := told{kind: a.Kind, token: a.Token, doubt: a.Doubt}
	if a.Kind == lease.Hit {
		t.version = versionOf(a.Item.Value)
		t.token = 0
	}
	r.got <- t
}

// get reads a key, from the source if it must.
func (c *client) get(id shard.ID, key string) {
	_, floor := c.s.src.read(key)
	begin := time.Now()
	hash, k := hashOf(key)
	rd := &reader{got: make(chan told, 1)}
	var at *plane
	var a told
	err := c.ask(id, func(w *plane, g *glance) (lease.Token, error) {
		at = w
		err := w.owner.Lease(g.now, hash, k, lease.Read{Wait: int64(c.r.IntN(2)) * int64(time.Second), CanFence: true}, rd)
		if err == nil && !rd.parked {
			a = <-rd.got
		}
		return a.token, err
	})
	if err != nil {
		c.s.saw("a read is refused")
		return
	}
	if rd.parked {
		c.s.saw("a read waits")
		select {
		case a = <-rd.got:
		case <-time.After(3 * time.Second):
			at.owner.Cancel(at.look().now, hash, k, rd)
			return
		}
	}
	switch a.kind {
	case lease.Hit:
		c.s.saw("a hit")
		if a.version < floor {
			c.s.fail("%s reads version %d of %s from %s; when it asked, at %v, it was at %d already",
				c.name, a.version, key, at.p.on, begin.Sub(c.s.begin), floor)
		}
	case lease.Granted:
		c.fill(at, id, key, a)
	case lease.UseSource:
		c.s.saw("a key is closed")
	}
}

// fill loads a value for a lease.
func (c *client) fill(at *plane, id shard.ID, key string, a told) {
	c.idle(20 * time.Millisecond)
	if a.doubt {
		c.s.src.fenceAt(id, a.token)
		c.s.saw("the source is fenced")
		c.idle(20 * time.Millisecond)
	}
	version, _ := c.s.src.read(key)
	c.idle(20 * time.Millisecond)
	if c.r.IntN(20) == 0 {
		c.idle(5 * time.Second)
	}
	hash, k := hashOf(key)
	var reason lease.Reason
	err := c.ask(id, func(w *plane, g *glance) (lease.Token, error) {
		if w != at && c.r.IntN(4) > 0 {
			return 0, errNobody
		}
		var err error
		reason, err = w.owner.Fill(g.now, hash, k, a.token, lease.Item{Value: valueOf(version)}, a.doubt)
		return 0, err
	})
	switch {
	case err != nil:
	case reason == lease.Stored:
		c.s.saw("a value is stored")
	default:
		c.s.saw("a fill is refused")
	}
}

// invalidate writes, then tells the cache until that is acknowledged.
func (c *client) invalidate(id shard.ID, key string) {
	hash, k := hashOf(key)
	version := c.s.src.commit(key)
	for !c.over() {
		err := c.ask(id, func(w *plane, g *glance) (lease.Token, error) {
			return w.owner.Invalidate(g.now, hash, k, 0)
		})
		if err == nil {
			c.s.src.acknowledged(key, version)
			c.s.saw("an invalidation")
			return
		}
		c.idle(50 * time.Millisecond)
	}
}

// update writes under an intent.
func (c *client) update(id shard.ID, key string) {
	hash, k := hashOf(key)
	in := owner.Intent{Kind: lease.Fenced, Length: time.Duration(100+c.r.IntN(900)) * time.Millisecond, Nonce: strconv.AppendUint(nil, c.r.Uint64()|1<<63, 16)}
	if c.r.IntN(4) == 0 {
		in.Kind, in.Length = lease.Bounded, 4*in.Length
	}
	begin := time.Now() // the source acknowledged its timeout
	// e·(1-drift) less a margin; the settings' margin is half a second, which is too long
	// for intents as short as these.
	timeout := time.Duration(float64(in.Length)/1.2) - 20*time.Millisecond
	var token lease.Token
	err := c.ask(id, func(w *plane, g *glance) (lease.Token, error) {
		var err error
		token, _, err = w.owner.Begin(g.now, hash, k, in)
		if errors.Is(err, owner.ErrNotNoted) {
			ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
			defer cancel()
			if err = w.owner.Note(ctx, hash, in); err != nil {
				return 0, err
			}
			w.p.on.rest.pass()
			*g = w.look() // as a connection does that waited for the note
			token, _, err = w.owner.Begin(g.now, hash, k, in)
		}
		return token, err
	})
	if err != nil {
		c.s.saw("an intent is refused")
		return
	}
	c.s.saw("an intent")
	c.idle(2 * in.Length / 3)
	switch {
	case in.Kind == lease.Bounded: // he uses the time that he has
		c.idle(in.Length / 2)
	case c.r.IntN(3) == 0:
		c.s.saw("a writer is slow")
		c.idle(6 * time.Second)
	}
	switch {
	case in.Kind == lease.Bounded && time.Since(begin) >= timeout:
		c.s.saw("a bounded writer is too late")
		return // rolled back; he does not tell
	case !c.s.src.commitUnder(key, id, token, in.Kind == lease.Fenced):
		c.s.saw("a writer meets the fence")
		return
	}
	c.s.saw("a commit under an intent")
	if c.r.IntN(3) == 0 {
		c.s.saw("a writer is gone")
		return
	}
	c.idle(20 * time.Millisecond)
	for tries := 0; tries < 20 && !c.over(); tries++ {
		err := c.ask(id, func(w *plane, g *glance) (lease.Token, error) {
			_, err := w.owner.End(g.now, hash, k, token)
			return 0, err
		})
		if err == nil {
			return
		}
		c.idle(50 * time.Millisecond)
	}
}
