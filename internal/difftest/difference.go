package difftest

import "strings"

// A Difference is one that is expected.
type Difference struct {
	Name string
	// Example shows it; its last step is the one that is answered differently. Ref
	// and Ours are the last line of each answer, … for what may vary.
	Example   []Step
	Ref, Ours string
	Why       string
	// Match says whether a finding is this difference; without it, Shows does. Hide is
	// applied to both replies before they are compared, and takes out what is expected
	// to differ.
	Match func(f *Finding) bool
	Hide  func(units []unit) []unit
	// Shows says whether a step may show it by itself, so that it is not sent too
	// often. It may be nil.
	Shows func(s *Step) bool
	// Harmless is set where both servers hold the same values afterwards.
	Harmless bool
}

// A Finding is a step to which the servers answered differently.
type Finding struct {
	Step      *Step
	Ref, Ours reply
	RefUnits  []unit
	OursUnits []unit
	At        int // the first unit that differs; -1 if only the end does
	How       string
	prior     []Step // the steps of the round before it
	recent    []Step // those of them since the servers last agreed for certain
}

// ref and ours give the line of the first unit that differs, "" behind the end of a
// reply.
func (f *Finding) ref() string  { return lineAt(f.RefUnits, f.At) }
func (f *Finding) ours() string { return lineAt(f.OursUnits, f.At) }

func lineAt(units []unit, i int) string {
	if i < 0 || i >= len(units) {
		return ""
	}
	return units[i].line
}

// kind tells findings apart while one is shrunk: a shorter stream must show the same
// thing, and not another one that lies under it.
func (f *Finding) kind() string {
	shape := func(line string, r *reply) string {
		head, _, _ := strings.Cut(line, " ")
		if strings.HasSuffix(head, "ERROR") {
			head = line
		}
		return head + " " + r.end()
	}
	return shape(f.ref(), &f.Ref) + " | " + shape(f.ours(), &f.Ours)
}

// hide applies what is hidden by a list of differences.
func hide(expected []Difference, u []unit) []unit {
	for i := range expected {
		if expected[i].Hide != nil {
			u = expected[i].Hide(u)
		}
	}
	return u
}

// expect finds the entry that a finding is.
func expect(expected []Difference, f *Finding) *Difference {
	for i := range expected {
		d := &expected[i]
		if d.Match != nil && d.Match(f) || d.Match == nil && d.Shows != nil && d.Shows(f.Step) {
			return &expected[i]
		}
	}
	return nil
}
