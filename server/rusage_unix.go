//go:build unix

package server

import (
	"time"

	"golang.org/x/sys/unix"
)

// cpuTimes is what the process has used.
func cpuTimes() (user, system time.Duration, ok bool) {
	var usage unix.Rusage
	if unix.Getrusage(unix.RUSAGE_SELF, &usage) != nil {
		return 0, 0, false
	}
	return time.Duration(usage.Utime.Nano()), time.Duration(usage.Stime.Nano()), true
}
