package server

import (
	"net"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Of several that start at once on what a dead process left one gets the path, and
// whoever got it has it: see listenUnix.
func TestOneOfManyStartsGetsAStaleSocket(t *testing.T) {
	path := socketPath(t)
	for range 200 {
		dead, err := net.Listen("unix", path)
		require.NoError(t, err)
		dead.(*net.UnixListener).SetUnlinkOnClose(false)
		require.NoError(t, dead.Close())

		const starts = 4
		var ready, done sync.WaitGroup
		ready.Add(starts)
		got := make([]net.Listener, starts)
		for i := range got {
			done.Go(func() {
				ready.Done()
				ready.Wait()
				got[i], _ = listenUnix(path, 0o700) // who comes late is refused
			})
		}
		done.Wait()
		winners := 0
		for _, ln := range got {
			if ln != nil {
				winners++
				require.NoError(t, ln.Close())
			}
		}
		require.Equal(t, 1, winners)
	}
}

// Somebody who holds the directory's lock for ever does not keep a server away.
func TestTheDirectorysLockIsNotWaitedForForEver(t *testing.T) {
	path := socketPath(t)
	dir, err := os.Open(filepath.Dir(path))
	require.NoError(t, err)
	defer dir.Close()
	require.NoError(t, syscall.Flock(int(dir.Fd()), syscall.LOCK_EX))
	begin := time.Now()
	ln, err := listenUnix(path, 0o700)
	require.NoError(t, err)
	require.NoError(t, ln.Close())
	require.GreaterOrEqual(t, time.Since(begin), lockPatience)
}
