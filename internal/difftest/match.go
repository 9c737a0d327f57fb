package difftest

import (
	"regexp"
	"slices"
	"strings"
)

// What the entries of the tables are made of.

// keyNumber gives the number of the key that a word names, in plain or in base64.
func keyNumber(w string) (byte, bool) {
	if len(w) == 5 && (strings.HasPrefix(w, "${k") || strings.HasPrefix(w, "${b")) && w[4] == '}' {
		return w[3], true
	}
	return 0, false
}

// keys gives the keys that a step names: their numbers, or odd ones as they stand.
func (s *Step) keys() []string {
	var out []string
	for _, w := range strings.FieldsFunc(s.text(), func(r rune) bool { return r <= ' ' }) {
		if k, ok := keyNumber(w); ok {
			out = append(out, string(k))
		} else if strings.HasPrefix(w, "${p}") || strings.HasPrefix(w, "${q") || strings.HasPrefix(w, "${bp}") {
			out = append(out, w)
		}
	}
	return out
}

// meet reports whether two lists of keys have one in common.
func meet(a, b []string) bool {
	return slices.ContainsFunc(a, func(k string) bool { return slices.Contains(b, k) })
}

// after reports whether a line before the finding was about one of its keys, had
// one of these verbs, and all of these flags.
func (f *Finding) after(verbs string, flags ...string) bool {
	keys := f.Step.keys()
	for i := range f.recent {
		for j := range f.recent[i].Lines {
			one := Step{Lines: f.recent[i].Lines[j : j+1]}
			if !strings.Contains(" "+verbs+" ", " "+one.word(0)+" ") || !meet(one.keys(), keys) {
				continue
			}
			all := true
			for _, flag := range flags {
				_, has := one.flag(flag)
				all = all && has
			}
			if all {
				return true
			}
		}
	}
	return false
}

// afterMatch reports whether a line before the finding was about one of its keys and
// looked so.
func (f *Finding) afterMatch(form *regexp.Regexp) bool {
	keys := f.Step.keys()
	for i := range f.recent {
		if meet(f.recent[i].keys(), keys) && form.MatchString(f.recent[i].text()) {
			return true
		}
	}
	return false
}

// is reports whether the step's verb is one of these.
func (s *Step) is(verbs string) bool {
	return s.word(0) != "" && strings.Contains(" "+verbs+" ", " "+s.word(0)+" ")
}

// versions reports whether the finding is that the servers gave new versions at
// different steps.
func (f *Finding) versions() bool { return strings.Contains(f.How, "version") }

// has reports whether the step has a flag of this letter.
func (f *Finding) has(letter string) bool { return f.Step.has(letter) }
