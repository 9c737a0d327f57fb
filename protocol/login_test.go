package protocol

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// logins runs bytes that come in pieces of that size through a Login: what is to be
// answered, and who tried.
func logins(t *testing.T, wire string, piece int) (said []string, left string) {
	t.Helper()
	var l Login
	var buf []byte
	for len(wire) > 0 {
		n := min(piece, len(wire))
		buf, wire = append(buf, wire[:n]...), wire[n:]
		for more := false; !more; {
			n, st := l.Next(buf)
			require.LessOrEqual(t, n, len(buf))
			switch st {
			case NeedMore:
				more = true
			case Bad:
				said = append(said, l.Err.Error())
			case Ready:
				said = append(said, string(l.User)+"/"+string(l.Password))
				if string(l.User) == "stop" {
					return said, string(buf[n:]) + wire
				}
			case Close:
				return append(said, "close: "+l.Reason.String()), ""
			}
			buf = buf[n:]
		}
		require.Positive(t, l.Want())
	}
	return said, string(buf)
}

func TestLogin(t *testing.T) {
	const unknown = "CLIENT_ERROR unauthenticated"
	for wire, want := range map[string][]string{
		"set auth 0 0 9\r\nuser pass\r\n":              {"user/pass"},
		"set  a x y 8  z noreply\r\na b c d \r\n":      {"a/b c d "},
		"set a 0 0 0\r\n\r\n":                          {"CLIENT_ERROR bad authentication token format"},
		"set a 0 0 1\r\n \r\n":                         {"/"},
		"settle a 0 0 3\r\na b\r\n":                    {"a/b"},
		"set a 0 0 2\r\nhi\r\nget foo\r\n":             {"CLIENT_ERROR bad authentication token format", unknown},
		"set a 0 0 3\r\na bcd\r\n":                     {"CLIENT_ERROR bad command line termination"},
		"set a 0 0 16384\r\n":                          nil,
		"set a 0 0 16385\r\nget foo\r\n":               {"CLIENT_ERROR auth token too long", unknown},
		"set a 0 0 99999999999\r\n":                    {unknown},
		"set a 0 0 -1\r\n":                             {unknown},
		"set a 0 0\r\n":                                {unknown},
		" set a 0 0 3\r\n":                             {unknown},
		"version\r\nlg key\r\nld key\r\nflush_all\r\n": {unknown, unknown, unknown, unknown},
		"set a 0 0 33\na b\r\n":                        {"a/b"}, // memcached takes the last 3 for a carriage return
		"mn\r\n":                                       {"close: no login"},
		"quit\r\n":                                     {"close: no login"},
		"\r\n":                                         nil, // shorter than memcached looks at,
		"\x80\x01\x00":                                 {"close: binary"},
		"GET / HTTP/1.1\r\nHost: x\r\n":                {"close: http"},
		"version\r\nHost: x\r\n":                       {unknown, "close: http"},
		strings.Repeat("x", maxLoginLine+1):            {"close: no login"},
		strings.Repeat("x", maxLoginLine) + "\n":       {unknown},
		strings.Repeat("x", maxLoginLine+1) + "\n":     {"close: no login"},
	} {
		for _, piece := range []int{1, 2, 7, 1 << 20} {
			said, _ := logins(t, wire, piece)
			require.Equal(t, want, said, "%.60q by %d", wire, piece)
		}
	}
	said, left := logins(t, "set a 0 0 6\r\nstop x\r\nget k\r\n", 1<<20)
	require.Equal(t, []string{"stop/x"}, said)
	require.Equal(t, "get k\r\n", left)
}
