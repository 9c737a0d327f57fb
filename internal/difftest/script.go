package difftest

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// scriptPrefix is what keys begin with in a printed script.
const scriptPrefix = "diff.:"

// script prints a run as a script of internal/apptest/wire: what was sent, what the
// reference answers, and behind the last step, for people, what the other said.
func (r *run) script(f *Finding) string {
	w := &scriptWriter{names: map[uint64]string{}}
	for i := range r.log {
		x := &r.log[i]
		if x.step.Sleep > 0 {
			w.printf("sleep %v\n", x.step.Sleep)
		}
		w.request(x)
		for _, u := range x.ref {
			w.answer(u)
		}
		switch {
		case x.refSaid.closed:
			w.printf("A closed\n")
		case x.refSaid.silent:
			w.printf("A silent 50ms\nA hangup\n")
		}
		w.observed(r, x)
	}
	w.printf("# leasecache:\n")
	for _, u := range f.OursUnits {
		w.printf("#   %s\n", short(strings.ReplaceAll(u.String(), r.prefix, scriptPrefix)))
	}
	if end := f.Ours.end(); end != f.Ref.end() || len(f.OursUnits) == 0 {
		w.printf("#   (it %s)\n", end)
	}
	return strings.ReplaceAll(w.String(), r.prefix, scriptPrefix)
}

// scriptAbout prints of a run that cannot be shrunk what concerned the keys of the
// finding, and what concerned all keys.
func (r *run) scriptAbout(f *Finding) string {
	about := *r
	about.log = nil
	keys := f.Step.keys()
	for _, x := range r.log {
		if x.step == f.Step || meet(x.step.keys(), keys) || x.step.is("flush_all") && len(keys) > 0 {
			about.log = append(about.log, x)
		}
	}
	return about.script(f)
}

// A scriptWriter names versions as they appear.
type scriptWriter struct {
	strings.Builder
	names map[uint64]string // by the reference's version
	last  [keyCount]uint64
	lets  int
}

func (w *scriptWriter) printf(format string, args ...any) { fmt.Fprintf(w, format, args...) }

func (w *scriptWriter) name(v uint64) string {
	if v == 0 {
		return "0"
	}
	if w.names[v] == "" {
		w.names[v] = "v" + strconv.Itoa(len(w.names)+1)
	}
	return "$" + w.names[v]
}

// request prints what was sent: as a line if it is one, byte by byte otherwise.
func (w *scriptWriter) request(x *exchanged) {
	text := w.resolve(x)
	for text != "" {
		line, rest, whole := strings.Cut(text, `\r\n`)
		if !whole || strings.Contains(line, `\n`) {
			w.printf("A>> %s\n", text)
			break
		}
		w.printf("A> %s\n", line)
		text = rest
	}
	if x.step.Hungry {
		w.printf("A>> %s\n", strings.Repeat(`mn\r\n`, meal))
	}
}

// resolve turns a template into what may be sent in a script.
func (w *scriptWriter) resolve(x *exchanged) string {
	var b strings.Builder
	plain := env{prefix: scriptPrefix, now: x.now}
	template := x.sent
	for {
		before, rest, ok := strings.Cut(template, "${")
		b.WriteString(escaped(before))
		if !ok {
			return b.String()
		}
		name, after, _ := strings.Cut(rest, "}")
		switch {
		case strings.Contains(name, "*"):
			b.WriteString("${" + name + "}")
		case name[0] == 'c':
			b.WriteString(w.version(name, x))
		case name[0] == 'n':
			w.lets++
			w.printf("let $t%d = now %s\n", w.lets, spaced(strings.TrimPrefix(name, "now")))
			fmt.Fprintf(&b, "${t%d}", w.lets)
		default:
			b.WriteString(escaped(plain.value(name)))
		}
		template = after
	}
}

func (w *scriptWriter) version(name string, x *exchanged) string {
	v := w.last[name[1]-'0']
	if v == 0 {
		return strconv.Itoa(unknownVersion)
	}
	of := strings.TrimPrefix(w.name(v), "$")
	if len(name) == 2 {
		return "${" + of + "}"
	}
	w.lets++
	w.printf("let $t%d = $%s %s\n", w.lets, of, spaced(name[2:]))
	return fmt.Sprintf("${t%d}", w.lets)
}

// spaced writes "+1" as the script wants it: "+ 1".
func spaced(off string) string {
	if off == "" {
		return ""
	}
	return off[:1] + " " + off[1:]
}

func (w *scriptWriter) answer(u unit) {
	fields := words(u.line)
	shown := make([]string, len(fields))
	for i, f := range fields {
		switch {
		case f.kind == versionWord:
			shown[i] = f.head + w.name(f.v)
		case f.kind == timeWord && f.n > 0:
			shown[i] = fmt.Sprintf("%s~%d..%d", f.head, f.n-1, f.n+1)
		case f.kind == timeWord:
			shown[i] = f.head + strconv.FormatInt(f.n, 10)
		default:
			shown[i] = expected(f.head)
		}
	}
	w.printf("A< %s\n", strings.Join(shown, " "))
	if u.hasData {
		for _, line := range strings.Split(u.data, "\r\n") {
			w.printf("A< %s\n", expected(line))
		}
	}
}

// observed follows the versions that the run took note of.
func (w *scriptWriter) observed(r *run, x *exchanged) {
	for _, u := range x.ref {
		if key := r.keyOf(x.step, u.line); key != noKey {
			if v, ok := shownVersion(u.line); ok && v != 0 {
				w.last[key] = v
			}
		}
	}
}

// escaped writes bytes as a script may send them, and long repetitions shortly.
func escaped(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if n := len(s) - i - len(strings.TrimLeft(s[i:], s[i:i+1])); n > 30 && s[i] > ' ' && s[i] < '~' && s[i] != '$' {
			fmt.Fprintf(&b, "${%c*%d}", s[i], n)
			i += n - 1
			continue
		}
		switch c := s[i]; {
		case c == '\r':
			b.WriteString(`\r`)
		case c == '\n':
			b.WriteString(`\n`)
		case c == '\\' || c == '$':
			b.WriteByte('\\')
			b.WriteByte(c)
		case c < ' ' || c > '~':
			fmt.Fprintf(&b, `\x%02x`, c)
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}

var (
	repeat  = regexp.MustCompile(`\$\{.\*[0-9]+\}`)
	special = strings.NewReplacer("~", `\~`, "{", `\{`, "}", `\}`, "?", `\?`, "(", `\(`)
)

// expected writes bytes as a script may expect them.
func expected(s string) string {
	// Braces of a repetition stay.
	var b strings.Builder
	for i, part := range repeat.Split(escaped(s), -1) {
		if i > 0 {
			b.WriteString(repeat.FindAllString(escaped(s), i)[i-1])
		}
		b.WriteString(special.Replace(part))
	}
	return b.String()
}
