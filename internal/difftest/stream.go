package difftest

import (
	"strings"
	"time"
)

// A Line is one command line and the data block behind it, if any. Its texts are
// templates, see env.render.
type Line struct {
	Words   []string
	Sep     string // between the words; empty: one blank
	Lead    string // before the first
	Trail   string // behind the last
	End     string // ends the line; empty: \r\n
	HasData bool
	Data    string
	DataEnd string // behind the data
}

func (l *Line) text() string {
	var b strings.Builder
	b.WriteString(l.Lead)
	b.WriteString(strings.Join(l.Words, or(l.Sep, " ")))
	b.WriteString(l.Trail)
	b.WriteString(or(l.End, "\r\n"))
	if l.HasData {
		b.WriteString(l.Data)
		b.WriteString(l.DataEnd)
	}
	return b.String()
}

func or(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

// A Step is what is sent before the replies are compared.
type Step struct {
	Lines []Line
	// Hungry is set where the server may take what follows for data: several
	// barriers are sent then, and how many of them are answered is compared too.
	Hungry bool
	// Stuck is set where the server waits for more data than anybody will send: no
	// barrier, and both connections are given up.
	Stuck bool
	Cut   int           // the step is sent in two writes, the first of so many bytes; 0: one
	Sleep time.Duration // time to let pass before
}

func (s *Step) text() string {
	var b strings.Builder
	for i := range s.Lines {
		b.WriteString(s.Lines[i].text())
	}
	return b.String()
}

// word gives the i-th blank-separated word of the step's first line, as a server
// sees it, with keys and versions still in template form. Empty if there is none.
func (s *Step) word(i int) string {
	if len(s.Lines) == 0 {
		return ""
	}
	l := &s.Lines[0]
	words := strings.FieldsFunc(l.Lead+strings.Join(l.Words, or(l.Sep, " "))+l.Trail, func(r rune) bool { return r == ' ' })
	if i < len(words) {
		return words[i]
	}
	return ""
}

// flag gives the first word behind the key that begins with this letter.
func (s *Step) flag(letter string) (string, bool) {
	for i := 2; s.word(i) != ""; i++ {
		if w := s.word(i); strings.HasPrefix(w, letter) {
			return w, true
		}
	}
	return "", false
}

// lines makes a step of lines as they stand, for examples and tests.
func lines(text ...string) Step {
	var s Step
	for _, t := range text {
		s.Lines = append(s.Lines, Line{Words: strings.Split(t, " ")})
	}
	return s
}

// data makes a step of a line with a data block, likewise.
func data(line, block string) Step {
	return Step{Lines: []Line{{Words: strings.Split(line, " "), HasData: true, Data: block, DataEnd: "\r\n"}}}
}
