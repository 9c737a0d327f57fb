package main

import (
	"context"
	"log/slog"

	"github.com/leasecache/leasecache/shard/single"
)

// node is what a command needs of the server.
type node interface {
	Serve() error // returns when Stop has been called, or when it fails
	Stop(context.Context) error
	Addr() string
	AdminAddr() string
}

// listenFunc opens the ports and serves nothing yet.
type listenFunc func(Config, *slog.Logger, *single.Keeper) (node, error)
