package main

import (
	"io"
	"io/fs"
	"log/slog"
	"time"

	"github.com/leasecache/leasecache/server"
)

// Config is what the settings say. See settings.go for the meaning, default
// and bounds of each.
type Config struct {
	File string // of --config; empty for none

	NodeID          string
	DataDir         string
	Ephemeral       bool
	VolatileIntents bool

	ClusterID  string // empty: minted, or what the data directory has
	Shards     uint32
	SessionTTL time.Duration

	Listen           string // host:port, or server.NoPort
	UnixSocket       string // path, or empty
	UnixMode         fs.FileMode
	Admin            string // host:port, or server.NoPort
	Cluster          string // host:port
	Join             []string
	Advertise        string // host, or empty
	Insecure         bool
	AllowShutdown    bool
	AuthFile         string // path, or empty
	MaxConnections   int
	RequestsPerEvent int
	IdleTimeout      time.Duration // 0: never
	StallTimeout     time.Duration
	DrainTimeout     time.Duration

	Memory      int64 // bytes
	MaxItemSize int   // bytes
	LeaseOnly   []string
	Threads     int    // 0: one a core
	IO          string // auto, uring, epoll or goroutines

	// In memcached's place only, see standin.go.
	Denied     server.Denied
	MoreListen []string  // host:port
	trace      io.Writer // shown what clients do; nil for none

	LogLevel  slog.Level
	LogFormat string // text or json

	Version bool

	// given has, for each setting that is not at its default by silence, where
	// it was given: "--shards", "LEASECACHED_SHARDS", "shards in FILE".
	given map[string]string
}

// isGiven tells a setting that was asked for from a default of the same value:
// what a cluster was made with is only compared with what was asked for.
func (c *Config) isGiven(name string) bool { return c.given[name] != "" }
