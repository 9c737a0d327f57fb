package difftest

import (
	"fmt"
	"slices"
	"time"
)

// A Report is an unexpected difference, as small as it could be made.
type Report struct {
	Seed   uint64
	Round  int
	Steps  []Step
	Found  *Finding
	Script string
}

func (r *Report) String() string {
	return fmt.Sprintf("seed %d, round %d: %s\n%s", r.Seed, r.Round, r.Found.How, r.Script)
}

// tries is how often a difference is looked for again before it counts as one that
// does not come back.
const tries = 3

// Round plays a round. An unexpected difference is played again and shrunk; fleeting
// says that it did not come back, as a tick of a clock between the two servers'
// answers would not.
func (p *Pair) Round(steps []Step) (found *Report, fleeting *Finding, err error) {
	p.Count.Rounds++
	f, _, err := p.play(steps)
	if err != nil || f == nil {
		return nil, nil, err
	}
	if len(f.Step.Lines) == 1 {
		return p.confirm(f.upTo(), f)
	}
	// Line by line it can be told whether it is an expected difference. If there is
	// none at all then, it is one of pipelining.
	before := total(p.Count.Excused)
	apart := append(slices.Clone(f.prior), singly(f.Step)...)
	g, _, err := p.play(apart)
	switch {
	case err != nil:
		return nil, nil, err
	case g != nil && len(g.Step.Lines) == 1:
		return p.confirm(g.upTo(), g)
	case g == nil && total(p.Count.Excused) > before:
		return nil, nil, nil
	}
	return p.confirm(f.upTo(), f)
}

// upTo gives the steps of a round up to the one that a finding is about.
func (f *Finding) upTo() []Step { return append(slices.Clone(f.prior), *f.Step) }

// singly sends the lines of a step one by one.
func singly(s *Step) []Step {
	var out []Step
	for _, l := range s.Lines {
		out = append(out, Step{Lines: []Line{l}, Hungry: s.Hungry, Stuck: s.Stuck})
	}
	return out
}

func total(m map[string]int) (n int) {
	for _, v := range m {
		n += v
	}
	return n
}

func (p *Pair) confirm(steps []Step, f *Finding) (*Report, *Finding, error) {
	for range tries {
		g, _, err := p.play(steps)
		if err != nil {
			return nil, nil, err
		}
		if g != nil {
			small, err := p.shrink(steps, g.kind())
			if err != nil {
				return nil, nil, err
			}
			return p.report(small, g.kind())
		}
	}
	return nil, f, nil
}

func (p *Pair) report(steps []Step, kind string) (*Report, *Finding, error) {
	for range tries {
		f, r, err := p.play(steps)
		if err != nil {
			return nil, nil, err
		}
		if f != nil {
			return &Report{Steps: steps, Found: f, Script: r.script(f)}, nil, nil
		}
	}
	return nil, nil, fmt.Errorf("a difference (%s) came back before and does not any more: %q", kind, texts(steps))
}

// budget and shrinkTime bound what one difference is shrunk with: plays, and time.
const (
	budget     = 600
	shrinkTime = 20 * time.Second
)

// shrink drops what can be dropped while a difference of the same kind stays: steps,
// lines, words, and whatever is unusual about how a line is written.
func (p *Pair) shrink(steps []Step, kind string) ([]Step, error) {
	left, until := budget, time.Now().Add(shrinkTime)
	var broken error
	still := func(s []Step) ([]Step, bool) {
		if left--; left < 0 || broken != nil || time.Now().After(until) {
			return nil, false
		}
		f, _, err := p.play(s)
		if err != nil {
			broken = err
			return nil, false
		}
		if f == nil || f.kind() != kind {
			return nil, false
		}
		return f.upTo(), true
	}
	for again := true; again && left > 0 && broken == nil; {
		again = false
		for n := max(1, len(steps)/2); n >= 1; n /= 2 {
			for at := 0; at+n <= len(steps)-1 || (at == 0 && n < len(steps)); {
				shorter := append(slices.Clone(steps[:at]), steps[min(at+n, len(steps)-1):]...)
				if s, ok := still(shorter); ok && len(s) < len(steps) {
					steps, again = s, true
					continue
				}
				at += n
			}
		}
		for i := 0; i < len(steps); i++ {
			for _, simpler := range simpler(&steps[i]) {
				attempt := slices.Clone(steps)
				attempt[i] = simpler
				if s, ok := still(attempt); ok && len(s) == len(steps) {
					steps, again = s, true
					i--
					break
				}
			}
		}
	}
	return steps, broken
}

// simpler gives the ways in which a step is made a little simpler.
func simpler(s *Step) []Step {
	var out []Step
	vary := func(f func(*Step)) {
		c := *s
		c.Lines = slices.Clone(s.Lines)
		f(&c)
		out = append(out, c)
	}
	if s.Cut != 0 {
		vary(func(c *Step) { c.Cut = 0 })
	}
	for i := range s.Lines {
		if len(s.Lines) > 1 {
			vary(func(c *Step) { c.Lines = slices.Delete(c.Lines, i, i+1) })
		}
		l := &s.Lines[i]
		if l.Sep != "" || l.Lead != "" || l.Trail != "" || l.End != "" {
			vary(func(c *Step) {
				c.Lines[i].Sep, c.Lines[i].Lead, c.Lines[i].Trail, c.Lines[i].End = "", "", "", ""
			})
		}
		for n := len(l.Words) / 2; n > 4; n /= 2 {
			for w := 1; w+n <= len(l.Words); w += n {
				vary(func(c *Step) { c.Lines[i].Words = slices.Delete(slices.Clone(l.Words), w, w+n) })
			}
		}
		// Without one of these the next would be taken for a length, a version even.
		needed := 0
		if l.HasData && len(l.Words) > 4 {
			needed = 4
		}
		for w := min(len(l.Words)-1, 30); w > needed; w-- {
			vary(func(c *Step) { c.Lines[i].Words = slices.Delete(slices.Clone(l.Words), w, w+1) })
		}
	}
	return out
}

func texts(steps []Step) (out []string) {
	for i := range steps {
		out = append(out, steps[i].text())
	}
	return out
}
