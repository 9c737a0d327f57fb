package main

import (
	"github.com/leasecache/leasecache/shard/consensus"
	"github.com/leasecache/leasecache/shard/control"
	"github.com/leasecache/leasecache/shard/single"
)

// former is what a release that knew single nodes only has left in the data directory, for
// a cluster to go on with; nil if there is nothing.
func former(dir string) (*consensus.Former, error) {
	l, there, err := single.ReadLegacy(dir)
	if err != nil || !there {
		return nil, err
	}
	e := control.Init{
		Cluster: l.Cluster, Version: l.Version, Settings: control.Settings{TTL: l.SessionTTL, Intent: l.LongestIntent},
		Shards: make([]control.Former, len(l.Shards)),
	}
	for i, s := range l.Shards {
		e.Shards[i] = control.Former{Epoch: s.Epoch, DoubtBelow: s.DoubtBelow, Noted: s.Noted}
	}
	return &consensus.Former{Node: l.Node, First: e, Over: func() error { return single.EndLegacy(dir) }}, nil
}
