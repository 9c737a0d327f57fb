package main

import (
	"context"
	"log/slog"
	"net"

	"github.com/leasecache/leasecache/internal/peer"
	"github.com/leasecache/leasecache/server"
	"github.com/leasecache/leasecache/server/owner"
	"github.com/leasecache/leasecache/shard"
	"github.com/leasecache/leasecache/shard/consensus"
	"github.com/leasecache/leasecache/shard/control"
)

// member is a node with a data directory: it is in a cluster, if only one of its own. It
// passes on between shard/consensus, which knows what is to be served, and server,
// which serves it; neither knows the other.
type member struct {
	*consensus.Node
	advertise string
	log       *slog.Logger
	srv       *server.Server // from serveWith on
	adminAddr string
}

// openMember takes the directory and has the node enter its cluster, which may wait for
// others for as long as ctx lasts.
func (c *Command) openMember(ctx context.Context) (*member, error) {
	cfg := &c.Config
	m := &member{advertise: cfg.Advertise, log: c.log}
	o := consensus.Config{
		Dir:        cfg.DataDir,
		Cluster:    cfg.Cluster,
		Advertise:  cfg.Advertise,
		Join:       cfg.Join,
		ClientAddr: m.clientAddr,
		AdminAddr:  func() string { return m.adminAddr },
		Former:     func() (*consensus.Former, error) { return former(cfg.DataDir) },
		Memory:     cfg.Memory,
		MaxItem:    cfg.MaxItemSize,
		ClusterID:  cfg.ClusterID,
		Clock:      m.clock,
		Logger:     c.log,
	}
	// A default is no wish: what the cluster has goes before it.
	if cfg.isGiven("node-id") {
		o.NodeID = cfg.NodeID
	}
	if cfg.isGiven("shards") {
		o.Shards = cfg.Shards
	}
	if cfg.isGiven("session-ttl") {
		o.SessionTTL = cfg.SessionTTL
	}
	var err error
	if m.Node, err = consensus.Open(o); err != nil {
		return nil, inUse(err, "cluster")
	}
	return m, m.Enter(ctx)
}

// serveWith says which server does what is asked. It comes before serve.
func (m *member) serveWith(srv *server.Server, adminAddr string) { m.srv, m.adminAddr = srv, adminAddr }

func (m *member) serve() error { return m.Run(plane{m.srv.Host(), m.log}) }

// peers is the way to other nodes; nil without a cluster.
func (m *member) peers() server.Peers {
	if m == nil {
		return nil
	}
	return m.Node
}

// port is where other nodes reach this one, for people.
func (m *member) port() string {
	if m == nil {
		return server.NoPort
	}
	return m.Addr().String()
}

func (m *member) clock() control.Reading {
	mono, wall := m.srv.Host().Clock()
	return control.Reading{Mono: control.Mono(mono), Wall: control.Wall(wall)}
}

// clientAddr is where clients reach this node, from wherever they are; "" while it joins.
func (m *member) clientAddr() string {
	if m.srv == nil {
		return ""
	}
	addr := m.srv.Addr().String()
	if !anywhere(addr) {
		return addr
	}
	host := m.advertise
	if host == "" {
		host, _, _ = net.SplitHostPort(m.Addr().String())
	}
	_, port, _ := net.SplitHostPort(addr)
	return net.JoinHostPort(host, port)
}

// plane is a server as a cluster sees it.
type plane struct {
	server.Host
	log *slog.Logger
}

var _ consensus.Host = plane{}

func (p plane) Extend(s shard.Session, until control.Deadline) bool {
	return p.Host.Extend(s, int64(until.Mono), int64(until.Wall))
}

func (p plane) Open(id shard.ID, st control.Start, moved []byte) error {
	start := owner.Start{Epoch: st.Epoch, DoubtBelow: st.DoubtBelow, Closed: st.Closed, Noted: st.Noted}
	if moved != nil {
		return p.Host.OpenMoved(id, start, moved)
	}
	return p.Host.Open(id, start)
}

func (p plane) Route(m shard.Map) {
	if err := p.Host.Route(m); err != nil {
		p.log.Error("requests go by an older map", "error", err)
	}
}

func (p plane) Conversation() peer.Conversation { return p.Host.Conversation() }
