package consensus

import (
	"math/rand/v2"
	"slices"
	"time"

	"github.com/leasecache/leasecache/shard"
	"github.com/leasecache/leasecache/shard/control"
)

const (
	// idleEvery is how often a node without a session asks for one; a request that gets
	// lost while a leader is elected costs no more.
	idleEvery = 100 * time.Millisecond
	// moveLimit is how long the end of a planned move is asked for before the owner takes
	// the shard back, empty.
	moveLimit = time.Second
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
	open    []shard.Epoch       // by shard; 0 = it is not open
	spent   map[shard.ID]closed // shut by us, not by another's taking it
	seen    uint64              // version of the map that open goes by
	routed  uint64              // version of the map that the Host was given
	due     bool                // look at all shards again
	sent    control.Mono        // when the holder last sent
	asked   control.Mono        // when resets, moves and releases were last asked for
	stop    bool
	last    *control.Release // of a session that ended because the node stops
}

// closed is a shard that is ours and not served.
type closed struct {
	epoch shard.Epoch
	since control.Mono
}

func newAgent(n *Node, h Host) *agent {
	life := rand.Uint64()
	return &agent{
		n: n, host: h, life: life, holder: control.NewHolder(n.id.Node, n.id.Birth, life),
		spent: make(map[shard.ID]closed),
	}
}

func (a *agent) run(stop <-chan struct{}) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for !a.stop {
		select {
		case <-timer.C:
		case <-a.n.agentWake:
		case <-stop:
			a.stop = true
			a.holder.Stop()
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
		return idleEvery
	}
	if a.holder.Expire(now) {
		a.lapse()
	}
	a.route()
	a.extend(now)
	if a.session != 0 {
		a.reconcile()
	} else {
		every = min(every, idleEvery)
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
		a.ask(now.Mono)
	}
	return a.next(now, every)
}

// next is when something is due that nobody wakes us for: a renewal, and the end of the
// session, when those who wait for an answer must be told.
func (a *agent) next(now control.Reading, every time.Duration) time.Duration {
	in := time.Duration(a.sent + control.Mono(every) - now.Mono)
	if len(a.spent) > 0 {
		in = min(in, idleEvery)
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
	if a.session != 0 {
		a.host.Lapse(a.session)
	}
	a.session = 0
	clear(a.open)
	clear(a.spent)
	if release, ok := a.holder.Dropped(); ok && !a.stop {
		a.n.send(release)
	} else if ok {
		a.last = &release
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
	shed  bool // it is to be another's, as planned
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
	if c, ok := a.spent[id]; ok {
		if s.Session == a.session && s.Epoch == c.epoch {
			return job{}, false // ask goes on about it
		}
		delete(a.spent, id)
	}
	if a.open[id] != 0 && s.Session == a.session && s.Transfer.ID != 0 {
		return job{id: id, shed: true}, true
	}
	// Planned moves bring nothing along: no transfer is ever held.
	step := st.Next(id, a.session, a.open[id], func(uint64) bool { return false })
	return job{id: id, step: step, start: st.Start(id)}, step != control.Keep
}

func (a *agent) do(j job) {
	now := a.n.cfg.Clock()
	if _, _, live := a.holder.Live(now); !live {
		a.due = true // the next wake drops all
		return
	}
	switch {
	case j.shed:
		a.host.Close(j.id)
		a.spend(j.id, a.open[j.id], now.Mono)
		a.asked = 0 // somebody waits for it
	case j.step == control.Close:
		a.host.Close(j.id)
		a.open[j.id] = 0
	case j.step == control.Rise:
		a.host.Raise(j.id, j.start.Epoch)
		a.open[j.id] = j.start.Epoch
	case j.step == control.OpenCold:
		if a.open[j.id] != 0 {
			a.host.Close(j.id)
			a.open[j.id] = 0
		}
		if err := a.host.Open(j.id, j.start); err != nil {
			a.n.cfg.Logger.Error("shard cannot be opened", "shard", j.id, "err", err)
			a.spend(j.id, j.start.Epoch, now.Mono)
			return
		}
		a.open[j.id] = j.start.Epoch
	case j.step == control.GiveUp:
		if a.open[j.id] != 0 {
			a.host.Close(j.id)
		}
		a.spend(j.id, j.start.Epoch, now.Mono)
		a.asked = 0
	}
}

// spend takes a shard out of service at an epoch, at which it is not opened again.
func (a *agent) spend(id shard.ID, at shard.Epoch, now control.Mono) {
	a.open[id] = 0
	a.spent[id] = closed{at, now}
}

// ask asks again for what this node wants agreed on: other owners for shards that it is
// to hand over, another epoch for those it owns and has nothing of, the end of sessions
// that a former process of this node left.
//
// A planned move hands over nothing yet: the old owner has shut the shard, the new one
// finds that it holds no transfer, and resets it, in doubt if anything was noted. If the
// move is not agreed on within moveLimit, the old owner resets it. Either entry names the
// epoch, so only the first takes effect.
func (a *agent) ask(now control.Mono) {
	var out []control.Entry
	a.n.fsm.view(func(st *control.State) {
		reset := control.Reset{Session: a.session}
		for id, c := range a.spent {
			s := &st.Shards[id]
			switch {
			case s.Session != a.session || s.Epoch != c.epoch:
			case s.Transfer.ID != 0 && now < c.since+control.Mono(moveLimit):
				out = append(out, control.Moved{
					Shard: id, Transfer: s.Transfer.ID, Epoch: s.Epoch, From: a.session, To: s.Transfer.To,
					Near: st.Settings.Near,
				})
			default:
				reset.Items = append(reset.Items, control.At{Shard: id, Epoch: s.Epoch})
			}
		}
		if len(reset.Items) > 0 {
			slices.SortFunc(reset.Items, func(x, y control.At) int { return int(x.Shard) - int(y.Shard) })
			out = append(out, reset)
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
