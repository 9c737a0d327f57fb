package control

import "github.com/leasecache/leasecache/shard"

// applyRegister: a session of the node that is there already stays until it is over
// by itself, whoever holds it. Its process may be paused and not know of this one
// (H8).
func (st *State) applyRegister(index uint64, e Register) Result {
	m, ok := st.Members[e.Node]
	switch {
	case !ok:
		return Result{Code: NotFound}
	case m.Birth != e.Birth || m.Forgotten || e.Count == 0:
		return Result{Code: Refused}
	case m.Life == e.Life && e.Count <= m.Count:
		return Result{Code: Stale} // a copy, or one that was overtaken
	case m.Session != 0 && st.Sessions[m.Session].Life == e.Life:
		return Result{Code: Stale} // the process has one, even if it does not know yet
	}
	id := shard.Session(index)
	st.Sessions[id] = Session{Node: e.Node, Life: e.Life, Count: e.Count, TTL: st.Settings.TTL, Wait: st.Settings.Wait(st.Settings.TTL)}
	m.Session, m.Life, m.Count = id, e.Life, e.Count
	st.Members[e.Node] = m
	st.Version++
	return Result{}
}

func (st *State) applyRenew(e Renew) Result {
	items := make([]Code, len(e.Renewals))
	for i, r := range e.Renewals {
		s, ok := st.Sessions[r.Session]
		switch {
		case !ok || s.Node == "":
			items[i] = NotFound
		case r.Seq <= s.Seq:
			items[i] = Stale // it only grows (R5)
		case st.Members[s.Node].Forgotten, st.Members[s.Node].Session != r.Session:
			items[i] = Refused // it runs out; a newer process of the node has another
		default:
			s.Seq = r.Seq
			st.Sessions[r.Session] = s
		}
	}
	return Result{Items: items}
}

// applyOver: between the leader's wait and this entry a renewal may have come into
// the log, and its holder counts on it.
func (st *State) applyOver(e Over) Result {
	s, ok := st.Sessions[e.Session]
	switch {
	case !ok:
		return Result{Code: NotFound}
	case s.Seq != e.Seq:
		return Result{Code: Stale}
	}
	return Result{Changed: st.hand(e.Session, e.Owners)}
}

func (st *State) applyRelease(e Release) Result {
	s, ok := st.Sessions[e.Session]
	switch {
	case !ok:
		return Result{Code: NotFound}
	case s.Node == "" || s.Node != e.Node || e.Near < 0 || e.Near > maxSetting:
		return Result{Code: Refused}
	case e.ByLock && len(st.Members) != 1:
		// Of several nodes one may have been started from a copy of another's directory.
		return Result{Code: Refused}
	}
	near := e.Near
	if e.ByLock {
		near = st.Settings.Near
	}
	changed := st.owned(e.Session)
	for _, id := range changed {
		st.Shards[id].NearWait = near
	}
	st.hand(e.Session, nil)
	return Result{Changed: changed}
}

// applyLeave says of a session that it is to own nothing.
func (st *State) applyLeave(e Leave) Result {
	s, ok := st.Sessions[e.Session]
	if !ok || s.Node == "" {
		return Result{Code: NotFound}
	}
	if !s.Leaving {
		s.Leaving = true
		st.Sessions[e.Session] = s
		st.Version++
	}
	return Result{}
}

// hand ends a session: its shards go to new owners, or to nobody.
func (st *State) hand(from shard.Session, owners []Owner) []shard.ID {
	changed := st.owned(from)
	st.end(from)
	for _, id := range changed {
		st.unplanned(id, st.named(owners, id))
	}
	return changed
}

func (st *State) applyAssign(e Assign) Result {
	items := make([]Code, len(e.Owners))
	var changed []shard.ID
	for i, o := range e.Owners {
		switch {
		case int(o.Shard) >= len(st.Shards):
			items[i] = NotFound
		case st.Shards[o.Shard].Session != 0 || st.Shards[o.Shard].Epoch != o.Epoch || !st.live(o.To):
			items[i] = Stale
		default:
			st.unplanned(o.Shard, o.To)
			changed = append(changed, o.Shard)
		}
	}
	return Result{Items: items, Changed: changed}
}
