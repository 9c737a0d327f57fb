package consensus

import (
	"bytes"
	"context"
	"errors"
	"io"
	"testing"
	"time"

	"github.com/hashicorp/raft"
	"github.com/stretchr/testify/require"

	"github.com/leasecache/leasecache/shard/control"
)

func made(shards int) control.Init {
	e := control.Init{Cluster: "c1", Incarnation: 1, Settings: control.DefaultSettings()}
	for range shards {
		e.Shards = append(e.Shards, control.Former{Epoch: 1})
	}
	return e
}

func entry(index uint64, e control.Entry) *raft.Log {
	return &raft.Log{Index: index, Data: control.Encode(e)}
}

func TestFSMExecutesAndTells(t *testing.T) {
	told := 0
	f := newFSM(func() { told++ }, func(err error) { t.Error(err) })
	require.Equal(t, control.Result{}, f.Apply(entry(2, made(4))))
	require.Equal(t, control.Result{}, f.Apply(entry(3, control.PutMember{Node: "n1", Birth: "b"})))
	require.Equal(t, 2, told)
	require.NoError(t, f.reached(t.Context(), 3))

	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	require.ErrorIs(t, f.reached(ctx, 4), context.DeadlineExceeded)

	waited := make(chan error, 1)
	go func() { waited <- f.reached(t.Context(), 4) }()
	f.Apply(entry(4, control.Term{Term: 1, Node: "n1"}))
	require.NoError(t, <-waited)
}

func TestSnapshotsBringTheStateBack(t *testing.T) {
	f := newFSM(func() {}, func(err error) { t.Error(err) })
	f.Apply(entry(2, made(4)))
	snap, err := f.Snapshot()
	require.NoError(t, err)
	f.Apply(entry(3, control.Term{Term: 1, Node: "n1"})) // after the image was taken

	store := raft.NewInmemSnapshotStore()
	sink, err := store.Create(1, 2, 1, raft.Configuration{}, 1, nil)
	require.NoError(t, err)
	require.NoError(t, snap.Persist(sink))
	_, content, err := store.Open(sink.ID())
	require.NoError(t, err)

	g := newFSM(func() {}, func(err error) { t.Error(err) })
	g.Apply(entry(2, made(9)))
	require.NoError(t, g.Restore(content))
	g.view(func(st *control.State) {
		require.NoError(t, st.Check())
		require.Len(t, st.Shards, 4)
		require.EqualValues(t, 2, st.Index)
		require.Zero(t, st.Term)
	})
	require.Error(t, g.Restore(io.NopCloser(bytes.NewReader([]byte("nonsense")))))
}

// TestAnUnknownEntryEndsTheNode: nothing after it may take effect, and no snapshot may
// say that it did.
func TestAnUnknownEntryEndsTheNode(t *testing.T) {
	var died []error
	f := newFSM(func() {}, func(err error) { died = append(died, err) })
	f.Apply(entry(2, made(4)))
	f.Apply(&raft.Log{Index: 3, Data: []byte{0xff, 0xff, 0xff}})
	require.Len(t, died, 1)
	f.Apply(entry(4, control.Term{Term: 1, Node: "n1"}))
	f.view(func(st *control.State) { require.EqualValues(t, 2, st.Index) })
	require.Error(t, f.reached(t.Context(), 4))
	_, err := f.Snapshot()
	require.ErrorIs(t, err, died[0])
}

// hangs is a log store whose disk does not answer.
type hangs struct {
	raft.LogStore
	until chan struct{}
}

func (h hangs) StoreLogs([]*raft.Log) error { <-h.until; return nil }

func TestALogThatHangsEndsTheNode(t *testing.T) {
	h := hangs{raft.NewInmemStore(), make(chan struct{})}
	var died []error
	g := &guardedLog{LogStore: h, limit: 30 * time.Millisecond, die: func(err error) { died = append(died, err) }}
	require.True(t, raft.MonotonicLogStore(g).IsMonotonic())
	err := g.StoreLog(&raft.Log{Index: 1})
	require.Error(t, err)
	close(h.until)
	require.Equal(t, err, g.StoreLog(&raft.Log{Index: 1}), "what became of the first write is unknown: no other may follow")
	require.Equal(t, []error{err}, died)
}

func TestALogThatRefusesEndsTheNode(t *testing.T) {
	full := errors.New("no space left")
	var died []error
	g := &guardedLog{LogStore: failing{raft.NewInmemStore(), full}, limit: time.Second, die: func(err error) { died = append(died, err) }}
	err := g.StoreLog(&raft.Log{Index: 1})
	require.ErrorIs(t, err, full)
	g.LogStore = raft.NewInmemStore()
	require.Equal(t, err, g.StoreLog(&raft.Log{Index: 2}), "there is room again, and a gap")
	require.Equal(t, []error{err}, died)
}

type failing struct {
	raft.LogStore
	err error
}

func (f failing) StoreLogs([]*raft.Log) error { return f.err }

// TestGuardsAreInPlace: raft finds these by type assertions, and says nothing without.
func TestGuardsAreInPlace(t *testing.T) {
	var trans raft.Transport = calmTransport{&raft.NetworkTransport{}}
	_, ok := trans.(raft.WithPreVote)
	require.True(t, ok, "no pre-votes: a node that was cut off would depose the leader when it is back")
	_, ok = trans.(raft.WithClose)
	require.True(t, ok)
}
