package protocol

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestPipeline(t *testing.T) {
	out, left := whole(t, Limits{}, "get a\r\nset b 0 0 1\r\n1\r\nlg c v\nls c 2 L1\r\nxy\r\nfoo\r\nlg c z\r\nmn\r\nld ")
	require.Equal(t, 3, left)
	var got []Verb
	for _, o := range out {
		got = append(got, o.req.Verb)
	}
	require.Equal(t, []Verb{VerbGet, VerbSet, VerbLG, VerbLS, VerbUnknown, VerbLG, VerbMN}, got)
	require.Equal(t, Bad, out[4].st)
	require.Equal(t, Bad, out[5].st)
}

func TestClose(t *testing.T) {
	long := strings.Repeat("x", 2049)
	for in, want := range map[string]CloseReason{
		"\x80\x0b":                      CloseBinary,
		"GET / HTTP/1.1\r\n":            CloseHTTP,
		"GET /\r\n":                     CloseHTTP,
		"GET /status\n":                 CloseHTTP,
		"POST\r\n":                      CloseHTTP,
		"POST /a HTTP/1.0\r\n":          CloseHTTP,
		"PUT /a/b HTTP/1.1\r\n":         CloseHTTP,
		"DELETE HTTP/1.1\r\n":           CloseHTTP,
		"PRI * HTTP/2.0\r\n":            CloseHTTP,
		"CONNECT host:443 HTTP/1.1\r\n": CloseHTTP,
		"Host: localhost\r\n":           CloseHTTP,
		"version\r\nGET / HTTP/1.1\r\n": CloseHTTP,
		"set " + long + " 0 0 1\r\n":    CloseTooLong,
		"ls " + long + " 1 L1\r\n":      CloseTooLong,
	} {
		l := Limits{MaxGetLine: 6000}
		out, _ := stream(t, l, []byte(in))
		require.NotEmpty(t, out, "%.20q", in)
		last := out[len(out)-1]
		require.Equal(t, Close, last.st, "%.20q", in)
		require.Equal(t, want.String(), last.line, "%.20q", in)
		for _, at := range []int{1, len(in) / 4, len(in) / 2, len(in) - 1} {
			got, _ := stream(t, l, []byte(in[:at]), []byte(in[at:]))
			require.Equal(t, describe(out), describe(got), "%.20q at %d", in, at)
		}
	}
	p := Parser{}
	for range 2 {
		n, st := p.Next([]byte("\x80mn\r\nmn\r\n"))
		require.Zero(t, n)
		require.Equal(t, Close, st, "once closed, always closed")
	}
	require.Equal(t, "none", NoReason.String())
}

// A line that is too long is refused and swallowed, with the data block that it
// announces, and the connection goes on; nothing of it is kept or executed.
func TestLineTooLong(t *testing.T) {
	long := strings.Repeat("x", 2049)
	for _, in := range []string{
		long + "\r\n",
		"lg " + long + "\n",
		"getx " + long + "\r\n",
		"get " + strings.Repeat("k ", 4000) + "\r\n",
		"lg k " + strings.Repeat("v ", 60000) + "\r\n",
		"ls k 4 L7 " + strings.Repeat("x ", 3000) + "\r\nmn\r\n\r\n",
		"set k 0 0 4 " + long + "\r\nmn\r\n\r\n",
	} {
		l := Limits{MaxGetLine: 6000}
		in += "version\r\n"
		out, _ := stream(t, l, []byte(in))
		require.Len(t, out, 2, "%.20q", in)
		require.Equal(t, Bad, out[0].st, "%.20q", in)
		require.Equal(t, "CLIENT_ERROR line too long\r\n", out[0].line, "%.20q", in)
		require.Equal(t, Ready, out[1].st, "%.20q", in)
		require.Equal(t, VerbVersion, out[1].req.Verb, "%.20q", in)
		for _, at := range []int{1, 2048, 2049, 2050, len(in) / 2, len(in) - 12, len(in) - 9, len(in) - 1} {
			got, _ := stream(t, l, []byte(in[:at]), []byte(in[at:]))
			require.Equal(t, describe(out), describe(got), "%.20q at %d", in, at)
		}
	}
}

func TestUnfinished(t *testing.T) {
	var p Parser
	buf := []byte("mn\r\nls key 10 L77\r\nabc")
	n, st := p.Next(buf)
	require.Equal(t, Ready, st)
	buf = buf[n:]
	n, st = p.Next(buf)
	require.Equal(t, NeedMore, st)
	req, ok := p.Unfinished(buf[n:])
	require.True(t, ok)
	require.Equal(t, VerbLS, req.Verb)
	require.Equal(t, "key", string(req.Key))
	require.Equal(t, uint64(77), req.Token)
	for _, rest := range []string{"", "ls key 10 L7", "lg key", "lg key\r\n", "ls key 10 L7 L7\r\nabc"} {
		var p Parser
		_, ok := p.Unfinished([]byte(rest))
		require.False(t, ok, rest)
	}
}

func TestLineLimitIsExact(t *testing.T) {
	line := "mn " + strings.Repeat("x", 2045)
	require.Len(t, line, 2048)
	require.Equal(t, VerbMN, ready(t, line+"\n").Verb)
	out, _ := stream(t, Limits{}, []byte(line+"\r\n"))
	require.Equal(t, Bad, out[0].st, "the \\r counts")
	keys := "get " + strings.Repeat("k ", 1000)
	out, _ = stream(t, Limits{}, []byte(keys+strings.Repeat(" ", 1<<20-len(keys))+"\n"))
	require.Equal(t, Ready, out[0].st)
	require.Len(t, out[0].req.Keys, 1000)
}

func TestBinaryByteLaterIsOnlyAnUnknownCommand(t *testing.T) {
	out, _ := whole(t, Limits{}, "mn\r\n\x80abc\r\nmn\r\n")
	require.Len(t, out, 3)
	require.Equal(t, "ERROR\r\n", out[1].line)
}

func TestVerbs(t *testing.T) {
	seen := map[string]bool{}
	for v := VerbUnknown; v < verbCount; v++ {
		require.NotEmpty(t, v.String())
		require.False(t, seen[v.String()])
		seen[v.String()] = true
		require.Equal(t, len(v.String()) == 2 && v.String()[0] == 'l', v.Lease())
	}
	require.Equal(t, "unknown", Verb(200).String())
	require.False(t, Verb(200).Lease())
	require.Len(t, seen, VerbCount)
}

func TestNumbers(t *testing.T) {
	for in, want := range map[string]uint64{"0": 0, "7": 7, "007": 7, "18446744073709551615": 1<<64 - 1} {
		got, ok := parseUint([]byte(in))
		require.True(t, ok, in)
		require.Equal(t, want, got)
	}
	for _, in := range []string{"", "-1", "+1", " 1", "1 ", "1x", "0x1", "1_0", "18446744073709551616", "99999999999999999999", "000000000000000000001", "\x00"} {
		_, ok := parseUint([]byte(in))
		require.False(t, ok, "%q", in)
	}
	for in, want := range map[string]int64{"-0": 0, "-9223372036854775808": -1 << 63, "9223372036854775807": 1<<63 - 1} {
		got, ok := parseInt([]byte(in))
		require.True(t, ok, in)
		require.Equal(t, want, got)
	}
	for _, in := range []string{"", "-", "--1", "9223372036854775808", "-9223372036854775809"} {
		_, ok := parseInt([]byte(in))
		require.False(t, ok, "%q", in)
	}
}

func TestErrorLines(t *testing.T) {
	require.Empty(t, AppendError(nil, Error{}))
	require.Empty(t, Error{}.Error())
	require.Equal(t, "CLIENT_ERROR a  b\r\n", string(AppendClientError(nil, "a\r\nb")))
	require.Equal(t, "SERVER_ERROR x\r\n", string(AppendServerError(nil, "x")))
	require.Equal(t, "SERVER_ERROR unavailable: no note to be had\r\n", string(AppendUnavailable(nil, "no note to be had")))
	require.Len(t, AppendServerError(nil, strings.Repeat("x", 5000)), len("SERVER_ERROR \r\n")+maxText)
	require.Equal(t, "CLIENT_ERROR x\r\n", string(AppendError(nil, Error{Kind: ErrorOfClient, Text: "x", Flag: '\n'})))
}
