package control

import (
	"fmt"
	"slices"

	"github.com/leasecache/leasecache/shard"
)

// Execute decodes an entry and applies it. An error means that this program cannot
// know what the entry does: nothing was changed, and the node must stop, because
// others may have understood it.
func (st *State) Execute(index uint64, data []byte) (Result, error) {
	e, err := Decode(data)
	if err != nil {
		return Result{}, fmt.Errorf("entry %d: %w", index, err)
	}
	return st.Apply(index, e), nil
}

// Apply has the entry take effect. index is its place in the log, higher than that
// of every entry before; one at or below that of the State is in it already.
func (st *State) Apply(index uint64, e Entry) Result {
	if index <= st.Index {
		return Result{Code: Stale}
	}
	st.Index = index
	if first, ok := e.(Init); ok {
		return st.applyInit(first)
	}
	if st.Cluster == "" {
		return Result{Code: Refused}
	}
	var r Result
	switch e := e.(type) {
	case Term:
		r = st.applyTerm(e)
	case PutMember:
		r = st.applyPutMember(e)
	case Drain:
		r = st.applyDrain(e)
	case Forget:
		r = st.applyForget(e)
	case Set:
		r = st.applySet(e)
	case Register:
		r = st.applyRegister(index, e)
	case Renew:
		r = st.applyRenew(e)
	case Over:
		r = st.applyOver(e)
	case Release:
		r = st.applyRelease(e)
	case Leave:
		r = st.applyLeave(e)
	case Assign:
		r = st.applyAssign(e)
	case Note:
		r = st.applyNote(e)
	case Fenced:
		r = st.applyFenced(e)
	case Quiet:
		r = st.applyQuiet(e)
	case Plan:
		r = st.applyPlan(index, e)
	case Moved:
		r = st.applyMoved(e)
	case Cancel:
		r = st.applyCancel(e)
	case Raise:
		r = st.applyRaise(e)
	case Reset:
		r = st.applyReset(e)
	default:
		panic(fmt.Sprintf("control: no rule for %T", e)) // a kind that Decode knows and Apply does not
	}
	if len(r.Changed) > 0 {
		st.Version++
	}
	return r
}

func (st *State) applyInit(e Init) Result {
	if st.Cluster != "" {
		return Result{Code: Stale}
	}
	if shard.CheckName(e.Cluster) != nil || e.Version > maxVersion || e.Settings.Check() != nil || len(e.Shards) < 1 || len(e.Shards) > shard.MaxCount {
		return Result{Code: Refused}
	}
	shards := make([]Shard, len(e.Shards))
	for i, f := range e.Shards {
		if f.Epoch < 1 || f.Epoch >= shard.MaxEpoch || f.DoubtBelow > f.Epoch.Base() || f.Noted.Bounded < 0 || f.Noted.Bounded > MaxIntent {
			return Result{Code: Refused}
		}
		shards[i] = Shard{Epoch: f.Epoch, Since: f.Epoch, DoubtBelow: f.DoubtBelow, Noted: f.Noted}
	}
	st.Cluster, st.Incarnation, st.Settings, st.Shards = e.Cluster, e.Incarnation, e.Settings, shards
	st.Members, st.Sessions = make(map[string]Member), make(map[shard.Session]Session)
	st.Version = e.Version + 1
	return Result{}
}

// maxVersion of a former life's map leaves room for what follows.
const maxVersion = 1 << 62

func (st *State) applyTerm(e Term) Result {
	if e.Term <= st.Term {
		return Result{Code: Stale}
	}
	st.Term, st.Leader = e.Term, e.Node
	return Result{}
}

// applyPutMember: a directory that was wiped does not come back under the old name,
// because what the old one promised, its votes among it, is still counted on.
func (st *State) applyPutMember(e PutMember) Result {
	m, ok := st.Members[e.Node]
	switch {
	case shard.CheckName(e.Node) != nil || shard.CheckName(e.Birth) != nil || e.Weight > maxWeight,
		max(len(e.Peer), len(e.Client), len(e.Admin)) > maxAddress:
		return Result{Code: Refused}
	case ok && (m.Birth != e.Birth || m.Forgotten):
		return Result{Code: Refused}
	}
	m.Birth, m.Peer, m.Client, m.Admin, m.Weight = e.Birth, e.Peer, e.Client, e.Admin, e.Weight
	st.Members[e.Node] = m
	st.Version++
	return Result{}
}

const (
	maxWeight  = 1 << 48 // lets the weights of all members be added up
	maxAddress = 1024
)

func (st *State) applyDrain(e Drain) Result {
	m, ok := st.Members[e.Node]
	if !ok {
		return Result{Code: NotFound}
	}
	m.Draining = e.On
	st.Members[e.Node] = m
	st.Version++
	return Result{}
}

func (st *State) applyForget(e Forget) Result {
	m, ok := st.Members[e.Node]
	if !ok {
		return Result{Code: NotFound}
	}
	m.Forgotten = true
	if m.Session == 0 {
		delete(st.Members, e.Node)
		st.Version++
	} else {
		st.Members[e.Node] = m
	}
	return Result{}
}

func (st *State) applySet(e Set) Result {
	if e.Settings.Changes != st.Settings.Changes+1 {
		return Result{Code: Stale}
	}
	if e.Settings.Check() != nil {
		return Result{Code: Refused}
	}
	st.Settings = e.Settings
	st.Version++
	return Result{}
}

// at says whether a shard is there, belongs to the session and is at the epoch.
func (st *State) at(id shard.ID, e shard.Epoch, s shard.Session) Code {
	switch {
	case int(id) >= len(st.Shards):
		return NotFound
	case s == 0 || st.Shards[id].Session != s || st.Shards[id].Epoch != e:
		return Stale
	}
	return OK
}

// owned is the shards of a session, ascending.
func (st *State) owned(s shard.Session) []shard.ID {
	var ids []shard.ID
	for i := range st.Shards {
		if st.Shards[i].Session == s {
			ids = append(ids, shard.ID(i))
		}
	}
	return ids
}

// named is the session that an entry wants to give a shard to, if the shard is where
// it says and the session is not over.
func (st *State) named(owners []Owner, id shard.ID) shard.Session {
	i, ok := slices.BinarySearchFunc(owners, id, func(o Owner, id shard.ID) int { return int(o.Shard) - int(id) })
	if !ok || owners[i].Epoch != st.Shards[id].Epoch || !st.live(owners[i].To) {
		return 0
	}
	return owners[i].To
}
