package svg

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"strings"
)

// Tone is the colour and marker of a series; the same thing has the same one in
// every chart.
type Tone int

// tones is how many there are.
const tones = 7

// The first three are far apart for colour-blind eyes, too. Blue, red, green,
// ochre, violet, cyan, grey.
var (
	light = [tones]string{"#0b62c4", "#c2410c", "#15803d", "#a16207", "#7e22ce", "#0e7490", "#64748b"}
	dark  = [tones]string{"#6cb2ff", "#ff9466", "#5fd68a", "#e8c35a", "#cf9bff", "#5ed3ea", "#a3b1c2"}
)

// canvas collects the elements of a drawing.
type canvas struct {
	bytes.Buffer
}

func begin(width, height int, title string) *canvas {
	c := &canvas{}
	c.printf(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%d" height="%d" role="img" aria-label="%s">`+"\n",
		width, height, width, height, escape(title))
	c.printf("<title>%s</title>\n<style>\n%s</style>\n", escape(title), style())
	c.printf(`<rect class="paper" width="%d" height="%d" rx="6"/>`+"\n", width, height)
	return c
}

func (c *canvas) end() []byte {
	c.WriteString("</svg>\n")
	return c.Bytes()
}

func (c *canvas) printf(format string, args ...any) { fmt.Fprintf(c, format, args...) }

func (c *canvas) text(class string, x, y float64, text string) {
	c.printf(`<text class="%s" x="%.1f" y="%.1f">%s</text>`+"\n", class, x, y, escape(text))
}

func (c *canvas) line(class string, x1, y1, x2, y2 float64) {
	c.printf(`<line class="%s" x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f"/>`+"\n", class, x1, y1, x2, y2)
}

// mark draws the marker of a tone.
func (c *canvas) mark(t Tone, x, y float64) {
	const r = 3.6
	class := fmt.Sprintf("f%d", t)
	polygon := func(points ...float64) {
		c.printf(`<polygon class="%s" points="`, class)
		for i := 0; i < len(points); i += 2 {
			c.printf("%.1f,%.1f ", x+points[i], y+points[i+1])
		}
		c.WriteString("\"/>\n")
	}
	switch t {
	case 0:
		c.printf(`<circle class="%s" cx="%.1f" cy="%.1f" r="%.1f"/>`+"\n", class, x, y, r)
	case 1:
		polygon(-r, -r, r, -r, r, r, -r, r)
	case 2:
		polygon(0, -r-1, r+1, r, -r-1, r)
	case 3:
		polygon(0, -r-1, r+1, 0, 0, r+1, -r-1, 0)
	case 4:
		polygon(0, r+1, r+1, -r, -r-1, -r)
	case 5:
		polygon(-r-1, -r/2, r+1, -r/2, r+1, r/2, -r-1, r/2)
	default:
		polygon(-r/2, -r-1, r/2, -r-1, r/2, r+1, -r/2, r+1)
	}
}

// letter is about how wide one is in the charts' font, for placing legends.
const letter = 7.2

// legend draws names with their markers in rows, and returns where the next row
// would be.
func (c *canvas) legend(left, right, y float64, names []string, of func(i int) Tone) float64 {
	x := left
	for i, name := range names {
		width := 34 + letter*float64(len([]rune(name)))
		if x > left && x+width > right {
			x, y = left, y+18
		}
		c.printf(`<line class="s%d" x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f"/>`+"\n", of(i), x, y-4, x+18, y-4)
		c.mark(of(i), x+9, y-4)
		c.text("note", x+23, y, name)
		x += width
	}
	return y + 18
}

func style() string {
	var b strings.Builder
	scheme := func(colours *[tones]string, paper, ink, soft, grid string) {
		fmt.Fprintf(&b, ".paper{fill:%s}text{fill:%s}.note,.val,.tickx,.ticky,.axis{fill:%s}.val{stroke:%s}.grid{stroke:%s}.base,.goal{stroke:%s}\n",
			paper, ink, soft, paper, grid, soft)
		for i, colour := range colours {
			fmt.Fprintf(&b, ".s%d{stroke:%s}.f%d{fill:%s}\n", i, colour, i, colour)
		}
	}
	b.WriteString("text{font:12px system-ui,-apple-system,'Segoe UI',Helvetica,Arial,sans-serif}\n" +
		".head{font-size:14px;font-weight:600}.val{stroke-width:3;paint-order:stroke}.tickx,.axisx{text-anchor:middle}.ticky,.row{text-anchor:end}\n" +
		"polyline{fill:none}polyline,line{stroke-width:1}polyline{stroke-width:2;stroke-linejoin:round}\n" +
		"[class^=s]{stroke-width:2}.goal{stroke-dasharray:4 3}\n")
	scheme(&light, "#ffffff", "#1a2230", "#4b5768", "#e3e7ed")
	b.WriteString("@media (prefers-color-scheme:dark){\n")
	scheme(&dark, "#11161d", "#e8edf4", "#a9b5c4", "#2a333f")
	b.WriteString("}\n")
	return b.String()
}

func escape(s string) string {
	var b bytes.Buffer
	_ = xml.EscapeText(&b, []byte(s)) // a buffer takes everything
	return b.String()
}
