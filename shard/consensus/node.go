package consensus

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"time"

	"github.com/hashicorp/raft"

	"github.com/leasecache/leasecache/internal/peer"
	"github.com/leasecache/leasecache/shard"
	"github.com/leasecache/leasecache/shard/control"
)

type server = raft.Server

// Node is one member of a cluster.
type Node struct {
	cfg   Config
	id    identity // changed by enter, before others read it; then Phase, by announce alone
	lock  *os.File
	ln    net.Listener
	peers peer.Config
	// begin is what the cluster begins with that this directory forms; nil: with nothing.
	begin *Former

	fsm    *fsm
	disk   *disk
	port   *peer.Listener
	pool   *peer.Pool
	trans  calmTransport
	raft   *raft.Raft
	leader *leader
	roll   roll
	pulse  pulse
	reach  reach
	tally  tally
	// imports is what others have handed over to this node.
	imports imports

	agentWake, leaderWake, membersWake, tellWake chan struct{}

	started chan struct{} // closed when the fields above are there
	ended   chan struct{} // closed when the node is to be no more, with or without a cause
	drain   chan struct{} // closed by Drain, and by Stop
	drained chan struct{} // closed when that need not be waited for any more
	stop    chan struct{} // closed by Stop
	done    chan struct{} // closed by Run
	tasks   sync.WaitGroup

	// mu guards the fields below; nothing is done under it but to change them.
	mu    sync.Mutex
	cause error
	over  bool // ended is closed: no task begins
	stops bool // stop is closed
	// drainBy is how long shards are handed over before a clean stop; zero: drain is open.
	drainBy time.Time
	runs    bool
}

// Open takes the data directory and listens. The error is one plain sentence that says
// what to do. A Node that was opened is ended by Stop, run or not.
func Open(cfg Config) (*Node, error) {
	cfg = cfg.withDefaults()
	lock, err := takeDir(cfg.Dir)
	if err != nil {
		return nil, err
	}
	former, err := cfg.former(inCluster(cfg.Dir))
	if err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	id, err := whoAmI(cfg.Dir, &cfg)
	if err == nil && id.Phase == recovering {
		err = fmt.Errorf("data directory %s: a recovery was interrupted: run `leasectl recover` again", cfg.Dir)
	}
	if err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	n := &Node{
		cfg: cfg, id: id, lock: lock,
		agentWake: make(chan struct{}, 1), leaderWake: make(chan struct{}, 1), membersWake: make(chan struct{}, 1), tellWake: make(chan struct{}, 1),
		started: make(chan struct{}), ended: make(chan struct{}), drain: make(chan struct{}), drained: make(chan struct{}), stop: make(chan struct{}), done: make(chan struct{}),
	}
	if err := n.inherit(former); err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	if n.ln, err = cfg.listen(cfg.Cluster); err != nil {
		return nil, errors.Join(fmt.Errorf("--cluster: %w", err), lock.Close())
	}
	n.fsm = newFSM(func() { wake(n.agentWake); wake(n.leaderWake) }, n.die)
	n.leader = &leader{n: n}
	n.peers = peer.Config{MaxPayload: max(cfg.MaxItem, 1<<20) + beyondItem, Hello: n.hello, Known: n.known, Address: n.address, Dial: cfg.dial, Log: cfg.Logger}
	return n, nil
}

// beyondItem is how much longer than a value a request for it can be.
const beyondItem = 64 << 10

// Enter takes the node into a cluster, which may take as long as the others need to come
// up, or until the context ends. It is for those who have to know the cluster before Run.
// The error is one plain sentence that says what to do, or the context's.
func (n *Node) Enter(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stopped, forget := n.untilStopped()
	defer forget()
	defer context.AfterFunc(stopped, cancel)()
	return n.enter(ctx)
}

// Run joins or forms, if Enter has not, registers and has the Host serve, until Stop, which
// it returns nil after, or until the node cannot go on.
func (n *Node) Run(h Host) error {
	n.mu.Lock()
	n.runs = true
	n.mu.Unlock()
	defer close(n.done)
	err := n.Enter(context.Background())
	if err == nil {
		err = n.start()
	}
	if errors.Is(err, context.Canceled) {
		err = errStopped
	}
	if err != nil {
		n.end(err)
		n.close()
		return n.why()
	}
	close(n.started)
	n.spawn(func() {
		if err := n.port.Serve(func(from peer.Hello) peer.Conversation { return talk{n, from, h.Conversation()} }); err != nil {
			n.die(fmt.Errorf("cluster port: %w", err))
		}
	})
	n.spawn(n.leader.run)
	n.spawn(n.teller)
	n.spawn(n.tendMembers)
	n.spawn(n.seek)
	n.spawn(n.announce)

	a := newAgent(n, counted{h, &n.tally})
	a.run(n.drain, n.stop) // until the node stops or ends, and nothing is served any more
	n.leave(a.last, a.calm)
	n.end(errStopped)
	n.close()
	return n.why()
}

// start opens what raft has kept and starts it.
func (n *Node) start() error {
	log := raftLog(n.cfg.Logger)
	var err error
	if n.disk, err = openDisk(n.cfg.Dir, log); err != nil {
		return err
	}
	used, err := n.disk.used()
	if err != nil {
		return fmt.Errorf("data directory %s: %w", n.cfg.Dir, err)
	}
	if !used && n.id.Phase == member {
		return fmt.Errorf("data directory %s has lost the log of %s, and with it what it promised the others: start on an empty directory under another --node-id, with --join",
			n.cfg.Dir, n.id.Node)
	}
	if err := n.disk.log.check(); err != nil {
		return fmt.Errorf("data directory %s: %w: start on an empty directory under another --node-id, with --join", n.cfg.Dir, err)
	}
	n.port = peer.Listen(n.ln, n.peers)
	n.pool = peer.NewPool(n.peers)
	self := raftAddress(n.id.Node, n.hostport())
	n.trans = calmTransport{raft.NewNetworkTransportWithConfig(&raft.NetworkTransportConfig{
		Stream: &stream{Listener: n.port.Raft(), self: self, cfg: n.peers, found: n.foundAt, conns: make(map[*accepted]struct{})}, MaxPool: 3, Timeout: hopLimit, Logger: log,
		// No pipelines: one whose leader is deposed while requests are under way can wait for
		// ever (raft 1.7.3: pipelineDecode has ended, and AppendEntries waits for it), and with
		// it heartbeats of the old term and Shutdown. A log of some entries a second needs none.
		MaxRPCsInFlight: 1,
	})}
	if !used && n.id.Phase == forming {
		if err := n.disk.bootstrap(n.id.Node, self, n.trans, log); err != nil {
			return fmt.Errorf("data directory %s: %w", n.cfg.Dir, err)
		}
	}
	guarded := &guardedLog{LogStore: n.cfg.store(n.disk.log), limit: storeLimit, die: n.die}
	if n.raft, err = raft.NewRaft(raftConfig(n.id.Node, log), n.fsm, guarded, n.disk.bolt, n.disk.snaps, n.trans); err != nil {
		return fmt.Errorf("data directory %s: %w", n.cfg.Dir, err)
	}
	return setPatience(n.raft)
}

// spawn runs what close waits for, unless the node has ended.
func (n *Node) spawn(f func()) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if !n.over {
		n.tasks.Go(f)
	}
}

func (n *Node) untilEnded() (context.Context, context.CancelFunc) { return until(n.ended) }

func (n *Node) untilStopped() (context.Context, context.CancelFunc) { return until(n.stop) }

func until(end <-chan struct{}) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		select {
		case <-end:
			cancel()
		case <-ctx.Done():
		}
	}()
	return ctx, cancel
}

func wake(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default: // it is to wake already
	}
}

func (n *Node) wakeLeader() { wake(n.leaderWake) }

// hello is what this node says of itself to others.
func (n *Node) hello() peer.Hello {
	h := peer.Hello{Cluster: n.id.Cluster, Incarnation: n.id.Incarnation, Node: n.id.Node, Birth: n.id.Birth}
	n.fsm.view(func(st *control.State) {
		if st.Cluster != "" {
			h.Incarnation = st.Incarnation
		}
	})
	return h
}

func (n *Node) known(node string) (birth string, ok bool) {
	n.fsm.view(func(st *control.State) {
		var m control.Member
		m, ok = st.Members[node]
		birth = m.Birth
	})
	return birth, ok
}

// address is where another node is: by the State or, while that has not followed, by what
// raft's log says.
func (n *Node) address(node string) (addr string, ok bool) {
	if addr, ok = n.foundAt(node); ok {
		return addr, true
	}
	n.fsm.view(func(st *control.State) { addr = st.Members[node].Peer })
	if addr != "" {
		return addr, true
	}
	for _, s := range n.servers() {
		if id, addr, ok := splitAddress(s.Address); ok && id == node {
			return addr, true
		}
	}
	return "", false
}

func (n *Node) servers() []server {
	f := n.raft.GetConfiguration()
	if f.Error() != nil {
		return nil
	}
	return f.Configuration().Servers
}

// hostport is where others reach this node.
func (n *Node) hostport() string {
	at := n.ln.Addr().String()
	if n.cfg.Advertise == "" {
		return at
	}
	if _, _, err := net.SplitHostPort(n.cfg.Advertise); err == nil {
		return n.cfg.Advertise
	}
	_, port, _ := net.SplitHostPort(at)
	return net.JoinHostPort(n.cfg.Advertise, port)
}

// Call asks another node; see peer.Pool. Before Run nothing is sent.
func (n *Node) Call(c peer.Call) error {
	select {
	case <-n.started:
		return n.pool.Call(c)
	default:
		return errNotYet
	}
}

var errNotYet = errors.New("this node has not begun to serve")

// Keeper remembers in the log what this node's shards must not forget. It is there after
// Enter.
func (n *Node) Keeper() *Keeper { return NewKeeper(n.id.Node, n.id.Cluster, n.id.Shards, n) }

// ID is the node's.
func (n *Node) ID() string { return n.id.Node }

// Addr is where it listens for other nodes.
func (n *Node) Addr() net.Addr { return n.ln.Addr() }

// View lends what this node knows to be agreed on; f must not block nor keep any of it.
func (n *Node) View(f func(*control.State)) { n.fsm.view(f) }

// Map is that as clients see it.
func (n *Node) Map() (m shard.Map) {
	n.fsm.view(func(st *control.State) { m = st.Map() })
	return m
}
