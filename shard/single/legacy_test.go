package single

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/leasecache/leasecache/shard"
)

func TestLegacy(t *testing.T) {
	dir := t.TempDir()
	_, there, err := ReadLegacy(dir)
	require.NoError(t, err)
	require.False(t, there)
	require.NoError(t, EndLegacy(dir))

	k, err := Open(dir, Options{Shards: 4, ClusterID: "c1", Node: "a"})
	require.NoError(t, err)
	epoch := k.State(2).Epoch
	require.NoError(t, k.Note(t.Context(), 2, epoch, shard.Note{Fenced: true, Bounded: time.Second}))
	version := k.Map("").Version
	require.NoError(t, k.Close())

	l, there, err := ReadLegacy(dir)
	require.NoError(t, err)
	require.True(t, there)
	require.Equal(t, "c1", l.Cluster)
	require.Equal(t, "a", l.Node)
	require.GreaterOrEqual(t, l.Version, version)
	require.Len(t, l.Shards, 4)
	require.Equal(t, epoch, l.Shards[2].Epoch, "it was served")
	require.Equal(t, shard.Note{Fenced: true, Bounded: time.Second}, l.Shards[2].Noted)

	require.NoError(t, EndLegacy(dir))
	_, there, err = ReadLegacy(dir)
	require.NoError(t, err)
	require.False(t, there)
	require.FileExists(t, filepath.Join(dir, importedName))

	require.NoError(t, os.WriteFile(filepath.Join(dir, stateName), []byte("x"), 0o600))
	_, _, err = ReadLegacy(dir)
	require.ErrorIs(t, err, ErrDamaged)
}
