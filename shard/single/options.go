package single

import (
	"crypto/rand"
	"fmt"
	"log/slog"
	"time"

	"github.com/leasecache/leasecache/shard"
)

// What a cluster is made with unless Options say otherwise.
const (
	DefaultNode          = "n1"
	DefaultSessionTTL    = 3 * time.Second
	DefaultLongestIntent = time.Minute
)

// Options are counted when the cluster is made and compared ever after. The
// zero value of a field takes what the cluster has, and for a new cluster the
// default.
type Options struct {
	Shards    uint32 // 1 to shard.MaxCount. Another number than the cluster's is an error
	Node      string // see shard.CheckName. Another name is an error
	ClusterID string // see shard.CheckName; minted for a new cluster. Another id is an error

	// SessionTTL and LongestIntent are at least a millisecond. Others than the
	// cluster's are ignored, with a warning.
	SessionTTL    time.Duration
	LongestIntent time.Duration

	Logger *slog.Logger // nil: silence
}

// made is the settings of a new cluster.
func (o Options) made() settings {
	s := settings{
		cluster: o.ClusterID, node: o.Node, shards: o.Shards,
		sessionTTL: wholeMillis(o.SessionTTL), longest: wholeMillis(o.LongestIntent),
	}
	if s.cluster == "" {
		var id [16]byte
		_, _ = rand.Read(id[:]) // never fails, says its documentation
		s.cluster = fmt.Sprintf("%x", id)
	}
	if s.node == "" {
		s.node = DefaultNode
	}
	if s.shards == 0 {
		s.shards = shard.DefaultCount
	}
	if s.sessionTTL == 0 {
		s.sessionTTL = DefaultSessionTTL
	}
	if s.longest == 0 {
		s.longest = DefaultLongestIntent
	}
	return s
}

// compare returns an error that wraps ErrMismatch if the options name another
// cluster than the one there is.
func (o Options) compare(dir string, s settings) error {
	differs := func(what string, want, have any) error {
		return fmt.Errorf("%s %v %w: the cluster in %s has %v", what, want, ErrMismatch, dir, have)
	}
	switch {
	case o.Shards != 0 && o.Shards != s.shards:
		return differs("number of shards", o.Shards, s.shards)
	case o.Node != "" && o.Node != s.node:
		return differs("node id", o.Node, s.node)
	case o.ClusterID != "" && o.ClusterID != s.cluster:
		return differs("cluster id", o.ClusterID, s.cluster)
	}
	warn := func(what string, given, counts time.Duration) {
		if given != 0 && given != counts {
			o.Logger.Warn(what+" is fixed when the cluster is made; the one given is ignored",
				"given", given, "counts", counts)
		}
	}
	warn("session TTL", wholeMillis(o.SessionTTL), s.sessionTTL)
	warn("longest intent", wholeMillis(o.LongestIntent), s.longest)
	return nil
}

func (s settings) check() error {
	if err := shard.CheckName(s.cluster); err != nil {
		return fmt.Errorf("cluster %w", err)
	}
	if err := shard.CheckName(s.node); err != nil {
		return fmt.Errorf("node %w", err)
	}
	switch {
	case s.shards < 1 || s.shards > shard.MaxCount:
		return fmt.Errorf("%d shards: 1 to %d are possible", s.shards, shard.MaxCount)
	case s.sessionTTL < time.Millisecond:
		return fmt.Errorf("session TTL %v is too short", s.sessionTTL)
	case s.longest < time.Millisecond:
		return fmt.Errorf("longest intent %v is too short", s.longest)
	}
	return nil
}
