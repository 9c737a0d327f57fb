package demo

import (
	"fmt"
	"strings"
)

type tone int

const (
	none tone = iota
	bold
	red
	green
)

// painter wraps text in the terminal's codes for the tone, or not at all.
type painter func(t tone, text string) string

func paint(color bool) painter {
	codes := map[tone]string{bold: "1", red: "31", green: "32"}
	return func(t tone, text string) string {
		code, ok := codes[t]
		if !color || !ok {
			return text
		}
		return "\x1b[" + code + "m" + text + "\x1b[0m"
	}
}

const chartWidth = 40

// charts draws one bar a mode for each of the three counts.
func (r *Report) charts(b *strings.Builder, p painter) {
	for _, c := range []struct {
		name string
		of   func(Result) int64
	}{
		{"Stale reads after ack", func(m Result) int64 { return m.AfterAck.Reads }},
		{"Stale reads after commit", func(m Result) int64 { return m.AfterCommit.Reads }},
		{"Values left stale in the cache", func(m Result) int64 { return m.Left.Stale }},
	} {
		values := make([]int64, len(r.Modes))
		for i, m := range r.Modes {
			values[i] = c.of(m)
		}
		bars := bars(values, chartWidth)
		b.WriteString(c.name + "\n")
		for i, m := range r.Modes {
			bar := bars[i]
			if bar != "" {
				bar = p(red, bar) + " "
			}
			fmt.Fprintf(b, "  %-8s%s%s\n", m.Mode, bar, thousands(values[i]))
		}
		b.WriteByte('\n')
	}
}

// bars scales values so that the largest is width cells wide, in eighths of a cell. Whatever is not zero can be seen.
func bars(values []int64, width int) []string {
	var top int64
	for _, v := range values {
		top = max(top, v)
	}
	out := make([]string, len(values))
	for i, v := range values {
		if v <= 0 {
			continue
		}
		eighths := max(int(float64(v)/float64(top)*float64(width*8)+.5), 1)
		out[i] = strings.Repeat("█", eighths/8)
		if rest := eighths % 8; rest > 0 {
			out[i] += string(rune('█' + 8 - rest)) // ▏ is one eighth, ▉ seven
		}
	}
	return out
}
