package target

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Cores says who runs where.
type Cores struct{ Load, Server int }

// coresVariable tells a process that it is pinned already, and to what.
const coresVariable = "LEASECACHE_BENCH_CORES"

// Pinned returns the cores if this process runs on the load core alone.
func Pinned() (Cores, bool) {
	var c Cores
	n, _ := fmt.Sscanf(os.Getenv(coresVariable), "%d,%d", &c.Load, &c.Server)
	return c, n == 2
}

// Pin starts this program again, in its own place, on one core: threads that Go
// has started already could not be moved otherwise. It returns only on errors.
func Pin() error {
	var allowed unix.CPUSet
	if err := unix.SchedGetaffinity(0, &allowed); err != nil {
		return fmt.Errorf("which cores there are: %w", err)
	}
	var cores []int
	for i := 0; i < 1024 && len(cores) < 2; i++ {
		if allowed.IsSet(i) {
			cores = append(cores, i)
		}
	}
	if len(cores) < 2 {
		return errors.New("the bench takes two cores: one for the load, one for the server")
	}
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("which program this is: %w", err)
	}
	runtime.LockOSThread()
	if err := pinThread(cores[0]); err != nil {
		return err
	}
	env := append(os.Environ(), fmt.Sprintf("%s=%d,%d", coresVariable, cores[0], cores[1]))
	if err := unix.Exec(self, os.Args, env); err != nil {
		return fmt.Errorf("start again on core %d: %w", cores[0], err)
	}
	return nil
}

// pinThread moves the calling thread, which must be locked, to a core.
func pinThread(core int) error {
	var set unix.CPUSet
	set.Set(core)
	if err := unix.SchedSetaffinity(0, &set); err != nil {
		return fmt.Errorf("pin to core %d: %w", core, err)
	}
	return nil
}

// Busy is how long a core has worked since the system started, for whatever
// process, stolen time included. It counts in steps of 10 ms.
func Busy(core int) (time.Duration, error) {
	text, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0, err
	}
	return busy(string(text), core)
}

func busy(stat string, core int) (time.Duration, error) {
	for line := range strings.Lines(stat) {
		f := strings.Fields(line)
		if len(f) < 9 || f[0] != fmt.Sprintf("cpu%d", core) {
			continue
		}
		// user nice system idle iowait irq softirq steal
		var ticks int64
		for i, field := range f[1:9] {
			n, err := strconv.ParseInt(field, 10, 64)
			if err != nil {
				return 0, fmt.Errorf("/proc/stat: %w", err)
			}
			if i != 3 && i != 4 {
				ticks += n
			}
		}
		return time.Duration(ticks) * 10 * time.Millisecond, nil
	}
	return 0, fmt.Errorf("/proc/stat has no core %d", core)
}

// CPU is the processor time that this process has used, all threads together.
func CPU() (time.Duration, error) { return cpuOf(os.Getpid()) }

// cpuOf reads the clock of a process: exact, and threads that have ended count,
// which neither /proc/PID/stat nor the schedstat of its threads offers.
func cpuOf(pid int) (time.Duration, error) {
	const scheduled = 2 // the kind of clock: time on a processor
	var ts unix.Timespec
	if err := unix.ClockGettime(int32(^pid<<3|scheduled), &ts); err != nil {
		return 0, fmt.Errorf("processor time of process %d: %w", pid, err)
	}
	return time.Duration(ts.Nano()), nil
}
