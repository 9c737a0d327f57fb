package owner

import (
	"github.com/leasecache/leasecache/lease"
	"github.com/leasecache/leasecache/shard"
)

// Leave closes the gate of a shard for a planned move, and returns what its next owner
// has to know. It is false, and does nothing, if the shard is not open at that epoch.
//
// From then on nothing is answered for the shard, until the agreed log has said what
// became of the move: Close, if another has it; Raise, if it was called off. Both come
// from the newest state, so that neither a lost answer nor a late entry can open it:
//
//	1 Leave: no command is between its check and its effect, and none comes.
//	2 What was handed over is complete at the receiver; "moved" is proposed, and the answer
//	  is lost. 3 Were the gate opened again now, a writer's invalidation would be
//	  acknowledged here. 4 "moved" is agreed on: the receiver serves the shard, and knows
//	  nothing of that.
//
// Nothing is dropped, since a move that is called off costs no value. Readers who wait
// are told that the shard is not served here: whoever forwards them asks again.
func (w *Owner) Leave(id shard.ID, epoch shard.Epoch) (lease.Handover, bool) {
	now := w.clock()
	s := &w.shards[id]
	b := s.bucket
	b.mu.Lock()
	defer b.mu.Unlock()
	if now >= b.mu.until || !s.open || uint32(epoch) != s.tokens.Epoch() {
		return lease.Handover{}, false
	}
	s.open, s.leaving = false, true
	h := s.table.HandOver(now)
	s.table.Close(lease.NotOwner)
	return h, true
}
