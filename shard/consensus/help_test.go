package consensus

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/leasecache/leasecache/internal/peer"
	"github.com/leasecache/leasecache/shard"
	"github.com/leasecache/leasecache/shard/control"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// observer watches all hosts of a test by one clock: nobody serves what another serves,
// and no epoch of a shard is begun twice.
type observer struct {
	t     testing.TB
	clock func() control.Reading

	mu        sync.Mutex
	hosts     []*fakeHost
	begun     map[control.At]string
	shuts     map[shard.ID]control.Mono // when a gate was shut for a move
	shutCount int
	moved     []time.Duration // how long gates were shut by moves that came to an end
	broken    []string
}

func newObserver(t testing.TB) *observer {
	o := &observer{t: t, clock: processClock(), begun: make(map[control.At]string), shuts: make(map[shard.ID]control.Mono)}
	t.Cleanup(func() { require.Empty(t, o.broken) })
	return o
}

func (o *observer) fail(format string, a ...any) {
	o.broken = append(o.broken, fmt.Sprintf(format, a...))
}

// fakeHost serves nothing and remembers what it would.
type fakeHost struct {
	o       *observer
	node    string
	session shard.Session
	until   control.Deadline
	open    map[shard.ID]control.Start
	opened  int
	refuse  map[shard.ID]int // Opens that fail
	over    bool             // it finds its session over, once
	shut    map[shard.ID]bool
	onLeave map[shard.ID]func()
	writers map[shard.ID]bool   // shards in which some are outstanding
	kept    map[shard.ID][]byte // what came with planned moves: the epochs it left
	routed  uint64              // version of the map it goes by
	cut     bool                // its process is not heard of; it may serve till its session's end
}

func (o *observer) host(node string) *fakeHost {
	o.mu.Lock()
	defer o.mu.Unlock()
	h := &fakeHost{o: o, node: node, open: make(map[shard.ID]control.Start), shut: make(map[shard.ID]bool), onLeave: make(map[shard.ID]func()), kept: make(map[shard.ID][]byte), refuse: make(map[shard.ID]int)}
	o.hosts = append(o.hosts, h)
	return h
}

// noRequests refuses clients' requests of other nodes.
type noRequests struct{}

func (noRequests) Serve(_ peer.Request, r peer.Reply) { r.Fail("nothing is served here") }
func (noRequests) Close()                             {}

func (h *fakeHost) Conversation() peer.Conversation { return noRequests{} }

func (h *fakeHost) Route(m shard.Map) {
	h.o.mu.Lock()
	defer h.o.mu.Unlock()
	if m.Version <= h.routed {
		h.o.fail("%s: map %d after map %d", h.node, m.Version, h.routed)
	}
	h.routed = m.Version
}

func (h *fakeHost) serves(id shard.ID, now control.Reading) bool {
	_, ok := h.open[id]
	return ok && !h.shut[id] && h.until.Held(now)
}

func (h *fakeHost) Extend(s shard.Session, until control.Deadline) bool {
	h.o.mu.Lock()
	defer h.o.mu.Unlock()
	if s != h.session && len(h.open) > 0 {
		h.o.fail("%s begins session %d with shards of %d", h.node, s, h.session)
	}
	if s == h.session && (h.over || !h.until.Held(h.o.clock())) {
		h.over = false
		h.drop()
		return false
	}
	h.session, h.until = s, until
	return true
}

func (h *fakeHost) Lapse(s shard.Session) {
	h.o.mu.Lock()
	defer h.o.mu.Unlock()
	if h.cut {
		return
	}
	h.drop()
	h.until = control.Deadline{}
}

func (h *fakeHost) drop() {
	clear(h.open)
	clear(h.shut)
	clear(h.kept)
}

func (h *fakeHost) Rest(s shard.Session) []shard.ID {
	h.o.mu.Lock()
	calm := slices.DeleteFunc(slices.Collect(maps.Keys(h.open)), func(id shard.ID) bool { return h.writers[id] || h.shut[id] })
	h.o.mu.Unlock()
	h.Lapse(s)
	return calm
}

// Leave shuts a shard: what it returns goes to the next owner, and names the epoch.
func (h *fakeHost) Leave(id shard.ID, at shard.Epoch) ([]byte, bool) {
	h.o.mu.Lock()
	defer h.o.mu.Unlock()
	st, ok := h.open[id]
	if !ok || st.Epoch != at || h.shut[id] || !h.until.Held(h.o.clock()) {
		return nil, false
	}
	h.shut[id] = true
	h.o.shutCount++
	if f := h.onLeave[id]; f != nil {
		delete(h.onLeave, id)
		f()
	}
	h.o.shuts[id] = h.o.clock().Mono
	return append(h.kept[id], byte(at)), true
}

func (h *fakeHost) Open(id shard.ID, st control.Start, moved []byte) error {
	h.o.mu.Lock()
	defer h.o.mu.Unlock()
	if h.refuse[id] > 0 {
		h.refuse[id]--
		return errors.New("no memory")
	}
	now := h.o.clock()
	for _, other := range h.o.hosts {
		if other != h && other.serves(id, now) {
			h.o.fail("%s opens shard %d at %d, which %s serves", h.node, id, st.Epoch, other.node)
		}
	}
	h.begin(id, st.Epoch)
	h.o.moveEnds(id)
	h.open[id] = st
	delete(h.kept, id)
	if moved != nil {
		h.kept[id] = moved
	}
	h.opened++
	return nil
}

func (o *observer) moveEnds(id shard.ID) {
	if at, ok := o.shuts[id]; ok {
		o.moved = append(o.moved, time.Duration(o.clock().Mono-at))
		delete(o.shuts, id)
	}
}

// shutFor says how long gates were shut by moves: half of them at most so long, and the
// longest.
func (o *observer) shutFor() (half, longest time.Duration, moves int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	slices.Sort(o.moved)
	if moves = len(o.moved); moves == 0 {
		return 0, 0, 0
	}
	return o.moved[moves/2], o.moved[moves-1], moves
}

// moves is how many gates were shut for a move.
func (o *observer) moves() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.shutCount
}

// leaves has something happen when the shard's gate is shut, before it is handed over.
func (h *fakeHost) leaves(id shard.ID, f func()) {
	h.o.mu.Lock()
	defer h.o.mu.Unlock()
	h.onLeave[id] = f
}

func (h *fakeHost) begin(id shard.ID, e shard.Epoch) {
	at := control.At{Shard: id, Epoch: e}
	if by, ok := h.o.begun[at]; ok {
		h.o.fail("%s begins epoch %d of shard %d, which %s began", h.node, e, id, by)
	}
	h.o.begun[at] = h.node
}

func (h *fakeHost) Raise(id shard.ID, to shard.Epoch) {
	h.o.mu.Lock()
	defer h.o.mu.Unlock()
	st, ok := h.open[id]
	if !ok {
		h.o.fail("%s raises shard %d, which it has not", h.node, id)
	}
	h.begin(id, to)
	st.Epoch = to
	h.open[id] = st
	if h.shut[id] {
		h.o.moveEnds(id)
		delete(h.shut, id)
	}
}

func (h *fakeHost) Close(id shard.ID) {
	h.o.mu.Lock()
	defer h.o.mu.Unlock()
	delete(h.open, id)
	delete(h.shut, id)
}

// served is how many shards are served now, and by whom.
func (o *observer) served() (sum int, by map[string]int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	now := o.clock()
	by = make(map[string]int)
	for _, h := range o.hosts {
		for id := range h.open {
			if !h.cut && h.serves(id, now) {
				sum++
				by[h.node]++
			}
		}
	}
	return sum, by
}

// running is a node that runs.
type running struct {
	*Node
	host  *fakeHost
	cfg   Config
	ended chan error
}

func (o *observer) config(node string, join ...string) Config {
	c := Config{
		Dir: o.t.TempDir(), NodeID: node, Cluster: "127.0.0.1:0", Join: join, Shards: 32, Memory: 1 << 30,
		Clock: o.clock, stable: 300 * time.Millisecond,
	}
	if testing.Verbose() {
		c.Logger = slog.New(slog.NewTextHandler(os.Stderr, nil)).With("at", node)
	}
	return c
}

func (o *observer) start(cfg Config) *running {
	o.t.Helper()
	n, err := Open(cfg)
	require.NoError(o.t, err)
	r := &running{Node: n, host: o.host(n.ID()), cfg: cfg, ended: make(chan error, 1)}
	go func() { r.ended <- n.Run(r.host) }()
	o.t.Cleanup(func() { _ = r.halt() })
	return r
}

// halt stops it cleanly.
func (r *running) halt() error {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	return r.Stop(ctx)
}

var errKilled = errors.New("killed")

// kill ends it as a cut of all its connections does: nothing is released, nothing handed
// over, and its host serves until its session's end.
func (r *running) kill() {
	r.host.o.mu.Lock()
	r.host.cut = true
	r.host.o.mu.Unlock()
	r.die(errKilled)
	<-r.done
}

func (o *observer) eventually(what string, limit time.Duration, ok func() bool) time.Duration {
	o.t.Helper()
	begin := time.Now()
	for !ok() {
		if time.Since(begin) > limit {
			sum, by := o.served()
			require.FailNow(o.t, what, "not within %v; %d are served: %v", limit, sum, by)
		}
		time.Sleep(5 * time.Millisecond)
	}
	return time.Since(begin)
}

func (o *observer) allServed(limit time.Duration) time.Duration {
	o.t.Helper()
	return o.eventually("all shards are served", limit, func() bool { sum, _ := o.served(); return sum == 32 })
}
