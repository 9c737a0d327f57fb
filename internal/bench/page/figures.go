package page

import (
	"fmt"
	"math"
	"strconv"

	"github.com/leasecache/leasecache/internal/bench/result"
	"github.com/leasecache/leasecache/internal/bench/stats"
	"github.com/leasecache/leasecache/internal/bench/svg"
)

// ratio is a median with its smallest and largest round.
type ratio struct{ median, low, high float64 }

func (r ratio) there() bool { return !math.IsNaN(r.median) }

func (r ratio) String() string {
	if !r.there() {
		return "–"
	}
	return fmt.Sprintf("**%.2f** (%.2f–%.2f)", r.median, r.low, r.high)
}

// over divides a measure of one point by that of another, round by round.
func over(a, b *result.Point, measure string) ratio {
	if a == nil || b == nil {
		return ratio{math.NaN(), math.NaN(), math.NaN()}
	}
	m, low, high := spread(stats.Ratios(a.Values[measure], b.Values[measure]))
	return ratio{m, low, high}
}

func spread(v []float64) (median, low, high float64) {
	low, high = stats.Spread(v)
	return stats.Median(v), low, high
}

// ours is the server that the page is about, rivals are the others.
func ours(r *result.Run) result.Server {
	if len(r.Servers) == 0 {
		return result.Server{}
	}
	return r.Servers[0]
}

func rivals(r *result.Run) []result.Server {
	if len(r.Servers) == 0 {
		return nil
	}
	return r.Servers[1:]
}

// cases are the names of a run's cases, in their order.
func cases(r *result.Run) (out []string) {
	seen := map[string]bool{}
	for _, p := range r.Points {
		if !seen[p.Case] {
			seen[p.Case] = true
			out = append(out, p.Case)
		}
	}
	return out
}

// axis are the places of a case along its axis, in their order.
func axis(r *result.Run, c string) (out []float64) {
	seen := map[float64]bool{}
	for _, p := range r.Points {
		if p.Case == c && !seen[p.X] {
			seen[p.X] = true
			out = append(out, p.X)
		}
	}
	return out
}

// series is a measure of a case along its axis, for one server.
func series(r *result.Run, c, server, measure string) (out [][2]float64) {
	for _, x := range axis(r, c) {
		if p := r.Find(c, x, server); p != nil {
			out = append(out, [2]float64{x, p.Median(measure)})
		}
	}
	return out
}

// lines are the series of all servers.
func lines(r *result.Run, c, measure string) (out []svg.Series) {
	for _, s := range r.Servers {
		if points := series(r, c, s.Name, measure); len(points) > 0 {
			out = append(out, svg.Series{Name: s.Name, Tone: tone(r, s.Name), Points: points})
		}
	}
	return out
}

func number(v float64, digits int) string {
	if math.IsNaN(v) {
		return "–"
	}
	return strconv.FormatFloat(v, 'f', digits, 64)
}

func percent(v float64, digits int) string {
	if math.IsNaN(v) {
		return "–"
	}
	return number(100*v, digits) + " %"
}

// thousands writes a large count for a table.
func thousands(v float64) string {
	if math.IsNaN(v) {
		return "–"
	}
	return svg.Short(stats.Round(v, 3))
}

// size writes a number of bytes.
func size(bytes float64) string {
	switch {
	case bytes >= 1<<30:
		return trim(bytes/(1<<30)) + " GiB"
	case bytes >= 1<<20:
		return trim(bytes/(1<<20)) + " MiB"
	case bytes >= 1<<10:
		return trim(bytes/(1<<10)) + " KiB"
	}
	return trim(bytes) + " B"
}

func trim(v float64) string { return strconv.FormatFloat(stats.Round(v, 3), 'f', -1, 64) }
