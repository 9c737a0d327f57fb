package svg

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"math"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// element is one of a drawing, with its attributes.
type element struct {
	name  string
	attrs map[string]string
}

// wellFormed parses a drawing, and returns what is in it.
func wellFormed(t *testing.T, svg []byte) (all []element, text string) {
	d := xml.NewDecoder(bytes.NewReader(svg))
	d.Strict = true
	var b strings.Builder
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return all, b.String()
		}
		require.NoError(t, err, "%s", svg)
		switch e := token.(type) {
		case xml.StartElement:
			el := element{e.Name.Local, map[string]string{}}
			for _, a := range e.Attr {
				el.attrs[a.Name.Local] = a.Value
			}
			all = append(all, el)
		case xml.CharData:
			b.Write(e)
		}
	}
}

// onPaper requires that every place is a number, and inside.
func onPaper(t *testing.T, all []element) {
	require.Equal(t, "svg", all[0].name)
	w, err := strconv.ParseFloat(all[0].attrs["width"], 64)
	require.NoError(t, err)
	h, err := strconv.ParseFloat(all[0].attrs["height"], 64)
	require.NoError(t, err)
	inside := func(text string, most float64) {
		v, err := strconv.ParseFloat(text, 64)
		require.NoError(t, err)
		require.False(t, math.IsNaN(v) || v < 0 || v > most, "%v of %v", v, most)
	}
	for _, e := range all {
		for name, most := range map[string]float64{"x": w, "y": h, "x1": w, "x2": w, "y1": h, "y2": h, "cx": w, "cy": h, "width": w, "height": h} {
			if v, ok := e.attrs[name]; ok {
				inside(v, most)
			}
		}
		for _, pair := range strings.Fields(e.attrs["points"]) {
			x, y, ok := strings.Cut(pair, ",")
			require.True(t, ok)
			inside(x, w)
			inside(y, h)
		}
	}
}

func count(all []element, name string) (n int) {
	for _, e := range all {
		if e.name == name {
			n++
		}
	}
	return n
}

func TestChartsAreWellFormedAndOnPaper(t *testing.T) {
	nan := math.NaN()
	some := []Series{
		{"leasecached & <friends>", 0, [][2]float64{{1, 10}, {16, 300}, {64, 2_000_000}}},
		{`"memcached"`, 1, [][2]float64{{1, 12}, {16, nan}, {64, 1_500_000}}},
		{"none", 2, [][2]float64{{1, nan}}},
	}
	for name, c := range map[string]Chart{
		"linear":    {Series: some},
		"log x":     {Series: some, LogX: true},
		"log both":  {Series: some, LogX: true, LogY: true},
		"near":      {Series: some, Near: true},
		"empty":     {},
		"empty log": {LogX: true, LogY: true},
		"one point": {Series: []Series{{"a", 9, [][2]float64{{5, 5}}}}},
		"zeros":     {Series: []Series{{"a", 0, [][2]float64{{0, 0}, {1, 0}}}}, LogY: true},
		"many": {Series: []Series{{Name: strings.Repeat("long ", 9)}, {Name: strings.Repeat("long ", 9)},
			{Name: strings.Repeat("long ", 9)}, {Name: "e"}, {Name: "f"}}},
	} {
		t.Run(name, func(t *testing.T) {
			c.Title, c.X, c.Y = "keys & values <1>", "connections", "keys/s"
			all, text := wellFormed(t, c.SVG())
			onPaper(t, all)
			require.Contains(t, text, "keys & values <1>")
			for _, s := range c.Series {
				require.Contains(t, text, s.Name)
			}
		})
	}
	marks := map[string]bool{}
	for i := range Tone(tones) {
		c := begin(10, 10, "")
		c.mark(i, 0, 0)
		_, mark, _ := strings.Cut(string(c.end()), "/>")
		mark = strings.NewReplacer("f"+strconv.Itoa(int(i)), "").Replace(mark)
		require.NotContains(t, marks, mark, "two series look alike to who sees no colours")
		marks[mark] = true
	}
	all, _ := wellFormed(t, (&Chart{Series: some}).SVG())
	require.Equal(t, 2, count(all, "polyline"), "a series without a point has no line")
}

func TestBarsAreWellFormedAndOnPaper(t *testing.T) {
	nan := math.NaN()
	b := Bars{
		Title: "ratios", X: "memcached / ours", Series: []string{"1.6.18", "1.6.45"}, Tones: []Tone{1, 3}, Line: 1,
		Rows: []Row{
			{"get <one>", []float64{1.2, 1.1}, []float64{1.15, 1.15}},
			{"pipelined", []float64{6.4, nan}, []float64{6, nan}},
			{"nothing", []float64{nan, nan}, nil},
		},
	}
	all, text := wellFormed(t, b.SVG())
	onPaper(t, all)
	require.Contains(t, text, "6.40")
	require.Contains(t, text, "get <one>")
	empty := Bars{}
	all, _ = wellFormed(t, empty.SVG())
	onPaper(t, all)
}

// Light and dark are in the file: a reader in either sees ink on paper.
func TestBothSchemes(t *testing.T) {
	_, text := wellFormed(t, (&Chart{}).SVG())
	require.Contains(t, text, "prefers-color-scheme:dark")
	for i := range tones {
		require.Contains(t, text, light[i])
		require.Contains(t, text, dark[i])
	}
}

func TestTicksEncloseAndAreRound(t *testing.T) {
	require.Equal(t, []float64{0, 20, 40, 60, 80, 100}, ticks(0, 99, 6))
	require.Equal(t, []float64{0, 0.5, 1, 1.5}, ticks(0, 1.3, 4))
	require.Equal(t, []float64{1, 10, 100, 1000, 10_000}, logTicks(1, 9_999))
	require.Equal(t, []float64{20, 50, 100, 200, 500}, logTicks(30, 450))
	for _, r := range [][2]float64{{0, 1e-6}, {3, 3}, {-5, 12}, {1e9, 3e9}} {
		got := ticks(r[0], r[1], 6)
		require.LessOrEqual(t, got[0], r[0])
		require.GreaterOrEqual(t, got[len(got)-1], r[1])
		require.LessOrEqual(t, len(got), 9)
	}
	require.Equal(t, "1.5k", Short(1500))
	require.Equal(t, "2M", Short(2_000_000))
	require.Equal(t, "0.25", Short(0.25))
}
