package main

import (
	"io/fs"
	"log/slog"
	"math"
	"strings"
	"time"

	"github.com/leasecache/leasecache/shard"
	"github.com/leasecache/leasecache/shard/consensus"
	"github.com/leasecache/leasecache/shard/control"
)

// setting is one line of the table below.
type setting struct {
	name string // of the flag and the key; the variable's follows from it
	arg  string // placeholder in --help; "" for a boolean
	def  string // default, as one would write it; "" for none
	kind kind
	help string // continues a sentence that begins in small letters
	set  setter
}

// kind decides how the value looks in a TOML file, and how often it may come.
type kind int

const (
	quoted kind = iota // a string in TOML
	bare               // a number or a boolean
	many               // an array of strings; the flag is repeated, the variable separated by spaces

	flagOnly        // an order for this run, no setting
	flagAndVariable // what names the file cannot stand in it
)

func (s *setting) variable() string {
	return variablePrefix + strings.ReplaceAll(strings.ToUpper(s.name), "-", "_")
}

func (s *setting) inFile() bool     { return s.kind != flagOnly && s.kind != flagAndVariable }
func (s *setting) inVariable() bool { return s.kind != flagOnly }

// group is a heading of --help and of the sample file.
type group struct {
	title    string
	settings []setting
}

const variablePrefix = "LEASECACHED_"

// Bounds that are not another package's.
const (
	leastMemory = 1 << 20
	mostMemory  = 1 << 40
	leastItem   = 1 << 10
	mostItem    = 1 << 30
)

var groups = []group{
	{"Node", []setting{
		{"node-id", "NAME", consensus.FirstNode, quoted,
			"name of this node; a data directory belongs to one name; one that joins and is given none makes one up",
			name(func(c *Config) *string { return &c.NodeID })},
		{"data-dir", "DIR", "./leasecached.data", quoted,
			"directory for epochs and notes, made if missing; one process a directory",
			text(func(c *Config) *string { return &c.DataDir })},
		{"ephemeral", "", "false", bare,
			"keep nothing on disk: tokens do not survive a restart, and write intents are refused",
			boolean(func(c *Config) *bool { return &c.Ephemeral })},
		{"volatile-intents", "", "false", bare,
			"with --ephemeral and --cluster-id: give write intents although a restart forgets them, and with them the promise that a writer's crash does no harm",
			boolean(func(c *Config) *bool { return &c.VolatileIntents })},
	}},
	{"Cluster (counts when the data directory is made, is compared later)", []setting{
		{"cluster-id", "ID", "", quoted,
			"id in the map and in the fence rows; minted if not given",
			optional(name, func(c *Config) *string { return &c.ClusterID })},
		{"shards", "N", "1024", bare,
			"number of shards; another number than the cluster's is an error",
			number(func(c *Config) *uint32 { return &c.Shards }, 1, shard.MaxCount)},
		{"session-ttl", "DURATION", "3s", quoted,
			"how long a node may serve unconfirmed; another than the cluster's is ignored with a warning",
			duration(func(c *Config) *time.Duration { return &c.SessionTTL }, time.Second, control.MaxTTL)},
	}},
	{"Network", []setting{
		{"listen", "ADDRESS", "127.0.0.1:11211", quoted,
			"address for clients; port 0 takes a free one and logs it; none opens no port, for --unix-socket alone",
			orNone(address, func(c *Config) *string { return &c.Listen })},
		{"unix-socket", "PATH", "", quoted,
			"listen for clients on this Unix socket, too",
			optional(text, func(c *Config) *string { return &c.UnixSocket })},
		{"unix-mode", "MODE", "0700", quoted,
			"who may connect to the Unix socket, in octal: to write is to connect",
			mode(func(c *Config) *fs.FileMode { return &c.UnixMode })},
		{"admin", "ADDRESS", "127.0.0.1:11212", quoted,
			"address of the admin HTTP server: health, metrics, the API of leasectl; none opens no such port",
			orNone(address, func(c *Config) *string { return &c.Admin })},
		{"cluster", "ADDRESS", "127.0.0.1:11213", quoted,
			"address for other nodes; with --ephemeral there is no such port",
			address(func(c *Config) *string { return &c.Cluster })},
		{"join", "ADDRESSES", "", many,
			"cluster addresses of nodes to join; counts when the data directory is made, and may stay",
			addresses(func(c *Config) *[]string { return &c.Join })},
		{"advertise", "HOST", "", quoted,
			"host under which other nodes, and clients sent by them, reach this one; the host of --cluster if not given",
			optional(text, func(c *Config) *string { return &c.Advertise })},
		{"insecure", "", "false", bare,
			"allow addresses that other machines can reach, although nothing is encrypted and only --auth-file asks for a password",
			boolean(func(c *Config) *bool { return &c.Insecure })},
		{"auth-file", "FILE", "", quoted,
			"let clients in by memcached's ASCII authentication; up to 8 lines user:password, read again at SIGHUP",
			optional(text, func(c *Config) *string { return &c.AuthFile })},
		{"allow-shutdown", "", "false", bare,
			"let clients end the server with memcached's command shutdown, as SIGTERM would",
			boolean(func(c *Config) *bool { return &c.AllowShutdown })},
		{"max-connections", "N", "10000", bare,
			"client connections at a time; more are told so and closed at once",
			number(func(c *Config) *int { return &c.MaxConnections }, 1, 1<<20)},
		{"requests-per-event", "N", "1000", bare,
			"requests of one connection that are done before others have their turn",
			number(func(c *Config) *int { return &c.RequestsPerEvent }, 1, math.MaxInt32)},
		{"idle-timeout", "DURATION", "0s", quoted,
			"close connections that ask for nothing and wait for nothing that long; 0 is never",
			orZero(duration(func(c *Config) *time.Duration { return &c.IdleTimeout }, 100*time.Millisecond, 10000*time.Hour))},
		{"stall-timeout", "DURATION", "30s", quoted,
			"how long a client may stall in the middle of a request, or leave its replies unread",
			duration(func(c *Config) *time.Duration { return &c.StallTimeout }, 100*time.Millisecond, time.Hour)},
		{"drain-timeout", "DURATION", "10s", quoted,
			"how long a clean stop may take to finish what clients have asked for",
			duration(func(c *Config) *time.Duration { return &c.DrainTimeout }, 0, time.Hour)},
	}},
	{"Cache", []setting{
		{"memory", "SIZE", "1GiB", quoted,
			"memory for everything: values, their index, leases and the process; taken as it is used",
			bytes(func(c *Config) *int64 { return &c.Memory }, leastMemory, mostMemory)},
		{"max-item-size", "SIZE", "1MiB", quoted,
			"largest value",
			bytes(func(c *Config) *int { return &c.MaxItemSize }, leastItem, mostItem)},
		{"lease-only", "PREFIX", "", many,
			"answer plain stores (set, add, cas, ...) to keys with this prefix with NOT_STORED, so that only leases fill them",
			prefixes(func(c *Config) *[]string { return &c.LeaseOnly })},
		{"threads", "N", "0", bare,
			"cores to use, and event loops; 0 is all of them",
			number(func(c *Config) *int { return &c.Threads }, 0, math.MaxInt16)},
		{"io", "KIND", "auto", quoted,
			"how connections are served: epoll (event loops), uring (event loops that read and write many connections with one system call, or epoll where the kernel refuses that), goroutines (one each), or auto: uring on Linux, goroutines elsewhere",
			oneOf(func(c *Config) *string { return &c.IO }, "auto", "uring", "epoll", "goroutines")},
	}},
	{"Log", []setting{
		{"log-level", "LEVEL", "info", quoted,
			"least level to log: debug, info, warn, error",
			level(func(c *Config) *slog.Level { return &c.LogLevel })},
		{"log-format", "FORMAT", "text", quoted,
			"text or json, to stderr",
			oneOf(func(c *Config) *string { return &c.LogFormat }, "text", "json")},
	}},
	{"Other", []setting{
		{"config", "FILE", "", flagAndVariable,
			"read settings from this TOML file; docs/leasecached.toml shows every key",
			text(func(c *Config) *string { return &c.File })},
		{"version", "", "false", flagOnly,
			"print the version and end",
			boolean(func(c *Config) *bool { return &c.Version })},
	}},
}

// eachSetting goes through the table in its order.
func eachSetting(f func(*setting)) {
	for i := range groups {
		for j := range groups[i].settings {
			f(&groups[i].settings[j])
		}
	}
}
