package svg

import (
	"fmt"
	"math"
	"slices"
	"strings"
)

// Chart is lines over an axis.
type Chart struct {
	Title, X, Y string
	LogX, LogY  bool
	Near        bool                 // the y axis need not begin at 0
	TickX       func(float64) string // nil: Short
	Series      []Series
}

// Series is one line. Points whose value is not a number are left out.
type Series struct {
	Name   string
	Tone   Tone
	Points [][2]float64
}

const (
	width      = 720
	height     = 400
	leftEdge   = 62.0
	rightEdge  = width - 22.0
	lowerEdge  = height - 48.0
	labelSpace = 36.0
)

// SVG draws the chart.
func (c *Chart) SVG() []byte {
	out := begin(width, height, c.Title)
	out.text("head", 16, 26, c.Title)
	var names []string
	var xs, ys []float64
	for _, s := range c.Series {
		names = append(names, s.Name)
		for _, p := range s.Points {
			if !math.IsNaN(p[1]) {
				xs, ys = append(xs, p[0]), append(ys, p[1])
			}
		}
	}
	top := out.legend(16, rightEdge, 48, names, func(i int) Tone { return c.Series[i].Tone % tones })
	out.text("axis", 16, top+6, c.Y)
	top += 22

	y, yTicks := fit(ys, c.LogY, !c.Near, lowerEdge, top)
	for _, v := range yTicks {
		out.line("grid", leftEdge, y.at(v), rightEdge, y.at(v))
		out.text("ticky", leftEdge-8, y.at(v)+4, Short(v))
	}
	x, xTicks := c.horizontal(xs)
	last := math.Inf(-1)
	tick := c.TickX
	if tick == nil {
		tick = Short
	}
	for _, v := range xTicks {
		if at := x.at(v); at-last >= labelSpace {
			out.line("base", at, lowerEdge, at, lowerEdge+4)
			out.text("tickx", at, lowerEdge+18, tick(v))
			last = at
		}
	}
	out.line("base", leftEdge, lowerEdge, rightEdge, lowerEdge)
	out.printf(`<text class="axis axisx" x="%.1f" y="%.1f">%s</text>`+"\n", (leftEdge+rightEdge)/2, height-10.0, escape(c.X))
	for _, s := range c.Series {
		s.draw(out, &x, &y)
	}
	return out.end()
}

// horizontal returns the x axis. On a logarithmic one the ticks are the values
// that were measured: they are few, and chosen.
func (c *Chart) horizontal(xs []float64) (axis, []float64) {
	const inset = 14
	if !c.LogX || len(xs) == 0 {
		return fit(xs, c.LogX, false, leftEdge+inset, rightEdge-inset)
	}
	own := slices.Compact(slices.Sorted(slices.Values(xs)))
	return axis{own[0], own[len(own)-1], true, leftEdge + inset, rightEdge - inset}, own
}

func (s *Series) draw(out *canvas, x, y *axis) {
	var line strings.Builder
	for _, p := range s.Points {
		if !math.IsNaN(p[1]) {
			fmt.Fprintf(&line, "%.1f,%.1f ", x.at(p[0]), y.at(p[1]))
		}
	}
	if line.Len() == 0 {
		return
	}
	tone := s.Tone % tones
	out.printf(`<polyline class="s%d" points="%s"/>`+"\n", tone, strings.TrimSpace(line.String()))
	for _, p := range s.Points {
		if !math.IsNaN(p[1]) {
			out.mark(tone, x.at(p[0]), y.at(p[1]))
		}
	}
}
