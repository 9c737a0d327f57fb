package consensus

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"
	raftboltdb "github.com/hashicorp/raft-boltdb/v2"
	"go.etcd.io/bbolt"
)

const (
	// among is raft's patience in a cluster: with it a new leader is there within 1.5 s,
	// well before sessions of 3 s end. alone is that of the only voter, whose restart
	// would else wait a second for a leader that cannot be.
	among = 500 * time.Millisecond
	alone = 250 * time.Millisecond

	// retained is how many entries stay in the log behind a snapshot, so that a node
	// that was away for some minutes needs no snapshot.
	snapshotEvery = 8192
	retained      = 8192
)

// disk is what raft keeps: its log, its vote, its snapshots.
type disk struct {
	bolt  *raftboltdb.BoltStore
	log   summedLog // in bolt
	snaps *raft.FileSnapshotStore
}

func openDisk(dir string, log hclog.Logger) (*disk, error) {
	bolt, err := raftboltdb.New(raftboltdb.Options{
		Path: filepath.Join(dir, "raft.db"),
		// Without the first two a file that grew and shrank again writes all of its free
		// pages with every entry. NoSync stays false: votes are in here.
		BoltOptions: &bbolt.Options{NoFreelistSync: true, FreelistType: bbolt.FreelistMapType, Timeout: time.Second},
	})
	if err != nil {
		return nil, fmt.Errorf("%s cannot be opened: %w", filepath.Join(dir, "raft.db"), err)
	}
	snaps, err := raft.NewFileSnapshotStoreWithLogger(dir, 2, log)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("snapshots in %s: %w", dir, err), bolt.Close())
	}
	return &disk{bolt: bolt, log: summedLog{bolt}, snaps: snaps}, nil
}

// used says whether raft has kept anything here.
func (d *disk) used() (bool, error) { return raft.HasExistingState(d.log, d.bolt, d.snaps) }

// bootstrap makes the node the only voter of a cluster that begins.
func (d *disk) bootstrap(node string, at raft.ServerAddress, trans raft.Transport, log hclog.Logger) error {
	return raft.BootstrapCluster(raftConfig(node, log), d.log, d.bolt, d.snaps, trans, raft.Configuration{
		Servers: []raft.Server{{Suffrage: raft.Voter, ID: raft.ServerID(node), Address: at}},
	})
}

// patience is how long to wait for a leader, by who votes.
func patience(c raft.Configuration) time.Duration {
	if n := voters(c); n > 1 || n == 0 {
		return among
	}
	return alone
}

func voters(c raft.Configuration) int {
	n := 0
	for _, s := range c.Servers {
		if s.Suffrage == raft.Voter {
			n++
		}
	}
	return n
}

// setPatience follows the voters. A node without a leader then looks for one at once.
func setPatience(r *raft.Raft) error {
	f := r.GetConfiguration()
	if err := f.Error(); err != nil {
		return err
	}
	c := r.ReloadableConfig()
	want := patience(f.Configuration())
	if c.HeartbeatTimeout == want {
		return nil
	}
	c.HeartbeatTimeout, c.ElectionTimeout = want, want
	return r.ReloadConfig(c)
}

func raftConfig(node string, log hclog.Logger) *raft.Config {
	c := raft.DefaultConfig()
	c.LocalID = raft.ServerID(node)
	c.HeartbeatTimeout, c.ElectionTimeout = among, among
	c.LeaderLeaseTimeout = alone // cannot be changed later; half of among, as it should be
	c.SnapshotThreshold, c.TrailingLogs = snapshotEvery, retained
	c.SnapshotInterval = 30 * time.Second
	c.ShutdownOnRemove = false // a node that was forgotten says so itself
	c.Logger = log
	return c
}

// raftLog has raft speak through the node's log.
func raftLog(log *slog.Logger) hclog.Logger {
	return hclog.New(&hclog.LoggerOptions{Name: "raft", Level: hclog.Warn, DisableTime: true, Output: lines{log}})
}

type lines struct{ log *slog.Logger }

func (l lines) Write(b []byte) (int, error) {
	text := bytes.TrimSpace(b)
	level := slog.LevelWarn
	if bytes.HasPrefix(text, []byte("[ERROR]")) {
		level = slog.LevelError
	}
	if _, rest, ok := bytes.Cut(text, []byte("]")); ok {
		text = bytes.TrimSpace(rest)
	}
	l.log.Log(context.Background(), level, string(text))
	return len(b), nil
}
