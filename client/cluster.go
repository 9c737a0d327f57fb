package client

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/leasecache/leasecache/protocol"
	"github.com/leasecache/leasecache/shard"
)

// ClusterInfo names a cluster: what a fence has to be installed for.
type ClusterInfo struct {
	ID     string // minted when the cluster was made
	Shards uint32 // fixed when the cluster was made
}

// Shard is the shard of a key in the cluster.
func (i ClusterInfo) Shard(key string) uint32 { return uint32(shard.Of([]byte(key), i.Shards)) }

// Cluster asks the server which cluster it serves.
func (c *Client) Cluster(ctx context.Context) (ClusterInfo, error) {
	on, err := c.shared.get(ctx)
	if err != nil {
		return ClusterInfo{}, err
	}
	info, err := c.clusterOf(ctx, on)
	if err != nil {
		return ClusterInfo{}, err
	}
	return *info, nil
}

// clusterOf asks the process at the other end of a connection. The answer is
// kept with the connection, not with the client:
//
// 1: the client knows cluster A. 2: the server is set up anew, as cluster B.
// 3: the client reconnects and takes an intent, of B. 4: its transaction checks
// the fence rows of A, which nobody raises any more.
func (c *Client) clusterOf(ctx context.Context, on *conn) (*ClusterInfo, error) {
	if info := on.info.Load(); info != nil {
		return info, nil
	}
	r := protocol.Request{Verb: protocol.VerbLM}
	rep, err := c.doOn(ctx, on, &r, min(c.limit(ctx), c.o.RequestTimeout), nil)
	if err != nil {
		return nil, err
	}
	if rep.code != protocol.CodeVA {
		return nil, unexpected(on, &rep)
	}
	var m struct {
		Cluster string `json:"cluster"`
		Shards  uint32 `json:"shards"`
		Hash    string `json:"hash"`
	}
	if err := json.Unmarshal(rep.value, &m); err != nil {
		return nil, &TransportError{Addr: on.addr, Sent: true, Err: fmt.Errorf("%w: the map: %w", errGarbage, err)}
	}
	if m.Cluster == "" || m.Shards == 0 || m.Hash != "xxh64" {
		return nil, &TransportError{Addr: on.addr, Sent: true, Err: fmt.Errorf(
			"%w: a map of cluster %q with %d shards by hash %q", errGarbage, m.Cluster, m.Shards, m.Hash)}
	}
	info := &ClusterInfo{ID: m.Cluster, Shards: m.Shards}
	on.info.Store(info)
	return info, nil
}
