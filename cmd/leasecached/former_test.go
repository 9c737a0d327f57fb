package main

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/leasecache/leasecache/shard"
	"github.com/leasecache/leasecache/shard/control"
	"github.com/leasecache/leasecache/shard/single"
)

// A data directory of a release that knew single nodes only is gone on with: tokens rise,
// and writers that may be outstanding are not forgotten.
func TestAnOlderDataDirectoryIsGoneOnWith(t *testing.T) {
	dir := t.TempDir()
	k, err := single.Open(dir, single.Options{Shards: 8, ClusterID: "legacy", Node: "old"})
	require.NoError(t, err)
	epoch := k.State(2).Epoch
	require.NoError(t, k.Note(t.Context(), 2, epoch, shard.Note{Fenced: true}))
	version := k.Map("").Version
	require.NoError(t, k.Close())

	flags := []string{"--data-dir", dir, "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--cluster", "127.0.0.1:0"}
	for range 2 {
		h := newRealHarness()
		stop := h.start(t, flags...)
		require.Equal(t, "legacy", h.keeper.Cluster())
		require.Equal(t, "old", h.keeper.Node())
		require.Eventually(t, func() (open bool) {
			h.member.View(func(st *control.State) { open = len(st.Shards) == 8 && st.Shards[2].Session != 0 })
			_, err := os.Stat(filepath.Join(dir, "state"))
			return open && err != nil
		}, 10*time.Second, 10*time.Millisecond)
		require.FileExists(t, filepath.Join(dir, "state.imported"))
		require.Greater(t, h.keeper.Map("").Version, version)
		h.member.View(func(st *control.State) {
			for i := range st.Shards {
				require.Greater(t, st.Shards[i].Epoch, epoch)
				require.Equal(t, i == 2, st.Shards[i].DoubtBelow != 0)
			}
		})
		require.NoError(t, stop())
	}
}

func TestAnOlderDataDirectoryThatIsDamaged(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "state"), []byte("leasecache"), 0o600))
	err := newRealHarness().execute(t.Context(), []string{"--data-dir", dir, "--listen", "127.0.0.1:0", "--admin", "none", "--cluster", "127.0.0.1:0"})
	require.ErrorContains(t, err, "it does not begin like a state file; nothing was changed")
}
