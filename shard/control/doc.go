// Package control is the control plane of a cluster as plain data and plain
// arithmetic: which nodes there are, who holds a session, who owns which shard at
// which epoch, and what may be outstanding in the source.
//
// It is pure. State changes only by Apply, one Entry of the agreed log after the
// other, so that every node that applied the same entries has the same State, to
// the byte of its Snapshot. There is no clock in it: durations are data, and the
// two who measure time, the Holder of a session and the Grantor who waits for
// sessions to be over, are handed their readings. Nothing here does I/O, runs a
// goroutine or takes a lock; the caller sees to it that there is one call at a
// time.
//
// A change goes three steps. Who wants it proposes: it makes an Entry that names
// the epoch, session or sequence it was decided on, and encodes it. Every node
// executes: it decodes what the log hands it. Then it applies: the entry has its
// effect if what it names is still so, or it has none and the Code says why. So an
// entry may be proposed twice, late, or by a leader that is none any more.
//
// # Who may serve
//
// A node serves a shard while its State says that the shard belongs to the node's
// session, and that session is live by the node's own clocks. Another node gets
// the shard when the session was released, or when the leader has waited so long
// that it is surely over. Why the two never overlap:
//
//	1 The holder sends a renewal at t0 and counts it granted, once its own State
//	  has applied it, until t0+TTL by its own clocks.
//	2 The leader applies the same entry later than t0, and waits from then for the
//	  TTL and as much as clocks may differ. A leader that is new waits as long
//	  from the first entry of its own term: whatever an older one can have
//	  committed was sent before that.
//	3 What it then proposes, Over, says which renewal it waited for. If another
//	  came into the log before it, it has no effect.
package control
