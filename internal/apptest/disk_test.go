package apptest

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/leasecache/leasecache/internal/netlab"
)

// fills: a node that cannot write what was agreed on does not go on as if it had. It says
// why and ends, and others take over; with room again it comes back.
func (s *stage) fills(t *testing.T, victim int, limit time.Duration) {
	shards, by := s.owns(t, victim), s.others(victim)[0]
	if !s.small {
		t.Skip("no file systems of one's own here")
	}
	full := filepath.Join(s.DataDir(victim), "full")
	fill(t, full)
	filled := time.Now()
	// The log finds room within its file for a while. This makes it grow.
	for key := keyOf("w", faultShards-1); s.Nodes[victim].Alive() && time.Since(filled) < patience; time.Sleep(10 * time.Millisecond) {
		s.ask(t, by, fmt.Sprintf("lf %s L%d", key, tokenIn(s.ask(t, by, "ld "+key), 'L')+1<<40))
	}
	code, err := s.Nodes[victim].Wait(time.Second)
	require.NoError(t, err)
	w := watchShards(s.Listen(by), shards, faultShards)
	t.Logf("it ended %v after its disk was full", time.Since(filled).Round(time.Millisecond))
	inTime(t, "its shards answered again after its end after", w.awaitAll(t, shards, patience), limit)
	w.end()
	require.Equal(t, 1, code)
	require.Regexp(t, `(?m)^leasecached: .*the data directory's disk does not take what the cluster agrees on: .*no space left on device`, s.Nodes[victim].Log())

	require.NoError(t, os.Remove(full))
	s.Start(victim)
	s.AwaitEven()
}

// smallDisks are file systems of their own that are soon full; not ok if there cannot be
// any here.
func smallDisks(t *testing.T, n int) (dirs []string, ok bool) {
	t.Helper()
	for range n {
		dir := t.TempDir()
		if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=4m,mode=0700"); err != nil {
			if os.Getenv(netlab.Required) == "1" {
				t.Fatalf("no file system of one's own here: %v", err)
			}
			return nil, false
		}
		t.Cleanup(func() { require.NoError(t, syscall.Unmount(dir, syscall.MNT_DETACH)) })
		dirs = append(dirs, dir)
	}
	return dirs, true
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
