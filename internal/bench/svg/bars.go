package svg

import (
	"math"
	"strconv"
)

// Bars are horizontal bars in rows, a bar for each series.
type Bars struct {
	Title, X string
	Series   []string
	Tones    []Tone
	Rows     []Row
	Line     float64 // a value that is marked through all rows, unless 0
}

// Row is one row of bars.
type Row struct {
	Name   string
	Values []float64 // one a series; NaN: none
	Goals  []float64 // likewise; a mark on the bar's place, NaN or missing: none
}

const (
	bar     = 13.0
	rowGap  = 10.0
	rowEdge = 220.0
)

// SVG draws the bars.
func (b *Bars) SVG() []byte {
	var values []float64
	bars := 0
	for _, r := range b.Rows {
		values = append(append(values, r.Values...), r.Goals...)
		bars += len(r.Values)
	}
	high := 96 + float64(bars)*bar + float64(len(b.Rows))*rowGap + 18*float64(1+len(b.Series)/4)
	out := begin(width, int(high), b.Title)
	out.text("head", 16, 26, b.Title)
	y := out.legend(16, rightEdge, 48, b.Series, func(i int) Tone { return b.Tones[i] % tones })
	top, bottom := y, high-48
	x, xTicks := fit(append(values, b.Line), false, true, rowEdge, rightEdge-50)
	for _, v := range xTicks {
		out.line("grid", x.at(v), top, x.at(v), bottom)
		out.text("tickx", x.at(v), bottom+18, Short(v))
	}
	if b.Line != 0 {
		out.line("base", x.at(b.Line), top-4, x.at(b.Line), bottom+4)
	}
	y += rowGap / 2
	for _, r := range b.Rows {
		out.text("row", rowEdge-12, y+bar*float64(len(r.Values))/2+4, r.Name)
		for i, v := range r.Values {
			if !math.IsNaN(v) {
				out.printf(`<rect class="f%d" x="%.1f" y="%.1f" width="%.1f" height="%.1f" rx="1.5"/>`+"\n",
					b.Tones[i]%tones, rowEdge, y+1, max(x.at(v)-rowEdge, 0.5), bar-2)
				out.text("val", x.at(v)+6, y+bar-3, strconv.FormatFloat(v, 'f', decimals(v), 64))
			}
			if i < len(r.Goals) && !math.IsNaN(r.Goals[i]) {
				at := x.at(r.Goals[i])
				out.line("goal", at, y-1, at, y+bar+1)
			}
			y += bar
		}
		y += rowGap
	}
	out.line("base", rowEdge, top, rowEdge, bottom)
	out.printf(`<text class="axis axisx" x="%.1f" y="%.1f">%s</text>`+"\n", (rowEdge+rightEdge-50)/2, high-10, escape(b.X))
	return out.end()
}

func decimals(v float64) int {
	switch a := math.Abs(v); {
	case a < 10:
		return 2
	case a < 100:
		return 1
	}
	return 0
}
