package difftest

import (
	"regexp"
	"strings"
)

// Examples are written with the key k, in base64 aw==, which stand for a key of the
// run.

// example gives a difference's example as steps that can be played.
func (d *Difference) example() []Step {
	out := make([]Step, len(d.Example))
	for i, s := range d.Example {
		for _, l := range s.Lines {
			words := make([]string, len(l.Words))
			at := 1 // where the key stands
			if l.Words[0] == "gat" {
				at = 2
			}
			for j, w := range l.Words {
				words[j] = w
				if rest, ok := strings.CutPrefix(w, "k"); ok && j == at && (rest == "" || rest[0] < ' ') {
					words[j] = "${k0}" + rest
				} else if w == "aw==" {
					words[j] = "${b0}"
				}
			}
			l.Words = words
			out[i].Lines = append(out[i].Lines, l)
		}
	}
	return out
}

// shown gives a reply as the tables write it: lines with \n between them, the key of
// the run as k, and "closes" for the end of the connection.
func (r *run) shown(said *reply) string {
	e := env{prefix: r.prefix}
	text := strings.TrimSuffix(string(said.bytes), strings.Repeat("MN\r\n", meal)) // barriers
	text = strings.NewReplacer(e.render("${k0}"), "k", e.render("${b0}"), "aw==").Replace(text)
	text = strings.ReplaceAll(strings.TrimSuffix(text, "\r\n"), "\r\n", "\n")
	if said.closed {
		text += "closes"
	}
	return text
}

// fits reports whether a reply is what a table says, in which … is any text.
func fits(table, said string) bool {
	form := strings.ReplaceAll(regexp.QuoteMeta(table), "…", `(?s:.+)`)
	return regexp.MustCompile(`\A` + form + `\z`).MatchString(said)
}
