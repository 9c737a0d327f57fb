package wire

import (
	"fmt"
	"strconv"
	"strings"
)

// piece is a part of a text with its escapes resolved: literal bytes, or one
// special construct.
type piece struct {
	kind pieceKind
	text string // literal bytes, or the name of a variable
	lo   uint64 // range
	hi   uint64
}

type pieceKind int

const (
	literal   pieceKind = iota
	variable            // $x
	between             // ~lo..hi
	open                // {
	closing             // }
	optional            // ? right behind { or a space, inside braces
	choice              // ( … | … ), text holds the alternatives as written
	rest                // ... at the end
	separator           // a space; literal outside braces
)

// sendable resolves the constructs that may stand in what is sent.
func sendable(s string, vars map[string]uint64) (string, error) {
	pieces, err := lex(s, false)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	for _, p := range pieces {
		switch p.kind {
		case literal, separator:
			b.WriteString(p.text)
		case variable:
			v, ok := vars[p.text]
			if !ok {
				return "", fmt.Errorf("$%s has no value yet", p.text)
			}
			b.WriteString(strconv.FormatUint(v, 10))
		}
	}
	return b.String(), nil
}

// lex splits a text into pieces. The constructs of expectations are only looked
// for when expecting is set.
func lex(s string, expecting bool) ([]piece, error) {
	var out []piece
	lit := func(t string) {
		if n := len(out); n > 0 && out[n-1].kind == literal {
			out[n-1].text += t
			return
		}
		out = append(out, piece{kind: literal, text: t})
	}
	depth := 0
	for i := 0; i < len(s); {
		c := s[i]
		switch {
		case c == '\\':
			b, n, err := escape(s[i:])
			if err != nil {
				return nil, err
			}
			lit(string([]byte{b}))
			i += n
		case strings.HasPrefix(s[i:], "${") || (c == '$' && i+1 < len(s) && isName(s[i+1])):
			p, n, err := dollar(s[i:])
			if err != nil {
				return nil, err
			}
			if p.kind == literal {
				lit(p.text)
			} else {
				out = append(out, p)
			}
			i += n
		case c == ' ':
			out = append(out, piece{kind: separator, text: " "})
			i++
		case !expecting:
			lit(string(s[i : i+1]))
			i++
		case c == '~':
			p, n, err := numberRange(s[i:])
			if err != nil {
				return nil, err
			}
			out = append(out, p)
			i += n
		case c == '{':
			depth++
			out = append(out, piece{kind: open})
			i++
		case c == '}':
			depth--
			out = append(out, piece{kind: closing})
			i++
		case c == '?' && depth > 0:
			out = append(out, piece{kind: optional})
			i++
		case c == '(':
			end := strings.IndexByte(s[i:], ')')
			if end < 0 {
				return nil, fmt.Errorf("( without )")
			}
			out = append(out, piece{kind: choice, text: s[i+1 : i+end]})
			i += end + 1
		case s[i:] == "...":
			out = append(out, piece{kind: rest})
			i += 3
		default:
			lit(string(s[i : i+1]))
			i++
		}
		if depth < 0 || depth > 1 {
			return nil, fmt.Errorf("braces do not match")
		}
	}
	if depth != 0 {
		return nil, fmt.Errorf("braces do not match")
	}
	return out, nil
}

// escape reads one backslash escape and says how long it was.
func escape(s string) (byte, int, error) {
	if len(s) < 2 {
		return 0, 0, fmt.Errorf("a backslash ends the line")
	}
	switch s[1] {
	case 'r':
		return '\r', 2, nil
	case 'n':
		return '\n', 2, nil
	case 't':
		return '\t', 2, nil
	case '0':
		return 0, 2, nil
	case 'x':
		if len(s) < 4 {
			return 0, 0, fmt.Errorf(`\x wants two digits`)
		}
		v, err := strconv.ParseUint(s[2:4], 16, 8)
		if err != nil {
			return 0, 0, fmt.Errorf(`\x wants two hexadecimal digits: %w`, err)
		}
		return byte(v), 4, nil
	}
	return s[1], 2, nil
}

// dollar reads $name, ${name} or ${text*count}.
func dollar(s string) (piece, int, error) {
	if s[1] != '{' {
		end := 1
		for end < len(s) && isName(s[end]) {
			end++
		}
		return piece{kind: variable, text: s[1:end]}, end, nil
	}
	end := strings.IndexByte(s, '}')
	if end < 0 {
		return piece{}, 0, fmt.Errorf("${ without }")
	}
	body := s[2:end]
	if what, count, ok := strings.Cut(body, "*"); ok {
		n, err := strconv.Atoi(count)
		if err != nil || n < 0 || n > 64<<20 {
			return piece{}, 0, fmt.Errorf("bad repeat ${%s}", body)
		}
		return piece{kind: literal, text: strings.Repeat(what, n)}, end + 1, nil
	}
	for i := range len(body) {
		if !isName(body[i]) {
			return piece{}, 0, fmt.Errorf("bad name ${%s}", body)
		}
	}
	return piece{kind: variable, text: body}, end + 1, nil
}

// numberRange reads ~lo..hi.
func numberRange(s string) (piece, int, error) {
	lo, n := digits(s[1:])
	i := 1 + n
	if n == 0 || !strings.HasPrefix(s[i:], "..") {
		return piece{}, 0, fmt.Errorf("~ wants a range such as ~90..100")
	}
	i += 2
	hi, m := digits(s[i:])
	if m == 0 || hi < lo {
		return piece{}, 0, fmt.Errorf("~ wants a range such as ~90..100")
	}
	return piece{kind: between, lo: lo, hi: hi}, i + m, nil
}

func digits(s string) (uint64, int) {
	n := 0
	for n < len(s) && s[n] >= '0' && s[n] <= '9' {
		n++
	}
	v, err := strconv.ParseUint(s[:n], 10, 64)
	if err != nil {
		return 0, 0
	}
	return v, n
}

func isName(c byte) bool {
	return c == '_' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
}
