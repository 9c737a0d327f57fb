package single

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/leasecache/leasecache/shard"
)

var (
	fencedNote = Note{Fenced: true}
	few        = Options{Shards: 4}
)

// life is one start on the directory; it ends with the test at the latest.
func life(t *testing.T, dir string, o Options) *Keeper {
	t.Helper()
	return lifeOn(t, dir, o, realDisk)
}

func lifeOn(t *testing.T, dir string, o Options, d disk) *Keeper {
	t.Helper()
	k, err := open(dir, o, d)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, k.Close()) })
	return k
}

// next ends a life, as a crash would as far as the directory is concerned:
// Close writes nothing that was not on its way already.
func next(t *testing.T, k *Keeper, dir string, o Options) *Keeper {
	t.Helper()
	require.NoError(t, k.Close())
	return life(t, dir, o)
}

func (k *Keeper) mustNote(t *testing.T, s shard.ID, n Note) {
	t.Helper()
	require.NoError(t, k.Note(t.Context(), s, k.State(s).Epoch, n))
}

func TestANewClusterIsOpenAndEmpty(t *testing.T) {
	k := life(t, t.TempDir(), Options{})
	require.Equal(t, uint32(shard.DefaultCount), k.Shards())
	require.Regexp(t, "^[0-9a-f]{32}$", k.Cluster())
	require.Equal(t, DefaultNode, k.Node())
	require.Equal(t, DefaultSessionTTL, k.SessionTTL())
	require.Equal(t, DefaultLongestIntent, k.LongestIntent())
	require.NoError(t, k.Intents())
	e := k.State(0).Epoch
	require.Less(t, e, shard.Epoch(1<<22))
	for s := range shard.ID(k.Shards()) {
		require.Equal(t, State{Epoch: e}, k.State(s))
	}
}

func TestMapVersionRisesWithEveryEpoch(t *testing.T) {
	dir := t.TempDir()
	k := life(t, dir, few)
	m := k.Map("127.0.0.1:1")
	require.NoError(t, m.Check())
	n, e, ok := m.Owner(3)
	require.True(t, ok)
	require.Equal(t, shard.Node{ID: "n1", Addr: "127.0.0.1:1", State: shard.Alive}, n)
	require.Equal(t, k.State(3).Epoch, e)

	k.mustNote(t, 1, fencedNote)
	require.Equal(t, m.Version, k.Map("").Version, "a note is not the clients' business")
	_, err := k.Raise(t.Context(), 3, e, 0)
	require.NoError(t, err)
	raised := k.Map("")
	require.Greater(t, raised.Version, m.Version)
	session := k.Session()

	k = next(t, k, dir, few)
	require.Greater(t, k.Map("").Version, raised.Version)
	require.Greater(t, k.Session(), session)
	require.Equal(t, m.Cluster, k.Map("").Cluster)
}

func TestRaise(t *testing.T) {
	dir := t.TempDir()
	k := life(t, dir, few)
	k.mustNote(t, 0, Note{Fenced: true, Bounded: time.Second})
	e := k.State(0).Epoch

	to, err := k.Raise(t.Context(), 0, e, 0)
	require.NoError(t, err)
	require.Equal(t, e+1, to)
	to, err = k.Raise(t.Context(), 0, e+1, e+100)
	require.NoError(t, err)
	require.Equal(t, e+100, to)
	require.Equal(t, State{Epoch: e + 100, Noted: Note{Fenced: true, Bounded: time.Second}}, k.State(0))

	_, err = k.Raise(t.Context(), 0, e, 0)
	require.ErrorIs(t, err, ErrStale)
	_, err = k.Raise(t.Context(), 0, e+100, shard.MaxEpoch+1)
	require.ErrorIs(t, err, ErrEpochs)
	require.Equal(t, e, k.State(1).Epoch, "the others stay")

	k = next(t, k, dir, few)
	require.Equal(t, e+101, k.State(0).Epoch)
	require.Equal(t, (e + 101).Base(), k.State(0).DoubtBelow)
}

func TestSettingsAreComparedLater(t *testing.T) {
	dir := t.TempDir()
	made := Options{Shards: 4, Node: "a", ClusterID: "shop", SessionTTL: 5 * time.Second, LongestIntent: time.Second}
	k := life(t, dir, made)

	k = next(t, k, dir, Options{}) // says nothing, gets what there is
	require.Equal(t, uint32(4), k.Shards())
	require.Equal(t, "a", k.Node())
	require.Equal(t, "shop", k.Cluster())

	var log strings.Builder
	other := Options{SessionTTL: time.Second, LongestIntent: time.Hour,
		Logger: slog.New(slog.NewTextHandler(&log, nil))}
	k = next(t, k, dir, other)
	require.Equal(t, 5*time.Second, k.SessionTTL())
	require.Equal(t, time.Second, k.LongestIntent())
	require.Equal(t, 2, strings.Count(log.String(), "level=WARN"))

	require.NoError(t, k.Close())
	for name, o := range map[string]Options{
		"number of shards 5": {Shards: 5},
		"node id b":          {Node: "b"},
		"cluster id mine":    {ClusterID: "mine"},
	} {
		_, err := Open(dir, o)
		require.ErrorIs(t, err, ErrMismatch)
		require.ErrorContains(t, err, name)
	}
}

func TestBadSettingsMakeNoCluster(t *testing.T) {
	for _, o := range []Options{
		{Shards: shard.MaxCount + 1}, {Node: "a b"}, {ClusterID: "ü"}, {SessionTTL: -time.Second}, {LongestIntent: -time.Second},
	} {
		dir := t.TempDir()
		_, err := Open(dir, o)
		require.ErrorIs(t, err, ErrSettings)
		require.NoFileExists(t, dir+"/"+stateName)
	}
}

func TestDirectoryIsPrivate(t *testing.T) {
	dir := t.TempDir() + "/a/b"
	life(t, dir, few)
	for name, want := range map[string]os.FileMode{"": 0o700, stateName: 0o600, lockName: 0o600} {
		info, err := os.Stat(dir + "/" + name)
		require.NoError(t, err)
		require.Equal(t, want, info.Mode().Perm(), name)
	}
}

func TestOneProcessADirectory(t *testing.T) {
	dir := t.TempDir()
	k := life(t, dir, few)
	_, err := Open(dir, few)
	require.ErrorIs(t, err, ErrLocked)
	require.NotContains(t, err.Error(), "\n")
	next(t, k, dir, few)
}

func TestConcurrentNotesShareSyncs(t *testing.T) {
	var writes atomic.Int32
	d := realDisk
	d.rename = func(from, to string) error { writes.Add(1); return os.Rename(from, to) }
	dir := t.TempDir()
	k := lifeOn(t, dir, Options{}, d)
	writes.Store(0)
	var wg sync.WaitGroup
	for s := range shard.ID(k.Shards()) {
		wg.Go(func() {
			if err := k.Note(context.Background(), s, k.State(s).Epoch, fencedNote); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	require.Less(t, writes.Load(), int32(100))
	for s := range shard.ID(k.Shards()) {
		require.True(t, k.State(s).Noted.Fenced)
	}
	before := writes.Load()
	k.mustNote(t, 5, fencedNote)
	require.Equal(t, before, writes.Load(), "what is noted already costs no sync")
}

func TestANoteBehindARaiseInTheSameBatchIsStale(t *testing.T) {
	hold, entered := make(chan struct{}), make(chan struct{}, 16)
	var armed atomic.Bool
	d := realDisk
	d.rename = func(from, to string) error {
		if armed.Load() {
			entered <- struct{}{}
			<-hold
		}
		return os.Rename(from, to)
	}
	k := lifeOn(t, t.TempDir(), few, d)
	e := k.State(0).Epoch
	armed.Store(true)

	var order []chan error
	later := func(f func() error) {
		c := make(chan error, 1)
		go func() { c <- f() }()
		order = append(order, c)
	}
	queued := func(n int) {
		require.Eventually(t, func() bool {
			k.mu.Lock()
			defer k.mu.Unlock()
			return len(k.mu.queue) == n
		}, 5*time.Second, time.Millisecond)
	}
	later(func() error { return k.Note(context.Background(), 1, e, fencedNote) })
	<-entered // the first batch is being written: the rest gathers behind it
	later(func() error { return k.Note(context.Background(), 0, e, Note{Bounded: time.Second}) })
	queued(1)
	later(func() error { _, err := k.Raise(context.Background(), 0, e, 0); return err })
	queued(2)
	later(func() error { return k.Note(context.Background(), 0, e, fencedNote) })
	queued(3)
	require.Equal(t, Note{}, k.State(1).Noted, "nothing is known before it is on disk")
	close(hold)
	require.NoError(t, <-order[0])
	require.NoError(t, <-order[1])
	require.NoError(t, <-order[2])
	require.ErrorIs(t, <-order[3], ErrStale)
	require.Equal(t, State{Epoch: e + 1, Noted: Note{Bounded: time.Second}}, k.State(0))
}

func TestACallerMayLeave(t *testing.T) {
	hold := make(chan struct{})
	var armed atomic.Bool
	d := realDisk
	d.rename = func(from, to string) error {
		if armed.Load() {
			<-hold
		}
		return os.Rename(from, to)
	}
	k := lifeOn(t, t.TempDir(), few, d)
	armed.Store(true)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	e := k.State(0).Epoch
	require.ErrorIs(t, k.Note(ctx, 0, e, fencedNote), context.DeadlineExceeded)
	require.ErrorIs(t, k.Note(ctx, 0, e, fencedNote), context.DeadlineExceeded)
	close(hold)
	k.mustNote(t, 0, fencedNote)
}

func TestClosedKeeper(t *testing.T) {
	k := life(t, t.TempDir(), few)
	e := k.State(0).Epoch
	require.NoError(t, k.Close())
	require.NoError(t, k.Close())
	require.ErrorIs(t, k.Note(t.Context(), 0, e, fencedNote), ErrClosed)
	require.ErrorIs(t, k.Quiet(t.Context(), []shard.ID{0}), ErrClosed)
	k.Fenced(0, 1)
}

func TestCloseKeepsWhatIsOnItsWay(t *testing.T) {
	dir := t.TempDir()
	k := life(t, dir, few)
	k.mustNote(t, 0, fencedNote)
	k = next(t, k, dir, few)
	require.NotZero(t, k.State(0).DoubtBelow)
	k.Fenced(0, k.State(0).DoubtBelow)
	k = next(t, k, dir, few)
	require.Zero(t, k.State(0).DoubtBelow)
}

// errFull is what a write on a full disk says.
var errFull = &os.PathError{Op: "write", Path: tempName, Err: syscall.ENOSPC}

var errIO = errors.New("input/output error")
