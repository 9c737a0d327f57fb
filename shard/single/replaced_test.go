package single

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// A directory that was moved away under its process, or removed, and made anew
// belongs to whoever locked the new one:
//
//	1 A serves from d. 2 The operator moves d away, and starts B with d: a new cluster.
//	3 A notes an intent. Were it to write by name, it would replace B's state.
//	4 B starts again, from A's epochs: tokens that B gave are given once more.
func TestReplacedDirectoryIsNotWritten(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "d")
	a, err := Open(dir, Options{Shards: 4})
	require.NoError(t, err)
	epoch := a.State(0).Epoch
	require.NoError(t, os.Rename(dir, dir+".old"))
	require.ErrorIs(t, a.Note(context.Background(), 0, epoch, Note{Fenced: true}), ErrNotWritten)

	b, err := Open(dir, Options{Shards: 4})
	require.NoError(t, err)
	before, err := os.ReadFile(filepath.Join(dir, stateName))
	require.NoError(t, err)
	require.ErrorIs(t, a.Note(context.Background(), 0, epoch, Note{Fenced: true}), ErrNotWritten)
	require.NoError(t, a.Quiet(context.Background(), nil)) // there is nothing to write
	require.NoError(t, a.Close())
	after, err := os.ReadFile(filepath.Join(dir, stateName))
	require.NoError(t, err)
	require.Equal(t, string(before), string(after))
	require.NoError(t, b.Close())
}
