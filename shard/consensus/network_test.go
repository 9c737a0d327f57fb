package consensus

import (
	"context"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/leasecache/leasecache/shard/control"
)

// network carries what nodes say to each other, and can be cut: then it says nothing
// and breaks nothing, as a switch that lost a port does.
type network struct {
	mu    sync.Mutex
	lost  map[string]bool    // nodes that nobody reaches, and that reach nobody
	torn  map[[2]string]bool // ways that nothing goes that the first has dialled
	at    map[string]string
	wires map[*wire]struct{}
}

type wire struct {
	net.Conn
	w        *network
	from, to string
}

func newNetwork() *network {
	return &network{lost: make(map[string]bool), torn: make(map[[2]string]bool), at: make(map[string]string), wires: make(map[*wire]struct{})}
}

func (w *network) cut(from, to string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.lost[from] || w.lost[to] || w.torn[[2]string{from, to}]
}

// tear cuts one way, for what its first node has dialled; mend ends that.
func (w *network) tear(from, to string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.torn[[2]string{from, to}] = true
}

func (w *network) mend(from, to string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.torn, [2]string{from, to})
	for c := range w.wires {
		if c.from == from && c.to == to {
			_ = c.Conn.Close()
		}
	}
}

// lose cuts a node off; find ends that, and with it the connections that missed something.
func (w *network) lose(node string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.lost[node] = true
}

func (w *network) find(node string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.lost, node)
	for c := range w.wires {
		if c.from == node || c.to == node {
			_ = c.Conn.Close()
		}
	}
}

// dial is a node's way to others.
func (w *network) dial(from string) func(context.Context, string) (net.Conn, error) {
	return func(ctx context.Context, addr string) (net.Conn, error) {
		w.mu.Lock()
		to := w.at[addr]
		w.mu.Unlock()
		if w.cut(from, to) {
			<-ctx.Done()
			return nil, ctx.Err()
		}
		var d net.Dialer
		nc, err := d.DialContext(ctx, "tcp", addr)
		if err != nil {
			return nil, err
		}
		c := &wire{nc, w, from, to}
		w.mu.Lock()
		defer w.mu.Unlock()
		w.wires[c] = struct{}{}
		return c, nil
	}
}

func (c *wire) Write(b []byte) (int, error) {
	if c.w.cut(c.from, c.to) {
		return len(b), nil
	}
	return c.Conn.Write(b)
}

func (c *wire) Read(b []byte) (int, error) {
	for {
		k, err := c.Conn.Read(b)
		if err != nil || !c.w.cut(c.from, c.to) {
			return k, err
		}
	}
}

func (c *wire) Close() error {
	c.w.mu.Lock()
	delete(c.w.wires, c)
	c.w.mu.Unlock()
	return c.Conn.Close()
}

func (o *observer) startOn(w *network, cfg Config) *running {
	o.t.Helper()
	cfg.dial = w.dial(cfg.NodeID)
	r := o.start(cfg)
	w.mu.Lock()
	w.at[r.Addr().String()] = cfg.NodeID
	w.mu.Unlock()
	return r
}

// threeOn is three, on a network.
func (o *observer) threeOn(w *network) []*running {
	o.t.Helper()
	n1 := o.startOn(w, o.config("n1"))
	o.allServed(5 * time.Second)
	join := n1.Addr().String()
	nodes := []*running{n1, o.startOn(w, o.config("n2", join)), o.startOn(w, o.config("n3", join))}
	o.eventually("shards are even", 10*time.Second, o.even)
	o.eventually("all vote", 10*time.Second, func() bool { return allVote(nodes) })
	return nodes
}

func (o *observer) even() bool {
	sum, by := o.served()
	return sum == 32 && by["n1"] >= 10 && by["n2"] >= 10 && by["n3"] >= 10
}

// TestTheNodeThatIsCutOff leads and owns shards. It must stop to serve by itself, before
// the others take over, and comes back when it can.
func TestTheNodeThatIsCutOff(t *testing.T) {
	o, w := newObserver(t), newNetwork()
	nodes := o.threeOn(w)
	n1 := nodes[0]
	require.Equal(t, "n1", n1.leaderID())
	w.lose("n1")
	begin := time.Now()
	o.eventually("n1 stops to serve", 4*time.Second, func() bool { _, by := o.served(); return by["n1"] == 0 })
	t.Log("n1 served for", time.Since(begin))
	o.allServed(5500*time.Millisecond - time.Since(begin))
	t.Log("served again after", time.Since(begin))

	w.find("n1")
	t.Log("even again after", o.eventually("shards are even", 10*time.Second, o.even))
}

// TestAWallClockThatIsStepped ends the session of its node, which drops all and registers
// again.
func TestAWallClockThatIsStepped(t *testing.T) {
	o := newObserver(t)
	c := o.config("n1")
	var mu sync.Mutex
	var step control.Wall
	c.Clock = func() control.Reading {
		mu.Lock()
		defer mu.Unlock()
		now := o.clock()
		now.Wall += step
		return now
	}
	n := o.start(c)
	o.allServed(5 * time.Second)
	before := n.Map()
	mu.Lock()
	step = control.Wall(time.Hour)
	mu.Unlock()
	o.eventually("all was dropped and opened anew", 3*time.Second, func() bool {
		sum, _ := o.served()
		m := n.Map()
		for i, e := range m.Epochs {
			if e <= before.Epochs[i] {
				return false
			}
		}
		return sum == 32
	})
	require.Equal(t, 64, n.host.opened)
}
