package consensus

import (
	"errors"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/leasecache/leasecache/shard"
	"github.com/leasecache/leasecache/shard/control"
)

const (
	// idleEvery is how often a node without a session asks for one; a request that gets
	// lost while a leader is elected costs no more.
	idleEvery = 100 * time.Millisecond
)

// agent holds this node's session and has the Host serve what the State gives to it. One
// goroutine; nobody else calls the Host.
//
// INVARIANT: a shard is opened at an epoch once at most, in all lives of the session. spent
// has what was open last; a shard that still is at that epoch is not opened, a Reset is
// asked for. Were it opened again, its tokens would be given twice, and intents of that
// epoch would be unknown to it.
//
// In one wake the end of a session comes before all else, and its end is extended before
// anything is opened under it:
//
//	1 Session 7 ran out; session 9 is granted, x belongs to 9 at epoch 6. 2 x opened at 6
//	before 7 is dropped: Lapse of 7 would drop the new x too, and x would serve nothing
//	though the State says it does.
type agent struct {
	n      *Node
	host   Host
	holder *control.Holder
	life   uint64

	session shard.Session // that the Host was told of; 0 = it serves nothing
	until   control.Deadline
	open    []shard.Epoch            // by shard; 0 = it is not open
	spent   map[shard.ID]shard.Epoch // ours, not served, and not to be at that epoch
	moves   map[shard.ID]*move       // ours, to be another's as planned: see moves.go
	calls   uint64
	answers answers
	seen    uint64       // version of the map that open goes by
	routed  uint64       // version of the map that the Host was given
	due     bool         // look at all shards again
	sent    control.Mono // when the holder last sent
	asked   control.Mono // when resets and releases were last asked for
	leaving bool         // before a clean stop: the shards are handed over
	leaveBy time.Time    // what is left then is not
	gone    sync.Once    // as many as can be were: says so
	rests   bool         // the clean stop has come so far that nothing is served
	// A clean stop is asked for: it comes when the shards are gone.
	stopping bool
	stop     bool
	last     *control.Release // of a session that ended because the node stops
	calm     control.Quiet    // of that session
}

func newAgent(n *Node, h Host) *agent {
	life := rand.Uint64()
	return &agent{
		n: n, host: h, life: life, holder: control.NewHolder(n.id.Node, n.id.Birth, life),
		spent: make(map[shard.ID]shard.Epoch), moves: make(map[shard.ID]*move),
	}
}

func (a *agent) run(drain, stop <-chan struct{}) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for !a.stop {
		select {
		case <-timer.C:
		case <-a.n.agentWake:
		case <-drain:
			drain, a.leaving, a.leaveBy = nil, true, a.n.drainUntil()
			a.asked = 0
		case <-stop:
			stop, a.stopping = nil, true
		case <-a.n.ended:
			a.stop = true
			a.holder.Stop()
		}
		timer.Reset(a.wake())
	}
}

// wake does what is due and says when to look again.
func (a *agent) wake() time.Duration {
	var now control.Reading
	ready, every := false, idleEvery
	a.n.fsm.view(func(st *control.State) {
		now = a.n.cfg.Clock() // after what the State shows was applied
		a.holder.Applied(now, st)
		if ready = st.Cluster != ""; !ready {
			return
		}
		every = st.Settings.RenewEvery()
		if a.open == nil {
			a.open = make([]shard.Epoch, len(st.Shards))
		}
	})
	if !ready {
		if a.leaving {
			a.depart()
		}
		return idleEvery
	}
	if a.holder.Expire(now) {
		a.lapse()
	}
	a.route()
	a.extend(now)
	if a.session != 0 {
		a.reconcile()
		a.carry()
	} else {
		every = min(every, idleEvery)
	}
	if a.leaving && a.left() {
		a.depart()
	}
	if a.stop {
		return every
	}
	now = a.n.cfg.Clock()
	if now.Mono >= a.sent+control.Mono(every) || a.sent == 0 {
		a.sent = now.Mono
		for _, e := range a.holder.Send(now) {
			a.n.send(e)
		}
	}
	if now.Mono >= a.asked+control.Mono(idleEvery) {
		a.asked = now.Mono
		a.ask()
	}
	return a.next(now, every)
}

// next is when something is due that nobody wakes us for: a renewal, and the end of the
// session, when those who wait for an answer must be told.
func (a *agent) next(now control.Reading, every time.Duration) time.Duration {
	in := time.Duration(a.sent + control.Mono(every) - now.Mono)
	if len(a.spent) > 0 || a.leaving {
		in = min(in, idleEvery)
	}
	for _, m := range a.moves {
		in = min(in, max(askAgain, time.Duration(m.again-now.Mono)), idleEvery)
	}
	if a.session != 0 {
		in = min(in, time.Duration(a.until.Mono-now.Mono), time.Duration(a.until.Wall-now.Wall))
	}
	return max(in, time.Millisecond)
}

// route has the Host know who has what, whether this node has anything or not.
func (a *agent) route() {
	var m shard.Map
	a.n.fsm.view(func(st *control.State) {
		if st.Version != a.routed {
			m = st.Map()
		}
	})
	if m.Version != a.routed && m.Version != 0 {
		a.routed = m.Version
		a.host.Route(m)
	}
}

// lapse drops everything and gives the session back.
func (a *agent) lapse() {
	switch {
	case a.session != 0 && a.rests:
		a.calm = a.quiet(a.session, a.host.Rest(a.session))
	case a.session != 0:
		a.host.Lapse(a.session)
	}
	a.session = 0
	clear(a.open)
	clear(a.spent)
	clear(a.moves)
	if release, ok := a.holder.Dropped(); ok {
		a.n.imports.lapse(release.Session)
		if a.stop || a.stopping {
			a.last = &release
		} else {
			a.n.send(release)
		}
	}
	a.sent = 0
}

// extend tells the Host of the session, or of its new end.
func (a *agent) extend(now control.Reading) {
	session, until, live := a.holder.Live(now)
	if !live || (session == a.session && until == a.until) {
		return
	}
	fresh := session != a.session
	if !a.host.Extend(session, until) {
		// By the Host's clocks it was over, and is dropped.
		a.session = session
		a.holder.Stop()
		a.lapse()
		return
	}
	a.session, a.until, a.due = session, until, a.due || fresh
}

// job is one thing to do about a shard.
type job struct {
	id    shard.ID
	step  control.Step
	start control.Start
	// It is to be another's as planned, if ID is not 0, once the step is done.
	transfer control.Transfer
	node     string // of that one
}

// reconcile has the Host serve what the newest State gives to this node, whatever happened
// in between.
func (a *agent) reconcile() {
	var jobs []job
	a.n.fsm.view(func(st *control.State) {
		if st.Version == a.seen && !a.due {
			return
		}
		a.seen, a.due = st.Version, false
		a.n.imports.sweep(st)
		for id := range shard.ID(len(st.Shards)) {
			if j, ok := a.look(st, id); ok {
				jobs = append(jobs, j)
			}
		}
	})
	for _, j := range jobs {
		a.do(j)
	}
}

func (a *agent) look(st *control.State, id shard.ID) (job, bool) {
	s := &st.Shards[id]
	if epoch, ok := a.spent[id]; ok {
		if s.Session == a.session && s.Epoch == epoch {
			return job{}, false // ask goes on about it
		}
		delete(a.spent, id)
	}
	if m := a.moves[id]; m != nil {
		if s.Session == a.session && s.Epoch == m.epoch && s.Transfer.ID == m.of.id {
			return job{}, false // carry goes on about it
		}
		a.moveEnds(m, s.Session == a.session)
	}
	step := st.Next(id, a.session, a.open[id], func(via uint64) bool {
		return a.n.imports.holds(transfer{id, via}, a.session)
	})
	j := job{id: id, step: step, start: st.Start(id)}
	if s.Session == a.session && s.Transfer.ID != 0 {
		j.transfer, j.node = s.Transfer, st.Sessions[s.Transfer.To].Node
	}
	return j, step != control.Keep || j.transfer.ID != 0
}

func (a *agent) do(j job) {
	now := a.n.cfg.Clock()
	if _, _, live := a.holder.Live(now); !live {
		a.due = true // the next wake drops all
		return
	}
	switch {
	case j.step == control.Close:
		a.host.Close(j.id)
		a.open[j.id] = 0
	case j.step == control.Rise:
		a.host.Raise(j.id, j.start.Epoch)
		a.open[j.id] = j.start.Epoch
	case j.step == control.OpenCold, j.step == control.OpenMoved, j.step == control.GiveUp:
		if a.open[j.id] != 0 {
			a.host.Close(j.id)
			a.open[j.id] = 0
		}
		if err := a.openShard(j); err != nil {
			a.n.cfg.Logger.Error("shard cannot be opened: it begins anew", "shard", j.id, "err", err)
			a.spent[j.id] = j.start.Epoch
			a.asked = 0
			return
		}
		a.open[j.id] = j.start.Epoch
	}
	if j.transfer.ID != 0 && a.open[j.id] == j.start.Epoch {
		a.begin(j, now.Mono)
	}
}

var errNotHeld = errors.New("what its former owner handed over is not here")

func (a *agent) openShard(j job) error {
	switch j.step {
	case control.OpenCold:
		return a.host.Open(j.id, j.start, nil)
	case control.OpenMoved:
		if moved := a.n.imports.adopt(transfer{j.id, j.start.Via}); moved != nil {
			return a.host.Open(j.id, j.start, moved)
		}
	}
	return errNotHeld
}

// ask asks again for what this node wants agreed on: another epoch for the shards that it
// owns and has nothing of, in doubt if anything was noted; the end of sessions that a
// former process of this node left; and, at a clean stop, to own nothing.
func (a *agent) ask() {
	var out []control.Entry
	a.n.fsm.view(func(st *control.State) {
		reset := control.Reset{Session: a.session}
		for id, epoch := range a.spent {
			if s := &st.Shards[id]; s.Session == a.session && s.Epoch == epoch {
				reset.Items = append(reset.Items, control.At{Shard: id, Epoch: epoch})
			}
		}
		if len(reset.Items) > 0 {
			slices.SortFunc(reset.Items, func(x, y control.At) int { return int(x.Shard) - int(y.Shard) })
			out = append(out, reset)
		}
		if a.leaving && a.session != 0 && !st.Sessions[a.session].Leaving {
			out = append(out, control.Leave{Session: a.session})
		}
		if len(st.Members) == 1 {
			// The lock of the data directory is ours, so the process that had it is gone.
			for id, s := range st.Sessions {
				if s.Node == a.n.id.Node && s.Life != a.life {
					out = append(out, control.Release{Node: s.Node, Session: id, ByLock: true})
				}
			}
		}
	})
	for _, e := range out {
		a.n.send(e)
	}
}

// depart says that what can be handed over was; and if the node is to stop, it serves
// nothing from now on.
func (a *agent) depart() {
	a.gone.Do(func() { close(a.n.drained) })
	if a.stopping && !a.stop {
		a.stop, a.rests = true, true
		a.holder.Stop()
		a.lapse()
	}
}

// left says that a clean stop need not wait any more: this node owns nothing, or there is
// nobody to hand it to, or it took too long.
func (a *agent) left() bool {
	if a.session == 0 || !time.Now().Before(a.leaveBy) {
		return true
	}
	owns, others := false, false
	a.n.fsm.view(func(st *control.State) {
		owns = slices.ContainsFunc(st.Shards, func(s control.Shard) bool { return s.Session == a.session })
		for id, m := range st.Members {
			s, there := st.Sessions[m.Session]
			if there && id != a.n.id.Node && !m.Draining && !m.Forgotten && !s.Leaving {
				others = true
			}
		}
	})
	return !owns || !others
}
