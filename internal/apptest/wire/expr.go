package wire

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/leasecache/leasecache/shard"
)

// compare evaluates "EXPR op EXPR".
func compare(s string, vars map[string]uint64) error {
	words := strings.Fields(s)
	for i, w := range words {
		holds, ok := comparisons[w]
		if !ok {
			continue
		}
		left, err := eval(words[:i], vars)
		if err != nil {
			return err
		}
		right, err := eval(words[i+1:], vars)
		if err != nil {
			return err
		}
		if !holds(left, right) {
			return fmt.Errorf("%d %s %d does not hold", left, w, right)
		}
		return nil
	}
	return fmt.Errorf("no comparison in %q", s)
}

var comparisons = map[string]func(a, b uint64) bool{
	"=":  func(a, b uint64) bool { return a == b },
	"!=": func(a, b uint64) bool { return a != b },
	"<":  func(a, b uint64) bool { return a < b },
	"<=": func(a, b uint64) bool { return a <= b },
	">":  func(a, b uint64) bool { return a > b },
	">=": func(a, b uint64) bool { return a >= b },
}

var operations = map[string]func(a, b uint64) uint64{
	"+":  func(a, b uint64) uint64 { return a + b },
	"-":  func(a, b uint64) uint64 { return a - b },
	"*":  func(a, b uint64) uint64 { return a * b },
	"<<": func(a, b uint64) uint64 { return a << b },
	">>": func(a, b uint64) uint64 { return a >> b },
}

// eval computes words from left to right, with no precedence.
func eval(words []string, vars map[string]uint64) (uint64, error) {
	if len(words)%2 == 0 {
		return 0, fmt.Errorf("bad expression %q", strings.Join(words, " "))
	}
	v, err := atom(words[0], vars)
	if err != nil {
		return 0, err
	}
	for i := 1; i < len(words); i += 2 {
		op, ok := operations[words[i]]
		if !ok {
			return 0, fmt.Errorf("unknown operation %q", words[i])
		}
		b, err := atom(words[i+1], vars)
		if err != nil {
			return 0, err
		}
		v = op(v, b)
	}
	return v, nil
}

func atom(w string, vars map[string]uint64) (uint64, error) {
	switch {
	case w == "now":
		return uint64(time.Now().Unix()), nil
	case strings.HasPrefix(w, "$"):
		v, ok := vars[w[1:]]
		if !ok {
			return 0, fmt.Errorf("%s has no value yet", w)
		}
		return v, nil
	case strings.HasPrefix(w, "shard(") && strings.HasSuffix(w, ")"):
		key, count, ok := strings.Cut(w[len("shard("):len(w)-1], ",")
		n, err := strconv.ParseUint(count, 10, 32)
		if !ok || err != nil || n == 0 {
			return 0, fmt.Errorf("shard wants (KEY,N), not %q", w)
		}
		return uint64(shard.Of([]byte(key), uint32(n))), nil
	}
	v, err := strconv.ParseUint(w, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("%q is no number", w)
	}
	return v, nil
}
