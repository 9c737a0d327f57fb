package target

import (
	"context"
	"os/exec"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/leasecache/leasecache/internal/bench/load"
)

func TestBusyLeavesOutWhatACoreWaited(t *testing.T) {
	const stat = "cpu  9 9 9 9 9 9 9 9 0 0\ncpu0 1 2 3 400 500 6 7 8 0 0\ncpu1 10 0 0 0 0 0 0 0 0 0\nctxt 5\n"
	got, err := busy(stat, 0)
	require.NoError(t, err)
	require.Equal(t, 270*time.Millisecond, got)
	got, err = busy(stat, 1)
	require.NoError(t, err)
	require.Equal(t, 100*time.Millisecond, got)
	_, err = busy(stat, 2)
	require.Error(t, err)
	_, err = Busy(0)
	require.NoError(t, err)
}

func TestResidentMemory(t *testing.T) {
	got, err := rss("00400000-7fff ---p 00000000 00:00 0    [rollup]\nRss:               12 kB\nPss:                1 kB\n")
	require.NoError(t, err)
	require.EqualValues(t, 12<<10, got)
	_, err = rss("Pss: 1 kB\n")
	require.Error(t, err)
}

// The clock of a process counts its work and not its sleep.
func TestCPUOfAProcess(t *testing.T) {
	before, err := CPU()
	require.NoError(t, err)
	time.Sleep(50 * time.Millisecond)
	slept, err := CPU()
	require.NoError(t, err)
	for until := time.Now().Add(50 * time.Millisecond); time.Now().Before(until); {
	}
	worked, err := CPU()
	require.NoError(t, err)
	require.Less(t, slept-before, worked-slept)
	require.Positive(t, worked-slept)
}

// Whatever of the rivals is installed can be started, asked and stopped.
func TestServersStartAndStop(t *testing.T) {
	leasecached := t.TempDir() + "/leasecached"
	out, err := exec.Command("go", "build", "-o", leasecached, "github.com/leasecache/leasecache/cmd/leasecached").CombinedOutput()
	require.NoError(t, err, string(out))
	for f, path := range map[Family]string{Leasecached: leasecached, Memcached: "", Redis: ""} {
		k, err := Find(f, path)
		if err != nil {
			require.NotEqual(t, Leasecached, f)
			t.Logf("%s is not installed here", f)
			continue
		}
		s, err := k.Start(context.Background(), Options{Memory: 64 << 20, Conns: 100})
		require.NoError(t, err)
		g, err := load.New(s.Addr, load.Workload{Dialect: k.Dialect(), Conns: 1, Keys: 10, Size: 10, Sets: 1, Order: load.InTurn})
		require.NoError(t, err)
		_, err = g.RunKeys(10)
		require.NoError(t, err, s.Log())
		g.Close()
		n, err := s.Items()
		require.NoError(t, err)
		require.EqualValues(t, 10, n, k.Name)
		used, err := s.RSS()
		require.NoError(t, err)
		require.Greater(t, used, int64(1<<20))
		cpu, err := s.CPU()
		require.NoError(t, err)
		require.Positive(t, cpu)
		require.NoError(t, s.Stop())
		require.NoDirExists(t, s.dir)
		_, err = s.CPU()
		require.Error(t, err, "it is gone")
	}
}

func TestProgramThatIsNoServer(t *testing.T) {
	_, err := Find(Memcached, "/does/not/exist")
	require.Error(t, err)
	k := &Kind{Name: "true", Path: "/bin/true"}
	_, err = k.Start(context.Background(), Options{Memory: 1 << 20})
	require.ErrorContains(t, err, "ended before it served")
}
