package protocol

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func cloneReply(r *Reply) Reply {
	c := *r
	for _, b := range []*[]byte{&c.Text, &c.Name, &c.Value, &c.Key, &c.Opaque, &c.Addr} {
		*b = bytes.Clone(*b)
	}
	return c
}

// replies gives chunks to a ReplyParser and returns what comes out, until an
// error or the end.
func replies(t testing.TB, p ReplyParser, chunks ...[]byte) (out []Reply, left int, err error) {
	var buf []byte
	for _, chunk := range chunks {
		grown := append(bytes.Clone(buf), chunk...)
		scribble(buf)
		buf = grown
		for {
			n, st := p.Next(buf)
			require.LessOrEqual(t, n, len(buf))
			require.NotEqual(t, Close, st)
			if st == Bad {
				require.ErrorIs(t, p.Err(), ErrReply)
				return out, len(buf), p.Err()
			}
			if st == NeedMore {
				require.Zero(t, n)
				require.Positive(t, p.Want())
				require.LessOrEqual(t, p.Want(), maxWant)
				break
			}
			require.Positive(t, n)
			out = append(out, cloneReply(p.Reply()))
			rest := bytes.Clone(buf[n:])
			scribble(buf)
			buf = rest
		}
	}
	return out, len(buf), nil
}

func TestReplies(t *testing.T) {
	for in, want := range map[string]Reply{
		"HD\r\n": {Code: CodeHD},
		"HD\n":   {Code: CodeHD},
		"HD kAAog/w== b O t-1 f9 s3 c77\r\n": {Code: CodeHD, Key: []byte("\x00\n \xff"), Opaque: []byte{}, TTL: -1, HasTTL: true,
			ClientFlags: 9, Size: 3, Version: 77, HasVersion: true},
		"VA 3 kkey O7 W L5 e10000 X Z N\r\na\nb\r\n": {Code: CodeVA, Value: []byte("a\nb"), Key: []byte("key"), Opaque: []byte("7"),
			Won: true, Token: 5, HasToken: true, For: 10 * time.Second, X: true, Leased: true, Near: true},
		"VA 0\r\n\r\n":                    {Code: CodeVA, Value: []byte{}},
		"LE L8 e5000 D8\r\n":              {Code: CodeLE, Token: 8, HasToken: true, For: 5 * time.Second, Doubt: true, DoubtAt: 8},
		"WT e1\r\n":                       {Code: CodeWT, For: ms},
		"QU e1 X\r\n":                     {Code: CodeQU, For: ms, X: true},
		"EN\r\n":                          {Code: CodeEN},
		"EX O1\r\n":                       {Code: CodeEX, Opaque: []byte("1")},
		"NS rq\r\n":                       {Code: CodeNS, Reason: ReasonQuarantined},
		"HD m7\r\n":                       {Code: CodeHD, MapVer: 7, HasMapVer: true},
		"HD $new a\r\n":                   {Code: CodeHD},
		"MV 3 m7 h:1 kkey O1\r\n":         {Code: CodeMV, Shard: 3, MapVer: 7, HasMapVer: true, Addr: []byte("h:1"), Key: []byte("key"), Opaque: []byte("1")},
		"MN\r\n":                          {Code: CodeMN},
		"IV 1 key\r\n":                    {Code: CodeIV, Seq: 1, Key: []byte("key")},
		"IV 1 AAog/w== b\r\n":             {Code: CodeIV, Seq: 1, Key: []byte("\x00\n \xff")},
		"IT 2 tag\r\n":                    {Code: CodeIT, Seq: 2, Key: []byte("tag")},
		"IS 3 1023\r\n":                   {Code: CodeIS, Seq: 3, Shard: 1023},
		"IF 4\r\n":                        {Code: CodeIF, Seq: 4},
		"ERROR\r\n":                       {Code: CodeError},
		"CLIENT_ERROR bad  thing\r\n":     {Code: CodeClientError, Text: []byte("bad  thing")},
		"SERVER_ERROR unavailable: x\r\n": {Code: CodeServerError, Text: []byte("unavailable: x")},
		"STORED\r\n":                      {Code: CodeStored},
		"VALUE k 1 2\r\nab\r\n":           {Code: CodeValue, Key: []byte("k"), ClientFlags: 1, Value: []byte("ab")},
		"VALUE k 1 0 18446744073709551615\r\n\r\n": {Code: CodeValue, Key: []byte("k"), ClientFlags: 1, Value: []byte{}, Version: 1<<64 - 1, HasVersion: true},
		"END\r\n":                  {Code: CodeEnd},
		"STAT a b c\r\n":           {Code: CodeStat, Name: []byte("a"), Text: []byte("b c")},
		"VERSION 1.6.45 x\r\n":     {Code: CodeVersion, Text: []byte("1.6.45 x")},
		"EXISTS\r\n":               {Code: CodeExists},
		"STALE_STORED\r\n":         {Code: CodeStaleStored},
		"18446744073709551615\r\n": {Code: CodeNumber, Number: 1<<64 - 1},
		"0\r\n":                    {Code: CodeNumber},
		"LVALUE k 18446744073709551615 7 2\r\nab\r\n": {Code: CodeLValue, Key: []byte("k"), Token: 1<<64 - 1, HasToken: true, ClientFlags: 7, Value: []byte("ab")},
		"LVALUE k 1 0 0\r\n\r\n":                      {Code: CodeLValue, Key: []byte("k"), Token: 1, HasToken: true, Value: []byte{}},
		"NF ka O1\r\n":                                {Code: CodeNF, Key: []byte("a"), Opaque: []byte("1")},
		"ME a exp=-1 la=0\r\n":                        {Code: CodeME, Key: []byte("a"), Text: []byte("exp=-1 la=0")},
		"HD h1 l30 t-1 Z X W\r\n":                     {Code: CodeHD, Fetched: true, Idle: 30, TTL: -1, HasTTL: true, Won: true, X: true, Leased: true},
		"HD h0\r\n":                                   {Code: CodeHD},
	} {
		for i := range len(in) {
			got, left, err := replies(t, ReplyParser{}, []byte(in[:i]), []byte(in[i:]))
			require.NoError(t, err, "%q", in)
			require.Zero(t, left)
			require.Equal(t, []Reply{want}, got, "%q at %d", in, i)
		}
	}
}

func TestPipelinedReplies(t *testing.T) {
	got, left, err := replies(t, ReplyParser{}, []byte("VALUE a 0 1\r\nx\r\nVALUE b 0 1\r\ny\r\nEND\r\nHD\r\nMN\r\nHD"))
	require.NoError(t, err)
	require.Equal(t, 2, left)
	var codes []Code
	for _, r := range got {
		codes = append(codes, r.Code)
	}
	require.Equal(t, []Code{CodeValue, CodeValue, CodeEnd, CodeHD, CodeMN}, codes)
}

func TestBadReplies(t *testing.T) {
	for _, in := range []string{
		"\r\n", "hd\r\n", "HDx\r\n", "garbage that is no reply\r\n", " HD\r\n",
		"VA\r\n", "VA x\r\n", "VA -1\r\n", "VA 11 \r\n", "VA 18446744073709551617\r\n", "VA 2\r\nabc\r\n", "VA 2\r\nab\n\r",
		"VALUE\r\n", "VALUE k\r\n", "VALUE k x 1\r\n", "VALUE k 0\r\n", "VALUE k 0 11\r\n", "VALUE k 0 1 x\r\n", "VALUE k\x01 0 1\r\n",
		"HD L\r\n", "HD Lx\r\n", "HD e\r\n", "HD e18446744073709551616\r\n", "HD f4294967296\r\n", "HD s\r\n", "HD tx\r\n", "HD c\r\n",
		"HD D\r\n", "HD r\r\n", "HD rxx\r\n", "HD mx\r\n", "HD k\r\n", "HD k? b\r\n", "HD k" + longKey + "k\r\n", "HD kYQ== b kYQ==\r\n",
		"MV\r\n", "MV x m1 a\r\n", "MV 1 1 a\r\n", "MV 1 mx a\r\n", "MV 1 m1\r\n",
		"IV\r\n", "IV x k\r\n", "IV 1\r\n", "IV 1 ? b\r\n", "IT 1 " + strings.Repeat("t", 65) + "\r\n", "IS 1 x\r\n", "IF\r\n", "STAT\r\n",
		"1x\r\n", "1 2\r\n", "18446744073709551616\r\n", "a number\r\n", "LVALUE\r\n", "LVALUE k\r\n", "LVALUE k x 0 1\r\n", "LVALUE k 1 x 1\r\n", "LVALUE k 1 0\r\n", "LVALUE k 1 0 11\r\n",
		"ME\r\n", "HD lx\r\n",
		"SERVER_ERROR " + strings.Repeat("x", 5000), "SERVER_ERROR " + strings.Repeat("x", 5000) + "\r\n",
	} {
		out, _, err := replies(t, ReplyParser{MaxValue: 10}, []byte(in))
		require.ErrorIs(t, err, ErrReply, "%q", in)
		require.Empty(t, out)
	}
	p := ReplyParser{}
	_, st := p.Next([]byte("nonsense\r\n"))
	require.Equal(t, Bad, st)
	_, st = p.Next([]byte("HD\r\n"))
	require.Equal(t, Bad, st, "out of step once, out of step for ever")
}

func TestEveryErrorLineFitsTheClient(t *testing.T) {
	out, _, err := replies(t, ReplyParser{}, AppendUnavailable(nil, strings.Repeat("why\r\n", 2000)))
	require.NoError(t, err)
	require.Len(t, out, 1)
	require.True(t, out[0].Code.Failed())
}

func TestCodes(t *testing.T) {
	require.Equal(t, "none", CodeNone.String())
	require.Equal(t, "none", Code(200).String())
	for c := CodeNone + 1; c < codeCount; c++ {
		require.NotEmpty(t, c.String())
		require.NotNil(t, codes[c].parse, c.String())
		require.Equal(t, strings.HasSuffix(c.String(), "ERROR"), c.Failed())
	}
}
