package control

import (
	"time"

	"github.com/leasecache/leasecache/shard"
)

// State is what the cluster agrees on. Its fields are for reading; they change by
// Apply alone. The zero State is that of a log without entries.
//
// Invariants (Check states them all):
//
//	S1 A shard belongs to a session that is not over, or to nobody.
//	S2 Epochs only grow, and rise whenever a shard gets a session, or a planned change ends.
//	S3 Nobody but Over, by a sequence, and Release, by its holder, ends a session.
//	S4 What may be outstanding is in Noted or below DoubtBelow until a fence, or
//	   the owner that finds nothing outstanding, says otherwise.
type State struct {
	Cluster     string // its id; "" before the first entry
	Incarnation uint64 // who speaks to whom: a cluster that was recovered does not speak to those it gave up
	Settings    Settings
	Index       uint64 // of the newest entry that was applied
	Term        uint64 // of the newest leader that announced itself
	Leader      string // its node
	Version     uint64 // of the Map: rises with every change of it

	Members  map[string]Member
	Sessions map[shard.Session]Session
	Shards   []Shard
}

// Member is a node. Birth is minted with its data directory: another directory
// under the same name is another node, that forgot what the first one promised.
type Member struct {
	Birth     string
	Peer      string // host:port for other nodes
	Client    string // host:port for clients
	Admin     string // host:port, or "" without one
	Weight    uint64 // how much it can carry, in bytes of memory
	Draining  bool   // is to own nothing
	Forgotten bool   // gets no more renewals, and is gone when its last session is
	Session   shard.Session
	// Of its newest registration, whether its session is still there or not: the
	// process, and the count of its registrations.
	Life, Count uint64
}

// Session is a node's right to serve, as long as it lasts. Its number is the index
// of its registration, so no number comes twice.
type Session struct {
	Node string // "" is nobody: what a recovery waits for
	// Whose of the node's processes it is, and by which of his registrations.
	Life, Count uint64
	TTL         time.Duration // from the send of a renewal, by its holder's clocks
	Wait        time.Duration // from the apply of a renewal, by the leader's clock
	Seq         uint64        // of the newest renewal; it only grows
	Leaving     bool          // is to own nothing, as its holder is about to stop
}

// Shard is who may serve a shard, and what he has to know before he does.
type Shard struct {
	Session shard.Session // 0 is nobody
	Epoch   shard.Epoch
	// Since is the first epoch of the owner's unbroken tenure: what he has in memory
	// of an epoch from Since on is still true. Via is the transfer that began it, 0
	// when it began with nothing.
	Since shard.Epoch
	Via   uint64

	Noted      shard.Note
	Notes      uint64        // counts the entries that noted something: see Quiet
	DoubtBelow uint64        // fenced intents below it may be outstanding; 0 = none. Only a fence clears it
	TagFloor   uint64        // nothing with an older token is valid
	NearWait   time.Duration // near sessions of the former owner may last so long yet
	Transfer   Transfer      // the planned move that is under way
}

// Transfer is a planned move of a shard. Its ID is the index of the entry that
// planned it, maybe with moves of other shards: it takes the shard and the ID to name
// one. 0 is none.
type Transfer struct {
	ID uint64
	To shard.Session
}

// unplanned gives the shard a new epoch, and to the session, or to nobody. What the
// former owner had in memory is lost.
//
// Schedule H4, why doubt goes by "noted, or in doubt already":
//
//	1 epoch 5: a writer has its intent noted, and stalls in its transaction.
//	2 The owner dies: epoch 6, in doubt; nobody fences, nobody begins an intent.
//	3 That owner dies: epoch 7; epoch 6 noted nothing. Were 7 open, a reader would
//	  fill the old value, and the writer commits.
//
// The note of bounded intents stays: a change within the closure must close the
// next owner too, and in full, as nobody knows how much of it passed.
func (st *State) unplanned(id shard.ID, to shard.Session) {
	s := &st.Shards[id]
	s.Session, s.Via, s.Transfer = to, 0, Transfer{}
	if s.Epoch >= shard.MaxEpoch {
		s.Session = 0 // it has had all its tokens, and is served by nobody
		return
	}
	s.Epoch++
	s.Since = s.Epoch
	if s.Noted.Fenced || s.DoubtBelow > 0 {
		s.DoubtBelow = s.Epoch.Base()
	}
	s.Noted.Fenced = false
	s.TagFloor = s.Epoch.Base()
}

// planned gives the shard an epoch of at least atLeast, and to the session. Notes
// and doubt stay: intents live on (R4).
func (st *State) planned(id shard.ID, atLeast shard.Epoch) bool {
	s := &st.Shards[id]
	to := max(s.Epoch+1, atLeast)
	if to > shard.MaxEpoch {
		return false
	}
	s.Epoch, s.Transfer = to, Transfer{}
	return true
}

// live says whether a session is there that no entry ended, and that somebody holds.
func (st *State) live(s shard.Session) bool { return st.Sessions[s].Node != "" }

// end removes a session, whose shards have new owners already, and the member if
// it was the last of one that is forgotten.
func (st *State) end(id shard.Session) {
	node := st.Sessions[id].Node
	delete(st.Sessions, id)
	m, ok := st.Members[node]
	if !ok {
		return
	}
	if m.Session == id {
		m.Session = 0
		for other, s := range st.Sessions { // the newest of those that are left
			if s.Node == node {
				m.Session = max(m.Session, other)
			}
		}
	}
	if m.Forgotten && m.Session == 0 {
		delete(st.Members, node)
		return
	}
	st.Members[node] = m
}
