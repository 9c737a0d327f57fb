package consensus_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/hashicorp/raft"
	"github.com/stretchr/testify/require"

	"github.com/leasecache/leasecache/shard/consensus"
	"github.com/leasecache/leasecache/shard/control"
)

// simClock is a node's: it runs at a rate of its own, and its wall clock is stepped. What
// it says survives the process, as a machine's does.
type simClock struct {
	mu     sync.Mutex
	begin  time.Time
	rate   float64
	offset time.Duration // of the wall clock
	one    bool          // a bug: the monotonic clock follows the steps of the other
}

func (c *simClock) read() control.Reading {
	c.mu.Lock()
	defer c.mu.Unlock()
	// It begins at a second, so that zero is the past.
	mono := time.Second + time.Duration(float64(time.Since(c.begin))*c.rate)
	if c.one {
		return control.Reading{Mono: control.Mono(mono + c.offset), Wall: control.Wall(c.begin.UnixNano() + int64(mono+c.offset))}
	}
	return control.Reading{Mono: control.Mono(mono), Wall: control.Wall(c.begin.UnixNano() + int64(mono+c.offset))}
}

func (c *simClock) step(by time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.offset += by
}

// simNode is a machine: its data directory and its clock are there whether a process runs
// on it or not.
type simNode struct {
	s     *sim
	name  string
	dir   string
	clock *simClock
	rest  *simPause
	proc  *simProc // nil: none runs
	lives int
	ttl   time.Duration // that it is started with; 0: as all
}

// simProc is a process.
type simProc struct {
	on    *simNode
	node  *consensus.Node
	plane *plane        // nil until the node has entered a cluster
	dead  chan struct{} // closed by kill
	done  chan struct{} // closed when nothing of it runs any more
	mu    sync.Mutex    // of ended
	ended error
}

// simPause holds up whoever passes while it lasts.
type simPause struct {
	mu    sync.Mutex
	until time.Time
}

func (p *simPause) pass() {
	for {
		p.mu.Lock()
		wait := time.Until(p.until)
		p.mu.Unlock()
		if wait <= 0 {
			return
		}
		time.Sleep(wait)
	}
}

func (p *simPause) end() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.until = time.Now()
}

func (p *simPause) hold(d time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if t := time.Now().Add(d); t.After(p.until) {
		p.until = t
	}
}

func (s *sim) newNode(name string, rate float64) *simNode {
	dir := filepath.Join(s.dir, name)
	require.NoError(s.t, os.Mkdir(dir, 0o700))
	return &simNode{s: s, name: name, dir: dir, clock: &simClock{begin: time.Now(), rate: rate}, rest: new(simPause)}
}

// heldStore is a log on a disk that stands still while its machine's processes do.
type heldStore struct {
	raft.LogStore
	rest *simPause
}

func (h heldStore) StoreLogs(logs []*raft.Log) error {
	h.rest.pass()
	return h.LogStore.StoreLogs(logs)
}

// start runs a process on the machine.
func (n *simNode) start() *simProc {
	s := n.s
	n.lives++
	p := &simProc{on: n, dead: make(chan struct{}), done: make(chan struct{})}
	cfg := consensus.Config{
		Dir: n.dir, NodeID: n.name, Cluster: simAddr(n.name).String(), Advertise: simAddr(n.name).String(),
		Shards: simShards, SessionTTL: s.ttl, Memory: 1 << 30, Clock: n.clock.read, Logger: s.logger(n.name),
	}
	if n.ttl != 0 {
		cfg.SessionTTL = n.ttl
	}
	if n != s.nodes[0] {
		cfg.Join = []string{simAddr(s.nodes[0].name).String()}
	}
	var err error
	p.node, err = consensus.Open(cfg.In(consensus.World{
		Stable: 300 * time.Millisecond, Listen: s.net.listen, Dial: s.net.dial(n.name, p.dead),
		Store: func(l raft.LogStore) raft.LogStore { return heldStore{l, n.rest} },
	}))
	require.NoError(s.t, err)
	n.proc = p
	s.procs.Go(p.run)
	return p
}

func (p *simProc) run() {
	s := p.on.s
	defer close(p.done)
	err := p.node.Enter(context.Background())
	if err == nil {
		keeper := p.node.Keeper()
		p.mu.Lock()
		p.plane = newPlane(p, keeper)
		p.mu.Unlock()
		err = p.node.Run(p.plane)
		keeper.Close()
	} else {
		_ = p.node.Stop(context.Background())
	}
	p.mu.Lock()
	p.ended = err
	p.mu.Unlock()
	if err != nil && !consensus.Killed(err) {
		s.say("%s ended: %v", p.on.name, err)
		s.saw("a process ended by itself: " + err.Error())
	}
}

// serving is the data plane, if there is one that can be asked.
func (p *simProc) serving() *plane {
	if p == nil {
		return nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.plane
}

// over says that it ended by itself.
func (p *simProc) over() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.ended != nil
}

// kill ends the process. A zombie goes on answering clients until its session's end: it is
// one that nobody else hears of, and whose directory another process has got hold of.
func (p *simProc) kill(zombie bool) {
	s := p.on.s
	if w := p.serving(); w != nil {
		w.orphan(zombie)
	}
	close(p.dead)
	s.net.reset(p.on.name, "")
	p.node.Kill()
	<-p.done
	p.on.proc = nil
}

// stop ends it cleanly, as leasecached does. The server has a time of its own: with nobody
// to agree on it, telling which shards are quiet takes all that it is given.
func (p *simProc) stop() {
	within := func(d time.Duration, do func(context.Context)) {
		ctx, cancel := context.WithTimeout(context.Background(), d)
		defer cancel()
		do(ctx)
	}
	within(4*time.Second, p.node.Drain)
	if w := p.serving(); w != nil {
		within(2*time.Second, w.stop)
	}
	within(10*time.Second, func(ctx context.Context) {
		if err := p.node.Stop(ctx); err != nil {
			p.on.s.fail("%s does not stop: %v", p.on.name, err)
		}
	})
	<-p.done
	p.on.proc = nil
}

// cutOff has a node and the others not hear each other: both ways, or one.
func (s *sim) cutOff(node string, in, out bool) {
	for _, other := range s.nodes {
		if other.name != node {
			if in {
				s.net.set(other.name, node, true)
			}
			if out {
				s.net.set(node, other.name, true)
			}
		}
	}
}

func (s *sim) heal() {
	for _, a := range s.nodes {
		for _, b := range s.nodes {
			s.net.set(a.name, b.name, false)
			s.net.slow(a.name, b.name, 0)
		}
	}
}

// wait is for what must become true; what it says is why not.
func (s *sim) wait(what string, limit time.Duration, ok func() bool) {
	begin := time.Now()
	for !ok() {
		if s.failed() {
			return
		}
		if time.Since(begin) > limit {
			s.fail("%s: not within %v", what, limit)
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	s.say("%s after %v", what, time.Since(begin).Round(time.Millisecond))
}

func (n *simNode) String() string { return fmt.Sprintf("%s (life %d)", n.name, n.lives) }
