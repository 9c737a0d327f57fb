package single

import (
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/leasecache/leasecache/shard"
)

// failures says which step of the next writes fails, and how. Fields are set
// while no write is under way: every call of a Keeper but Fenced waits.
type failures struct {
	create, write, sync, rename, syncDir error
}

func failing() (disk, *failures) {
	f := new(failures)
	return disk{
		create: func(name string) (writer, error) {
			if f.create != nil {
				return nil, f.create
			}
			w, err := realDisk.create(name)
			return failingWriter{w, f}, err
		},
		rename: func(from, to string) error {
			if f.rename != nil {
				return f.rename
			}
			return os.Rename(from, to)
		},
		syncDir: func(dir string) error {
			if f.syncDir != nil {
				return f.syncDir
			}
			return syncDir(dir)
		},
	}, f
}

type failingWriter struct {
	writer
	f *failures
}

// Write takes half of what a full disk cannot take.
func (w failingWriter) Write(p []byte) (int, error) {
	if w.f.write != nil {
		n, _ := w.writer.Write(p[:len(p)/2])
		return n, w.f.write
	}
	return w.writer.Write(p)
}

func (w failingWriter) Sync() error {
	if w.f.sync != nil {
		return w.f.sync
	}
	return w.writer.Sync()
}

func TestFailuresBeforeTheRenameMayBeTriedAgain(t *testing.T) {
	for name, fails := range map[string]failures{
		"create": {create: errIO}, "write": {write: errFull}, "sync": {sync: errIO},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			d, fail := failing()
			k := lifeOn(t, dir, few, d)
			before := k.State(0)
			onDisk, err := os.ReadFile(dir + "/" + stateName)
			require.NoError(t, err)

			*fail = fails
			require.ErrorIs(t, k.Note(t.Context(), 0, before.Epoch, fencedNote), ErrNotWritten)
			_, err = k.Raise(t.Context(), 0, before.Epoch, 0)
			require.ErrorIs(t, err, ErrNotWritten)
			require.Equal(t, before, k.State(0))
			now, err := os.ReadFile(dir + "/" + stateName)
			require.NoError(t, err)
			require.Equal(t, onDisk, now)

			*fail = failures{}
			k.mustNote(t, 0, fencedNote)
			k = next(t, k, dir, few)
			require.NotZero(t, k.State(0).DoubtBelow)
		})
	}
}

// Once the rename was asked for nobody knows what a crash brings back. Going
// on as if the old state were there would let Quiet lose a note on disk that
// memory still has.
func TestFailuresFromTheRenameOnEndAllPromises(t *testing.T) {
	for name, fails := range map[string]failures{"rename": {rename: errIO}, "directory": {syncDir: errIO}} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			d, fail := failing()
			k := lifeOn(t, dir, few, d)
			k.mustNote(t, 0, fencedNote)
			e := k.State(0).Epoch

			*fail = fails
			require.ErrorIs(t, k.Quiet(t.Context(), []shard.ID{0}), ErrUnknown)
			*fail = failures{}
			require.ErrorIs(t, k.Note(t.Context(), 0, e, fencedNote), ErrUnknown)
			require.ErrorIs(t, k.Note(t.Context(), 1, e, fencedNote), ErrUnknown)
			require.ErrorIs(t, k.Intents(), ErrUnknown)

			k = next(t, k, dir, few)
			require.NoError(t, k.Intents())
			require.Equal(t, e+1, k.State(0).Epoch)
		})
	}
}

// A write that fails takes with it everything of its batch, and those who were
// queued behind a write of unknown result are answered too.
func TestAFailedBatchAnswersEverybody(t *testing.T) {
	d, fail := failing()
	k := lifeOn(t, t.TempDir(), Options{}, d)
	fail.syncDir = errIO
	var wg sync.WaitGroup
	for s := range shard.ID(200) {
		wg.Go(func() {
			if err := k.Note(t.Context(), s, k.State(s).Epoch, fencedNote); err == nil {
				t.Error("noted on a failing disk")
			}
		})
	}
	wg.Wait()
	for s := range shard.ID(200) {
		require.Zero(t, k.State(s).Noted)
	}
}

func TestAStartThatCannotWriteGivesNoKeeper(t *testing.T) {
	dir := t.TempDir()
	e := life(t, dir, few)
	before := e.State(0).Epoch
	require.NoError(t, e.Close())

	d, fail := failing()
	fail.write = errFull
	_, err := open(dir, few, d)
	require.ErrorIs(t, err, ErrNotWritten)
	fail.write, fail.syncDir = nil, errIO
	_, err = open(dir, few, d)
	require.ErrorIs(t, err, ErrUnknown)

	k := life(t, dir, few) // the failed starts let go of the lock
	require.Equal(t, before+2, k.State(0).Epoch, "the second one's rename took place")
}

// The process stops between writing the temporary file and the rename, or in
// the middle of it: the old state is what there is.
func TestATemporaryFileIsNothing(t *testing.T) {
	dir := t.TempDir()
	k := life(t, dir, few)
	e := k.State(0).Epoch
	st := k.published.Load().clone()
	require.NoError(t, k.Close())
	require.NoError(t, st.note(0, e, fencedNote))
	whole := encode(st)
	for _, temp := range [][]byte{whole, whole[:len(whole)/2], {}} {
		require.NoError(t, os.WriteFile(dir+"/"+tempName, temp, 0o600))
		k = life(t, dir, few)
		require.Zero(t, k.State(0).DoubtBelow)
		require.NoError(t, k.Close())
		require.NoFileExists(t, dir+"/"+tempName)
	}
	require.Equal(t, e+3, k.State(0).Epoch)
}

func TestADamagedStateIsNeverAnEmptyStart(t *testing.T) {
	dir := t.TempDir()
	k := life(t, dir, few)
	require.NoError(t, k.Close())
	path := dir + "/" + stateName
	good, err := os.ReadFile(path)
	require.NoError(t, err)
	flipped := append([]byte(nil), good...)
	flipped[len(flipped)-5] ^= 1
	for name, text := range map[string][]byte{
		"empty": {}, "torn": good[:len(good)-1], "only a head": good[:40], "flipped": flipped,
		"zeros": make([]byte, len(good)), "text": []byte("hello\n"), "more": append(good[:len(good):len(good)], 'x'),
	} {
		require.NoError(t, os.WriteFile(path, text, 0o600))
		_, err := Open(dir, few)
		require.ErrorIs(t, err, ErrDamaged, name)
		require.ErrorContains(t, err, path)
		require.ErrorContains(t, err, "move the directory away")
		require.NotContains(t, err.Error(), "\n")
		now, err := os.ReadFile(path)
		require.NoError(t, err)
		require.Equal(t, text, now, "it is left as it was found")
	}

	newer := strings.Replace(string(good), formatName+" 1", formatName+" 2", 1)
	require.NoError(t, os.WriteFile(path, []byte(newer), 0o600))
	_, err = Open(dir, few)
	require.ErrorIs(t, err, ErrTooNew)
}

// A link that leads nowhere is not a missing state, and a pipe is not waited for.
func TestAStateThatIsNoFile(t *testing.T) {
	for want, put := range map[string]func(path string) error{
		"a symbolic link": func(path string) error { return os.Symlink(path+".away", path) },
		"a pipe":          func(path string) error { return syscall.Mkfifo(path, 0o600) },
		"a directory":     func(path string) error { return os.Mkdir(path, 0o700) },
	} {
		dir := t.TempDir()
		path := dir + "/" + stateName
		require.NoError(t, put(path))
		done := make(chan error, 1)
		go func() {
			_, err := Open(dir, few)
			done <- err
		}()
		select {
		case err := <-done:
			require.ErrorIs(t, err, ErrDamaged, want)
			require.ErrorContains(t, err, path+" is damaged: it is no file but "+want)
		case <-time.After(5 * time.Second):
			require.Fail(t, "it hangs", want)
		}
		_, err := os.Lstat(path)
		require.NoError(t, err, "it is left as it was found")
	}
}

// Nor is what lies where the next state is written before it counts.
func TestATemporaryThatIsNoFile(t *testing.T) {
	precious := t.TempDir() + "/precious"
	require.NoError(t, os.WriteFile(precious, []byte("x"), 0o600))
	for _, put := range []func(path string) error{
		func(path string) error { return os.Symlink(precious, path) },
		func(path string) error { return syscall.Mkfifo(path, 0o600) },
	} {
		dir := t.TempDir()
		require.NoError(t, put(dir+"/"+tempName))
		done := make(chan error, 1)
		go func() {
			k, err := Open(dir, few)
			if err == nil {
				err = k.Close()
			}
			done <- err
		}()
		select {
		case err := <-done:
			require.NoError(t, err)
		case <-time.After(5 * time.Second):
			require.Fail(t, "it hangs")
		}
	}
	text, err := os.ReadFile(precious)
	require.NoError(t, err)
	require.Equal(t, "x", string(text))
}

// A right checksum over wrong numbers is damage too, by whoever wrote it.
func TestAnImpossibleStateIsRefused(t *testing.T) {
	for name, spoil := range map[string]func(*state){
		"no epoch":         func(st *state) { st.shards[1].Epoch = 0 },
		"epoch too large":  func(st *state) { st.shards[1].Epoch = shard.MaxEpoch + 1 },
		"doubt in its own": func(st *state) { st.shards[1].DoubtBelow = st.shards[1].Epoch.Base() + 1 },
		"too long":         func(st *state) { st.shards[1].Noted.Bounded = time.Hour },
		"too few":          func(st *state) { st.shards = st.shards[1:] },
		"no cluster":       func(st *state) { st.cluster = "" },
		"no node":          func(st *state) { st.node = "" },
	} {
		st := first(few.made(), 5)
		spoil(st)
		_, err := decode(encode(st))
		require.ErrorIs(t, err, ErrDamaged, name)
	}
}

func TestEncodeDecode(t *testing.T) {
	st := first(few.made(), 5)
	st.shards[1] = State{Epoch: 9, DoubtBelow: shard.Epoch(9).Base(), Noted: Note{Fenced: true, Bounded: 1500 * time.Millisecond}}
	back, err := decode(encode(st))
	require.NoError(t, err)
	require.Equal(t, st, back)
}

func TestADirectoryThatIsNone(t *testing.T) {
	file := t.TempDir() + "/file"
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	for _, dir := range []string{file, file + "/below"} {
		_, err := Open(dir, few)
		require.Error(t, err)
		require.NotContains(t, err.Error(), "\n")
	}
	// A state that cannot be read is not a missing one.
	dir := t.TempDir()
	require.NoError(t, os.Mkdir(dir+"/"+stateName, 0o700))
	_, err := Open(dir, few)
	require.Error(t, err)
}
