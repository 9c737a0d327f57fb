package demo

import (
	"fmt"
	"io"
	"strings"
	"time"
)

const (
	progressWidth = 28
	progressEvery = 100 * time.Millisecond
	clearLine     = "\r\x1b[K"
)

// showProgress draws the mode's bar on a terminal until stop is called, and then wipes it: what stays on the screen is the table. A nil w draws
// nothing.
func showProgress(w io.Writer, mode Mode, duration time.Duration, m *meter) (stop func()) {
	if w == nil {
		return func() {}
	}
	start := time.Now()
	quit, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(progressEvery)
		defer tick.Stop()
		for {
			// A terminal that went away must not end the run.
			_, _ = io.WriteString(w, clearLine+progressLine(mode, time.Since(start), duration, m))
			select {
			case <-tick.C:
			case <-quit:
				_, _ = io.WriteString(w, clearLine)
				return
			}
		}
	}()
	return func() {
		close(quit)
		<-done
	}
}

func progressLine(mode Mode, gone, duration time.Duration, m *meter) string {
	gone = min(gone, duration)
	full := int(gone * progressWidth / max(duration, 1))
	return fmt.Sprintf("%-8s[%s%s] %4.1f/%.1f s  %s reads  %s stale", mode,
		strings.Repeat("█", full), strings.Repeat("░", progressWidth-full),
		gone.Seconds(), duration.Seconds(), thousands(m.reads.Load()), thousands(m.stale.Load()))
}
