package wire

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestMatch holds for each construct a line that it takes and lines that it
// refuses: a matcher that takes everything would make every script pass.
func TestMatch(t *testing.T) {
	vars := map[string]uint64{"t": 7}
	for _, c := range []struct {
		want string
		yes  []string
		no   []string
	}{
		{"HD", []string{"HD"}, []string{"", "HD ", " HD", "HDX", "hd", "EN"}},
		{"", []string{""}, []string{" ", "x"}},
		{"HD L$t", []string{"HD L7"}, []string{"HD L8", "HD L77", "HD L", "HD", "HD L07x"}},
		{"HD L$new", []string{"HD L7", "HD L18446744073709551615"}, []string{"HD Lx", "HD L-1", "HD L", "HD L1 e5", "HD L18446744073709551616"}},
		{"LE L$n D$n", []string{"LE L5 D5"}, []string{"LE L5 D6"}},
		{"HD ${t}ms", []string{"HD 7ms"}, []string{"HD 8ms"}},
		{"e$_", []string{"e1"}, []string{"e", "ex"}},
		{"WT e~90..100", []string{"WT e90", "WT e95", "WT e100"}, []string{"WT e89", "WT e101", "WT e", "WT e95x", "WT"}},
		{"NS r(i|s|u)", []string{"NS ri", "NS rs", "NS ru"}, []string{"NS rq", "NS r", "NS ris"}},
		{"(A B|C) D", []string{"A B D", "C D"}, []string{"A D", "C"}},
		{"QU {e~1..9 X}", []string{"QU e5 X", "QU X e5"}, []string{"QU", "QU X", "QU e5", "QU e5 e5", "QU X e5 Z", "QU e10 X"}},
		{"HD {?X}", []string{"HD", "HD X"}, []string{"HD ", "HD Z", "HD X X"}},
		{"VA 2 Oa {W ?b X} k", []string{"VA 2 Oa W X k", "VA 2 Oa X W b k", "VA 2 Oa b W X k"}, []string{"VA 2 Oa W b k", "VA 2 W X k"}},
		{"CLIENT_ERROR ...", []string{"CLIENT_ERROR x", "CLIENT_ERROR two words"}, []string{"CLIENT_ERROR", "CLIENT_ERROR ", "SERVER_ERROR x"}},
		{`a\x00\r\nb\$t`, []string{"a\x00\r\nb$t"}, []string{"a\x00\r\nb7", "ab"}},
		{`\~1..2`, []string{"~1..2"}, []string{"1"}},
		{"${ab*3}", []string{"ababab"}, []string{"abab", "abababab"}},
		{`\xff\xfe`, []string{"\xff\xfe"}, []string{"\xff", "ÿþ"}},
	} {
		for _, line := range c.yes {
			_, err := match(c.want, line, vars)
			require.NoError(t, err, "%q against %q", c.want, line)
		}
		for _, line := range c.no {
			_, err := match(c.want, line, vars)
			require.Error(t, err, "%q must not take %q", c.want, line)
		}
	}
}

func TestMatchBinds(t *testing.T) {
	bound, err := match("LE {L$t e$_ D$t}", "LE e500 D9 L9", nil)
	require.NoError(t, err)
	require.Equal(t, map[string]uint64{"t": 9}, bound)
}

func TestMatchOfLargeBody(t *testing.T) {
	body := strings.Repeat("x", 1<<20)
	_, err := match("${x*1048576}", body, nil)
	require.NoError(t, err)
	_, err = match("${x*1048576}", body[1:]+"y", nil)
	require.Error(t, err)
	require.Less(t, len(err.Error()), 1000, "a message must stay readable")
}

func TestPatternFaults(t *testing.T) {
	for _, want := range []string{"{a", "a}", "{{a}}", "~5", "~9..1", "(a", "${x", "${x*-1}", "${a b}", `\x1`, `\xzz`, `end\`} {
		_, err := match(want, "a", nil)
		require.Error(t, err, want)
		require.Error(t, badPattern(err), want)
	}
}

func TestSendable(t *testing.T) {
	vars := map[string]uint64{"t1": 42}
	for in, want := range map[string]string{
		"ls k 2 L$t1":           "ls k 2 L42",
		"${t1}x":                "42x",
		`a\r\nb\x00\\`:          "a\r\nb\x00\\",
		"${xy*2}":               "xyxy",
		"{W} (a|b) ~1..2 ? ...": "{W} (a|b) ~1..2 ? ...",
	} {
		got, err := sendable(in, vars)
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
	_, err := sendable("L$unknown", vars)
	require.ErrorContains(t, err, "no value yet")
}

func TestCompare(t *testing.T) {
	vars := map[string]uint64{"a": 5, "b": 6}
	for _, s := range []string{"$b > $a", "$a < $b", "$a + 1 = $b", "$a != $b", "$a >= 5", "$a <= 5", "$a >> 1 + 3 << 2 = 20", "shard(a,1) = 0"} {
		require.NoError(t, compare(s, vars), s)
	}
	for _, s := range []string{"$a > $b", "$a = $b", "$a > $a", "$a", "$c = 1", "$a + = 1", "$a ? 1", "1 = 1 1", "shard(a,0) = 0"} {
		require.Error(t, compare(s, vars), s)
	}
}
