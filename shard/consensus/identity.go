package consensus

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/cespare/xxhash/v2"

	"github.com/leasecache/leasecache/shard"
)

// identity is what a data directory knows of itself. Birth is minted with it: another
// directory under the same name is another node, that does not know what the first one
// promised, its votes among it. The rest is known once it is in a cluster.
type identity struct {
	Format      int    `json:"format"`
	Node        string `json:"node"`
	Birth       string `json:"birth"`
	Cluster     string `json:"cluster,omitempty"`
	Incarnation uint64 `json:"incarnation,omitempty"`
	Shards      uint32 `json:"shards,omitempty"`
	Phase       phase  `json:"phase,omitempty"`
	Sum         uint64 `json:"sum"` // of the rest, see sum
}

// phase is how far a directory has come. A log that is missing is right while it forms or
// joins; later it is a loss, and what was promised by it, votes among it, is not known.
type phase string

const (
	forming phase = "forming"
	joining phase = "joining" // it is in, and has not got the log yet
	member  phase = "member"
	// recovering is from before the first until after the last step of a recovery.
	recovering phase = "recovering"
)

const (
	identityName   = "node.json"
	identityFormat = 1
)

// sum tells a file that says what was written from one that a disk changed: a node with
// another name, or of another cluster, is read as easily.
func (id identity) sum() uint64 {
	id.Sum = 0
	data, err := json.Marshal(id)
	if err != nil {
		panic(err) // a struct of strings and numbers
	}
	return xxhash.Sum64(data)
}

// FirstNode is the name of a node that makes a cluster and was given none.
const FirstNode = "n1"

// Mismatch is an error of what the operator said: the directory, or the cluster, is
// another than he takes it for.
type Mismatch struct{ text string }

func (m *Mismatch) Error() string { return m.text }

func mismatchf(format string, args ...any) error { return &Mismatch{fmt.Sprintf(format, args...)} }

// ErrLocked says that the data directory is in use.
var ErrLocked = errors.New("in use by another process")

// mint makes up an id that nothing else has.
func mint() string { return strings.ToLower(rand.Text()[:16]) }

// takeDir locks the directory for this process, made if it is missing, until the file is
// closed. The lock is an operating system's: it ends with the process, however it ends.
func takeDir(dir string) (*os.File, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("data directory: %w", err)
	}
	// Never removed: were it, two processes could each hold "the" lock.
	f, err := os.OpenFile(filepath.Join(dir, "LOCK"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("data directory: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		if errors.Is(err, syscall.EWOULDBLOCK) {
			err = ErrLocked
		}
		return nil, errors.Join(fmt.Errorf("data directory %s is %w", dir, err), f.Close())
	}
	return f, nil
}

// whoAmI reads the directory's identity, or gives it one, and holds it against what the
// operator says.
func whoAmI(dir string, c *Config) (identity, error) {
	path := filepath.Join(dir, identityName)
	data, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return newIdentity(dir, c)
	}
	if err != nil {
		return identity{}, fmt.Errorf("data directory: %w", err)
	}
	var id identity
	if err = json.Unmarshal(data, &id); err == nil && id.Format == identityFormat && id.Sum != id.sum() {
		err = errors.New("its checksum is wrong")
	}
	if err != nil {
		return identity{}, fmt.Errorf("%s is damaged (%w): put back a copy of it, or start on an empty directory under another --node-id", path, err)
	}
	switch {
	case id.Format != identityFormat:
		return identity{}, fmt.Errorf("%s was written by another release, in format %d: run that release", path, id.Format)
	case c.NodeID != "" && c.NodeID != id.Node:
		return identity{}, mismatchf("data directory %s is that of node %s: start it with --node-id %s, or name an empty directory for %s",
			dir, id.Node, id.Node, c.NodeID)
	case id.Cluster != "" && c.ClusterID != "" && c.ClusterID != id.Cluster:
		return identity{}, mismatchf("data directory %s is in cluster %s, and not in %s: leave --cluster-id out, or name an empty directory",
			dir, id.Cluster, c.ClusterID)
	case id.Shards != 0 && c.Shards != 0 && c.Shards != id.Shards:
		return identity{}, mismatchf("cluster %s was made with %d shards, which cannot become %d: start with --shards %d, or without",
			id.Cluster, id.Shards, c.Shards, id.Shards)
	}
	return id, nil
}

// inCluster says whether a directory knows its cluster, or might: what cannot be read,
// whoAmI says.
func inCluster(dir string) bool {
	data, err := os.ReadFile(filepath.Join(dir, identityName))
	var id identity
	return err == nil && (json.Unmarshal(data, &id) != nil || id.Cluster != "")
}

func newIdentity(dir string, c *Config) (identity, error) {
	if _, err := os.Lstat(filepath.Join(dir, "raft.db")); err == nil {
		return identity{}, fmt.Errorf("data directory %s has a log but no %s: put that file back, or start on an empty directory under another --node-id",
			dir, identityName)
	}
	id := identity{Format: identityFormat, Node: c.NodeID, Birth: mint()}
	switch {
	case id.Node != "":
	case len(c.Join) == 0:
		id.Node = FirstNode
	default:
		id.Node = "n-" + mint()[:8]
	}
	if err := shard.CheckName(id.Node); err != nil {
		return identity{}, fmt.Errorf("--node-id: %w", err)
	}
	return id, id.save(dir)
}

// save replaces the file: whoever reads it finds the old one or the new one, whole.
func (id identity) save(dir string) error {
	id.Sum = id.sum()
	data, err := json.Marshal(id)
	if err != nil {
		return err
	}
	path := filepath.Join(dir, identityName)
	if err := writeSynced(path+".tmp", data); err != nil {
		return fmt.Errorf("data directory: %w", err)
	}
	if err := os.Rename(path+".tmp", path); err != nil {
		return fmt.Errorf("data directory: %w", err)
	}
	d, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("data directory: %w", err)
	}
	return errors.Join(d.Sync(), d.Close())
}

func writeSynced(path string, data []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}
