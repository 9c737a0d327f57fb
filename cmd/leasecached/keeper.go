package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/leasecache/leasecache/server"
	"github.com/leasecache/leasecache/shard/consensus"
	"github.com/leasecache/leasecache/shard/single"
)

// keeper remembers what a node must not forget.
type keeper interface {
	server.Keeper
	Close() error
}

// openKeeper sets the Command's keeper and, unless nothing is kept on disk, its member.
// After an error there is nothing to close.
func (c *Command) openKeeper(ctx context.Context) error {
	if c.Config.Ephemeral {
		k, err := c.forgetful()
		if err == nil {
			c.keeper = k
		}
		return err
	}
	m, err := c.openMember(ctx)
	if errors.Is(err, consensus.ErrLocked) {
		err = fmt.Errorf("%w: --data-dir takes another, --ephemeral none", err)
	}
	if err != nil {
		if m != nil {
			err = errors.Join(err, m.Stop(context.Background()))
		}
		return err
	}
	c.member, c.keeper = m, &agreed{m.Keeper(), m}
	return nil
}

// agreed is the keeper of a member: it ends with it.
type agreed struct {
	*consensus.Keeper
	member *member
}

func (a *agreed) Close() error {
	a.Keeper.Close()
	return a.member.Stop(context.Background())
}

// forgetful is a keeper that has nothing on disk.
func (c *Command) forgetful() (*single.Keeper, error) {
	cfg := &c.Config
	o := single.Options{ClusterID: cfg.ClusterID, Logger: c.log}
	if cfg.isGiven("node-id") {
		o.Node = cfg.NodeID
	}
	if cfg.isGiven("shards") {
		o.Shards = cfg.Shards
	}
	if cfg.isGiven("session-ttl") {
		o.SessionTTL = cfg.SessionTTL
	}
	k, err := single.Ephemeral(o, cfg.VolatileIntents)
	if err != nil {
		return nil, err
	}
	if cfg.VolatileIntents {
		c.log.Warn("nothing is kept on disk: a restart forgets which writers may still commit")
	} else {
		c.log.Warn("nothing is kept on disk: tokens do not survive a restart, and write intents are refused")
	}
	return k, nil
}
