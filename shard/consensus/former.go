package consensus

import (
	"fmt"

	"github.com/leasecache/leasecache/shard/control"
)

// Former is what somebody else kept in the directory before it was in a cluster: a node
// that was alone, with epochs that were served and writers that may be outstanding. A
// cluster that is formed there goes on with it.
//
// It is read anew at every start until the first entry of the log, which has it, was
// applied; the directory remembers that; then it is told to be over. So a crash costs
// nothing:
//
//	1 The directory knows its cluster, and the log has no entry: the next start forms the
//	  same cluster, from what it reads.
//	2 The entry is in the log, and the directory does not know: the next start proposes it
//	  again, and it has no effect (control.Init).
//	3 The directory knows, and the former keeper was not told: the next start tells it.
type Former struct {
	Node string
	// First has the cluster's id, its shards and the version of the former map. Of its
	// settings TTL and Intent count, if a cluster can have them.
	First control.Init
	// Over has it not be found again. It may be called when it was over already.
	Over func() error
}

// former reads what was kept before, and holds it against what the operator says of a
// directory that is in no cluster yet. Then it goes before what he does not say.
func (c *Config) former(inCluster bool) (*Former, error) {
	if c.Former == nil {
		return nil, nil
	}
	f, err := c.Former()
	if err != nil || f == nil || inCluster {
		return f, err
	}
	e := &f.First
	switch {
	case len(c.Join) > 0:
		return nil, mismatchf("data directory %s is that of cluster %s, and two clusters cannot merge: leave --join out, or name an empty directory", c.Dir, e.Cluster)
	case c.ClusterID != "" && c.ClusterID != e.Cluster:
		return nil, mismatchf("data directory %s is in cluster %s, and not in %s: leave --cluster-id out, or name an empty directory", c.Dir, e.Cluster, c.ClusterID)
	case c.NodeID != "" && c.NodeID != f.Node:
		return nil, mismatchf("data directory %s is that of node %s: start it with --node-id %s, or name an empty directory", c.Dir, f.Node, f.Node)
	case c.Shards != 0 && int(c.Shards) != len(e.Shards):
		return nil, mismatchf("cluster %s was made with %d shards, which cannot become %d: start with --shards %d, or without",
			e.Cluster, len(e.Shards), c.Shards, len(e.Shards))
	}
	c.NodeID, c.ClusterID, c.Shards = f.Node, e.Cluster, uint32(len(e.Shards))
	return f, nil
}

// inherit has the cluster begin with what was kept before, if it has not begun.
func (n *Node) inherit(f *Former) error {
	switch {
	case f == nil:
		return nil
	case n.id.Phase == member:
		return n.inherited(f)
	case n.id.Phase == joining || n.id.Cluster != "" && n.id.Cluster != f.First.Cluster:
		return mismatchf("data directory %s is in cluster %s, and what an earlier release kept in it is of cluster %s: put that into a directory of its own",
			n.cfg.Dir, n.id.Cluster, f.First.Cluster)
	}
	set := n.settings()
	set.TTL, set.Intent = f.First.Settings.TTL, f.First.Settings.Intent
	if set.Check() != nil {
		set = n.settings()
	}
	f.First.Incarnation, f.First.Settings = 1, set
	if r := new(control.State).Apply(1, f.First); r.Code != control.OK {
		return fmt.Errorf("data directory %s: a cluster cannot go on with what an earlier release kept there, as a shard's epochs are used up: begin anew on an empty directory", n.cfg.Dir)
	}
	n.begin = f
	return nil
}

// inherited tells the former keeper that it is over.
func (n *Node) inherited(f *Former) error {
	if err := f.Over(); err != nil {
		return fmt.Errorf("data directory %s: %w", n.cfg.Dir, err)
	}
	n.cfg.Logger.Info("the cluster goes on with what an earlier release kept in this directory", "cluster", n.id.Cluster)
	return nil
}
