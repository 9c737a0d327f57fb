package apptest

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/leasecache/leasecache/internal/netlab"
)

// TestADiskThatIsFull: a node that cannot write what was agreed on does not go on as if it
// had. It says why, and others take over; with room again it comes back.
func TestADiskThatIsFull(t *testing.T) {
	t.Parallel()
	var nodes []Options
	for range 3 {
		nodes = append(nodes, Options{Flags: faultFlags(), DataDir: smallDisk(t)})
	}
	s := newStage(t, nodes...)
	s.act("of an owner", func(t *testing.T) { s.fills(t, s.others(s.Leader())[0], ownerLost) })
	s.act("of the leader", func(t *testing.T) { s.fills(t, s.Leader(), leaderLost) })
}

func (s *stage) fills(t *testing.T, victim int, limit time.Duration) {
	shards, by := s.owns(t, victim), s.others(victim)[0]
	there, here := watchShards(s.Listen(by), shards, faultShards), watchShards(s.Listen(victim), shards, faultShards)
	full := filepath.Join(s.DataDir(victim), "full")
	fill(t, full)
	filled := time.Now()
	code, err := s.Nodes[victim].Wait(patience)
	require.NoError(t, err)
	ended := time.Since(filled)
	require.Equal(t, 1, code)
	require.Regexp(t, `(?m)^leasecached: .*the data directory's disk does not take what the cluster agrees on: .*no space left on device`, s.Nodes[victim].Log())
	// It served until then, and so did the others through it.
	time.Sleep(100 * time.Millisecond)
	here.end()
	there.end()
	after := watchShards(s.Listen(by), shards, faultShards)
	took := after.awaitAll(t, shards, patience) + after.begun.Sub(filled)
	after.end()
	t.Logf("it ended %v after its disk was full", ended.Round(time.Millisecond))
	inTime(t, "its shards answered again after", took, limit)

	require.NoError(t, os.Remove(full))
	s.Start(victim)
	s.AwaitEven()
}

// smallDisk is a file system of its own that is soon full.
func smallDisk(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=4m,mode=0700"); err != nil {
		if os.Getenv(netlab.Required) == "1" {
			t.Fatalf("no file system of one's own here: %v", err)
		}
		t.Skipf("no file system of one's own here: %v", err)
	}
	t.Cleanup(func() { require.NoError(t, syscall.Unmount(dir, syscall.MNT_DETACH)) })
	return dir
}

// fill leaves no room on the file system of a file that it makes.
func fill(t *testing.T, path string) {
	t.Helper()
	f, err := os.Create(path)
	require.NoError(t, err)
	defer f.Close()
	for size := 64 << 10; size > 0; {
		switch _, err := f.Write(make([]byte, size)); {
		case errors.Is(err, syscall.ENOSPC):
			size /= 2
		default:
			require.NoError(t, err)
		}
	}
}
