package admin

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"

	"github.com/leasecache/leasecache/server/admin/api"
	"github.com/leasecache/leasecache/shard"
)

// fakeCluster has a node and remembers what it was told.
type fakeCluster struct {
	told string
	err  error
	why  string // there is no leader
}

func (f *fakeCluster) Nodes() api.Nodes {
	n := api.Nodes{Cluster: "c1", Leader: "n1", Nodes: []api.Node{{ID: "n1", Votes: true, HeardMS: 400}}}
	if f.why != "" {
		n.Leader, n.NoLeader = "", f.why
	}
	return n
}

func (f *fakeCluster) Owners() []api.Owner { return []api.Owner{{Node: "n1", Epoch: 5, MovesTo: "n2"}} }

func (f *fakeCluster) Gauges() Gauges {
	return Gauges{Leads: true, Term: 7, SessionLeft: 2500 * time.Millisecond, Owned: 7, Moved: 3, CalledOff: 1}
}

func (f *fakeCluster) Move(_ context.Context, _ shard.ID, to string) error {
	f.told = "move " + to
	return f.err
}

func (f *fakeCluster) Drain(_ context.Context, node string, on bool) error {
	f.told = map[bool]string{true: "drain ", false: "undo "}[on] + node
	return f.err
}

func (f *fakeCluster) Forget(_ context.Context, node string) error {
	f.told = "forget " + node
	return f.err
}

func TestOperators(t *testing.T) {
	n, f := start(t), &fakeCluster{}
	var e api.Error
	require.Equal(t, http.StatusConflict, n.call("GET", api.PathNodes, "", &e))
	require.Contains(t, e.Error, "start it with --data-dir")
	n.admin.cluster = f
	require.Equal(t, f.Nodes(), get[api.Nodes](n, api.PathNodes))
	require.Equal(t, f.Owners(), get[api.Owners](n, api.PathOwners).Shards)
	for _, c := range []struct{ path, body, told string }{
		{api.PathMove, `{"shard":3,"node":"n2"}`, "move n2"},
		{api.PathDrain, `{"node":"n2"}`, "drain n2"},
		{api.PathDrain, `{"node":"n2","undo":true}`, "undo n2"},
		{api.PathForget, `{"node":"n2"}`, "forget n2"},
	} {
		f.err, f.told = nil, ""
		var done api.Done
		require.Equal(t, http.StatusOK, n.call("POST", c.path, c.body, &done))
		require.True(t, done.OK)
		require.Equal(t, c.told, f.told)
		f.err = errors.New("do something else")
		require.Equal(t, http.StatusConflict, n.call("POST", c.path, c.body, &e))
		require.Equal(t, "do something else", e.Error)
		for _, bad := range []string{"", `{"nod":"n2"}`, "["} {
			f.told = ""
			require.Equal(t, http.StatusBadRequest, n.call("POST", c.path, bad, &e), bad)
			require.Empty(t, f.told)
		}
	}
}

func TestReadinessNamesWhatIsMissing(t *testing.T) {
	n, f := start(t), &fakeCluster{why: "1 of 3 voters reachable; waiting for n2 or n3"}
	n.admin.cluster = f
	require.Equal(t, "ready\n", get[string](n, "/readyz"), "as long as it may serve it does")
	s := get[api.Status](n, api.PathStatus)
	require.Equal(t, f.why, s.NoLeader)
	require.EqualValues(t, 2500, s.SessionMS)
	require.NoError(t, n.srv.Stop(context.Background()))
	var why string
	require.Equal(t, http.StatusServiceUnavailable, n.call("GET", "/readyz", "", &why))
	require.Contains(t, why, "; no leader: 1 of 3 voters reachable; waiting for n2 or n3")
}

func TestMetricsOfACluster(t *testing.T) {
	n := start(t)
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(collector{n.srv, &fakeCluster{}})
	problems, err := testutil.GatherAndLint(registry)
	require.NoError(t, err)
	require.Empty(t, problems)
}
