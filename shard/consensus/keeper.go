package consensus

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/leasecache/leasecache/shard"
	"github.com/leasecache/leasecache/shard/control"
)

// agreed is what a Keeper needs of the node it runs on.
type agreed interface {
	// Propose returns when this node has applied the entry, or with an error, after
	// which it may be applied still.
	Propose(context.Context, control.Entry) (control.Result, error)
	// View shows what this node has applied.
	View(func(*control.State))
}

var errEpochs = errors.New("no epochs left")

// Keeper remembers for the shards of a node what they must not forget, in the agreed
// log. Whatever it says of them is of this node's own State: an owner who lags
// behind is refused by the log, not by what he reads here.
type Keeper struct {
	node    string
	log     agreed
	notes   *batcher[noted]
	fences  *batcher[control.Fence]
	cluster string
	shards  uint32
}

// NewKeeper is that of a node of a cluster with so many shards. What is agreed on may not
// be known yet.
func NewKeeper(node, cluster string, shards uint32, log agreed) *Keeper {
	k := &Keeper{node: node, log: log, cluster: cluster, shards: shards}
	k.notes = newBatcher(k.proposeNotes)
	k.fences = newBatcher(k.proposeFences)
	return k
}

// Close waits for what is under way; calls after it are refused.
func (k *Keeper) Close() {
	k.notes.close()
	k.fences.close()
}

func (k *Keeper) Node() string    { return k.node }
func (k *Keeper) Cluster() string { return k.cluster }
func (k *Keeper) Shards() uint32  { return k.shards }

// Intents is nil: whatever a node of a cluster is told is on the disks of most voters.
func (k *Keeper) Intents() error { return nil }

// LongestIntent is what the cluster agreed on last; as long as that is not known, what
// clusters begin with.
func (k *Keeper) LongestIntent() time.Duration {
	set := control.DefaultSettings()
	k.log.View(func(st *control.State) {
		if st.Cluster != "" {
			set = st.Settings
		}
	})
	return set.Intent
}

// Map is for clients. Nodes are reached at the addresses that they told the cluster. As
// long as nothing is known, nobody owns anything.
func (k *Keeper) Map(string) (m shard.Map) {
	k.log.View(func(st *control.State) { m = st.Map() })
	if m.Cluster == "" {
		m.Cluster, m.Shards = k.cluster, k.shards
		m.Owners, m.Epochs = make([]shard.Owner, k.shards), make([]shard.Epoch, k.shards)
		for i := range m.Owners {
			m.Owners[i] = shard.NoOwner
		}
	}
	return m
}

// Raised is the newest epoch of the tenure that the shard had the epoch from in.
func (k *Keeper) Raised(id shard.ID, from shard.Epoch) shard.Epoch {
	s := k.shard(id)
	if from < s.Since {
		return from
	}
	return max(from, s.Epoch)
}

func (k *Keeper) shard(id shard.ID) (s control.Shard) {
	k.log.View(func(st *control.State) {
		if int(id) < len(st.Shards) { // else nothing is known yet
			s = st.Shards[id]
		}
	})
	return s
}

type noted struct {
	session shard.Session
	item    control.Noted
}

// Note says that the shard may have intents of that kind in epoch e, and returns when
// this node has applied it. Its error wraps shard.ErrStale if the epoch or the owner
// changed before it took effect. After any other error it may take effect yet, which
// is safe: a note too many costs a fence.
//
// The session is that of the shard in the State that has epoch e: an epoch belongs to
// one session.
func (k *Keeper) Note(ctx context.Context, id shard.ID, e shard.Epoch, n shard.Note) error {
	s := k.shard(id)
	if s.Epoch != e || s.Session == 0 {
		return fmt.Errorf("%w: shard %d is at epoch %d, not %d", shard.ErrStale, id, s.Epoch, e)
	}
	code, err := k.notes.do(ctx, noted{s.Session, control.Noted{Shard: id, Epoch: e, Note: n}})
	return outcome(code, err, "note of shard %d at epoch %d", id, e)
}

// proposeNotes has all notes of a batch agreed on, in one entry for each session: after a
// session ended there may be two.
func (k *Keeper) proposeNotes(ctx context.Context, batch []noted, codes []control.Code) error {
	for first := 0; first < len(batch); {
		entry := control.Note{Session: batch[first].session}
		end := first
		for end < len(batch) && batch[end].session == entry.Session {
			entry.Items = append(entry.Items, batch[end].item)
			end++
		}
		r, err := k.log.Propose(ctx, entry)
		if err != nil {
			return err
		}
		fill(codes[first:end], r)
		first = end
	}
	return nil
}

// Fenced says that the source was fenced at token. Nobody waits for it; if it gets
// lost, that costs one more fence after the next change of owner.
func (k *Keeper) Fenced(id shard.ID, token uint64) {
	if s := k.shard(id); s.DoubtBelow == 0 || token < s.DoubtBelow {
		return // it has nothing to clear
	}
	k.fences.post(control.Fence{Shard: id, Token: token})
}

func (k *Keeper) proposeFences(ctx context.Context, batch []control.Fence, codes []control.Code) error {
	r, err := k.log.Propose(ctx, control.Fenced{Items: batch})
	if err == nil {
		fill(codes, r)
	}
	return err
}

// Raise gives the shard, if its epoch is from, a higher one under the same owner, and
// returns it. Errors are those of Note.
func (k *Keeper) Raise(ctx context.Context, id shard.ID, from, atLeast shard.Epoch) (shard.Epoch, error) {
	s := k.shard(id)
	if s.Epoch != from || s.Session == 0 {
		return 0, fmt.Errorf("%w: shard %d is at epoch %d, not %d", shard.ErrStale, id, s.Epoch, from)
	}
	if max(from+1, atLeast) > shard.MaxEpoch {
		// Not an entry that could be written.
		return 0, fmt.Errorf("%w: shard %d cannot go from %d to %d", errEpochs, id, from, atLeast)
	}
	r, err := k.log.Propose(ctx, control.Raise{Session: s.Session, Shard: id, From: from, AtLeast: atLeast})
	return r.Epoch, outcome(r.Code, err, "raise of shard %d from epoch %d", id, from)
}

// Quiet says that nothing is outstanding in the shards, whose gates are shut for good
// in this tenure. What is noted while it is under way makes it void: see control.Quiet.
// It does not wait for a majority as long as the context lasts: whoever stops has more to
// do, and without it the shards are in doubt, which costs fences.
func (k *Keeper) Quiet(ctx context.Context, ids []shard.ID) error {
	ctx, cancel := context.WithTimeout(ctx, releaseLimit)
	defer cancel()
	calm := make(map[shard.Session][]control.Calm)
	k.log.View(func(st *control.State) {
		for _, id := range ids {
			if int(id) >= len(st.Shards) {
				return // nothing is known yet, and nothing was noted
			}
			s := &st.Shards[id]
			if s.Session != 0 && st.Sessions[s.Session].Node == k.node && s.Noted != (shard.Note{}) {
				calm[s.Session] = append(calm[s.Session], control.Calm{Shard: id, Epoch: s.Epoch, Notes: s.Notes})
			}
		}
	})
	for session, items := range calm {
		if _, err := k.log.Propose(ctx, control.Quiet{Session: session, Items: items}); err != nil {
			return err
		}
	}
	return nil
}

func fill(codes []control.Code, r control.Result) {
	for i := range codes {
		codes[i] = r.Code
		if r.Code == control.OK && i < len(r.Items) {
			codes[i] = r.Items[i]
		}
	}
}

// outcome makes an error of what came of an entry.
func outcome(code control.Code, err error, what string, args ...any) error {
	switch {
	case err != nil:
		return fmt.Errorf(what+": %w", append(args, err)...)
	case code == control.OK:
		return nil
	case code == control.Stale:
		return fmt.Errorf(what+": %w", append(args, shard.ErrStale)...)
	}
	return fmt.Errorf(what+": %v", append(args, code)...)
}
