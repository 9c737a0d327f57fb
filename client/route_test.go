package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/leasecache/leasecache/shard"
)

const fakeShards = 16

// fakes are the nodes of a cluster, each of them with the map of the others. A node
// answers a request with n that is for another by MV, as long as it is strict.
type fakes struct {
	t    testing.TB
	list []*fake

	mu     sync.Mutex
	m      shard.Map
	strict bool
}

func newFakes(t testing.TB, n int) *fakes {
	fs := &fakes{t: t, strict: true, m: shard.Map{
		Version: 1, Cluster: "c1", Shards: fakeShards, Hash: shard.HashName, SessionTTL: 3000,
		Owners: make([]shard.Owner, fakeShards), Epochs: make([]shard.Epoch, fakeShards),
	}}
	for i := range n {
		f := newFake(t)
		fs.list = append(fs.list, f)
		fs.m.Nodes = append(fs.m.Nodes, shard.Node{ID: fmt.Sprint("n", i), Addr: f.ln.Addr().String(), State: shard.Alive})
	}
	for s := range fs.m.Owners {
		fs.m.Owners[s] = shard.Owner(s % n)
	}
	for i, f := range fs.list {
		fs.serve(i, f, nil)
	}
	return fs
}

// serve has a node answer by the map, and reads with its own name, after what
// before has to say.
func (fs *fakes) serve(i int, f *fake, before func(q query) (string, bool)) {
	f.handle(func(q query) (string, bool) {
		if q.verb == "lm" {
			return fs.lm(), true
		}
		if before != nil {
			if reply, ok := before(q); ok {
				return reply, true
			}
		}
		if reply, ok := fs.moved(i, q); ok {
			return reply, true
		}
		if q.verb == "lg" {
			return va(fmt.Sprint(q.key, " of ", i), "f0"), true
		}
		if q.verb == "lw" {
			return "HD L77 e5000", true
		}
		return "", false
	})
}

func (fs *fakes) lm() string {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	text, err := json.Marshal(fs.m)
	if err != nil {
		panic(err)
	}
	return fmt.Sprintf("VA %d m%d\r\n%s", len(text), fs.m.Version, text)
}

func (fs *fakes) moved(i int, q query) (string, bool) {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	s := fs.m.Of([]byte(q.key))
	owner := fs.m.Owners[s]
	if !q.has("n") || !fs.strict || owner == shard.Owner(i) || owner == shard.NoOwner {
		return "", false
	}
	return fmt.Sprintf("MV %d m%d %s", s, fs.m.Version, fs.m.Nodes[owner].Addr), true
}

// change makes the next version of the map.
func (fs *fakes) change(fn func(m *shard.Map)) {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	fs.m.Owners = slices.Clone(fs.m.Owners)
	fs.m.Nodes = slices.Clone(fs.m.Nodes)
	fs.m.Version++
	fn(&fs.m)
}

// all gives everything to one node.
func all(node shard.Owner) func(m *shard.Map) {
	return func(m *shard.Map) {
		for i := range m.Owners {
			m.Owners[i] = node
		}
	}
}

// key is the i-th key that a node owns at first.
func (fs *fakes) key(node, i int) string {
	for n := 0; ; n++ {
		key := fmt.Sprint("key", n)
		if int(shard.Of([]byte(key), fakeShards))%len(fs.list) == node {
			if i--; i < 0 {
				return key
			}
		}
	}
}

// client knows the map of the cluster before it returns.
func (fs *fakes) client(change ...func(*Options)) *Client {
	c := fs.list[0].client(append([]func(*Options){func(o *Options) {
		o.MapEvery = time.Hour
		o.RequireCache = true
	}}, change...)...)
	_, err := c.Cluster(testCtx(fs.t))
	require.NoError(fs.t, err)
	require.Eventually(fs.t, func() bool { return c.table.Load().owners != nil }, 5*time.Second, time.Millisecond)
	return c
}

func (fs *fakes) addr(i int) string { return fs.list[i].ln.Addr().String() }

// asked are the requests of these verbs, by node.
func (fs *fakes) asked(verbs ...string) []int {
	var n []int
	for _, f := range fs.list {
		n = append(n, len(f.seen(verbs...)))
	}
	return n
}

func get(t testing.TB, c *Client, key string) string {
	v, err := c.Get(testCtx(t), key, func(context.Context, string) (Value, error) { return Value{}, errors.New("not to be loaded") })
	require.NoError(t, err)
	return string(v.Data)
}

func TestRequestsGoToTheOwner(t *testing.T) {
	fs := newFakes(t, 3)
	c := fs.client()
	for node := range 3 {
		key := fs.key(node, 0)
		require.Equal(t, fmt.Sprint(key, " of ", node), get(t, c, key))
		require.NoError(t, c.Invalidate(testCtx(t), key))
		in, err := c.BeginIntent(testCtx(t), key, IntentOptions{})
		require.NoError(t, err)
		require.NoError(t, c.CommitIntent(testCtx(t), in))
	}
	for _, verb := range []string{"lg", "ld", "lw", "lc"} {
		require.Equal(t, []int{1, 1, 1}, fs.asked(verb), verb)
		for _, f := range fs.list {
			require.True(t, f.seen(verb)[0].has("n"), "nobody is to forward")
		}
	}
	require.Zero(t, c.Stats().Moved)
	require.NoError(t, c.InvalidateTag(testCtx(t), "t"))
	for _, f := range fs.list {
		for _, q := range f.seen("lt") {
			require.False(t, q.has("n"), "a tag is everybody's")
		}
	}
}

// The map of a server that is alone changes nothing, also if it calls itself by an
// address at which the client does not reach it.
func TestOneNodeIsNotRoutedTo(t *testing.T) {
	fs := newFakes(t, 1)
	fs.m.Nodes[0].Addr = "192.0.2.1:11211"
	c := fs.list[0].client(func(o *Options) { o.MapEvery, o.RequireCache = time.Hour, true })
	require.Equal(t, "k of 0", get(t, c, "k"))
	fs.list[0].eventually("lm", 1)
	time.Sleep(2 * refreshRest)
	require.Equal(t, "k of 0", get(t, c, "k"))
	require.Nil(t, c.table.Load().owners)
	require.Equal(t, []int{1}, fs.asked("lm"))
	for _, q := range fs.list[0].seen("lg") {
		require.False(t, q.has("n"))
	}
	require.Equal(t, uint64(1), c.Stats().Dials)

	fs.change(func(m *shard.Map) { // a second one joins
		m.Nodes[0].Addr = fs.addr(0)
		m.Nodes = append(m.Nodes, shard.Node{ID: "n1", Addr: "192.0.2.2:11211", State: shard.Alive})
	})
	c.refreshSoon()
	require.Eventually(t, func() bool { return c.table.Load().owners != nil }, 5*time.Second, time.Millisecond)
	require.Equal(t, "k of 0", get(t, c, "k"))
	require.True(t, fs.list[0].seen("lg")[2].has("n"))
}

func TestMVIsFollowed(t *testing.T) {
	fs := newFakes(t, 2)
	c := fs.client()
	key := fs.key(0, 0)
	fs.change(all(1))
	require.Equal(t, key+" of 1", get(t, c, key))
	require.Equal(t, uint64(1), c.Stats().Moved)
	require.Eventually(t, func() bool { return c.table.Load().version == 2 }, 5*time.Second, time.Millisecond)
	require.Equal(t, key+" of 1", get(t, c, key))
	require.Equal(t, uint64(1), c.Stats().Moved, "the new map is known")
	require.Equal(t, []int{1, 2}, fs.asked("lg"))

	fs.change(all(0))
	in, err := c.BeginIntent(testCtx(t), key, IntentOptions{})
	require.NoError(t, err)
	fs.change(all(1))
	require.NoError(t, c.CommitIntent(testCtx(t), in), "an intent is ended where its key is now")
	require.Contains(t, fs.list[1].seen("lc")[0].flags, "L77")
}

// 1: n0 says that n1 is the owner. 2: n1 says that n0 is. Neither is in the wrong
// for long, but a request must not go to and fro until then.
func TestMVToAndFroEndsWithWhoeverForwards(t *testing.T) {
	fs := newFakes(t, 2)
	for i, f := range fs.list {
		fs.serve(i, f, func(q query) (string, bool) {
			return fmt.Sprintf("MV 1 m1 %s", fs.addr(1-i)), q.has("n")
		})
	}
	c := fs.client()
	require.Contains(t, get(t, c, "k"), "k of ")
	require.Equal(t, uint64(maxMoves), c.Stats().Moved)
}

func TestMVToNowhere(t *testing.T) {
	fs := newFakes(t, 2)
	fs.serve(0, fs.list[0], func(q query) (string, bool) { return "MV 1 m1 -", q.has("n") })
	key := fs.key(0, 0)
	require.Contains(t, get(t, fs.client(), key), key+" of ")
}

// 1: a hundred requests are under way to n0. 2: all that n0 owned goes to n1. 3:
// each of the hundred gets MV. 4: the map is asked for once.
func TestManyMVsAskForOneMap(t *testing.T) {
	fs := newFakes(t, 2)
	const many = 100
	var held sync.WaitGroup
	held.Add(many)
	fs.serve(0, fs.list[0], func(q query) (string, bool) {
		if q.verb == "lg" && q.has("n") {
			held.Done()
			held.Wait()
		}
		return "", false
	})
	c := fs.client(func(o *Options) { o.PoolSize = many })
	keys := make([]string, many)
	for i := range keys {
		keys[i] = fs.key(0, i)
	}
	before := c.Stats()
	// The connections are made first: each of them asks for the map.
	for range many {
		on, err := c.table.Load().owner([]byte(keys[0])).shared.get(testCtx(t), true)
		require.NoError(t, err)
		require.NotNil(t, on)
	}
	connected := c.Stats()
	require.Greater(t, connected.Dials, before.Dials)
	fs.change(all(1))
	var wg sync.WaitGroup
	for _, key := range keys {
		wg.Go(func() {
			res, err := c.GetWithLease(testCtx(t), key, LeaseOptions{})
			if err != nil || string(res.Value) != key+" of 1" {
				t.Errorf("%s: %q, %v", key, res.Value, err)
			}
		})
	}
	wg.Wait()
	require.Eventually(t, func() bool { return c.table.Load().version == 2 }, 5*time.Second, time.Millisecond)
	time.Sleep(3 * refreshRest) // whoever wanted another one would have got it
	now := c.Stats()
	require.Equal(t, uint64(many), now.Moved)
	require.LessOrEqual(t, now.Maps-connected.Maps, now.Dials-connected.Dials+1, "one, beside those of new connections")
}

func TestTheOwnerIsLost(t *testing.T) {
	fs := newFakes(t, 3)
	c := fs.client()
	key := fs.key(1, 0)
	require.Equal(t, key+" of 1", get(t, c, key))
	fs.list[1].stop()
	got := get(t, c, key)
	require.Contains(t, got, key+" of ")
	require.NotContains(t, got, "of 1")
	var seen []query
	for _, i := range []int{0, 2} {
		seen = append(seen, fs.list[i].seen("lg")...)
	}
	require.Len(t, seen, 1)
	require.False(t, seen[0].has("n"), "who is not the owner is to forward")
	fs.change(func(m *shard.Map) {
		all(2)(m)
		m.Nodes[1].State = shard.Down
	})
	require.Eventually(t, func() bool { _ = get(t, c, key); return c.table.Load().version == 2 }, 5*time.Second, 10*time.Millisecond)
	require.Equal(t, key+" of 2", get(t, c, key))
}

func TestWithoutAnOwnerAnybodyIsAsked(t *testing.T) {
	fs := newFakes(t, 2)
	fs.change(all(shard.NoOwner))
	c := fs.client()
	for _, f := range fs.list {
		f.on("ld", "SERVER_ERROR unavailable: nobody serves shard 3; nothing was done", "HD L9")
	}
	require.Contains(t, get(t, c, "k"), "k of ")
	require.NoError(t, c.Invalidate(testCtx(t), "k"), "it is repeated")
}

// 1: the owner dies. 2: a writer wants an intent. 3: the shard gets a new owner.
// The writer need not hear of it.
func TestAnIntentIsHadWhenTheShardHasAnOwnerAgain(t *testing.T) {
	fs := newFakes(t, 2)
	for i, f := range fs.list {
		fs.serve(i, f, func(q query) (string, bool) {
			fs.mu.Lock()
			defer fs.mu.Unlock()
			none := q.verb == "lw" && fs.m.Owners[fs.m.Of([]byte(q.key))] == shard.NoOwner
			return "SERVER_ERROR unavailable: no owner; nothing was done", none
		})
	}
	fs.change(all(shard.NoOwner))
	c := fs.client()
	time.AfterFunc(200*time.Millisecond, func() { fs.change(all(1)) })
	in, err := c.BeginIntent(testCtx(t), "k", IntentOptions{})
	require.NoError(t, err)
	require.Equal(t, uint64(77), in.Token)
	lws := append(fs.list[0].seen("lw"), fs.list[1].seen("lw")...)
	require.Greater(t, len(lws), 1)
	for _, q := range lws {
		nonce, _ := q.flag("U")
		first, _ := lws[0].flag("U")
		require.Equal(t, first, nonce)
	}

	fs.change(all(shard.NoOwner))
	_, err = c.BeginIntent(testCtx(t), "k", IntentOptions{Length: 200 * time.Millisecond})
	require.ErrorIs(t, err, ErrIntentUnavailable)
	require.ErrorContains(t, err, "no owner")
}

// A request whose connection ended after it was sent may have been done.
func TestWhatMayHaveBeenDoneIsRepeatedOnlyIfThatIsSafe(t *testing.T) {
	fs := newFakes(t, 2)
	key := fs.key(0, 0)
	var cut atomic.Int32
	fs.serve(0, fs.list[0], func(q query) (string, bool) {
		return hangUp, q.key == key && cut.Add(-1) >= 0
	})
	c := fs.client()

	cut.Store(1)
	err := c.SetIfLeaseValid(testCtx(t), key, []byte("v"), Lease{Key: key, Token: 7}, FillOptions{})
	var te *TransportError
	require.ErrorAs(t, err, &te)
	require.True(t, te.Sent)
	require.ErrorContains(t, err, "outcome unknown")
	require.ErrorIs(t, err, ErrUnavailable)
	require.Equal(t, []int{1, 0}, fs.asked("ls"), "a fill is not sent twice")

	cut.Store(1)
	require.Equal(t, key+" of 0", get(t, c, key), "a read is, to the owner again")
	cut.Store(2)
	require.Equal(t, key+" of 1", get(t, c, key), "and in the end to somebody else, who forwards")

	cut.Store(1)
	in, err := c.BeginIntent(testCtx(t), key, IntentOptions{})
	require.NoError(t, err)
	lws := fs.list[0].seen("lw")
	require.Len(t, lws, 2)
	first, _ := lws[0].flag("U")
	second, _ := lws[1].flag("U")
	require.NotEmpty(t, first)
	require.Equal(t, first, second, "an intent is asked for again by its nonce alone")
	cut.Store(1)
	require.NoError(t, c.AbortIntent(testCtx(t), in))
}

func TestManyKeysAreSplit(t *testing.T) {
	fs := newFakes(t, 3)
	c := fs.client()
	var keys []string
	for i := range 10 {
		for node := range 3 {
			keys = append(keys, fs.key(node, i))
		}
	}
	out, err := c.GetMulti(testCtx(t), keys, nil)
	require.NoError(t, err)
	require.Len(t, out, 30)
	for i, key := range keys {
		require.Equal(t, fmt.Sprint(key, " of ", i%3), string(out[key].Value.Data))
	}
	require.Equal(t, []int{10, 10, 10}, fs.asked("lg"))
	require.NoError(t, c.Invalidate(testCtx(t), keys...))
	require.Equal(t, []int{10, 10, 10}, fs.asked("ld"))

	fs.change(all(2)) // some are told so, others are right
	out, err = c.GetMulti(testCtx(t), keys, nil)
	require.NoError(t, err)
	for _, key := range keys {
		require.Equal(t, key+" of 2", string(out[key].Value.Data))
	}
	fs.list[2].stop() // and where nobody answers the others are asked
	out, err = c.GetMulti(testCtx(t), keys, nil)
	require.NoError(t, err)
	for _, key := range keys {
		require.Contains(t, string(out[key].Value.Data), key+" of ")
	}

	list, err := c.beginAll(testCtx(t), keys[:6], IntentOptions{})
	require.NoError(t, err)
	for i := range list {
		require.Equal(t, keys[i], list[i].Key, "in the order of the keys")
	}
}

func TestANodeThatLeavesIsLetGo(t *testing.T) {
	fs := newFakes(t, 3)
	gate := make(chan struct{})
	open := sync.OnceFunc(func() { close(gate) })
	t.Cleanup(open)
	slow := fs.key(2, 1)
	fs.serve(2, fs.list[2], func(q query) (string, bool) {
		if q.key == slow {
			<-gate
		}
		return "", false
	})
	c := fs.client()
	_ = get(t, c, fs.key(2, 0))
	var under sync.WaitGroup
	under.Go(func() {
		res, err := c.GetWithLease(testCtx(t), slow, LeaseOptions{Wait: 5 * time.Second})
		if err != nil || string(res.Value) != slow+" of 2" {
			t.Errorf("%q, %v", res.Value, err)
		}
	})
	fs.list[2].eventually("lg", 2)
	fs.change(func(m *shard.Map) {
		all(0)(m)
		m.Nodes = m.Nodes[:2]
	})
	fs.mu.Lock()
	fs.strict = false // what is under way there is still answered
	fs.mu.Unlock()
	left := c.table.Load().owner([]byte(slow))
	c.refreshSoon()
	require.Eventually(t, func() bool { return c.table.Load().version == 2 }, 5*time.Second, time.Millisecond)
	time.Sleep(150 * time.Millisecond)
	require.NotNil(t, left.parked.any(), "it is not closed before what is under way was answered")
	open()
	under.Wait()
	require.Eventually(t, func() bool { return left.parked.any() == nil && left.shared.ctx.Err() != nil }, 5*time.Second, time.Millisecond)
	require.Equal(t, fs.key(2, 0)+" of 0", get(t, c, fs.key(2, 0)))

	// 1: a request took the node from the old map. 2: it is closed by now.
	_, err := left.shared.get(testCtx(t), true)
	require.ErrorIs(t, err, errLeft)
	require.True(t, c.again(testCtx(t), &way{node: left}, false, nil, err))
}

func TestTheMapOfAnotherClusterIsRefused(t *testing.T) {
	fs := newFakes(t, 2)
	c := fs.client()
	fs.change(func(m *shard.Map) { m.Cluster = "c2" })
	for _, f := range fs.list {
		f.hangUpAll()
	}
	var err error
	require.Eventually(t, func() bool {
		_, err = c.GetWithLease(testCtx(t), "k", LeaseOptions{})
		return errors.Is(err, ErrOtherCluster)
	}, 5*time.Second, 10*time.Millisecond)
	require.ErrorIs(t, err, ErrUnavailable)
	require.ErrorContains(t, err, "another cluster: c2 with 16 shards, not c1 with 16")
	_, err = c.BeginIntent(testCtx(t), "k", IntentOptions{Length: 300 * time.Millisecond})
	require.ErrorIs(t, err, ErrIntentUnavailable)
	require.ErrorIs(t, err, ErrOtherCluster)
	require.Equal(t, uint64(1), c.table.Load().version)
}

// Two servers that are each by themselves are no cluster: the second must not
// answer for the first.
func TestAddressesOfTwoClusters(t *testing.T) {
	a, b := newFakes(t, 1), newFakes(t, 1)
	b.m.Cluster = "c2"
	c := a.list[0].client(func(o *Options) {
		o.Addr, o.Addrs, o.RequireCache = "", []string{a.addr(0), b.addr(0)}, true
	})
	first := get(t, c, "k")
	require.Equal(t, "k of 0", first)
	mine, other := a, b
	if len(b.list[0].seen("lg")) > 0 {
		mine, other = b, a
	}
	mine.list[0].stop()
	_, err := c.GetWithLease(testCtx(t), "k", LeaseOptions{})
	require.ErrorIs(t, err, ErrUnavailable)
	require.Empty(t, other.list[0].seen("lg"))
}

func TestSeveralAddresses(t *testing.T) {
	fs := newFakes(t, 3)
	fs.list[0].stop()
	c := fs.list[1].client(func(o *Options) {
		o.Addr, o.Addrs, o.RequireCache = fs.addr(0), []string{fs.addr(1), fs.addr(0)}, true
	})
	key := fs.key(2, 0)
	require.Contains(t, get(t, c, key), key+" of ")
	require.Equal(t, key+" of 2", get(t, c, key), "the first connection brings the map")

	_, err := New(Options{Addrs: []string{"nowhere"}})
	require.ErrorIs(t, err, ErrInvalid)
	o, err := Options{Addrs: []string{"a:1", "b:1", "a:1"}}.filled()
	require.NoError(t, err)
	require.Equal(t, []string{"a:1", "b:1"}, o.Addrs)
}

// All nodes that the map names have gone, and the given address leads to new ones.
func TestTheGivenAddressesAreTheLastResort(t *testing.T) {
	old, fresh := newFakes(t, 2), newFakes(t, 2)
	var moved atomic.Bool
	c := old.client(func(o *Options) {
		seed := o.Addr
		o.Dial = func(ctx context.Context, addr string) (net.Conn, error) {
			if addr == "seed:1" {
				if addr = seed; moved.Load() {
					addr = fresh.addr(0)
				}
			}
			var d net.Dialer
			return d.DialContext(ctx, "tcp", addr)
		}
		o.Addr = "seed:1"
	})
	require.NotContains(t, get(t, c, "k"), "error")
	moved.Store(true)
	fresh.m.Version = 5
	for _, f := range old.list {
		f.stop()
	}
	require.Eventually(t, func() bool {
		res, err := c.GetWithLease(testCtx(t), "k", LeaseOptions{})
		return err == nil && strings.HasPrefix(string(res.Value), "k of")
	}, 10*time.Second, 20*time.Millisecond)
	require.Equal(t, uint64(5), c.table.Load().version)
}

func TestTheMapIsAskedForWhileTheClientIsUsed(t *testing.T) {
	fs := newFakes(t, 2)
	c := fs.client(func(o *Options) { o.MapEvery = 20 * time.Millisecond })
	fs.change(all(1))
	fs.mu.Lock()
	fs.strict = false // nobody tells it
	fs.mu.Unlock()
	require.Eventually(t, func() bool { _ = get(t, c, fs.key(0, 0)); return c.table.Load().version == 2 }, 5*time.Second, 5*time.Millisecond)
	require.Eventually(t, func() bool {
		n := c.Stats().Maps
		time.Sleep(4 * refreshRestMax / 3)
		return n == c.Stats().Maps
	}, 10*time.Second, time.Millisecond, "an idle client does not ask")
}
