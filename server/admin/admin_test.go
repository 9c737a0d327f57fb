package admin

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"

	"github.com/leasecache/leasecache/server"
	"github.com/leasecache/leasecache/server/admin/api"
	"github.com/leasecache/leasecache/shard/single"
)

// node is a running server with its admin port and one client connection.
type node struct {
	t       testing.TB
	srv     *server.Server
	admin   *Server
	client  net.Conn
	replies *bufio.Reader
}

func start(t testing.TB) *node {
	t.Helper()
	quiet := slog.New(slog.DiscardHandler)
	keeper, err := single.Ephemeral(single.Options{Shards: 8, ClusterID: "c1"}, true)
	require.NoError(t, err)
	srv, err := server.New(server.Config{Listen: "127.0.0.1:0", Memory: 64 << 20, Keeper: keeper, Logger: quiet, Version: "1.2.3"})
	require.NoError(t, err)
	a, err := New("127.0.0.1:0", srv, nil, quiet)
	require.NoError(t, err)
	served := make(chan error, 2)
	go func() { served <- srv.Serve() }()
	go func() { served <- a.Serve() }()
	nc, err := net.Dial("tcp", srv.Addr().String())
	require.NoError(t, err)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		_ = nc.Close()
		if srv.Ready() == nil {
			require.NoError(t, srv.Stop(ctx))
		}
		require.NoError(t, a.Stop(ctx))
		require.NoError(t, <-served)
		require.NoError(t, <-served)
		require.NoError(t, keeper.Close())
	})
	return &node{t, srv, a, nc, bufio.NewReader(nc)}
}

// do sends one command and returns the first line of its reply.
func (n *node) do(text string) string {
	n.t.Helper()
	_, err := io.WriteString(n.client, strings.ReplaceAll(text, "\n", "\r\n"))
	require.NoError(n.t, err)
	line, err := n.replies.ReadString('\n')
	require.NoError(n.t, err)
	return strings.TrimSpace(line)
}

// token is the L of a reply.
func token(t testing.TB, reply string) (n api.Token) {
	t.Helper()
	for _, f := range strings.Fields(reply) {
		if f[0] == 'L' && f != "LE" {
			_, err := fmt.Sscan(f[1:], &n)
			require.NoError(t, err)
			return n
		}
	}
	require.Fail(t, "no token", "%q", reply)
	return 0
}

func (n *node) call(method, path, body string, into any) int {
	n.t.Helper()
	req, err := http.NewRequest(method, "http://"+n.admin.Addr().String()+path, strings.NewReader(body))
	require.NoError(n.t, err)
	req.Header.Set("Content-Type", "application/json; charset=utf-8")
	resp, err := http.DefaultClient.Do(req)
	require.NoError(n.t, err)
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	require.NoError(n.t, err)
	if s, ok := into.(*string); ok {
		*s = string(text)
	} else {
		require.NoError(n.t, json.Unmarshal(text, into), "%s", text)
	}
	return resp.StatusCode
}

func get[T any](n *node, path string) (out T) {
	n.t.Helper()
	require.Equal(n.t, http.StatusOK, n.call("GET", path, "", &out))
	return out
}

func TestHealthAndReadiness(t *testing.T) {
	n := start(t)
	require.Equal(t, "ok\n", get[string](n, "/healthz"))
	require.Equal(t, "ready\n", get[string](n, "/readyz"))
	require.NoError(t, n.srv.Stop(context.Background()))
	require.Equal(t, "ok\n", get[string](n, "/healthz"))
	var why string
	require.Equal(t, http.StatusServiceUnavailable, n.call("GET", "/readyz", "", &why))
	require.Contains(t, why, "stopping")
	// Whoever looks at a node that has stopped gets an answer, too.
	require.False(t, get[api.Status](n, api.PathStatus).Ready)
	require.Len(t, get[api.Shards](n, api.PathShards).Shards, 8)
	require.NotEmpty(t, get[string](n, "/metrics"))
	var e api.Error
	require.Equal(t, http.StatusServiceUnavailable, n.call("GET", api.PathInspect+"?key=a", "", &e))
	require.Equal(t, http.StatusServiceUnavailable, n.call("POST", api.PathInvalidate, `{"keys":["a"]}`, &e))
}

func TestStatusCounts(t *testing.T) {
	n := start(t)
	n.do("lg a\n")
	n.do("set b 0 0 1\nx\n")
	n.do("lg b\n")
	n.do("lw c F\n")
	n.do("lg c\n")
	n.do("lw d B e60000\n")
	s := get[api.Status](n, api.PathStatus)
	require.Equal(t, "c1", s.Cluster)
	require.Equal(t, "1.2.3", s.Version)
	require.Equal(t, n.srv.Addr().String(), s.Listen)
	require.Equal(t, n.admin.Addr().String(), s.Admin)
	require.True(t, s.Ready)
	require.Equal(t, api.Reads{Hits: 1, Misses: 1, Quarantined: 1}, s.Reads)
	require.Equal(t, int64(1), s.Leases.Granted)
	require.Equal(t, int64(1), s.Intents.LiveFenced)
	require.Equal(t, int64(1), s.Intents.LiveBounded)
	require.Equal(t, int64(1), s.Connections.Current)
	require.Equal(t, int64(1), s.Memory.Items)
	require.Equal(t, api.ShardCounts{Total: 8, Open: 8}, s.Shards)
	require.Equal(t, int64(3), s.Commands["lg"])
}

func TestListsAndInspect(t *testing.T) {
	n := start(t)
	leased := token(t, n.do("lg leased e60000\n"))
	fenced := token(t, n.do("lw busy F e60000\n"))
	doubt := token(t, n.do("lw doubt F e50\n"))
	filled := token(t, n.do("lg full\n"))
	require.Equal(t, "HD", n.do(fmt.Sprintf("ls full 2 L%d F9 T100 Gx Gy\nhi\n", filled)))
	time.Sleep(60 * time.Millisecond)

	l := get[api.Leases](n, api.PathLeases)
	require.Equal(t, int64(1), l.Total)
	require.Equal(t, "leased", l.Leases[0].Key)
	require.Equal(t, leased, l.Leases[0].Token)
	require.Greater(t, l.Leases[0].LeftMS, int64(50000))
	i := get[api.Intents](n, api.PathIntents)
	require.Equal(t, int64(1), i.Total)
	require.Equal(t, fenced, i.Intents[0].Token)
	require.Equal(t, api.KindFenced, i.Intents[0].Kind)
	d := get[api.Doubts](n, api.PathDoubts)
	require.Equal(t, []api.Token{doubt}, d.Keys[0].Tokens)
	require.Empty(t, d.Shards)

	for key, want := range map[string]string{
		"leased": api.AnswerWait, "busy": api.AnswerQuarantined, "doubt": api.AnswerDoubt, "full": api.AnswerHit, "absent": api.AnswerLease,
	} {
		v := get[api.Inspect](n, api.PathInspect+"?key="+key)
		require.Equal(t, want, v.Answer, key)
		require.Equal(t, key, v.Key)
	}
	v := get[api.Inspect](n, api.PathInspect+"?key64=ZnVsbA%3D%3D")
	require.Equal(t, filled, v.Value.Version)
	require.Equal(t, []string{"x", "y"}, v.Value.Tags)
	require.Equal(t, uint32(9), v.Value.Flags)
	require.Equal(t, 2, v.Value.Size)
	require.InDelta(t, 100000, v.Value.TTLMS, 5000)
	require.Less(t, v.Value.IdleMS, int64(900), "what was never read is as old as it is")
	// Looking granted nothing.
	require.Equal(t, int64(1), get[api.Leases](n, api.PathLeases).Total)

	g := get[api.Get](n, api.PathGet+"?key=full")
	require.True(t, g.Found)
	require.Equal(t, "hi", string(g.Data))
	require.False(t, get[api.Get](n, api.PathGet+"?key=absent").Found)

	for range 20 {
		n.do(fmt.Sprintf("lg more%d e60000\n", time.Now().UnixNano()))
	}
	l = get[api.Leases](n, api.PathLeases+"?limit=5")
	require.Len(t, l.Leases, 5)
	require.Equal(t, int64(21), l.Total)
	require.True(t, l.Truncated)
}

func TestInvalidate(t *testing.T) {
	n := start(t)
	n.do("set a 0 0 1\nx\n")
	tok := token(t, n.do("lg b\n"))
	var out api.Invalidated
	require.Equal(t, http.StatusOK, n.call("POST", api.PathInvalidate, `{"keys":["a"],"keys64":["Yg=="]}`, &out))
	require.Len(t, out.Keys, 2)
	require.Equal(t, "EN", n.do("lg a p\n"))
	require.Equal(t, "NS ri", n.do(fmt.Sprintf("ls b 1 L%d\nx\n", tok)))

	tok = token(t, n.do("lg tagged\n"))
	require.Equal(t, "HD", n.do(fmt.Sprintf("ls tagged 1 L%d Gx\nx\n", tok)))
	require.Equal(t, http.StatusOK, n.call("POST", api.PathInvalidate, `{"tag":"x"}`, &out))
	require.NotZero(t, out.Token)
	require.Equal(t, "EN", n.do("lg tagged p\n"))
}

func TestBadRequests(t *testing.T) {
	n := start(t)
	for _, path := range []string{
		api.PathInspect, api.PathInspect + "?key=a&key64=YQ==", api.PathInspect + "?key64=!", api.PathGet + "?key=" + strings.Repeat("k", 251),
		api.PathLeases + "?limit=0", api.PathLeases + "?limit=x",
	} {
		var e api.Error
		require.Equal(t, http.StatusBadRequest, n.call("GET", path, "", &e), path)
		require.NotEmpty(t, e.Error)
	}
	for _, body := range []string{"", "{}", `{"keys":["a"],"tag":"x"}`, `{"key":"a"}`, `{"keys":[""]}`, `{"tag":"` + strings.Repeat("t", 65) + `"}`, "[", `{"keys64":["!"]}`} {
		var e api.Error
		require.Equal(t, http.StatusBadRequest, n.call("POST", api.PathInvalidate, body, &e), body)
		require.NotEmpty(t, e.Error)
	}
	var e api.Error
	require.Equal(t, http.StatusNotFound, n.call("GET", "/api/v1/nothing", "", &e))
}

// What a web page can have a browser send without asking changes nothing.
func TestForeignPagesCannotInvalidate(t *testing.T) {
	n := start(t)
	n.do("set a 0 0 1\nx\n")
	for _, kind := range []string{"text/plain", "application/x-www-form-urlencoded", ""} {
		req, err := http.NewRequest("POST", "http://"+n.admin.Addr().String()+api.PathInvalidate, strings.NewReader(`{"keys":["a"]}`))
		require.NoError(t, err)
		req.Header.Set("Content-Type", kind)
		resp, err := http.DefaultClient.Do(req)
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		require.Equal(t, http.StatusBadRequest, resp.StatusCode, kind)
	}
	require.Equal(t, "HD", n.do("lg a\n"))
}

func TestMetrics(t *testing.T) {
	n := start(t)
	tok := token(t, n.do("lg a\n"))
	n.do(fmt.Sprintf("ls a 1 L%d\nx\n", tok))
	n.do(fmt.Sprintf("ls a 1 L%d\nx\n", tok))
	n.do("get a\n")
	text := get[string](n, "/metrics")
	for _, want := range []string{
		`leasecache_commands_total{outcome="granted",verb="lg"} 1`,
		`leasecache_commands_total{outcome="hit",verb="get"} 1`,
		`leasecache_leases_granted_total 1`,
		`leasecache_leases_filled_total 1`,
		`leasecache_leases_refused_total{reason="unknown"} 1`,
		`leasecache_parked_readers 0`,
		`leasecache_intents 0`,
		`leasecache_doubts 0`,
		`leasecache_evictions_total 0`,
		`leasecache_connections 1`,
		`leasecache_items 1`,
		`leasecache_shards{state="open"} 8`,
		`leasecache_ready 1`,
		`leasecache_info{cluster="c1",node="n1",version="1.2.3"} 1`,
		`go_goroutines`,
	} {
		require.Contains(t, text, want)
	}
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(collector{srv: n.srv})
	problems, err := testutil.GatherAndLint(registry)
	require.NoError(t, err)
	require.Empty(t, problems)
}
