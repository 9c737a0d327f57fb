package consensus

import (
	"errors"
	"sync"
	"time"

	"github.com/leasecache/leasecache/internal/peer"
	"github.com/leasecache/leasecache/shard"
	"github.com/leasecache/leasecache/shard/control"
)

const (
	// readyLimit is how long the receiver of a planned move may take to say that it is
	// ready. The shard is served meanwhile.
	readyLimit = 2 * time.Second
	// shutLimit is how long it may take to have everything. Nobody serves the shard
	// meanwhile.
	shutLimit = 500 * time.Millisecond
	// askAgain is how soon a receiver is asked again that has not followed yet.
	askAgain = 10 * time.Millisecond
)

// move is a planned move of one of our shards, until the State shows what became of it.
//
//	1 Plan, applied here. The receiver is asked whether he is there and ready: a node that
//	  died a moment ago must not cost its shards-to-be their service.
//	2 The gate is shut (Host.Leave); what the next owner has to know goes to the receiver.
//	3 He has it all: Moved is proposed. Or he has not, in time: Cancel is.
//	4 The State shows Moved: Close. It shows Cancel, or a raise: Rise, at that epoch.
//
// From 2 to 4 nothing is answered for the shard, whatever gets lost (R15):
//
//	1 Moved is proposed, and the answer lost. 2 Time is up; were the gate opened again, an
//	invalidation would be acknowledged here. 3 Moved is agreed on: the receiver serves the
//	shard, and knows nothing of that.
//
// So both are proposed again and again until one of them, or something else, has taken
// effect in our own State. Each names transfer, epoch and session: only the first counts.
type move struct {
	of    transfer
	epoch shard.Epoch
	to    shard.Session
	node  string

	stage stage
	since control.Mono // of the stage
	data  []byte       // what is handed over
	sent  int          // of it, that the receiver has
	call  uint64       // the one under way; 0: none is
	again control.Mono // when to ask next

	shutAt control.Mono
}

type stage uint8

const (
	asking    stage = iota // served
	sending                // shut, as in the two that follow
	arrived                // Moved is asked for
	calledOff              // Cancel is asked for; it may be served
)

// answers is what came of calls, for the agent. The lock is held to put one there or to
// take all.
type answers struct {
	mu  sync.Mutex
	got []partAnswer
}

type partAnswer struct {
	of   transfer
	call uint64
	said verdict // 0: nobody knows
	why  string
}

func (q *answers) put(a partAnswer) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.got = append(q.got, a)
}

func (q *answers) take() []partAnswer {
	q.mu.Lock()
	defer q.mu.Unlock()
	got := q.got
	q.got = nil
	return got
}

// begin takes up a planned move of a shard that is open.
func (a *agent) begin(j job, now control.Mono) {
	a.moves[j.id] = &move{
		of: transfer{j.id, j.transfer.ID}, epoch: j.start.Epoch, to: j.transfer.To, node: j.node, since: now,
	}
}

// carry goes on with the moves of our shards, as far as can be done now.
func (a *agent) carry() {
	got := a.answers.take()
	if len(a.moves) == 0 {
		return
	}
	now := a.n.cfg.Clock()
	for _, r := range got {
		if m := a.moves[r.of.shard]; m != nil && m.of == r.of && m.call == r.call {
			a.answered(m, r, now)
		}
	}
	for _, m := range a.moves {
		a.goOn(m, now.Mono)
	}
}

func (a *agent) answered(m *move, r partAnswer, now control.Reading) {
	m.call = 0
	switch {
	case m.stage != asking && m.stage != sending:
	case r.said == refused:
		a.n.cfg.Logger.Info("planned move is refused", "shard", m.of.shard, "node", m.node, "why", r.why)
		m.enter(calledOff, now.Mono)
	case r.said == later:
		m.again = now.Mono + control.Mono(askAgain)
	case r.said == complete && m.stage == sending:
		m.enter(arrived, now.Mono)
	case r.said == taken && m.stage == sending:
		m.sent = min(m.sent+importPart, len(m.data))
	case r.said == taken:
		a.shut(m, now)
	default: // lost, or what was not asked for: from the beginning
		m.sent, m.again = 0, now.Mono+control.Mono(idleEvery)
	}
}

func (m *move) enter(s stage, now control.Mono) { m.stage, m.since, m.again = s, now, 0 }

// shut closes the gate. The session is looked at before: with what a Host holds whose
// session is over nobody must begin.
func (a *agent) shut(m *move, now control.Reading) {
	if _, _, live := a.holder.Live(now); !live {
		a.due = true // the next wake drops all
		return
	}
	data, ok := a.host.Leave(m.of.shard, m.epoch)
	if !ok || len(data) == 0 || len(data) > maxImport {
		m.enter(calledOff, now.Mono)
		return
	}
	m.data, m.shutAt = data, now.Mono
	m.enter(sending, now.Mono)
}

// goOn does what is due about a move.
func (a *agent) goOn(m *move, now control.Mono) {
	switch waits := now - m.since; {
	case m.stage == asking && waits > control.Mono(readyLimit), m.stage == sending && waits > control.Mono(shutLimit):
		a.n.cfg.Logger.Info("planned move is called off: no answer", "shard", m.of.shard, "node", m.node)
		m.enter(calledOff, now)
	}
	if now < m.again {
		return
	}
	switch m.stage {
	case asking, sending:
		if m.call == 0 {
			a.send(m, now)
		}
	case arrived:
		var near time.Duration
		there := false
		a.n.fsm.view(func(st *control.State) { near, there = st.Settings.Near, st.Sessions[m.to].Node != "" })
		if !there { // Moved would be refused for ever
			m.enter(calledOff, now)
			a.goOn(m, now)
			return
		}
		m.again = now + control.Mono(idleEvery)
		a.n.send(control.Moved{Shard: m.of.shard, Transfer: m.of.id, Epoch: m.epoch, From: a.session, To: m.to, Near: near})
	case calledOff:
		m.again = now + control.Mono(idleEvery)
		a.n.send(control.Cancel{Shard: m.of.shard, Transfer: m.of.id, Epoch: m.epoch, From: a.session})
	}
}

// send sends the next part; who asks whether the receiver is ready sends none.
func (a *agent) send(m *move, now control.Mono) {
	p := part{of: m.of, to: m.to}
	limit := readyLimit
	if m.stage == sending {
		end := min(m.sent+importPart, len(m.data))
		p.total, p.offset, p.data = len(m.data), m.sent, m.data[m.sent:end]
		limit = shutLimit
	}
	a.calls++
	m.call = a.calls
	of, call := m.of, m.call
	err := a.n.pool.Call(peer.Call{
		Node: m.node, Lane: int(of.shard), Kind: peer.KindImport, Payload: p.payload(),
		Deadline: time.Now().Add(time.Duration(m.since+control.Mono(limit)-now) + time.Millisecond),
		Done: func(reply []byte, _ bool, err error) {
			r := partAnswer{of: of, call: call}
			if err == nil && len(reply) > 0 {
				r.said, r.why = verdict(reply[0]), string(reply[1:])
			}
			a.answers.put(r)
			wake(a.n.agentWake)
		},
	})
	switch {
	case errors.Is(err, peer.ErrUnreachable), errors.Is(err, peer.ErrBusy):
		m.call, m.again = 0, now+control.Mono(idleEvery)
	case err != nil:
		m.enter(calledOff, now)
	}
}

// moveEnds says so to who looks for what takes long.
func (a *agent) moveEnds(m *move, stays bool) {
	delete(a.moves, m.of.shard)
	a.n.tally.moved(stays)
	var shut time.Duration
	if m.shutAt != 0 {
		shut = time.Duration(a.n.cfg.Clock().Mono - m.shutAt)
	}
	a.n.cfg.Logger.Debug("planned move is over", "shard", m.of.shard, "node", m.node, "stays", stays, "shut", shut)
}

// quiet is the Quiet for those of the shards that were open under a session, and in which
// no writer is outstanding, that have something noted. Their gates are shut for good, so
// no note is asked for after the State is looked at; one that is under way makes it void.
func (a *agent) quiet(session shard.Session, shards []shard.ID) control.Quiet {
	q := control.Quiet{Session: session}
	a.n.fsm.view(func(st *control.State) {
		for _, id := range shards {
			s := &st.Shards[id]
			if s.Session == session && s.Epoch == a.open[id] && s.Noted != (shard.Note{}) {
				q.Items = append(q.Items, control.Calm{Shard: id, Epoch: s.Epoch, Notes: s.Notes})
			}
		}
	})
	return q
}
