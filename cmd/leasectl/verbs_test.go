package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/leasecache/leasecache/server/admin/api"
	"github.com/stretchr/testify/require"
)

// leasectl runs one command line and returns what came of it.
func leasectl(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	code = run(t.Context(), args, &out, &errs)
	return code, out.String(), errs.String()
}

// admin answers one path with one value, as a leasecached would, and records the request.
func admin(t *testing.T, path string, status int, answer any) (addr string, seen *http.Request, body *[]byte) {
	t.Helper()
	seen, body = new(http.Request), new([]byte)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		*seen = *r
		*body, _ = io.ReadAll(r.Body)
		if r.URL.Path != path {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		w.WriteHeader(status)
		_ = json.NewEncoder(w).Encode(answer)
	}))
	t.Cleanup(s.Close)
	return s.Listener.Addr().String(), seen, body
}

const epoch5 = 5 << 40

var verbs = []struct {
	name   string
	args   []string
	path   string
	answer any
	query  string
	text   string
}{
	{
		name: "status", args: []string{"status"}, path: api.PathStatus,
		answer: api.Status{
			Node: "n1", Cluster: "6f1c", Version: "0.1", Listen: "127.0.0.1:11211", Admin: "127.0.0.1:11212", UptimeMS: 3_700_000, Ready: true,
			Memory:      api.Memory{LimitBytes: 1 << 30, UsedBytes: 1 << 28, Items: 12},
			Connections: api.Connections{Current: 3, Total: 9},
			Reads:       api.Reads{Hits: 90, Misses: 10},
			Leases:      api.LeaseStats{Live: 1, Granted: 10, Filled: 7, Refused: map[string]int64{"i": 2, "q": 0, "d": 1}},
			Intents:     api.IntentStats{Begun: 4, Committed: 4},
			Shards:      api.ShardCounts{Total: 1024, Open: 1023, Doubt: 1},
			Commands:    map[string]int64{"lg": 100, "get": 1, "set": 0},
		},
		text: `node         n1, leasecached 0.1, up 1h1m
cluster      6f1c
ready        yes
ports        clients 127.0.0.1:11211, admin 127.0.0.1:11212
connections  3 now, 9 in all
memory       256.0 MiB of 1.0 GiB (25 %), 12 items, 0 evicted, 0 expired
reads        90 hits (90.0 %), 10 misses, 0 stale, 0 quarantined, 0 in doubt
leases       1 live, 0 readers parked; 10 granted, 7 filled, 0 dropped for want of memory, refused: doubt not fenced 1, invalidated 2
intents      0 fenced, 0 bounded live; 4 begun, 4 committed, 0 aborted, 0 ran out, 0 refused
doubts       0 keys, 0 shards; 0 cleared
shards       1024: 1023 open, 1 in doubt, 0 closed
commands     get 1, lg 100
`,
	},
	{
		name: "shards", args: []string{"shards"}, path: api.PathShards,
		answer: api.Shards{Shards: []api.Shard{
			{Shard: 0, Owner: "n1", Epoch: 5, State: api.ShardOpen},
			{Shard: 1, Owner: "n1", Epoch: 5, State: api.ShardDoubt, DoubtBelow: epoch5, NotedFenced: true, Leases: 2},
			{Shard: 2, Owner: "n1", Epoch: 5, State: api.ShardClosed, ClosedForMS: 4200, NotedBoundedMS: 5000, TagFloor: 7},
		}},
		text: `SHARD  OWNER  EPOCH  STATE        LEASES  INTENTS  DOUBTS  NOTED           DOUBT BELOW  TAG FLOOR
    1  n1         5  doubt             2        0       0  fenced        5497558138880          -
    2  n1         5  closed 4.2s       0        0       0  bounded 5.0s              -          7
open and idle: 1 more; --all lists them
`,
	},
	{
		name: "owners", args: []string{"shards", "--cluster"}, path: api.PathOwners,
		answer: api.Owners{Shards: []api.Owner{{Shard: 0, Node: "n1", Epoch: 5, MovesTo: "n2"}, {Shard: 1, Epoch: 6}}},
		text: `SHARD  NODE    EPOCH  MOVES TO
    0  n1          5  n2
    1  nobody      6  -
`,
	},
	{
		name: "nodes", args: []string{"nodes"}, path: api.PathNodes,
		answer: api.Nodes{Cluster: "6f1c", NoLeader: "1 of 3 voters can be reached", Term: 7, Nodes: []api.Node{
			{ID: "n1", Clients: "10.0.0.1:11211", Admin: "10.0.0.1:11212", Peers: "10.0.0.1:11213", Alive: true, Votes: true, Shards: 512, MemoryBytes: 1 << 30, HeardMS: 120},
			{ID: "n2", Peers: "10.0.0.2:11213", Draining: true, Forgotten: true, HeardMS: -1},
		}},
		text: `cluster  6f1c
leader   NONE: 1 of 3 voters can be reached, term 7
NODE  STATE                      VOTES  SHARDS   MEMORY     HEARD  CLIENTS         ADMIN           PEERS
n1    alive                      yes       512  1.0 GiB  0.1s ago  10.0.0.1:11211  10.0.0.1:11212  10.0.0.1:11213
n2    down, draining, forgotten  no          0      0 B         -  -               -               10.0.0.2:11213
`,
	},
	{
		name: "move", args: []string{"move", "7", "n2"}, path: api.PathMove, answer: api.Done{OK: true}, text: "shard 7 is at n2\n",
	},
	{
		name: "drain", args: []string{"drain", "n2"}, path: api.PathDrain, answer: api.Done{OK: true}, text: "n2 is to own nothing; `leasectl nodes` shows what it still does\n",
	},
	{
		name: "forget", args: []string{"forget", "n2"}, path: api.PathForget, answer: api.Done{OK: true}, text: "n2 is forgotten\n",
	},
	{
		name: "idle shards", args: []string{"shards"}, path: api.PathShards,
		answer: api.Shards{Shards: []api.Shard{{State: api.ShardOpen}}},
		text:   "all 1 shards are open and idle; --all lists them\n",
	},
	{
		name: "leases", args: []string{"leases", "--limit", "2"}, path: api.PathLeases, query: "limit=2",
		answer: api.Leases{Total: 3, Truncated: true, Leases: []api.Lease{
			{Name: api.NameOf([]byte("product:1")), Shard: 17, Token: epoch5 + 1, LeftMS: 9100, Parked: 12},
			{Name: api.NameOf([]byte{0, 1}), Shard: 4, Token: 9, LeftMS: 60000, Doubt: true},
		}},
		text: `        TOKEN  SHARD  LEFT  PARKED  FOR             KEY
5497558138881     17  9.1s      12  fill            product:1
            9      4   60s       0  fence and fill  "\x00\x01"
2 of 3 are shown; --limit shows more
`,
	},
	{name: "no leases", args: []string{"leases"}, path: api.PathLeases, query: "limit=1000", answer: api.Leases{}, text: "no lease is out\n"},
	{
		name: "intents", args: []string{"intents"}, path: api.PathIntents, query: "limit=1000",
		answer: api.Intents{Total: 1, Intents: []api.Intent{{Name: api.NameOf([]byte("a")), Shard: 3, Token: 8, Kind: api.KindFenced, LeftMS: 500}}},
		text: `TOKEN  SHARD  KIND    LEFT  KEY
    8      3  fenced  0.5s  a
`,
	},
	{
		name: "doubts", args: []string{"doubts"}, path: api.PathDoubts, query: "limit=1000",
		answer: api.Doubts{
			Total: 1, Shards: []api.ShardInDoubt{{Shard: 2, Epoch: 6, Below: 77}},
			Keys: []api.Doubt{{Name: api.NameOf([]byte("a")), Shard: 3, Tokens: []api.Token{8, 9}}},
		},
		text: `SHARD IN DOUBT  EPOCH  CLEARED BY A FENCE AT
             2      6                     77

SHARD  INTENTS THAT RAN OUT  KEY IN DOUBT
    3  8 9                   a
`,
	},
	{name: "no doubts", args: []string{"doubts"}, path: api.PathDoubts, query: "limit=1000", answer: api.Doubts{}, text: "nothing is in doubt\n"},
	{
		name: "inspect", args: []string{"inspect", "product:1"}, path: api.PathInspect, query: "key=product%3A1",
		answer: api.Inspect{
			Name: api.NameOf([]byte("product:1")), Shard: 17, Epoch: 5, Answer: api.AnswerQuarantined, ShardState: api.ShardOpen,
			Value:   &api.Value{Size: 10, Flags: 2, Version: 6, CAS: 99, Stale: true, TTLMS: -1, AgeMS: 1000, Tags: []string{"a b"}},
			Lease:   &api.Lease{Token: 7, LeftMS: 8000, Refresh: true},
			Intents: []api.Intent{{Token: 8, Kind: api.KindFenced, LeftMS: 500}, {Token: 9, Kind: api.KindBounded, LeftMS: 700}},
			Doubts:  []api.Token{4}, LastVoid: 9,
		},
		text: `key        product:1
shard      17, epoch 5, open
reader     quarantined: a writer's intent is open, it would read the database and not fill
value      10 bytes, flags 2, version 6, CAS 99 chosen by a client, stored 1.0s ago, never read, no TTL, tags ["a b"], STALE: only for readers that accept it
lease      7 to refresh, 8.0s left, 0 parked
intents    8 fenced, 0.5s left
           9 bounded, 0.7s left
doubts     4
last void  9
`,
	},
	{
		name: "inspect nothing", args: []string{"inspect", "--base64", "AAE="}, path: api.PathInspect, query: "key64=AAE%3D",
		answer: api.Inspect{Name: api.NameOf([]byte{0, 1}), Shard: 1, Epoch: 2, Answer: api.AnswerLease, ShardState: api.ShardClosed, DoubtBelow: 5, ClosedForMS: 900},
		text: `key        "\x00\x01"
shard      1, epoch 2, closed, cleared by a fence at 5 for 0.9s
reader     miss: it would get the lease to fill the key
value      none
lease      none
intents    none
doubts     none
last void  -
`,
	},
	{
		name: "get", args: []string{"get", "k"}, path: api.PathGet, query: "key=k",
		answer: api.Get{Name: api.NameOf([]byte("k")), Found: true, Answer: api.AnswerHit, Data: []byte("a\x00b")}, text: "a\x00b",
	},
	{
		name: "invalidate", args: []string{"invalidate", "a", "b"}, path: api.PathInvalidate,
		answer: api.Invalidated{Keys: []api.InvalidatedKey{{Name: api.NameOf([]byte("a")), Token: 10}, {Name: api.NameOf([]byte("b")), Token: 9}}},
		text: `LEASES VOID BELOW  KEY
               10  a
                9  b
`,
	},
	{
		name: "invalidate a tag", args: []string{"invalidate", "--tag", "shop 1"}, path: api.PathInvalidate,
		answer: api.Invalidated{Tag: "shop 1", Token: 3}, text: "tag \"shop 1\" is invalidated in every shard\n",
	},
}

func TestVerbs(t *testing.T) {
	for _, v := range verbs {
		t.Run(v.name, func(t *testing.T) {
			addr, seen, _ := admin(t, v.path, http.StatusOK, v.answer)
			code, out, errs := leasectl(t, append(v.args, "--server", addr)...)
			require.Equal(t, 0, code, errs)
			require.Equal(t, v.text, out)
			require.Empty(t, errs)
			require.Equal(t, v.query, seen.URL.RawQuery)

			code, out, errs = leasectl(t, append(v.args, "--server", addr, "-o", "json")...)
			require.Equal(t, 0, code, errs)
			want, err := json.MarshalIndent(v.answer, "", "  ")
			require.NoError(t, err)
			require.Equal(t, string(want)+"\n", out, "JSON is the server's answer")
		})
	}
}

// TestStatusSaysWhoLeads, or who is missing.
func TestStatusSaysWhoLeads(t *testing.T) {
	for want, s := range map[string]api.Status{
		"cluster      6f1c, led by n2; this node's session lasts 2.5s, and is renewed\n":                                  {Cluster: "6f1c", Leader: "n2", SessionMS: 2500},
		"cluster      6f1c, NO LEADER: 1 of 3 voters reachable; waiting for n2 or n3; this node's session ends in 0.0s\n": {Cluster: "6f1c", NoLeader: "1 of 3 voters reachable; waiting for n2 or n3"},
	} {
		addr, _, _ := admin(t, api.PathStatus, http.StatusOK, s)
		_, out, _ := leasectl(t, "status", "--server", addr)
		require.Contains(t, out, want)
	}
}

func TestAllShards(t *testing.T) {
	addr, _, _ := admin(t, api.PathShards, http.StatusOK, api.Shards{Shards: []api.Shard{{Shard: 0, Owner: "n1", State: api.ShardOpen}}})
	code, out, _ := leasectl(t, "shards", "--all", "--server", addr)
	require.Equal(t, 0, code)
	require.Contains(t, out, "    0  n1")
}

func TestInvalidateSendsKeysAsTheyCanBeSent(t *testing.T) {
	addr, seen, body := admin(t, api.PathInvalidate, http.StatusOK, api.Invalidated{Keys: make([]api.InvalidatedKey, 2)})
	code, _, _ := leasectl(t, "invalidate", "--base64", "YQ==", "AAE=", "--server", addr)
	require.Equal(t, 0, code)
	require.Equal(t, http.MethodPost, seen.Method)
	require.JSONEq(t, `{"keys":["a"],"keys64":["AAE="]}`, string(*body))
}

func TestGetWithoutAValue(t *testing.T) {
	addr, _, _ := admin(t, api.PathGet, http.StatusOK, api.Get{Name: api.NameOf([]byte("k")), Answer: api.AnswerDoubt})
	code, out, errs := leasectl(t, "get", "k", "--server", addr)
	require.Equal(t, 1, code)
	require.Empty(t, out)
	require.Equal(t, "leasectl: no value is cached under k: it is in doubt until the database was fenced\n", errs)

	code, out, errs = leasectl(t, "get", "k", "--server", addr, "-o", "json")
	require.Equal(t, 1, code)
	require.Contains(t, out, `"found": false`)
	require.Empty(t, errs)
}

func TestTheServersErrorIsTold(t *testing.T) {
	addr, _, _ := admin(t, api.PathInvalidate, http.StatusServiceUnavailable, api.Error{Error: "the node is stopping"})
	code, out, errs := leasectl(t, "invalidate", "k", "--server", addr)
	require.Equal(t, 1, code)
	require.Empty(t, out)
	require.Equal(t, "leasectl: the node is stopping\n", errs)
}

// The exit code says whether it was done, whatever it was that answered.
func TestInvalidateWantsToHearThatItWasDone(t *testing.T) {
	for _, answer := range []any{nil, map[string]any{}, []int{}, api.Invalidated{Keys: make([]api.InvalidatedKey, 1)}} {
		addr, _, _ := admin(t, api.PathInvalidate, http.StatusOK, answer)
		for _, args := range [][]string{{"a", "b"}, {"--tag", "t"}} {
			code, out, errs := leasectl(t, append([]string{"invalidate", "--server", addr}, args...)...)
			require.Equal(t, 1, code, "%v", answer)
			require.Empty(t, out)
			require.Equal(t, 1, strings.Count(errs, "\n"), errs)
		}
	}
}

func TestAServersTextDoesNotSteerTheTerminal(t *testing.T) {
	addr, _, _ := admin(t, api.PathInvalidate, http.StatusServiceUnavailable, api.Error{Error: "no\x1b[2J\r way\nat all"})
	code, _, errs := leasectl(t, "invalidate", "k", "--server", addr)
	require.Equal(t, 1, code)
	require.Equal(t, "leasectl: no?[2J? way; at all\n", errs)
}

func TestWrongServers(t *testing.T) {
	// A port where nothing listens: one that was free a moment ago.
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	free := ln.Addr().String()
	require.NoError(t, ln.Close())

	// What a client port does with HTTP: it closes, or answers what is no HTTP.
	talk := func(say string) string {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		t.Cleanup(func() { _ = ln.Close() })
		go func() {
			for {
				c, err := ln.Accept()
				if err != nil {
					return
				}
				_, _ = c.Read(make([]byte, 4096))
				_, _ = io.WriteString(c, say)
				_ = c.Close()
			}
		}()
		return ln.Addr().String()
	}
	other := httptest.NewServer(http.NotFoundHandler())
	defer other.Close()
	page := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "<html>") }))
	defer page.Close()

	for name, c := range map[string]struct{ addr, says string }{
		"nothing there":   {free, "nothing listens on " + free + ": start leasecached, or name the admin address of a running one with --server HOST:ADMINPORT; `leasecached memcached` and `--admin none` have none"},
		"no such host":    {"leasecache.invalid:1", "check --server"},
		"client port":     {talk(""), "does not speak HTTP: --server wants the admin port"},
		"memcached":       {talk("ERROR\r\n"), "does not speak HTTP: --server wants the admin port"},
		"another service": {other.Listener.Addr().String(), `answers "404 Not Found" to /api/v1/status: it is no leasecached`},
		"a web page":      {page.Listener.Addr().String(), "answers, but not as a leasecached does"},
	} {
		code, out, errs := leasectl(t, "status", "--server", c.addr)
		require.Equal(t, 1, code, name)
		require.Empty(t, out, name)
		require.Contains(t, errs, c.says, name)
		require.Equal(t, 1, strings.Count(errs, "\n"), "%s: one sentence, not %q", name, errs)
	}
}

func TestInterrupted(t *testing.T) {
	block := make(chan struct{})
	s := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-block }))
	defer s.Close()
	defer close(block)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var out, errs bytes.Buffer
	require.Equal(t, 1, run(ctx, []string{"status", "--server", s.Listener.Addr().String()}, &out, &errs))
	require.Equal(t, "leasectl: interrupted\n", errs.String())
}

func TestBadUsage(t *testing.T) {
	for _, args := range [][]string{
		{"stauts"},
		{"status", "extra"},
		{"status", "--nosuch"},
		{"status", "-o", "yaml"},
		{"status", "--server", "localhost"},
		{"leases", "--limit", "0"},
		{"leases", "--limit", "x"},
		{"inspect"},
		{"inspect", "a", "b"},
		{"inspect", ""},
		{"inspect", strings.Repeat("k", 251)},
		{"get", "--base64", "?"},
		{"invalidate"},
		{"invalidate", "k", "--tag", "t"},
		{"invalidate", "--tag", ""},
		{"demo", "--products", "1"},
		{"demo", "--readers", "0"},
		{"demo", "--writers", "-1"},
		{"demo", "--duration", "1ms"},
		{"demo", "--duration", "long"},
	} {
		code, out, errs := leasectl(t, args...)
		require.Equal(t, 2, code, args)
		require.Empty(t, out, args)
		require.True(t, strings.HasPrefix(errs, "leasectl: "), "%v: %q", args, errs)
	}
}

func TestHelp(t *testing.T) {
	code, out, errs := leasectl(t)
	require.Equal(t, 0, code)
	require.Empty(t, errs)
	for _, verb := range []string{"status", "shards", "leases", "intents", "doubts", "inspect", "get", "invalidate", "demo"} {
		require.Contains(t, out, "\n  "+verb)
	}
}

func TestNumbersOfTables(t *testing.T) {
	for ms, want := range map[int64]string{0: "0.0s", 9950: "9.9s", 60_000: "60s", 3_600_000: "1h0m", 200_000_000: "2d"} {
		require.Equal(t, want, millis(ms))
	}
	for n, want := range map[int64]string{0: "0 B", 10239: "10239 B", 10240: "10.0 KiB", 3 << 40: "3.0 TiB"} {
		require.Equal(t, want, size(n))
	}
}
