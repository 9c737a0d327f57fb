package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"runtime"
	"syscall"

	"github.com/leasecache/leasecache/internal/build"
	"github.com/leasecache/leasecache/internal/resident"
	"github.com/leasecache/leasecache/server"
	"github.com/leasecache/leasecache/server/admin"
)

// node is what a command needs of the server.
type node interface {
	Serve() error // returns when Stop has been called, or when it fails
	Stop(context.Context) error
	Reload() error // reads again what may change while it serves
	Addr() string
	AdminAddr() string              // server.NoPort without one
	Addrs() []net.Addr              // all that clients can reach
	ShutdownAsked() <-chan struct{} // closed when a client asked for the end
}

// listenFunc opens the ports and serves nothing yet.
type listenFunc func(Config, *slog.Logger, server.Keeper, *member) (node, error)

// ports is the real node: the clients' port, the admin port, which may be nil, and what
// belongs to a cluster, which may be nil too.
type ports struct {
	clients *server.Server
	admin   *admin.Server
	member  *member
}

func listen(cfg Config, log *slog.Logger, k server.Keeper, m *member) (node, error) {
	clients, err := server.New(server.Config{
		Listen:        cfg.Listen,
		MoreListen:    cfg.MoreListen,
		UnixSocket:    cfg.UnixSocket,
		UnixMode:      cfg.UnixMode,
		Memory:        cfg.Memory,
		MaxItem:       cfg.MaxItemSize,
		MaxConns:      cfg.MaxConnections,
		StallTimeout:  cfg.StallTimeout,
		IdleTimeout:   cfg.IdleTimeout,
		Turn:          cfg.RequestsPerEvent,
		LeaseOnly:     cfg.LeaseOnly,
		AuthFile:      cfg.AuthFile,
		AllowShutdown: cfg.AllowShutdown,
		Denied:        cfg.Denied,
		Loops:         cfg.loops(),
		Ring:          cfg.IO == "uring" || cfg.IO == "auto",
		Version:       build.Version(),
		Trace:         cfg.trace,
		Keeper:        k,
		Peers:         m.peers(),
		Logger:        log,
	})
	if err != nil {
		return nil, inUse(err, "listen")
	}
	resident.LimitHeap(clients.HeapLimit())
	p := ports{clients, nil, m}
	if cfg.Admin != server.NoPort {
		if p.admin, err = admin.New(cfg.Admin, clients, m.operate(), log); err != nil {
			return nil, errors.Join(inUse(err, "admin"), clients.Stop(context.Background()))
		}
	}
	if m != nil {
		m.serveWith(clients, p.AdminAddr())
	}
	return p, nil
}

// inUse adds to an error of a port in use the flag that takes another.
func inUse(err error, flag string) error {
	var op *net.OpError
	if errors.As(err, &op) && errors.Is(op, syscall.EADDRINUSE) {
		return fmt.Errorf("%w: --%s HOST:PORT takes another", err, flag)
	}
	return err
}

// loops is how many event loops serve clients; 0 is a goroutine for each.
func (c *Config) loops() int {
	if c.IO == "goroutines" || c.IO == "auto" && runtime.GOOS != "linux" {
		return 0
	}
	return c.Threads
}

// processors is how many threads Go may use at a time. One more than the loops: Go's
// monitor takes a loop for stuck whenever it sleeps, and comes by every few
// microseconds, unless there is one to spare for the rest of the program.
func (c *Config) processors() int {
	if n := c.loops(); n > 0 {
		return n + 1
	}
	return c.Threads
}

// Serve returns when one of them fails, or when all were stopped.
func (p ports) Serve() error {
	all := []func() error{p.clients.Serve}
	if p.admin != nil {
		all = append(all, p.admin.Serve)
	}
	if p.member != nil {
		all = append(all, p.member.serve)
	}
	ends := make(chan error, len(all))
	for _, serve := range all {
		go func() { ends <- serve() }()
	}
	for range all {
		if err := <-ends; err != nil {
			return err
		}
	}
	return nil
}

// Stop ends the clients first, and with them the notes of shards with nothing
// outstanding, which the cluster has to hear of. It leaves the admin port for last: as
// long as clients are being sent away, /readyz says so and the numbers can be looked at.
func (p ports) Stop(ctx context.Context) error {
	err := p.clients.Stop(ctx)
	if p.member != nil {
		err = errors.Join(err, p.member.Stop(ctx))
	}
	if p.admin != nil {
		err = errors.Join(err, p.admin.Stop(ctx))
	}
	return err
}

func (p ports) Reload() error { return p.clients.ReloadUsers() }

func (p ports) Addr() string      { return p.clients.Addr().String() }
func (p ports) Addrs() []net.Addr { return p.clients.Addrs() }

func (p ports) AdminAddr() string {
	if p.admin == nil {
		return server.NoPort
	}
	return p.admin.Addr().String()
}

func (p ports) ShutdownAsked() <-chan struct{} { return p.clients.ShutdownAsked() }
