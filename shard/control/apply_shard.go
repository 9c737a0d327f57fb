package control

import (
	"time"

	"github.com/leasecache/leasecache/shard"
)

// applyNote: the epoch and the session are compared at the moment the note takes
// effect. One that comes late, when another owns the shard, is refused, and the
// intent it was for is not begun (H6).
func (st *State) applyNote(e Note) Result {
	items := make([]Code, len(e.Items))
	for i, n := range e.Items {
		if items[i] = st.at(n.Shard, n.Epoch, e.Session); items[i] != OK {
			continue
		}
		if n.Note.Bounded < 0 || n.Note.Bounded > st.Settings.Intent {
			items[i] = Refused
			continue
		}
		s := &st.Shards[n.Shard]
		s.Notes++
		s.Noted.Fenced = s.Noted.Fenced || n.Note.Fenced
		s.Noted.Bounded = max(s.Noted.Bounded, wholeMillis(n.Note.Bounded))
	}
	return Result{Items: items}
}

func wholeMillis(d time.Duration) time.Duration {
	return (d + time.Millisecond - 1).Truncate(time.Millisecond)
}

// applyFenced clears the doubt of former epochs if the fence covers all of it. That
// the source is fenced is true whoever says so and whenever.
func (st *State) applyFenced(e Fenced) Result {
	items := make([]Code, len(e.Items))
	for i, f := range e.Items {
		switch {
		case int(f.Shard) >= len(st.Shards):
			items[i] = NotFound
		case f.Token < st.Shards[f.Shard].DoubtBelow:
			items[i] = Stale
		default:
			st.Shards[f.Shard].DoubtBelow = 0
		}
	}
	return Result{Items: items}
}

// applyQuiet forgets what was noted. Doubt of former epochs is a fence's to clear.
func (st *State) applyQuiet(e Quiet) Result {
	items := make([]Code, len(e.Items))
	for i, q := range e.Items {
		if items[i] = st.at(q.Shard, q.Epoch, e.Session); items[i] != OK {
			continue
		}
		if st.Shards[q.Shard].Notes != q.Notes {
			items[i] = Stale
			continue
		}
		st.Shards[q.Shard].Noted = shard.Note{}
	}
	return Result{Items: items}
}

func (st *State) applyPlan(index uint64, e Plan) Result {
	items := make([]Code, len(e.Moves))
	var changed []shard.ID
	for i, m := range e.Moves {
		items[i] = st.at(m.Shard, m.Epoch, e.From)
		switch {
		case items[i] != OK:
		case !st.live(m.To) || st.Shards[m.Shard].Transfer.ID != 0:
			items[i] = Stale
		case m.To == e.From:
			items[i] = Refused
		default:
			st.Shards[m.Shard].Transfer = Transfer{ID: index, To: m.To}
			changed = append(changed, m.Shard)
		}
	}
	return Result{Items: items, Changed: changed}
}

// applyMoved is valid only for the transfer, the epoch and the owner it was made
// for, and if the receiver is not over (R15).
func (st *State) applyMoved(e Moved) Result {
	code := st.at(e.Shard, e.Epoch, e.From)
	switch {
	case code != OK:
		return Result{Code: code}
	case e.Transfer == 0 || st.Shards[e.Shard].Transfer != Transfer{ID: e.Transfer, To: e.To} || !st.live(e.To):
		return Result{Code: Stale}
	case e.TagFloor > st.Shards[e.Shard].Epoch.Token(shard.MaxSequence) || e.Near < 0 || e.Near > maxSetting:
		return Result{Code: Refused}
	case !st.planned(e.Shard, 0):
		return Result{Code: Refused}
	}
	s := &st.Shards[e.Shard]
	s.Session, s.Since, s.Via = e.To, s.Epoch, e.Transfer
	s.TagFloor = max(s.TagFloor, e.TagFloor)
	s.NearWait = e.Near
	return Result{Epoch: s.Epoch, Changed: []shard.ID{e.Shard}}
}

// applyCancel raises the epoch too: the receiver may hold the transfer complete, and
// the entry that it would adopt it by may be on its way.
func (st *State) applyCancel(e Cancel) Result {
	code := st.at(e.Shard, e.Epoch, e.From)
	switch {
	case code != OK:
		return Result{Code: code}
	case e.Transfer == 0 || st.Shards[e.Shard].Transfer.ID != e.Transfer:
		return Result{Code: Stale}
	case !st.planned(e.Shard, 0):
		return Result{Code: Refused}
	}
	return Result{Epoch: st.Shards[e.Shard].Epoch, Changed: []shard.ID{e.Shard}}
}

func (st *State) applyRaise(e Raise) Result {
	if code := st.at(e.Shard, e.From, e.Session); code != OK {
		return Result{Code: code}
	}
	if !st.planned(e.Shard, e.AtLeast) {
		return Result{Code: Refused}
	}
	return Result{Epoch: st.Shards[e.Shard].Epoch, Changed: []shard.ID{e.Shard}}
}

func (st *State) applyReset(e Reset) Result {
	items := make([]Code, len(e.Items))
	var changed []shard.ID
	for i, r := range e.Items {
		if items[i] = st.at(r.Shard, r.Epoch, e.Session); items[i] != OK {
			continue
		}
		st.unplanned(r.Shard, e.Session)
		if e.Doubt {
			st.Shards[r.Shard].DoubtBelow = st.Shards[r.Shard].Epoch.Base()
		}
		changed = append(changed, r.Shard)
	}
	return Result{Items: items, Changed: changed}
}
