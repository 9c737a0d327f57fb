package consensus

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/leasecache/leasecache/shard"
	"github.com/leasecache/leasecache/shard/control"
)

// oneLog is an agreed log that everybody has applied at once.
type oneLog struct {
	mu      sync.Mutex
	st      control.State
	entries []control.Entry // as proposed
	before  func(control.Entry) error
}

func (l *oneLog) View(f func(*control.State)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	f(&l.st)
}

func (l *oneLog) Propose(ctx context.Context, e control.Entry) (control.Result, error) {
	if l.before != nil {
		if err := l.before(e); err != nil {
			return control.Result{}, err
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.entries = append(l.entries, e)
	r, err := l.st.Execute(l.st.Index+1, control.Encode(e))
	return r, err
}

func (l *oneLog) must(t *testing.T, e control.Entry) control.Result {
	t.Helper()
	r, err := l.Propose(t.Context(), e)
	require.NoError(t, err)
	require.Equal(t, control.OK, r.Code)
	return r
}

// ours is a log in which this node owns all shards, at epoch 6, by session 3.
func ours(t *testing.T, shards int) (*oneLog, *Keeper) {
	t.Helper()
	l := new(oneLog)
	former := make([]control.Former, shards)
	for i := range former {
		former[i].Epoch = 5
	}
	l.must(t, control.Init{Cluster: "c1", Incarnation: 1, Settings: control.DefaultSettings(), Shards: former})
	l.must(t, control.PutMember{Node: "n1", Birth: "b1", Client: "127.0.0.1:1"})
	l.must(t, control.Register{Node: "n1", Birth: "b1", Life: 7, Count: 1})
	give := control.Assign{}
	for i := range shards {
		give.Owners = append(give.Owners, control.Owner{Shard: shard.ID(i), Epoch: 5, To: 3})
	}
	l.must(t, give)
	l.entries = nil
	k := NewKeeper("n1", "c1", uint32(shards), l)
	t.Cleanup(k.Close)
	return l, k
}

var fenced = shard.Note{Fenced: true}

func TestKeeperNotes(t *testing.T) {
	l, k := ours(t, 2)
	require.NoError(t, k.Note(t.Context(), 1, 6, fenced))
	require.True(t, l.st.Shards[1].Noted.Fenced)
	require.False(t, l.st.Shards[0].Noted.Fenced)
	require.ErrorIs(t, k.Note(t.Context(), 1, 5, fenced), shard.ErrStale)
	require.Error(t, k.Note(t.Context(), 1, 6, shard.Note{Bounded: time.Hour}), "longer than any intent")

	to, err := k.Raise(t.Context(), 1, 6, 9)
	require.NoError(t, err)
	require.EqualValues(t, 9, to)
	require.EqualValues(t, 9, k.Raised(1, 6))
	require.EqualValues(t, 5, k.Raised(1, 5), "that was another tenure")
	_, err = k.Raise(t.Context(), 1, 6, 9)
	require.ErrorIs(t, err, shard.ErrStale)
	_, err = k.Raise(t.Context(), 1, 9, shard.MaxEpoch+1)
	require.ErrorIs(t, err, errEpochs)
	require.True(t, l.st.Shards[1].Noted.Fenced, "R4: a raise leaves what is noted")
}

// H6: the shard changes hands while a note is on its way. The log refuses it.
func TestSchedule_H6_NoteOfAFormerOwner(t *testing.T) {
	l, k := ours(t, 1)
	l.before = func(e control.Entry) error {
		if _, ok := e.(control.Note); ok {
			l.before = nil
			l.must(t, control.Release{Node: "n1", Session: 3})
		}
		return nil
	}
	require.ErrorIs(t, k.Note(t.Context(), 0, 6, fenced), shard.ErrStale)
	require.False(t, l.st.Shards[0].Noted.Fenced)
	require.ErrorIs(t, k.Note(t.Context(), 0, 7, fenced), shard.ErrStale, "nobody's")
}

// Notes that come while one is under way are one entry; each is told of its own.
func TestKeeperGathersNotes(t *testing.T) {
	const shards = 200
	l, k := ours(t, shards)
	reached, goOn := make(chan struct{}), make(chan struct{})
	var once sync.Once
	l.before = func(control.Entry) error {
		once.Do(func() {
			close(reached)
			<-goOn
		})
		return nil
	}
	var all sync.WaitGroup
	errs := make([]error, shards)
	note := func(i int) {
		all.Go(func() {
			e := shard.Epoch(6)
			if i%7 == 3 {
				e = 5
			}
			errs[i] = k.Note(context.Background(), shard.ID(i), e, fenced)
		})
	}
	note(0)
	<-reached
	late := 0
	for i := 1; i < shards; i++ {
		note(i)
		if i%7 == 3 {
			late++
		}
	}
	require.Eventually(t, func() bool {
		k.notes.mu.Lock()
		defer k.notes.mu.Unlock()
		return len(k.notes.mu.queue) == shards-1-late
	}, 5*time.Second, time.Millisecond)
	close(goOn)
	all.Wait()
	for i, err := range errs {
		if i%7 == 3 {
			require.ErrorIs(t, err, shard.ErrStale)
			continue
		}
		require.NoError(t, err)
		require.True(t, l.st.Shards[i].Noted.Fenced)
	}
	require.Len(t, l.entries, 2)
}

func TestKeeperDoesNotKnow(t *testing.T) {
	l, k := ours(t, 1)
	lost := errors.New("no leader")
	l.before = func(control.Entry) error { return lost }
	require.ErrorIs(t, k.Note(t.Context(), 0, 6, fenced), lost)
	_, err := k.Raise(t.Context(), 0, 6, 0)
	require.ErrorIs(t, err, lost)

	ctx, end := context.WithCancel(t.Context())
	l.before = func(control.Entry) error { end(); time.Sleep(time.Millisecond); return nil }
	require.ErrorIs(t, k.Note(ctx, 0, 6, fenced), context.Canceled)
	k.Close()
	require.ErrorIs(t, k.Note(t.Context(), 0, 6, fenced), errClosed)
}

// A note that comes while Quiet is under way outlives it.
func TestSchedule_R17_QuietIsOfTheNotesItSaw(t *testing.T) {
	l, k := ours(t, 3)
	require.NoError(t, k.Note(t.Context(), 0, 6, fenced))
	require.NoError(t, k.Note(t.Context(), 1, 6, fenced))
	require.NoError(t, k.Quiet(t.Context(), []shard.ID{0, 2}))
	require.False(t, l.st.Shards[0].Noted.Fenced)
	require.True(t, l.st.Shards[1].Noted.Fenced)

	l.before = func(e control.Entry) error {
		if _, ok := e.(control.Quiet); ok {
			l.before = nil
			l.must(t, control.Note{Session: 3, Items: []control.Noted{{Shard: 1, Epoch: 6, Note: fenced}}})
		}
		return nil
	}
	require.NoError(t, k.Quiet(t.Context(), []shard.ID{1}))
	require.True(t, l.st.Shards[1].Noted.Fenced)
}

func TestKeeperPassesOnFences(t *testing.T) {
	l, k := ours(t, 1)
	require.NoError(t, k.Note(t.Context(), 0, 6, fenced))
	l.must(t, control.Reset{Session: 3, Items: []control.At{{Shard: 0, Epoch: 6}}})
	below := l.st.Shards[0].DoubtBelow
	require.NotZero(t, below)
	k.Fenced(0, below-1)
	k.Fenced(0, below)
	require.Eventually(t, func() bool {
		var left uint64
		l.View(func(st *control.State) { left = st.Shards[0].DoubtBelow })
		return left == 0
	}, 5*time.Second, time.Millisecond)
	require.Len(t, l.entries, 3, "a fence that clears nothing is not worth an entry")
}

func TestKeeperKnowsTheCluster(t *testing.T) {
	_, k := ours(t, 4)
	require.Equal(t, "n1", k.Node())
	require.Equal(t, "c1", k.Cluster())
	require.EqualValues(t, 4, k.Shards())
	require.Equal(t, time.Minute, k.LongestIntent())
	m := k.Map("")
	require.NoError(t, m.Check())
	require.Equal(t, "127.0.0.1:1", m.Nodes[0].Addr)
}
