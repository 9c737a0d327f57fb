package demo

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
)

// WriteText writes the report for a person: the set-up, the table, the chart, what the words mean, the verdict. With color, stale
// counts are red and kept promises green.
func (r *Report) WriteText(w io.Writer, color bool) error {
	p := paint(color)
	var b strings.Builder
	fmt.Fprintf(&b, "%s products in %s\n", thousands(int64(r.Products)), r.Database)
	fmt.Fprintf(&b, "%d readers, %d writers, %s for each mode, cold start included, seed %d, %s\n\n",
		r.Readers, r.Writers, time.Duration(r.DurationMS)*time.Millisecond, r.Seed, r.Popularity)
	r.table(&b, p)
	b.WriteByte('\n')
	r.charts(&b, p)
	b.WriteString("What the counts mean\n")
	for _, d := range r.Counts {
		fmt.Fprintf(&b, "  %-19s %s\n", d.Count, wrap(d.Means, 76, 22))
	}
	fmt.Fprintf(&b, "\nWhat is waited for, the same in all modes (a database statement really takes %s here)\n", micros(r.MeasuredUS))
	for _, d := range r.Delays {
		fmt.Fprintf(&b, "  %-25s%-18s%s\n", d.What, span(d), wrap(d.Why, 53, 45))
	}
	tone := green
	if !r.Kept {
		tone = red
	}
	fmt.Fprintf(&b, "\n%s\n", p(tone, wrap(r.Verdict, 98, 0)))
	_, err := io.WriteString(w, b.String())
	return err
}

// cell is one field of the table: painted after it was padded, so that colour never moves a column.
type cell struct {
	text string
	tone tone
}

// table puts the modes side by side.
func (r *Report) table(b *strings.Builder, p painter) {
	rows := []struct {
		name string
		of   func(Result) cell
	}{
		{"", func(m Result) cell { return cell{title(m.Mode), bold} }},
		{"reads", func(m Result) cell { return cell{text: thousands(m.Reads)} }},
		{"hit rate", func(m Result) cell { return cell{text: fmt.Sprintf("%.1f %%", m.HitRate*100)} }},
		{"loads of the database", func(m Result) cell { return cell{text: thousands(m.Loads)} }},
		{"writes", func(m Result) cell { return cell{text: thousands(m.Writes)} }},
		{"read p50 / p99", func(m Result) cell { return cell{text: micros(m.ReadP50US) + " / " + micros(m.ReadP99US)} }},
		{"write p50 / p99", func(m Result) cell { return cell{text: micros(m.WriteP50US) + " / " + micros(m.WriteP99US)} }},
		{"stale after ack", func(m Result) cell { return count(m.AfterAck.Reads, m.Promise.AfterAck) }},
		{"  worst age", func(m Result) cell { return cell{text: age(m.AfterAck)} }},
		{"stale after commit", func(m Result) cell { return count(m.AfterCommit.Reads, m.Promise.AfterCommit) }},
		{"  worst age", func(m Result) cell { return cell{text: age(m.AfterCommit)} }},
		{"left stale in the cache", func(m Result) cell {
			c := count(m.Left.Stale, m.Promise.Left)
			c.text += " of " + thousands(m.Left.Cached)
			return c
		}},
		{"errors", func(m Result) cell { return count(m.Errors, false) }},
		{"promise", promiseCell},
	}
	const first, width = 24, 20
	for _, row := range rows {
		fmt.Fprintf(b, "%-*s", first, row.name)
		for _, m := range r.Modes {
			c := row.of(m)
			b.WriteString(strings.Repeat(" ", max(width-len([]rune(c.text)), 1)) + p(c.tone, c.text))
		}
		b.WriteByte('\n')
	}
	for _, m := range r.Modes {
		if m.FirstError != "" {
			fmt.Fprintf(b, "first error of %s: %s\n", m.Mode, m.FirstError)
		}
	}
}

func title(m Mode) string {
	if m == Plain {
		return "plain cache-aside"
	}
	return string(m)
}

// count marks what must not be there: in red, and in words where it was promised not to be.
func count(n int64, promised bool) cell {
	switch {
	case n > 0 && promised:
		return cell{thousands(n) + " BROKEN", red}
	case n > 0:
		return cell{thousands(n), red}
	case promised:
		return cell{"0", green}
	default:
		return cell{text: "0"}
	}
}

func promiseCell(m Result) cell {
	p := m.Promise
	switch {
	case !p.AfterAck && !p.AfterCommit && !p.Left:
		return cell{text: "none"}
	case p.Kept:
		return cell{"kept", green}
	default:
		return cell{"BROKEN", red}
	}
}

func age(s Stale) string {
	if s.Reads == 0 {
		return "-"
	}
	return micros(int64(s.WorstAgeMS * 1000))
}

// micros shows microseconds with three digits and a unit.
func micros(us int64) string {
	switch {
	case us < 1000:
		return fmt.Sprintf("%d µs", us)
	case us < 1_000_000:
		return fmt.Sprintf("%.3g ms", float64(us)/1e3)
	default:
		return fmt.Sprintf("%.3g s", float64(us)/1e6)
	}
}

func span(d Delay) string {
	if d.FromUS == d.ToUS {
		return micros(d.FromUS)
	}
	return micros(d.FromUS) + " to " + micros(d.ToUS)
}

// wrap breaks text into lines of at most width letters; all but the first are indented.
func wrap(text string, width, indent int) string {
	var b strings.Builder
	line := 0
	for _, word := range strings.Fields(text) {
		n := len([]rune(word))
		switch {
		case line == 0:
		case line+1+n > width:
			b.WriteString("\n" + strings.Repeat(" ", indent))
			line = 0
		default:
			b.WriteByte(' ')
			line++
		}
		b.WriteString(word)
		line += n
	}
	return b.String()
}

// thousands groups the digits by commas.
func thousands(n int64) string {
	s := strconv.FormatInt(n, 10)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
