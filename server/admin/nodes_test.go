package admin

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"

	"github.com/leasecache/leasecache/server/admin/api"
	"github.com/leasecache/leasecache/shard"
	"github.com/leasecache/leasecache/shard/control"
)

// fakeCluster has two nodes and remembers what it was told.
type fakeCluster struct {
	told string
	err  error
	why  string
}

func (f *fakeCluster) Overview() control.Overview {
	o := control.Overview{
		Node: "n1", Cluster: "c1", Leader: "n2", Term: 7,
		Nodes: []control.Standing{
			{ID: "n1", Member: control.Member{Client: "h:1", Peer: "h:3", Session: 9}, Votes: true, Shards: 7, TTL: 3 * time.Second, Heard: 400 * time.Millisecond},
			{ID: "n2", Member: control.Member{Client: "g:1", Draining: true}, Heard: -1},
		},
		Shards: make([]control.Place, 9),
	}
	for i := range 7 {
		o.Shards[i] = control.Place{Owner: "n1", Epoch: 5}
	}
	o.Shards[0].To = "n2"
	o.Shards[7] = control.Place{Owner: "n2", Epoch: 6}
	o.Shards[8] = control.Place{Epoch: 4}
	if f.why != "" {
		o.Leader, o.Why = "", f.why
	}
	return o
}

func (f *fakeCluster) Gauges() control.Gauges {
	return control.Gauges{Leads: true, Term: 7, Left: 2500 * time.Millisecond, Owned: 7, Moved: 3, Stayed: 1}
}

func (f *fakeCluster) Move(_ context.Context, id shard.ID, node string) error {
	f.told = "move " + node
	return f.err
}

func (f *fakeCluster) Drain(_ context.Context, node string, on bool) error {
	f.told = map[bool]string{true: "drain ", false: "undrain "}[on] + node
	return f.err
}

func (f *fakeCluster) Forget(_ context.Context, node string) error {
	f.told = "forget " + node
	return f.err
}

func TestNodes(t *testing.T) {
	n, f := start(t), &fakeCluster{}
	var e api.Error
	require.Equal(t, http.StatusConflict, n.call("GET", api.PathNodes, "", &e))
	require.Contains(t, e.Error, "start it with a data directory")
	n.admin.all = f
	got := get[api.Nodes](n, api.PathNodes)
	require.Equal(t, "n2", got.Leader)
	require.Equal(t, api.Node{ID: "n1", Clients: "h:1", Peers: "h:3", Voter: true, Session: 9, TTLMS: 3000, HeardMS: 400, Shards: 7}, got.Nodes[0])
	require.Equal(t, api.Node{ID: "n2", Clients: "g:1", Leader: true, HeardMS: -1, Draining: true}, got.Nodes[1])

	shards := get[api.Shards](n, api.PathShards).Shards
	require.Len(t, shards, 9)
	require.Equal(t, api.ShardOpen, shards[0].State)
	require.Equal(t, "n2", shards[0].MovingTo)
	require.Equal(t, api.ShardNobody, shards[8].State)

	s := get[api.Status](n, api.PathStatus)
	require.Equal(t, "n2", s.Leader)
	require.Equal(t, int64(2500), s.SessionMS)
}

func TestOperators(t *testing.T) {
	n, f := start(t), &fakeCluster{}
	n.admin.all = f
	for _, c := range []struct{ path, body, told string }{
		{api.PathMove, `{"shard":3,"node":"n2"}`, "move n2"},
		{api.PathDrain, `{"node":"n2"}`, "drain n2"},
		{api.PathDrain, `{"node":"n2","undo":true}`, "undrain n2"},
		{api.PathForget, `{"node":"n2"}`, "forget n2"},
	} {
		f.err, f.told = nil, ""
		var done api.Done
		require.Equal(t, http.StatusOK, n.call("POST", c.path, c.body, &done))
		require.True(t, done.Done)
		require.Equal(t, c.told, f.told)

		var e api.Error
		f.err = &control.Refusal{Text: "do something else"}
		require.Equal(t, http.StatusConflict, n.call("POST", c.path, c.body, &e))
		require.Equal(t, "do something else", e.Error)
		f.err = errors.New("no leader: wait")
		require.Equal(t, http.StatusServiceUnavailable, n.call("POST", c.path, c.body, &e))
		require.Equal(t, "no leader: wait", e.Error)

		for _, bad := range []string{"", "{}", `{"nod":"n2"}`, "["} {
			f.told = ""
			require.Equal(t, http.StatusBadRequest, n.call("POST", c.path, bad, &e), bad)
			require.Empty(t, f.told)
		}
	}
}

func TestReadinessNamesWhatIsMissing(t *testing.T) {
	n, f := start(t), &fakeCluster{why: "1 of 3 voters can be reached"}
	n.admin.all = f
	require.Equal(t, "ready\n", get[string](n, "/readyz"), "as long as it may serve it does")
	require.Equal(t, f.why, get[api.Status](n, api.PathStatus).NoLeader)
	require.NoError(t, n.srv.Stop(context.Background()))
	var why string
	require.Equal(t, http.StatusServiceUnavailable, n.call("GET", "/readyz", "", &why))
	require.Contains(t, why, "; no leader: 1 of 3 voters can be reached")
}

func TestMetricsOfACluster(t *testing.T) {
	n := start(t)
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(collector{n.srv, &fakeCluster{}})
	problems, err := testutil.GatherAndLint(registry)
	require.NoError(t, err)
	require.Empty(t, problems)
	require.NoError(t, testutil.GatherAndCompare(registry, strings.NewReader(`
# HELP leasecache_raft_leader Whether this node leads its cluster.
# TYPE leasecache_raft_leader gauge
leasecache_raft_leader 1
# HELP leasecache_raft_term The newest term that this node knows of.
# TYPE leasecache_raft_term gauge
leasecache_raft_term 7
# HELP leasecache_session_left_seconds How long this node may serve yet, if nothing is renewed.
# TYPE leasecache_session_left_seconds gauge
leasecache_session_left_seconds 2.5
# HELP leasecache_shards_owned Shards of this node, by what is agreed on.
# TYPE leasecache_shards_owned gauge
leasecache_shards_owned 7
# HELP leasecache_moves_total Planned moves of this node's shards to others, by result.
# TYPE leasecache_moves_total counter
leasecache_moves_total{result="called off"} 1
leasecache_moves_total{result="done"} 3
`), "leasecache_raft_leader", "leasecache_raft_term", "leasecache_session_left_seconds", "leasecache_shards_owned", "leasecache_moves_total"))
}
