package control

import "github.com/leasecache/leasecache/shard"

// recoveredEpochs is how far a recovery lifts every epoch: further than a majority
// that nobody can ask any more can have got.
const recoveredEpochs = 1 << 12

// Recover makes a state that can be gone on with out of that of a member whose
// majority is lost, or that of a backup. There may be entries that it does not
// know, and nodes that still serve by them. So all shards belong to a session of
// nobody, which a leader waits out like any other before they get owners; every
// epoch is far above what anybody can have seen; and anything may be outstanding in
// the source. Waits and closures are the longest that any settings allow: those of
// the lost may have been longer than the ones known here. Members and the cluster's id, by which the fence is known, stay.
//
// incarnation is a number that no life of the cluster had: those who do not know
// this state are not spoken to.
func (st *State) Recover(incarnation uint64) bool {
	for i := range st.Shards {
		if st.Shards[i].Epoch > shard.MaxEpoch-recoveredEpochs-1 {
			return false
		}
	}
	st.Incarnation = incarnation
	st.Index++ // so that the session of nobody has a number of its own
	nobody := shard.Session(st.Index)
	clear(st.Sessions)
	st.Sessions[nobody] = Session{TTL: MaxTTL, Wait: st.Settings.Wait(MaxTTL)}
	for id, m := range st.Members {
		m.Session = 0
		if m.Forgotten {
			delete(st.Members, id)
			continue
		}
		st.Members[id] = m
	}
	for i := range st.Shards {
		s := &st.Shards[i]
		s.Session, s.Via, s.Transfer = nobody, 0, Transfer{}
		s.Epoch += recoveredEpochs
		s.Since = s.Epoch
		s.DoubtBelow = s.Epoch.Base()
		s.TagFloor = s.Epoch.Base()
		s.Noted = shard.Note{Bounded: MaxIntent}
		s.NearWait = 0 // near sessions of the lost end within their owners' sessions, which are waited out
	}
	st.Version += 1 << 32 // of what clients may have heard of maps nobody knows now
	return true
}
