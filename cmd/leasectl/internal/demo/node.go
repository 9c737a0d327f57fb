package demo

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"

	"github.com/leasecache/leasecache/server"
	"github.com/leasecache/leasecache/shard/single"
)

// node is the throwaway server: in this process, on a port of loopback that was free, with nothing on disk.
type node struct {
	addr   string
	srv    *server.Server
	keeper *single.Keeper
	served chan error
}

// memoryBytes holds a million products twice over.
const memoryBytes = 512 << 20

func startNode() (*node, error) {
	// Volatile intents are right here: the fence rows die with this cluster, so no writer can meet a token of another life of it.
	keeper, err := single.Ephemeral(single.Options{ClusterID: "demo-" + randomHex()}, true)
	if err != nil {
		return nil, fmt.Errorf("start the server: %w", err)
	}
	srv, err := server.New(server.Config{
		Listen: "127.0.0.1:0",
		Memory: memoryBytes,
		// The modes' connections add up, and none of them may be turned away.
		MaxConns: 8192,
		Keeper:   keeper,
		Version:  "demo",
		Logger:   slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn})),
	})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("start the server: %w", err), keeper.Close())
	}
	n := &node{addr: srv.Addr().String(), srv: srv, keeper: keeper, served: make(chan error, 1)}
	go func() { n.served <- srv.Serve() }()
	return n, nil
}

func (n *node) stop(ctx context.Context) error {
	err := n.srv.Stop(ctx)
	return errors.Join(err, <-n.served, n.keeper.Close())
}
