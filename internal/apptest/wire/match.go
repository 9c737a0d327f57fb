package wire

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// match compares a reply line with what a script expects. On success it returns
// the variables that the line bound; vars itself is not changed.
func match(want, got string, vars map[string]uint64) (map[string]uint64, error) {
	pieces, err := lex(want, true)
	if err != nil {
		return nil, err
	}
	if s, plain := plainText(pieces, vars); plain {
		// The common case, and the only one for bodies: they may be large and
		// need not be UTF-8, for both of which an expression is no good.
		if s != got {
			return nil, fmt.Errorf("want %s\n got %s", shown(s), shown(got))
		}
		return nil, nil
	}
	forms, err := permutations(pieces)
	if err != nil {
		return nil, err
	}
	var why error
	for _, form := range forms {
		bound, err := matchForm(form, got, vars)
		if err == nil {
			return bound, nil
		}
		why = err
	}
	return nil, fmt.Errorf("want %s\n got %s (%w)", shown(want), shown(got), why)
}

// plainText gives the expected line itself where nothing in it is left open.
func plainText(pieces []piece, vars map[string]uint64) (string, bool) {
	var b strings.Builder
	for _, p := range pieces {
		switch p.kind {
		case literal, separator:
			b.WriteString(p.text)
		case variable:
			v, ok := vars[p.text]
			if !ok {
				return "", false
			}
			b.WriteString(strconv.FormatUint(v, 10))
		default:
			return "", false
		}
	}
	return b.String(), true
}

// matchForm matches a line against pieces without braces.
func matchForm(form []piece, got string, vars map[string]uint64) (map[string]uint64, error) {
	var expr strings.Builder
	var open []piece // what each group of the expression stands for
	expr.WriteString(`(?s)\A`)
	for _, p := range form {
		switch p.kind {
		case literal, separator:
			expr.WriteString(regexp.QuoteMeta(p.text))
		case variable, between:
			expr.WriteString(`([0-9]+)`)
			open = append(open, p)
		case choice:
			expr.WriteString("(?:")
			for i, alt := range strings.Split(p.text, "|") {
				if i > 0 {
					expr.WriteByte('|')
				}
				expr.WriteString(regexp.QuoteMeta(alt))
			}
			expr.WriteByte(')')
		case rest:
			expr.WriteString(`.+`)
		}
	}
	expr.WriteString(`\z`)
	re, err := regexp.Compile(expr.String())
	if err != nil {
		return nil, err
	}
	groups := re.FindStringSubmatch(got)
	if groups == nil {
		return nil, fmt.Errorf("the form differs")
	}
	bound := map[string]uint64{}
	for i, p := range open {
		v, err := strconv.ParseUint(groups[i+1], 10, 64)
		if err != nil {
			return nil, fmt.Errorf("%s is no uint64", groups[i+1])
		}
		if p.kind == between {
			if v < p.lo || v > p.hi {
				return nil, fmt.Errorf("%d is not in %d..%d", v, p.lo, p.hi)
			}
			continue
		}
		if p.text == "_" {
			continue
		}
		known, ok := vars[p.text]
		if !ok {
			known, ok = bound[p.text]
		}
		if ok && known != v {
			return nil, fmt.Errorf("$%s is %d, not %d", p.text, known, v)
		}
		bound[p.text] = v
	}
	return bound, nil
}

// permutations expands words in braces into every order they may come in, and
// optional words into being there or not.
func permutations(pieces []piece) ([][]piece, error) {
	start := -1
	for i, p := range pieces {
		if p.kind == open {
			start = i
			break
		}
	}
	if start < 0 {
		return [][]piece{pieces}, nil
	}
	end := start
	for pieces[end].kind != closing {
		end++
	}
	words, err := words(pieces[start+1 : end])
	if err != nil {
		return nil, err
	}
	head, tail := pieces[:start], pieces[end+1:]
	var out [][]piece
	for _, order := range orders(words) {
		form := append([]piece{}, head...)
		if len(order) == 0 && len(form) > 0 && form[len(form)-1].kind == separator {
			form = form[:len(form)-1]
		}
		for i, w := range order {
			if i > 0 {
				form = append(form, piece{kind: separator, text: " "})
			}
			form = append(form, w.pieces...)
		}
		more, err := permutations(append(form, tail...))
		if err != nil {
			return nil, err
		}
		out = append(out, more...)
	}
	return out, nil
}

type word struct {
	pieces   []piece
	optional bool
}

func words(pieces []piece) ([]word, error) {
	var out []word
	var w word
	for _, p := range append(pieces, piece{kind: separator}) {
		switch p.kind {
		case separator:
			if len(w.pieces) > 0 {
				out = append(out, w)
			}
			w = word{}
		case optional:
			w.optional = true
		case open:
			return nil, fmt.Errorf("braces hold plain words only")
		default:
			w.pieces = append(w.pieces, p)
		}
	}
	if len(out) > 5 {
		return nil, fmt.Errorf("more than five words in braces")
	}
	return out, nil
}

// orders gives every order of the words, optional ones left in or out.
func orders(ws []word) [][]word {
	mustCome := false
	for _, w := range ws {
		mustCome = mustCome || !w.optional
	}
	var out [][]word
	if !mustCome {
		out = append(out, nil)
	}
	for i, w := range ws {
		others := append(append([]word{}, ws[:i]...), ws[i+1:]...)
		for _, tail := range orders(others) {
			out = append(out, append([]word{w}, tail...))
		}
	}
	return out
}

// shown quotes a line for a message, cut where it is too long to read.
func shown(s string) string {
	const most = 300
	if len(s) > most {
		return fmt.Sprintf("%q… (%d bytes)", s[:most], len(s))
	}
	return strconv.Quote(s)
}
