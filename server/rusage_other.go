//go:build !unix

package server

import "time"

func cpuTimes() (user, system time.Duration, ok bool) { return 0, 0, false }
