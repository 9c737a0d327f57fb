package protocol

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestGuessKey(t *testing.T) {
	for buf, want := range map[string]struct {
		key  string
		line int
	}{
		"":                           {"", 0},
		"get k":                      {"", 0},
		"get k\r\n":                  {"k", 7},
		"get k\nget l\n":             {"k", 6},
		"get  k l m\r\n":             {"k", 12},
		"set k 0 0 1\r\nv\r\nget l":  {"k", 13},
		"lg k w1000\r\nget l\r\n":    {"k", 12},
		"quit\r\nget k\r\n":          {"", 6},
		"\n":                         {"", 1},
		" \r\n":                      {"", 3},
		"a value with words\r\n":     {"value", 20},
		"get k\r\r\n":                {"k\r", 8},
		"get \r\n":                   {"", 6},
		"a\x00 b\x00c\r\nrest of it": {"b\x00c", 8},
	} {
		key, line := GuessKey([]byte(buf))
		require.Equal(t, want.key, string(key), "%q", buf)
		require.Equal(t, want.line, line, "%q", buf)
	}
}
