package main

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
)

// table aligns columns for reading: text to the left, numbers to the right, two blanks between. The last column is not padded.
type table struct {
	head  []string
	right []bool
	rows  [][]string
}

// newTable takes the heads of the columns; one that ends in "#" is of numbers.
func newTable(heads ...string) *table {
	t := &table{}
	for _, h := range heads {
		name, number := strings.CutSuffix(h, "#")
		t.head = append(t.head, name)
		t.right = append(t.right, number)
	}
	return t
}

func (t *table) add(cells ...any) {
	row := make([]string, len(cells))
	for i, c := range cells {
		row[i] = fmt.Sprint(c)
	}
	t.rows = append(t.rows, row)
}

// write prints the table; without rows it prints nothing but the sentence.
func (t *table) write(w io.Writer, empty string) error {
	if len(t.rows) == 0 {
		_, err := fmt.Fprintln(w, empty)
		return err
	}
	all := append([][]string{t.head}, t.rows...)
	width := make([]int, len(t.head))
	for _, row := range all {
		for i, c := range row {
			width[i] = max(width[i], len([]rune(c)))
		}
	}
	var b strings.Builder
	for _, row := range all {
		var line strings.Builder
		for i, c := range row {
			pad := strings.Repeat(" ", width[i]-len([]rune(c)))
			if i > 0 {
				line.WriteString("  ")
			}
			if t.right[i] {
				line.WriteString(pad + c)
			} else {
				line.WriteString(c + pad)
			}
		}
		b.WriteString(strings.TrimRight(line.String(), " ") + "\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// facts prints lines of "name   value", names aligned. An empty name continues the line above.
func facts(w io.Writer, pairs ...string) error {
	width := 0
	for i := 0; i < len(pairs); i += 2 {
		width = max(width, len([]rune(pairs[i])))
	}
	var b strings.Builder
	for i := 0; i < len(pairs); i += 2 {
		fmt.Fprintf(&b, "%s%s  %s\n", pairs[i], strings.Repeat(" ", width-len([]rune(pairs[i]))), pairs[i+1])
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// cut tells that a list was cut.
func cut(w io.Writer, truncated bool, shown int, total int64) error {
	if !truncated {
		return nil
	}
	_, err := fmt.Fprintf(w, "%d of %d are shown; --limit shows more\n", shown, total)
	return err
}

// millis shows a time left or gone with the precision a person needs.
func millis(ms int64) string {
	d := time.Duration(ms) * time.Millisecond
	switch {
	case d < 10*time.Second:
		return strconv.FormatFloat(d.Seconds(), 'f', 1, 64) + "s"
	case d < 10*time.Minute:
		return strconv.FormatInt(int64(d.Seconds()), 10) + "s"
	case d < 48*time.Hour:
		return strings.TrimSuffix(d.Truncate(time.Minute).String(), "0s")
	default:
		return strconv.FormatInt(int64(d/(24*time.Hour)), 10) + "d"
	}
}

// size shows bytes in the unit that leaves up to four digits.
func size(n int64) string {
	const units = "KMGTPE"
	if n < 10*1024 {
		return strconv.FormatInt(n, 10) + " B"
	}
	f, u := float64(n)/1024, 0
	for f >= 1024 && u < len(units)-1 {
		f, u = f/1024, u+1
	}
	return strconv.FormatFloat(f, 'f', 1, 64) + " " + units[u:u+1] + "iB"
}
