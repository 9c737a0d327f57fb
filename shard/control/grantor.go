package control

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/leasecache/leasecache/shard"
	"github.com/leasecache/leasecache/shard/placement"
)

// MovesAtOnce is how many shards are moved as planned at a time: as many as are missed by
// nobody for some milliseconds, and so many that a node with hundreds stops within seconds.
const MovesAtOnce = 16

// askAgain is how long a proposal is waited for before it is made again. It may be
// applied twice: the second has no effect.
const askAgain = Mono(500 * time.Millisecond)

// Grantor is what a leader remembers about time, and what it does about it. It is
// handed the monotonic clock alone (see SurelyOver), read after entries were
// applied. The zero Grantor leads nothing.
//
// INVARIANT: heard has, for a session of the State, the newest renewal that was
// applied here and when, but no earlier than this node's own term was agreed on.
type Grantor struct {
	leads bool
	heard map[shard.Session]heard

	asked map[shard.Session]Mono // when Over was proposed
	even  look                   // what was found even, or was asked for
	again Mono                   // when to look at the same thing again
}

type heard struct {
	seq uint64
	at  Mono
}

// look is everything that Duties goes by except the time.
type look struct {
	version uint64
	fresh   int
}

// Elected says that the Term entry of this node was applied: the first of its own
// term. Whatever an older leader can have granted was sent before that, so that
// every session counts from now.
//
// Not from the election (H9): a leader that decides before that does not know yet
// what an older one has in the log; nor from what it heard as a follower or in a
// term before, because others may have granted since.
func (g *Grantor) Elected(now Mono, st *State) {
	*g = Grantor{leads: true, heard: make(map[shard.Session]heard), asked: make(map[shard.Session]Mono)}
	for id, s := range st.Sessions {
		g.heard[id] = heard{s.Seq, now}
	}
}

// Deposed says that this node leads no more, or that it may not.
func (g *Grantor) Deposed() { *g = Grantor{} }

// Applied looks at the State after entries were applied.
func (g *Grantor) Applied(now Mono, st *State) {
	if !g.leads {
		return
	}
	for id, s := range st.Sessions {
		if h, ok := g.heard[id]; !ok || h.seq != s.Seq {
			g.heard[id] = heard{s.Seq, now}
		}
	}
	for id := range g.heard {
		if _, ok := st.Sessions[id]; !ok {
			delete(g.heard, id)
			delete(g.asked, id)
		}
	}
}

// Duties are the entries to propose now: sessions that are surely over, with new
// owners for their shards; owners for shards without one; planned moves that make
// it even.
func (g *Grantor) Duties(now Mono, st *State) []Entry {
	if !g.leads {
		return nil
	}
	due := g.due(now, st)
	nodes := g.fresh(now, st, due)
	seen := look{st.Version, len(nodes)}
	if len(due) == 0 && g.even == seen && now < g.again {
		return nil
	}
	g.even, g.again = seen, now+askAgain
	first, then := share(st, nodes, due)

	var out []Entry
	for _, id := range due {
		g.asked[id] = now
		over := Over{Session: id, Seq: g.heard[id].seq}
		for _, o := range first {
			if st.Shards[o.Shard].Session == id {
				over.Owners = append(over.Owners, o)
			}
		}
		out = append(out, over)
	}
	var assign Assign
	for _, o := range first {
		if st.Shards[o.Shard].Session == 0 {
			assign.Owners = append(assign.Owners, o)
		}
	}
	if len(assign.Owners) > 0 {
		out = append(out, assign)
	}
	if len(out) > 0 || len(nodes) < len(st.Sessions) {
		return out // first things first: nothing is moved while somebody is missing
	}
	if !slices.ContainsFunc(nodes, func(r receiver) bool { return !r.empties }) {
		return nil // there is nowhere to go
	}
	return plans(st, then)
}

// due are the sessions that are surely over and were not proposed just now.
func (g *Grantor) due(now Mono, st *State) []shard.Session {
	var due []shard.Session
	for id, h := range g.heard {
		at, asked := g.asked[id]
		if SurelyOver(h.at, st.Sessions[id].Wait, now) && !(asked && now < at+askAgain) {
			due = append(due, id)
		}
	}
	slices.Sort(due)
	return due
}

// receiver is a node that shards can be given to.
type receiver struct {
	session shard.Session
	weight  uint64
	empties bool // it is to own nothing
}

// fresh are the nodes that were heard of within their TTL, by their ids. Those that
// are to own nothing weigh nothing, unless there are no others.
func (g *Grantor) fresh(now Mono, st *State, due []shard.Session) []receiver {
	var nodes []receiver
	sum := uint64(0)
	for _, id := range slices.Sorted(maps.Keys(st.Members)) {
		m := st.Members[id]
		h, ok := g.heard[m.Session]
		if !ok || slices.Contains(due, m.Session) || now-h.at >= Mono(st.Sessions[m.Session].TTL) {
			continue
		}
		r := receiver{session: m.Session, weight: max(m.Weight, 1)}
		if m.Draining || m.Forgotten || st.Sessions[m.Session].Leaving {
			r.weight, r.empties = 0, true
		}
		sum += r.weight
		nodes = append(nodes, r)
	}
	for i := range nodes {
		if sum == 0 {
			nodes[i].weight = 1
		}
	}
	return nodes
}

// share says who is to get shards that have nobody, or nobody who lives, and which
// shards are to move after that. Shards of sessions that are only late stay out of
// it.
func share(st *State, nodes []receiver, due []shard.Session) (first, then []Owner) {
	place := make(map[shard.Session]int, len(nodes)+len(due)+1)
	place[0] = placement.None
	for _, id := range due {
		place[id] = placement.None
	}
	weights := make([]uint64, len(nodes))
	for i, n := range nodes {
		place[n.session], weights[i] = i, n.weight
	}
	var ids []shard.ID
	var owners []int
	for i := range st.Shards {
		if p, ok := place[st.Shards[i].Session]; ok {
			ids, owners = append(ids, shard.ID(i)), append(owners, p)
		}
	}
	for _, m := range placement.Even(weights, owners) {
		id := ids[m.Shard]
		o := Owner{id, st.Shards[id].Epoch, nodes[m.To].session}
		if m.From == placement.None {
			first = append(first, o)
		} else {
			then = append(then, o)
		}
	}
	byShard := func(a, b Owner) int { return cmp.Compare(a.Shard, b.Shard) }
	slices.SortFunc(first, byShard)
	slices.SortFunc(then, byShard)
	return first, then
}

// plans are the next of the moves, as many as may be under way.
func plans(st *State, moves []Owner) []Entry {
	room := MovesAtOnce
	for i := range st.Shards {
		if st.Shards[i].Transfer.ID != 0 {
			room--
		}
	}
	byOwner := make(map[shard.Session]*Plan)
	var out []*Plan
	for _, m := range moves {
		s := &st.Shards[m.Shard]
		if room <= 0 {
			break
		}
		if s.Transfer.ID != 0 {
			continue
		}
		room--
		p := byOwner[s.Session]
		if p == nil {
			p = &Plan{From: s.Session}
			byOwner[s.Session] = p
			out = append(out, p)
		}
		p.Moves = append(p.Moves, m)
	}
	entries := make([]Entry, len(out))
	for i, p := range out {
		entries[i] = *p
	}
	return entries
}
