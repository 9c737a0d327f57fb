package client

import (
	"context"

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
	var w way
	for {
		on, err := c.connect(ctx, false, nil, &w)
		if err != nil {
			return ClusterInfo{}, err
		}
		info, err := c.clusterOf(ctx, on)
		if err == nil {
			return *info, nil
		}
		if !c.again(ctx, &w, true, on, err) {
			return ClusterInfo{}, err
		}
	}
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
	info, _, err := c.askMap(ctx, on)
	if err != nil {
		return nil, err
	}
	on.info.Store(info)
	return info, nil
}
