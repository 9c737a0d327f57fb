package single

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"

	"github.com/leasecache/leasecache/shard"
)

// Open takes the directory, made if it is missing, for the life of the Keeper,
// gives every shard a new epoch and returns when that is on disk. A directory
// without a state is a new cluster; one whose state cannot be read never is.
//
// The error is one plain sentence. It wraps ErrLocked, ErrDamaged, ErrTooNew,
// ErrMismatch, ErrSettings, ErrEpochs, ErrNotWritten, ErrUnknown or what the
// file system said.
func Open(dir string, o Options) (*Keeper, error) {
	return open(dir, o, realDisk)
}

func open(dir string, o Options, d disk) (*Keeper, error) {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	dir = filepath.Clean(dir)
	if err := makeDir(dir); err != nil {
		return nil, fmt.Errorf("data directory: %w", err)
	}
	// The lock comes before the first look at the state: between a look and
	// the lock another process could have given the epochs we saw.
	lock, err := lockDir(dir)
	if err != nil {
		return nil, err
	}
	st, err := start(dir, o, d)
	if err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	save := func(st *state) error {
		if err := stillLocked(dir, lock); err != nil {
			return err
		}
		return d.write(dir, encode(st))
	}
	return newKeeper(st, save, lock, nil), nil
}

// start reads the state and writes its successor.
func start(dir string, o Options, d disk) (*state, error) {
	st, err := load(dir, o)
	if err != nil {
		return nil, err
	}
	if err := st.restart(); err != nil {
		return nil, err
	}
	// Before anything is served: were a token of this epoch given and the
	// machine stopped, the next start would give it again.
	if err := d.write(dir, encode(st)); err != nil {
		return nil, err
	}
	return st, nil
}

func load(dir string, o Options) (*state, error) {
	st, err := read(dir)
	if errors.Is(err, os.ErrNotExist) {
		return newCluster(o)
	}
	if err != nil {
		return nil, err
	}
	return st, o.compare(dir, st.settings)
}

// read returns the state that is there. The error wraps os.ErrNotExist if none is.
func read(dir string) (*state, error) {
	path := filepath.Join(dir, stateName)
	// Not by opening it: a link that leads nowhere is no missing state, which would
	// be a new cluster, and the opening of a pipe waits for whoever writes to it.
	info, err := os.Lstat(path)
	if err != nil {
		return nil, err
	}
	if kind := info.Mode().Type(); kind != 0 {
		return nil, fmt.Errorf("%s is %w: it is no file but %s; nothing was changed: put the file in its place, or "+
			"move the directory away to begin a new cluster, with an id and fence rows of its own", path, ErrDamaged, kindOf(kind))
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	st, err := decode(data)
	if errors.Is(err, ErrDamaged) {
		return nil, fmt.Errorf("%s is %w; nothing was changed: "+
			"move the directory away to begin a new cluster, with an id and fence rows of its own", path, err)
	}
	if err != nil {
		return nil, fmt.Errorf("%s was %w", path, err)
	}
	return st, nil
}

func kindOf(kind os.FileMode) string {
	switch kind {
	case os.ModeSymlink:
		return "a symbolic link"
	case os.ModeDir:
		return "a directory"
	case os.ModeNamedPipe:
		return "a pipe"
	}
	return "something of type " + kind.String()
}

func newCluster(o Options) (*state, error) {
	s := o.made()
	if err := s.check(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrSettings, err)
	}
	return first(s, shard.Epoch(rand.Uint32N(1<<22-1))), nil
}

// Ephemeral keeps nothing on disk: tokens of former lives are only unlikely to
// come again, as the first epoch is random from 1 to 2^22-1, and nobody knows
// whether intents are outstanding. So there are none, unless the user accepts
// that a restart forgets them (volatileIntents); then ClusterID has to be
// given, because the fence rows of a minted one would be new at every start.
// The error wraps ErrSettings.
func Ephemeral(o Options, volatileIntents bool) (*Keeper, error) {
	if volatileIntents && o.ClusterID == "" {
		return nil, fmt.Errorf("%w: volatile intents need a cluster id, or no fence row matches", ErrSettings)
	}
	st, err := newCluster(o)
	if err != nil {
		return nil, err
	}
	if err := st.restart(); err != nil {
		return nil, err
	}
	var refusal error
	if !volatileIntents {
		refusal = ErrNoIntents
	}
	save := func(*state) error { return nil }
	return newKeeper(st, save, io.NopCloser(nil), refusal), nil
}
