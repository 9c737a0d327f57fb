package difftest

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Generate makes the steps of a round. The same seed and round make the same steps.
func Generate(seed uint64, round int) []Step {
	s := newSource(seed, uint64(round))
	s.large, s.delayed = s.oneIn(8), s.oneIn(4)
	var out []Step
	for range 40 + s.IntN(40) {
		out = append(out, s.steps()...)
	}
	return out
}

// GenerateTimed makes the steps of a round in which time passes. Such a round does
// not flush, so that others may go on beside it.
func GenerateTimed(seed uint64, round int) []Step {
	s := newSource(seed, uint64(round)+1<<32)
	s.timed = true
	var out []Step
	for range 3 {
		for range 12 {
			out = append(out, s.steps()...)
		}
		// One second to live is over then on every clock that counts in seconds, ten
		// are not.
		out = append(out, Step{Lines: []Line{{Words: []string{"mn"}}}, Sleep: 2200 * time.Millisecond})
	}
	return out
}

// steps makes one step, or two that belong together.
func (s *source) steps() []Step {
	switch n := s.IntN(100); {
	case n < 8:
		return s.conditional()
	case n < 16:
		return []Step{s.pipeline()}
	}
	step := s.dress(s.line())
	for step.Stuck && !s.oneIn(8) { // these cost time
		step = s.dress(s.line())
	}
	if s.oneIn(25) && len(step.text()) < 1500 {
		step.Cut = 1 + s.IntN(len(step.text()))
	}
	return []Step{step}
}

// line makes one command.
func (s *source) line() Line {
	switch n := s.IntN(100); {
	case n < 22:
		return s.classicStore()
	case n < 34:
		return s.classicGet()
	case n < 46:
		return s.classicOther()
	case n < 60:
		return s.metaGet()
	case n < 74:
		return s.metaSet()
	case n < 81:
		return s.metaDelete()
	case n < 89:
		return s.metaArithmetic()
	case n < 91:
		return s.metaDebug()
	case n < 96:
		return s.admin()
	}
	return s.odd()
}

// pipeline makes a step of several commands. None of them may leave the server
// waiting.
func (s *source) pipeline() Step {
	var step Step
	for range 2 + s.IntN(6) {
		l := s.line()
		if s.mood(&l) != content || alone.MatchString(l.text()) || len(l.text())-len(l.Data) > 2000 {
			continue
		}
		if arithmetic.MatchString(l.text()) && len(step.Lines) > 0 {
			// Behind a read in the same pipeline memcached counts in another place than
			// where it reads from, and the value's length shows that.
			continue
		}
		step.Lines = append(step.Lines, l)
	}
	if len(step.Lines) == 0 {
		return s.pipeline()
	}
	return step
}

var arithmetic = regexp.MustCompile(`^ *(incr|decr|ma) `)

// Thin takes out most of the steps that show an expected difference by themselves,
// so that the others get their turn before the servers part.
func Thin(steps []Step, expected []Difference, seed uint64, round int) []Step {
	s := newSource(seed, uint64(round)+2<<32)
	return slices.DeleteFunc(steps, func(step Step) bool {
		for i := range step.Lines {
			line := Step{Lines: step.Lines[i : i+1]}
			shows := slices.ContainsFunc(expected, func(d Difference) bool { return d.Shows != nil && d.Shows(&line) })
			// Without a reply it would part the servers unseen.
			if shows && (mute(&line) || !s.oneIn(30)) {
				return true
			}
		}
		return false
	})
}

// mute reports whether a step hides its reply.
func mute(s *Step) bool {
	return strings.Contains(s.text(), "noreply") || meta(s) && s.has("q")
}

// alone are lines that do not go into a pipeline: what ends a connection may take the
// replies before it along, and of memcached an error in the middle of a get does.
var alone = regexp.MustCompile(`HTTP|^ *(quit|watch|lru_crawler|HEAD|GET|POST|PUT)\b|^ *g.*(x\*(245|400)|z{1000})`)

// conditional looks at a version and uses it, or a neighbour of it, at once.
func (s *source) conditional() []Step {
	k := strconv.Itoa(s.IntN(4))
	look := lines(s.of("gets ${k"+k+"}", "mg ${k"+k+"} c", "mg ${k"+k+"} s c v", "mg ${k"+k+"} c N100", "ms ${k"+k+"} S0 c"))
	if look.Lines[0].Words[0] == "ms" {
		look = Step{Lines: []Line{{Words: []string{"ms", "${k" + k + "}", "1", "c"}, HasData: true, Data: "7", DataEnd: "\r\n"}}}
	}
	version := "${c" + k + s.of("", "", "", "+1", "-1") + "}"
	var use Line
	switch s.IntN(5) {
	case 0:
		use = s.classicStore()
		use.Words = append([]string{"cas", "${k" + k + "}", "5", "0", strconv.Itoa(size(&use)), version}, s.sometimes(10, "noreply")...)
	case 1, 2:
		use = Line{Words: []string{"ms", "${k" + k + "}", "2", "C" + version}, HasData: true, Data: "42", DataEnd: "\r\n"}
		use.Words = append(use.Words, s.sometimes(3, "I")...)
		use.Words = append(use.Words, s.sometimes(3, "T"+s.exptime())...)
		use.Words = append(use.Words, s.sometimes(2, "c")...)
		use.Words = append(use.Words, s.sometimes(5, "M"+s.of("E", "A", "P", "R", "S"))...)
		use.Words = append(use.Words, s.sometimes(6, "E"+s.chosen())...)
	case 3:
		use = Line{Words: append([]string{"md", "${k" + k + "}", "C" + version}, s.sometimes(2, "I", "T100")...)}
		use.Words = append(use.Words, s.sometimes(4, "x")...)
	case 4:
		use = Line{Words: append([]string{"ma", "${k" + k + "}", "C" + version, "v", "c"}, s.sometimes(5, "E"+s.chosen())...)}
	}
	return []Step{look, {Lines: []Line{use}}}
}

// size is the length of a line's data, its repetitions written out.
func size(l *Line) int {
	if !l.HasData {
		l.HasData, l.Data = true, "x"
	}
	l.DataEnd = "\r\n"
	e := env{}
	return len(e.render(l.Data))
}

func (s *source) sometimes(n int, words ...string) []string {
	if s.oneIn(n) {
		return words
	}
	return nil
}

// chosen is a version that a client chooses. Those of both servers lie between: so
// what is greater and what is less is the same for both.
func (s *source) chosen() string {
	return s.of("1", "1", "2", "3", "9223372036854775808", "9223372036854775809", "18446744073709551615", "18446744073709551614")
}

// dress makes a step of a line, now and then written in an unusual way.
func (s *source) dress(l Line) Step {
	switch s.IntN(60) {
	case 0:
		l.End = "\n"
	case 1:
		l.Sep = "  "
	case 2:
		l.Trail = s.of(" ", "  ", "   ")
	case 3:
		l.Lead = s.of(" ", "  ")
	case 4:
		if s.oneIn(4) {
			l.Sep = s.of("\t", " \t")
		}
	case 5:
		if s.oneIn(4) {
			l.End = "\r\r\n"
		}
	}
	step := Step{Lines: []Line{l}}
	switch s.mood(&l) {
	case hungry:
		step.Hungry = true
	case stuck:
		step.Stuck = true
	}
	return step
}

// mood says what a line leaves the server in.
func (s *source) mood(l *Line) mood {
	words := strings.FieldsFunc(strings.Join(l.Words, " "), func(r rune) bool { return r == ' ' })
	at := 0
	switch {
	case len(words) == 0:
		return content
	case words[0] == "ms":
		at = 2
	case slices.Contains(strings.Fields(stores), words[0]):
		at = 4
	default:
		return content
	}
	e := env{}
	have := len(e.render(l.Data)) + len(l.DataEnd)
	want := int64(0)
	if at < len(words) {
		want, _ = strconv.ParseInt(strings.TrimLeft(words[at], "+ \t"), 10, 64) // no number asks for nothing
	}
	switch {
	case want+2 == int64(have) && strings.HasSuffix(l.DataEnd, "\n"):
		return content
	case want+2 > int64(have)+meal*4-20:
		return stuck
	}
	return hungry
}

type mood int

const (
	content mood = iota
	hungry       // it may take a few bytes more for data
	stuck        // it wants more than it will get
)
