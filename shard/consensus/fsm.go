package consensus

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/hashicorp/raft"

	"github.com/leasecache/leasecache/shard/control"
)

// fsm feeds the agreed log to the State of this node.
//
// mu guards the State. Raft's FSM goroutine alone writes; the agent, the leader loop
// and whoever asks read. Nothing blocks under it, no Host is called under it, and no
// lock of the data path is taken under it. That the readers act after they let go of
// it is safe:
//
//	1 The agent reads: shard x is ours at epoch 5; lets go. 2 The FSM applies Over of
//	our session, x is at 6 with another. 3 The agent opens x at 5: Over was proposed
//	after our session was over by our own clocks, so the Host, who was told its end,
//	answers nothing. 4 The change of 2 has woken the agent: it closes x.
//
// Clocks are read under it (now), because who read them before could take an entry
// for older than it is:
//
//	1 The leader reads its clock, 10. 2 It waits for mu until 13. 3 Meanwhile a renewal
//	sent at 12 is applied. 4 It finds the renewal and counts it from 10.
type fsm struct {
	applied func()      // after every change, outside of mu; must not block
	die     func(error) // the node cannot go on

	mu      sync.RWMutex
	st      *control.State
	failed  error         // no entry has an effect any more
	changed chan struct{} // closed by the next change
}

func newFSM(applied func(), die func(error)) *fsm {
	return &fsm{applied: applied, die: die, st: new(control.State), changed: make(chan struct{})}
}

// view lends the State for as long as f runs, which must not keep anything of it.
func (f *fsm) view(look func(*control.State)) {
	f.mu.RLock()
	defer f.mu.RUnlock()
	look(f.st)
}

// Apply has one entry take effect. One that this program does not understand, but
// others may have, ends the node: nothing after it may take effect either, and no
// snapshot may be made that pretends to hold it.
func (f *fsm) Apply(l *raft.Log) any {
	f.mu.Lock()
	if f.failed != nil {
		f.mu.Unlock()
		return f.failed
	}
	r, err := f.st.Execute(l.Index, l.Data)
	if err != nil {
		f.failed = fmt.Errorf("this node cannot follow its cluster any more: %w", err)
		err = f.failed
	} else {
		f.wake()
	}
	f.mu.Unlock()
	if err != nil {
		f.die(err)
		return err
	}
	f.applied()
	return r
}

func (f *fsm) wake() {
	close(f.changed)
	f.changed = make(chan struct{})
}

// next is closed by the next change.
func (f *fsm) next() <-chan struct{} {
	f.mu.RLock()
	defer f.mu.RUnlock()
	return f.changed
}

// reached waits until this node applied the entry at an index.
func (f *fsm) reached(ctx context.Context, index uint64) error {
	for {
		f.mu.RLock()
		at, failed, changed := f.st.Index, f.failed, f.changed
		f.mu.RUnlock()
		switch {
		case failed != nil:
			return failed
		case at >= index:
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Snapshot takes the bytes at once: 65,536 shards are some megabytes, and the State
// goes on changing while they are written.
func (f *fsm) Snapshot() (raft.FSMSnapshot, error) {
	f.mu.RLock()
	defer f.mu.RUnlock()
	if f.failed != nil {
		return nil, f.failed
	}
	return image(f.st.Snapshot()), nil
}

// Restore replaces the State by one of a snapshot, from the disk or from the leader.
func (f *fsm) Restore(r io.ReadCloser) error {
	data, err := io.ReadAll(r)
	if err := errors.Join(err, r.Close()); err != nil {
		return err
	}
	st, err := control.Restore(data)
	if err != nil {
		return fmt.Errorf("snapshot: %w", err)
	}
	f.mu.Lock()
	if f.failed != nil {
		f.mu.Unlock()
		return f.failed
	}
	f.st = st
	f.wake()
	f.mu.Unlock()
	f.applied()
	return nil
}

// image is a snapshot on its way to the disk.
type image []byte

func (i image) Persist(sink raft.SnapshotSink) error {
	if _, err := sink.Write(i); err != nil {
		return errors.Join(err, sink.Cancel())
	}
	return sink.Close()
}

func (i image) Release() {}
