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
	count uint64  // of registrations sent
	asked Reading // when the newest of them was

	session  shard.Session
	deadline Deadline
	seq      uint64
	sent     []sent // renewals that may yet be granted, ascending
}

type phase uint8

const (
	idle   phase = iota // nothing is served; a session may be asked for
	live                // until the deadline
	lapsed              // nothing may be served, and what was there has to be dropped
)

type sent struct {
	seq uint64
	at  Reading
}

// maxSent is how many renewals are remembered: beyond it the oldest count for
// nothing.
const maxSent = 64

// NewHolder is that of one process: life is a random number of its own.
func NewHolder(node, birth string, life uint64) *Holder {
	return &Holder{node: node, birth: birth, life: life}
}

// Send is what to send to the leader now, read from the clocks just before: a
// renewal or, without a session, a registration. Nothing while what the last
// session served is not dropped yet. One that is lost, or that the network doubles,
// does no harm.
func (h *Holder) Send(now Reading) (Entry, bool) {
	h.Expire(now)
	switch h.phase {
	case idle:
		h.count++
		h.asked = now
		return Register{Node: h.node, Birth: h.birth, Life: h.life, Count: h.count}, true
	case live:
		h.seq++
		if len(h.sent) == maxSent {
			h.sent = append(h.sent[:0], h.sent[1:]...)
		}
		h.sent = append(h.sent, sent{h.seq, now})
		return Renew{[]Renewal{{h.session, h.seq}}}, true
	}
	return nil, false
}

// Applied looks at the node's State after entries were applied, at clocks read after
// that.
func (h *Holder) Applied(now Reading, st *State) {
	h.Expire(now)
	switch h.phase {
	case idle:
		h.registered(now, st)
	case live:
		s, ok := st.Sessions[h.session]
		if !ok {
			h.lapse()
			return
		}
		for i, r := range h.sent {
			if r.seq == s.Seq {
				h.deadline = deadline(r.at, s.TTL)
				h.sent = append(h.sent[:0], h.sent[i+1:]...)
				break
			}
		}
		h.Expire(now)
	}
}

// registered takes up the session that the newest registration was granted, if it
// was. One that ran out before we knew of it was never served; it is given back.
func (h *Holder) registered(now Reading, st *State) {
	m, ok := st.Members[h.node]
	if !ok || h.count == 0 || m.Life != h.life || m.Count != h.count || m.Session == 0 || m.Session == h.session {
		return
	}
	h.phase, h.session, h.seq = live, m.Session, 0
	h.sent = h.sent[:0]
	h.deadline = deadline(h.asked, st.Sessions[m.Session].TTL)
	h.Expire(now)
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
	h.phase = idle
	return Release{Node: h.node, Session: h.session}, true
}
