package main

import (
	"fmt"
	"strings"
)

// Exit codes of memcached besides 1, from sysexits.h.
const (
	exitUsage  = 64
	exitNoUser = 67
	exitOS     = 71
)

// refusal is an error as memcached ends with one: scripts and test suites look at
// the code and at some of the words.
type refusal struct {
	code int
	text string
}

func (r refusal) Error() string { return r.text }

func refuse(code int, format string, args ...any) error {
	return refusal{code, fmt.Sprintf(format, args...)}
}

// silent ends with a code alone, where somebody else has said why.
func silent(code int) error { return refusal{code: code} }

// atoi reads a number as C's atoi does, for memcached reads its options with it:
// up to the first byte that is none, and 0 if there is no number. One too large
// for memcached is the largest.
func atoi(s string) int {
	s = trimArg(s)
	negative := strings.HasPrefix(s, "-")
	if negative || strings.HasPrefix(s, "+") {
		s = s[1:]
	}
	const most = 1<<31 - 1
	n := 0
	for i := 0; i < len(s) && s[i] >= '0' && s[i] <= '9'; i++ {
		n = min(most, n*10+int(s[i]-'0'))
	}
	if negative {
		return -n
	}
	return n
}

// atof is atoi for fractions.
func atof(s string) float64 {
	var f float64
	_, _ = fmt.Sscanf(s, "%g", &f) // without a number it stays 0
	return f
}
