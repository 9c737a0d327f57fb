package difftest

import (
	"fmt"
	"strings"
)

// Table prints differences as a table of Markdown: what is sent, what each of two
// says to the last of it, and why.
func Table(differences []Difference, ref, ours string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "| | for example | %s | %s |\n|---|---|---|---|\n", ref, ours)
	for i := range differences {
		d := &differences[i]
		var sent []string
		for j := range d.Example {
			for _, line := range strings.Split(strings.TrimSuffix(strings.ReplaceAll(d.Example[j].text(), "\r\n", "\n"), "\n"), "\n") {
				sent = append(sent, code(line))
			}
			if l := &d.Example[j].Lines[0]; l.End == "\n" {
				sent[len(sent)-1] = code(l.Words[0] + `\n`)
			}
		}
		fmt.Fprintf(&b, "| **%s**: %s | %s | %s | %s |\n", d.Name, d.Why, strings.Join(sent, "<br>"), replied(d.Ref), replied(d.Ours))
	}
	return b.String()
}

// replied prints what a server said.
func replied(text string) string {
	switch text {
	case "":
		return "nothing"
	case "closes":
		return "closes the connection"
	}
	var out []string
	for _, line := range strings.Split(text, "\n") {
		if line == "" {
			out = append(out, "(an empty line)")
			continue
		}
		out = append(out, code(line))
	}
	return strings.Join(out, "<br>")
}

// code prints text as it is sent, with what cannot be printed as escapes, and what
// differs from time to time as a word for it.
func code(text string) string {
	text = strings.NewReplacer("${c0}", "‹c›", "${now-", "‹now-").Replace(text)
	for {
		before, rest, ok := strings.Cut(text, "${")
		if !ok {
			break
		}
		what, after, _ := strings.Cut(rest, "}")
		letter, count, _ := strings.Cut(what, "*")
		text = before + letter + letter + "…" + letter + " (" + count + " bytes)" + after
	}
	text = strings.NewReplacer("100000}", "100000›", "|", `\|`, "\t", `\t`, "\r", `\r`, "\x00", `\0`).Replace(text)
	return "`" + text + "`"
}
