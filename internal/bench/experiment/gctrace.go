package experiment

import (
	"regexp"
	"strconv"
	"strings"
	"time"
)

// gcLine is a line of GODEBUG=gctrace=1; in "0.018+1.2+0.003 ms clock" the world
// stands still in the first and in the third part.
var gcLine = regexp.MustCompile(`^gc \d+ @[\d.]+s \d+%: ([\d.]+)\+[\d.]+\+([\d.]+) ms clock`)

// pausesIn returns how long each collection in a log stopped the program.
func pausesIn(log string) []time.Duration {
	var out []time.Duration
	for line := range strings.Lines(log) {
		m := gcLine.FindStringSubmatch(line)
		if m == nil {
			continue
		}
		var sum time.Duration
		for _, part := range m[1:] {
			ms, err := strconv.ParseFloat(part, 64)
			if err == nil {
				sum += time.Duration(ms * float64(time.Millisecond))
			}
		}
		out = append(out, sum)
	}
	return out
}
