package main

import (
	"fmt"
	"strings"
)

const helpHead = `leasecached runs one node of a Leasecache cluster. Without flags it is a complete
one-node cluster on loopback.

Usage: leasecached [flags]
       leasecached memcached [flags of memcached]   in its place: docs/standin.md

Each flag is also an environment variable (--data-dir is LEASECACHED_DATA_DIR) and a key
of the file given by --config (data-dir). A flag goes before the environment, the
environment before the file.
`

const (
	helpIndent = 29
	helpWidth  = 96
)

// help is the text of --help, from the table.
func help() string {
	var b strings.Builder
	b.WriteString(helpHead)
	for _, g := range groups {
		fmt.Fprintf(&b, "\n%s\n", g.title)
		for i := range g.settings {
			s := &g.settings[i]
			left := strings.TrimSpace(fmt.Sprintf("--%s %s", s.name, s.arg))
			for j, line := range wrap(append(strings.Fields(s.help), s.remark()...), helpWidth-helpIndent) {
				if j > 0 {
					left = ""
				}
				fmt.Fprintf(&b, "  %-*s%s\n", helpIndent-2, left, line)
			}
		}
	}
	return b.String()
}

// remark is what the help of a setting ends with: nothing, or one "word" that
// is not broken.
func (s *setting) remark() []string {
	switch {
	case s.kind == many:
		return []string{"(repeatable)"}
	case s.arg == "" || s.def == "":
		return nil
	}
	return []string{"(default " + s.def + ")"}
}

func wrap(words []string, width int) []string {
	var lines []string
	line := ""
	for _, word := range words {
		if line != "" && len(line)+1+len(word) > width {
			lines, line = append(lines, line), ""
		}
		if line != "" {
			line += " "
		}
		line += word
	}
	return append(lines, line)
}

const sampleHead = `# Every setting of leasecached that a file can hold, with its default. Give the file
# with --config. A flag goes before the environment, the environment before the file.
`

// sample is docs/leasecached.toml, from the table. The keys are commented out,
// because a value that is given counts as asked for: it is compared with what the
// cluster was made with.
func sample() string {
	var b strings.Builder
	b.WriteString(sampleHead)
	for _, g := range groups {
		title := fmt.Sprintf("\n# ---- %s ----\n", g.title)
		for i := range g.settings {
			s := &g.settings[i]
			if !s.inFile() {
				continue
			}
			b.WriteString(title)
			title = ""
			value := s.def
			switch s.kind {
			case quoted:
				value = fmt.Sprintf("%q", s.def)
			case many:
				value = "[]"
			}
			fmt.Fprintf(&b, "\n# %s\n#%s = %s\n", s.help, s.name, value)
		}
	}
	return b.String()
}
