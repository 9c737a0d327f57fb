package consensus

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"github.com/hashicorp/raft"

	"github.com/leasecache/leasecache/shard/control"
)

// Recovery is what a recovery from a lost majority does, or did.
type Recovery struct {
	Node    string
	Cluster string
	Voters  []string // of the cluster that is given up, ascending
	Members []string // of it, ascending; they stay in the list until they are forgotten
	Shards  int
	Entries uint64 // how many entries of the log this node knows
	// Wait is how long nothing is served after the start: nodes that were cut off may serve
	// so long yet. Closed is how long from then on readers are sent to the source.
	Wait, Closed time.Duration
}

// Recover has the node of a data directory go on alone, as the first of a cluster with the
// same id, because the majority of its voters is lost for good. Unless sure it changes
// nothing, and says what it would do. The node must not run.
//
// What the lost ones agreed on without this node is lost. Epochs go on far above any they
// can have got to, every shard is in doubt, and nobody who was in the cluster before is
// spoken to: see control.State.Recover.
//
// After a crash in the middle of it the node does not start until it was run again:
//
//	1 The snapshot with the new state is there; the crash comes before the log below it is
//	  removed. 2 The node starts with the new state. 3 A node joins, and gets the log from
//	  its beginning: its State never heard of the recovery.
func Recover(dir string, sure bool) (Recovery, error) {
	lock, err := takeStopped(dir)
	if err != nil {
		return Recovery{}, err
	}
	defer lock.Close()
	id, err := whoAmI(dir, &Config{})
	if err != nil {
		return Recovery{}, err
	}
	d, err := openDisk(dir, raftLog(slog.New(slog.DiscardHandler)))
	if err != nil {
		return Recovery{}, err
	}
	defer d.bolt.Close()
	if err := d.log.check(); err != nil {
		return Recovery{}, fmt.Errorf("data directory %s: %w: recover another node", dir, err)
	}
	was, err := d.replay()
	if err != nil {
		return Recovery{}, fmt.Errorf("data directory %s: %w", dir, err)
	}
	r, err := was.recovery(&id)
	if err != nil || !sure {
		return r, err
	}
	return r, was.goOnAlone(d, dir, id)
}

// takeStopped takes a directory that is there, and as its owner: files of another user's
// would be none of the node's when it starts.
func takeStopped(dir string) (*os.File, error) {
	info, err := os.Stat(filepath.Join(dir, identityName))
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("%s is no data directory of a node (it has no %s): give --data-dir the one that leasecached was started with", dir, identityName)
	}
	if err != nil {
		return nil, fmt.Errorf("data directory: %w", err)
	}
	if of, ok := info.Sys().(*syscall.Stat_t); ok && int(of.Uid) != os.Geteuid() {
		return nil, fmt.Errorf("data directory %s belongs to the user with the number %d: run this as that user, whom leasecached runs as", dir, of.Uid)
	}
	lock, err := takeDir(dir)
	if errors.Is(err, ErrLocked) {
		err = fmt.Errorf("%w: stop the node first", err)
	}
	return lock, err
}

// known is what a directory knows.
type known struct {
	st     *control.State
	voters raft.Configuration
	last   uint64 // index of what is newest
}

// replay reads the newest snapshot that can be read, and the log after it. Entries that no
// majority has acknowledged, as far as is known here, count too: maybe one has.
func (d *disk) replay() (*known, error) {
	k := &known{st: new(control.State)}
	snaps, err := d.snaps.List()
	if err != nil {
		return nil, err
	}
	for _, s := range snaps {
		if k.st, err = d.restore(s.ID); err == nil {
			k.voters, k.last = s.Configuration, s.Index
			break
		}
	}
	if err != nil {
		return nil, fmt.Errorf("none of the snapshots can be read: recover another node: %w", err)
	}
	end, err := d.log.LastIndex()
	if err != nil {
		return nil, err
	}
	for k.last < end {
		var l raft.Log
		if err := d.log.GetLog(k.last+1, &l); err != nil {
			return nil, fmt.Errorf("recover another node: %w", err)
		}
		switch l.Type {
		case raft.LogCommand:
			if _, err := k.st.Execute(l.Index, l.Data); err != nil {
				return nil, err
			}
		case raft.LogConfiguration:
			k.voters = raft.DecodeConfiguration(l.Data)
		}
		k.last = l.Index
	}
	return k, nil
}

func (d *disk) restore(snapshot string) (*control.State, error) {
	_, r, err := d.snaps.Open(snapshot)
	if err != nil {
		return nil, err
	}
	data, err := io.ReadAll(r)
	if err := errors.Join(err, r.Close()); err != nil {
		return nil, err
	}
	return control.Restore(data)
}

// recovery says what it would be, or why it must not.
func (k *known) recovery(id *identity) (Recovery, error) {
	r := Recovery{
		Node: id.Node, Cluster: k.st.Cluster, Members: slices.Sorted(maps.Keys(k.st.Members)), Shards: len(k.st.Shards), Entries: k.last,
		Wait: k.st.Settings.Wait(control.MaxTTL), Closed: k.st.Settings.Closure(control.MaxIntent),
	}
	for _, s := range k.voters.Servers {
		if s.Suffrage == raft.Voter {
			r.Voters = append(r.Voters, string(s.ID))
		}
	}
	slices.Sort(r.Voters)
	self, there := k.st.Members[id.Node]
	switch {
	case k.st.Cluster == "":
		return r, fmt.Errorf("%s knows nothing of its cluster yet, so there is nothing to go on with: recover another node, or start this one on an empty directory", id.Node)
	case !there || self.Forgotten:
		return r, fmt.Errorf("%s was forgotten by its cluster: recover another node", id.Node)
	case len(r.Voters) == 1 && r.Voters[0] == id.Node && id.Phase != recovering:
		return r, fmt.Errorf("%s is the only voter, so no majority is lost: start it", id.Node)
	}
	return r, nil
}

// goOnAlone writes the new life down.
func (k *known) goOnAlone(d *disk, dir string, id identity) error {
	next := incarnationAfter(k.st.Incarnation)
	at := k.st.Members[id.Node].Peer
	if !k.st.Recover(next) {
		return fmt.Errorf("a shard of cluster %s has had nearly all its epochs: begin a new cluster on an empty directory", id.Cluster)
	}
	if err := k.st.Check(); err != nil {
		return fmt.Errorf("nothing was changed, this would make a state that no node can read: %w", err)
	}
	id.Phase = recovering
	if err := id.save(dir); err != nil {
		return err
	}
	log := raftLog(slog.New(slog.DiscardHandler))
	_, trans := raft.NewInmemTransport("") // asked for no more than how to write an address
	err := raft.RecoverCluster(raftConfig(id.Node, log), recovered(k.st.Snapshot()), d.log, d.bolt, d.snaps, trans,
		raft.Configuration{Servers: []raft.Server{{Suffrage: raft.Voter, ID: raft.ServerID(id.Node), Address: raftAddress(id.Node, at)}}})
	if err != nil {
		return fmt.Errorf("data directory %s: %w", dir, err)
	}
	// Snapshots of one index are told apart by the time in their names.
	now, err := d.replay()
	if err == nil && now.st.Incarnation != next {
		err = errors.New("an older snapshot counts as newer: set the clock of this machine right and run this again")
	}
	if err != nil {
		return fmt.Errorf("data directory %s: %w", dir, err)
	}
	id.Incarnation, id.Phase = next, member
	return id.save(dir)
}

// incarnationAfter is a number that no life of the cluster had, higher than those before.
// Its lower half is random: two survivors that are both recovered, against all advice, are
// two clusters.
func incarnationAfter(now uint64) uint64 {
	return (now>>32+1)<<32 | uint64(rand.Uint32())
}

// recovered is the FSM whose snapshot a recovery writes; the rest was done already.
type recovered []byte

func (recovered) Apply(*raft.Log) any                   { return nil }
func (recovered) Restore(io.ReadCloser) error           { return nil }
func (r recovered) Snapshot() (raft.FSMSnapshot, error) { return image(r), nil }
