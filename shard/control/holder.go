package control

import "github.com/leasecache/leasecache/shard"

// Holder is a node's own session: what it asks for, and until when it may serve.
//
// Whether something was granted the node reads from its own State: there the entry
// is agreed on and came after all entries before it. Nobody has to answer, and no
// answer can be late, lost or from a leader that is none.
//
// Schedule R5, why every send has a number of its own and its own time:
//
//	1 A sends renewal 5 at 0; it is applied at 0.1. 2 A has not applied it yet and
//	  sends 5 again at 2. 3 A applies 5 and counts from 2, until 5.
//	4 The leader has counted from 0.1: at 3.8 another owns A's shards.
//
// The zero Holder is not usable.
type Holder struct {
	node, birth string
	life        uint64

	phase phase
	count uint64 // of registrations sent
	seq   uint64 // of renewals of the session sent
	sent  []sent // registrations, or renewals, that may yet be granted; ascending

	session  shard.Session // the one that is live or was last
	deadline Deadline
	left     bool // the session is given up and may not be over yet
}

type phase uint8

const (
	idle   phase = iota // nothing is served; a session may be asked for
	live                // until the deadline
	lapsed              // nothing may be served, and what was there has to be dropped
)

type sent struct {
	number uint64
	at     Reading
}

// maxSent is how many are remembered: beyond it the oldest count for nothing.
const maxSent = 64

// NewHolder is that of one process: life is a random number of its own.
func NewHolder(node, birth string, life uint64) *Holder {
	return &Holder{node: node, birth: birth, life: life}
}

// Send is what to send to the leader now, read from the clocks just before: a
// renewal or, without a session, a registration, and again the release of a session
// that was given up and is not over yet. Nothing while what the last session served
// is not dropped. What is lost, or doubled by the network, does no harm.
func (h *Holder) Send(now Reading) []Entry {
	h.Expire(now)
	switch h.phase {
	case idle:
		h.count++
		h.remember(h.count, now)
		register := Register{Node: h.node, Birth: h.birth, Life: h.life, Count: h.count}
		if h.left {
			return []Entry{h.release(), register}
		}
		return []Entry{register}
	case live:
		h.seq++
		h.remember(h.seq, now)
		return []Entry{Renew{[]Renewal{{h.session, h.seq}}}}
	}
	return nil
}

func (h *Holder) remember(number uint64, at Reading) {
	if len(h.sent) == maxSent {
		h.sent = append(h.sent[:0], h.sent[1:]...)
	}
	h.sent = append(h.sent, sent{number, at})
}

// sentAt is when a number was sent; it and those before are granted no more.
func (h *Holder) sentAt(number uint64) (Reading, bool) {
	for i, s := range h.sent {
		if s.number == number {
			h.sent = append(h.sent[:0], h.sent[i+1:]...)
			return s.at, true
		}
	}
	return Reading{}, false
}

// Applied looks at the node's State after entries were applied, at clocks read after
// that.
func (h *Holder) Applied(now Reading, st *State) {
	h.Expire(now)
	s, there := st.Sessions[h.session]
	h.left = h.left && there
	switch {
	case h.phase == idle:
		h.registered(st)
	case h.phase == live && !there:
		h.lapse()
	case h.phase == live:
		if at, ok := h.sentAt(s.Seq); ok {
			h.deadline = deadline(at, s.TTL)
		}
	}
	h.Expire(now)
}

// registered takes up the session that a registration of ours was granted, if one
// was. It may have run out before we knew of it: then it is given back.
//
// That the session is the node's newest says nothing (H8): the newest may be over,
// and this one that of another process of the node.
func (h *Holder) registered(st *State) {
	id := st.Members[h.node].Session
	s := st.Sessions[id]
	if id == 0 || id == h.session || s.Life != h.life {
		return
	}
	at, ok := h.sentAt(s.Count)
	if !ok {
		return
	}
	h.phase, h.session, h.seq = live, id, 0
	h.sent = h.sent[:0]
	h.deadline = deadline(at, s.TTL)
}

// Expire ends a session that ran out by the node's own clocks, and reports whether
// there is something to drop. It is never renewed, even if nobody else got the
// shards yet: what was in memory is given up, intents among it, and the same epoch
// must not be served without them.
func (h *Holder) Expire(now Reading) bool {
	if h.phase == live && !h.deadline.Held(now) {
		h.lapse()
	}
	return h.phase == lapsed
}

// Live is the session and until when it may be served under.
func (h *Holder) Live(now Reading) (shard.Session, Deadline, bool) {
	if h.phase != live || !h.deadline.Held(now) {
		return 0, Deadline{}, false
	}
	return h.session, h.deadline, true
}

// Stop ends the session before its time, for a clean stop. Then there is something
// to drop, as after Expire.
func (h *Holder) Stop() {
	if h.phase == live {
		h.lapse()
	}
}

func (h *Holder) lapse() {
	h.phase = lapsed
	h.sent = h.sent[:0]
}

// Dropped says that the gates are shut and that nothing of the session is left. What
// it returns, if there was a session to drop, gives it back at once; if that gets
// lost it is waited out. From now on Send asks for another.
func (h *Holder) Dropped() (Release, bool) {
	if h.phase != lapsed {
		return Release{}, false
	}
	h.phase, h.left = idle, true
	return h.release(), true
}

func (h *Holder) release() Release { return Release{Node: h.node, Session: h.session} }
