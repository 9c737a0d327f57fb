package archtest

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const module = "github.com/leasecache/leasecache"

// pure are the packages whose rules must be the same in a test, in a model and in a
// server: time and randomness are handed in, nothing is read or written.
var pure = []string{module + "/protocol", module + "/lease", module + "/shard", module + "/shard/control", module + "/shard/placement"}

var sqlDrivers = []string{"modernc.org/sqlite", "github.com/jackc/pgx", "github.com/lib/pq", "github.com/go-sql-driver/mysql"}

var rules = []rule{
	{
		from: module + "/protocol", never: []string{"net", "os", "log", "syscall", "math/rand", "crypto/rand"},
		why: "the parser is pure, so that it can be fuzzed and used by server and client alike",
	},
	{
		from: module + "/lease", never: []string{"net", "os", "log", "syscall", "math/rand", "crypto/rand"},
		why: "the rules of a key are deterministic: their tests are scripts in which time and tokens are given",
	},
	{
		from: module + "/shard", never: []string{"net", "os", "log", "syscall", "math/rand", "crypto/rand"},
		why: "placement is a pure fact: every node and client must compute the same",
	},
	{
		from: module + "/shard/control", never: []string{"net", "os", "log", "syscall", "math/rand", "crypto/rand", "sync", module + "/server", module + "/lease", module + "/internal"},
		why: "what nodes agree on follows from the log alone, and is played by a seed",
	},
	{
		from: module + "/shard/placement", never: []string{"net", "os", "log", "syscall", "math/rand", "crypto/rand", "sync", module + "/server", module + "/lease", module + "/internal"},
		why: "who should own what is arithmetic",
	},
	{
		from: module + "/lease", never: []string{module + "/server", module + "/client", module + "/protocol", module + "/internal/storage"},
		why: "the rules know neither the wire nor the store: they decide, others act",
	},
	{
		from: module + "/protocol", never: []string{module + "/server", module + "/client", module + "/lease", module + "/internal"},
		why: "bytes and values only: what they mean is decided elsewhere",
	},
	{
		from:  module + "/client",
		never: append([]string{"github.com/hashicorp/raft", "github.com/cockroachdb/pebble", module + "/server", module + "/internal/storage", module + "/shard/single"}, sqlDrivers...),
		why:   "who uses the client takes no consensus, no disk store, no server and no database driver into his program",
	},
	{
		from: module + "/client/...", never: []string{"github.com/hashicorp/raft", "github.com/cockroachdb/pebble", module + "/server", module + "/internal/storage"},
		except: []string{module + "/client/clienttest/..."},
		why:    "the adapters of the client are as light as the client",
	},
	{
		from: module + "/client/...", never: sqlDrivers,
		why: "which driver speaks to the source is the user's choice",
	},
	{
		from: module + "/internal/storage/memory", never: []string{module + "/lease", module + "/server", module + "/client", module + "/protocol", "net"},
		why: "the store keeps bytes under keys; the rules about them stand elsewhere",
	},
	{
		from: module + "/internal/peer", never: []string{"github.com/hashicorp", module + "/server", module + "/client", module + "/lease", module + "/protocol", module + "/internal/storage", module + "/shard/single", module + "/shard/control", module + "/shard/consensus"},
		why: "the connection between nodes carries bytes: raft and requests go over it, and neither knows the other",
	},
	{
		from: module + "/...", except: []string{module + "/shard/consensus/..."},
		never: []string{"github.com/hashicorp/raft", "github.com/hashicorp/raft-boltdb"}, direct: true,
		why: "one package speaks to raft; the rest sees a cluster",
	},
	{
		from: module + "/server/route", never: []string{"net", "os", "log", "math/rand", "crypto/rand", module + "/server/owner", module + "/lease", module + "/internal"},
		why: "where a request goes follows from the map: others ask and answer",
	},
	{
		from: module + "/shard/consensus", never: append([]string{module + "/server", module + "/client", module + "/lease", module + "/protocol", module + "/internal/storage", module + "/shard/single"}, sqlDrivers...),
		why: "who keeps the cluster tells a host what to serve, and does not know what is served",
	},
	{
		from: module + "/client/...", never: []string{module + "/shard/consensus", module + "/shard/control"},
		why: "a client sees a map, not how it is agreed on",
	},
	{
		from: module + "/server/...", never: []string{module + "/shard/consensus", "github.com/hashicorp/raft", "go.etcd.io/bbolt"},
		why: "the server is handed a keeper and does not know whether one node or a cluster keeps",
	},
	{
		from: module + "/cmd/leasecached", never: append([]string{module + "/client"}, sqlDrivers...),
		why: "the server neither calls itself nor knows what the source of truth is",
	},
	{
		// Directly only: prometheus/collectors has a collector for connection pools.
		from: module + "/server/...", never: []string{"database/sql"}, direct: true,
		why: "the server does not speak to the source of truth, its clients do",
	},
	{
		from: module + "/...", except: []string{module + "/cmd/leasectl/...", module + "/internal/pgtest/..."},
		never: sqlDrivers, direct: true,
		why: "only leasectl's demo brings databases along; everybody else is handed a connection",
	},
	{
		from: module + "/server/...", never: append([]string{module + "/client", module + "/cmd"}, sqlDrivers...),
		why: "the server serves; it is nobody's client",
	},
	{
		from: module + "/...", never: []string{"testing", module + "/internal/apptest", module + "/internal/netlab", module + "/internal/pgtest"}, direct: true,
		except: []string{module + "/internal/apptest/...", module + "/internal/netlab/...", module + "/internal/pgtest/...", module + "/client/clienttest/..."},
		why:    "test helpers stay out of what people run",
	},
	{
		from: module + "/...", except: []string{module + "/internal/bench/..."},
		never: []string{module + "/internal/bench"}, direct: true,
		why: "the bench measures the program and is no part of it",
	},
}

// storeMayUse is all that the store in memory may import outside the standard
// library.
var storeMayUse = []string{"golang.org/x/sys", "github.com/cespare/xxhash/v2", module + "/internal/invariants", module + "/internal/prefetch", module + "/internal/storage/memory", module + "/shard"}

func TestImports(t *testing.T) {
	g, err := load(module + "/...")
	require.NoError(t, err)
	for _, r := range rules {
		if !strings.HasSuffix(r.from, "/...") {
			_, there := g[r.from]
			require.True(t, there, "no package %s: a rule about what is not there guards nothing", r.from)
		}
	}
	if broken := g.broken(rules); len(broken) > 0 {
		t.Errorf("forbidden imports:\n  %s", strings.Join(broken, "\n  "))
	}
}

func TestStoreStandsAlone(t *testing.T) {
	store := module + "/internal/storage/memory"
	g, err := load(store)
	require.NoError(t, err)
	for path, n := range g {
		allowed := n.standard || slices.ContainsFunc(storeMayUse, func(root string) bool { return under(root, path) })
		require.True(t, allowed, "%s needs %s: the store is the standard library, x/sys and invariants, so that it can be measured and replaced by itself", store, path)
	}
}

func TestPurePackagesHaveNoClock(t *testing.T) {
	g, err := load(pure...)
	require.NoError(t, err)
	for _, pkg := range pure {
		require.NotEmpty(t, g[pkg].files, pkg)
		found, err := g.clocksOf(pkg)
		require.NoError(t, err)
		require.Empty(t, found, "%s is told what time it is", pkg)
	}
}
