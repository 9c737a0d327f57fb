package difftest

import (
	"bytes"
	"strconv"
	"strings"
)

// A unit is one reply line, and the data block that it announces if that is there
// and ends as it must. Nothing is believed: a line whose block does not fit is a
// line, and what follows it are lines.
type unit struct {
	line    string // without its \r\n
	data    string
	hasData bool
	torn    bool // the reply ends within this line
}

func (u unit) String() string {
	s := u.line
	if u.hasData {
		s += "\r\n" + u.data
	}
	return s
}

// units takes a reply apart.
func units(reply []byte) []unit {
	var out []unit
	for len(reply) > 0 {
		i := bytes.Index(reply, []byte("\r\n"))
		if i < 0 {
			return append(out, unit{line: string(reply), torn: true})
		}
		u := unit{line: string(reply[:i])}
		reply = reply[i+2:]
		if n, ok := announced(u.line); ok && len(reply) >= n+2 && reply[n] == '\r' && reply[n+1] == '\n' {
			u.data, u.hasData = string(reply[:n]), true
			reply = reply[n+2:]
		}
		out = append(out, u)
	}
	return out
}

// announced gives the length of the data block that a reply line announces.
func announced(line string) (int, bool) {
	w := strings.Split(line, " ")
	at := 0
	switch {
	case w[0] == "VALUE" && (len(w) == 4 || len(w) == 5):
		at = 3
	case w[0] == "VA" && len(w) > 1:
		at = 1
	default:
		return 0, false
	}
	n, err := strconv.Atoi(w[at])
	return n, err == nil && n >= 0
}

// A word of a reply line, by what it says.
type word struct {
	kind wordKind
	head string // what stands before the number
	n    int64  // time or age
	v    uint64 // version
}

type wordKind int

const (
	bytesWord   wordKind = iota // compared as it is; all of it is head
	versionWord                 // compared as a name
	timeWord                    // compared with tolerance
)

// words takes a reply line apart.
func words(line string) []word {
	fields := strings.Split(line, " ")
	out := make([]word, len(fields))
	for i, f := range fields {
		out[i] = word{head: f}
		switch fields[0] {
		case "VALUE":
			if len(fields) == 5 && i == 4 {
				out[i] = versionOf("", f)
			}
		case "HD", "VA", "EN", "NF", "NS", "EX":
			if i == 0 {
				continue
			}
			switch {
			case strings.HasPrefix(f, "c"):
				out[i] = versionOf("c", f)
			case strings.HasPrefix(f, "t"), strings.HasPrefix(f, "l"):
				out[i] = timeOf(f[:1], f)
			}
		case "ME":
			switch {
			case strings.HasPrefix(f, "cas="):
				out[i] = versionOf("cas=", f)
			case strings.HasPrefix(f, "exp="), strings.HasPrefix(f, "la="):
				out[i] = timeOf(f[:strings.IndexByte(f, '=')+1], f)
			}
		}
	}
	return out
}

func versionOf(head, f string) word {
	v, err := strconv.ParseUint(f[len(head):], 10, 64)
	if err != nil {
		return word{head: f}
	}
	return word{kind: versionWord, head: head, v: v}
}

func timeOf(head, f string) word {
	n, err := strconv.ParseInt(f[len(head):], 10, 64)
	if err != nil {
		return word{head: f}
	}
	return word{kind: timeWord, head: head, n: n}
}
