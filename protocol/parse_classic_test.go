package protocol

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var longKey = strings.Repeat("k", MaxKey)

func TestClassicRequests(t *testing.T) {
	key := []byte("a")
	for in, want := range map[string]Request{
		"get a\r\n":                   {Verb: VerbGet, Key: key, Keys: list("a")},
		"get a\n":                     {Verb: VerbGet, Key: key, Keys: list("a")},
		"get  a   b \r\n":             {Verb: VerbGet, Key: key, Keys: list("a", "b")},
		"gets a noreply\r\n":          {Verb: VerbGets, Key: key, Keys: list("a", "noreply")},
		"get " + longKey + "\r\n":     {Verb: VerbGet, Key: []byte(longKey), Keys: list(longKey)},
		"get \xc3\xa4\r\n":            {Verb: VerbGet, Key: []byte("ä"), Keys: list("ä")},
		"set a 7 -1 3\r\nx\r\n\r\n":   {Verb: VerbSet, Key: key, ClientFlags: 7, Exptime: -1, Body: []byte("x\r\n")},
		"set a 0 0 3\n\x00\n\xff\r\n": {Verb: VerbSet, Key: key, Body: []byte("\x00\n\xff")},
		"add a 4294967295 99999999999 1 noreply\r\nx\r\n": {
			Verb: VerbAdd, Key: key, ClientFlags: 1<<32 - 1, Exptime: 1215752191, NoReply: true, Body: []byte("x")},
		"replace a 0 0 0 other noreply\r\n\r\n":      {Verb: VerbReplace, Key: key, NoReply: true, Body: []byte{}},
		"set a 0 0 0 noreply other\r\n\r\n":          {Verb: VerbSet, Key: key, Body: []byte{}},
		"delete a\r\n":                               {Verb: VerbDelete, Key: key},
		"delete a 0\r\n":                             {Verb: VerbDelete, Key: key},
		"delete a 0 noreply\r\n":                     {Verb: VerbDelete, Key: key, NoReply: true},
		"delete a 7 8\r\n":                           {Verb: VerbDelete, Key: key},
		"delete a noreply \r\n":                      {Verb: VerbDelete, Key: key, NoReply: true},
		"delete noreply\r\n":                         {Verb: VerbDelete, Key: []byte("noreply"), NoReply: true},
		"touch a -5\r\n":                             {Verb: VerbTouch, Key: key, Exptime: -5},
		"touch a 2147483647 noreply\r\n":             {Verb: VerbTouch, Key: key, Exptime: 1<<31 - 1, NoReply: true},
		"version\r\n":                                {Verb: VerbVersion},
		"version noreply\r\n":                        {Verb: VerbVersion},
		"quit now\r\n":                               {Verb: VerbQuit},
		"mn\n":                                       {Verb: VerbMN},
		"mn whatever follows\r\n":                    {Verb: VerbMN},
		"stats\r\n":                                  {Verb: VerbStats},
		"stats \r\n":                                 {Verb: VerbStats},
		"stats cachedump 1 2\r\n":                    {Verb: VerbStats, Args: list("cachedump", "1", "2")},
		"stats " + strings.Repeat("1 ", 30) + "\r\n": {Verb: VerbStats, Args: list(strings.Fields(strings.Repeat("1 ", 22))...)},
		"flush_all\r\n":                              {Verb: VerbFlushAll},
		"flush_all noreply\r\n":                      {Verb: VerbFlushAll, NoReply: true},
		"flush_all 10\r\n":                           {Verb: VerbFlushAll, Exptime: 10},
		"flush_all -1 noreply\r\n":                   {Verb: VerbFlushAll, Exptime: -1, NoReply: true},
		"  flush_all 1\r\n":                          {Verb: VerbFlushAll, Exptime: 1},
		"verbosity 4294967295 noreply\r\n":           {Verb: VerbVerbosity, Level: 1<<32 - 1, NoReply: true},
		" verbosity 1\r\n":                           {Verb: VerbVerbosity, Level: 1},
	} {
		require.Equal(t, want, ready(t, in), "%q", in)
	}
}

func TestClassicErrors(t *testing.T) {
	const (
		badFormat = "CLIENT_ERROR bad command line format\r\n"
		badExp    = "CLIENT_ERROR invalid exptime argument\r\n"
	)
	for in, want := range map[string]string{
		"\r\n": badFormat, "\n": badFormat, "a\r\n": badFormat, "ab\n": badFormat,
		"ab\r\n": "ERROR\r\n", "GET a\r\n": "ERROR\r\n", "get\ta\r\n": "ERROR\r\n",
		" get a\r\n": "ERROR\r\n", "getx a\r\n": "ERROR\r\n", "lx a\r\n": "ERROR\r\n",
		"stats a\x01\r\n":     "ERROR\r\n",
		"foo bar noreply\r\n": "", "append\r\n": badFormat,
		"get\r\n": badFormat, "get  \r\n": badFormat, "gets\n": badFormat,
		"get a " + longKey + "k\r\n": badFormat,
		"get a b\x00c\r\n":           badFormat, "get a\tb\r\n": badFormat, "get a\x7f\r\n": badFormat,
		"get a\r\r\n": badFormat,
		"set\r\n":     badFormat, "set a\r\n": badFormat, "set a 0 0\r\n": badFormat,
		"set a 0 0 noreply\r\n": badFormat,
		"set a 0 0 -1\r\n":      badFormat, "set a 0 0 x noreply\r\n": badFormat,
		"set a 0 0 2147483646\r\n":                 badFormat,
		"set a 0 0 18446744073709551615\r\n":       badFormat,
		"set a 0 0 18446744073709551617\r\n":       badFormat,
		"set a 0 0 99999999999999999999999999\n":   badFormat,
		"set a -1 0 1\r\nx\r\n":                    badFormat,
		"set a 18446744073709551616 0 1\r\nx\r\n":  badFormat,
		"set a 0 1s 1\r\nx\r\n":                    badFormat,
		"set a 0 9223372036854775808 1\r\nx\r\n":   badFormat,
		"set " + longKey + "k 0 0 1\r\nx\r\n":      badFormat,
		"set " + longKey + "k 0 0 1 noreply\n\n\n": "",
		"set a 0 0 1\r\nxyz":                       "CLIENT_ERROR bad data chunk\r\n",
		"set a 0 0 1\r\nx\n\r":                     "CLIENT_ERROR bad data chunk\r\n",
		"set a 0 0 1 noreply\r\nxyz":               "",
		"delete a b c d\r\n":                       badFormat, "delete a b c noreply\r\n": "",
		"delete\r\n": badFormat, "delete " + longKey + "k\r\n": badFormat,
		"delete " + longKey + "k noreply\r\n": "",
		"touch a\r\n":                         badFormat, "touch a x\r\n": badExp, "touch a 2147483648\r\n": badExp,
		"touch a noreply\r\n": "", "touch " + longKey + "k 0\r\n": badFormat,
		"flush_all x\r\n": badExp, "flush_all 4294967296\r\n": badExp, "flush_all x noreply\r\n": "",
		"verbosity\r\n": badFormat, "verbosity x\r\n": badFormat, "verbosity noreply\r\n": "",
	} {
		_, line := bad(t, in)
		require.Equal(t, want, line, "%q", in)
	}
}

func TestBadDataChunkTakesExactlyTheAnnouncedBytes(t *testing.T) {
	out, left := whole(t, Limits{}, "set a 0 0 2\r\nxyget b\r\nversion\r\n")
	require.Zero(t, left)
	require.Len(t, out, 3)
	require.Equal(t, CauseChunk, out[0].req.Err.Cause)
	require.Equal(t, "a", string(out[0].req.Key))
	// Two bytes of "get" were taken for the end of the block.
	require.Equal(t, "ERROR\r\n", out[1].line)
	require.Equal(t, VerbVersion, out[2].req.Verb)
}

func TestWithoutALengthNothingIsSwallowed(t *testing.T) {
	out, _ := whole(t, Limits{}, "set a 0 0 -5\r\nversion\r\n")
	require.Len(t, out, 2)
	require.Equal(t, VerbVersion, out[1].req.Verb)
}

func TestTooLargeIsAnsweredAtOnceAndSwallowed(t *testing.T) {
	l := Limits{MaxBody: 4}
	out, left := whole(t, l, "set a 0 0 5\r\nxget\r\r\nversion\r\nset b 0 0 4\r\n1234\r\n")
	require.Zero(t, left)
	require.Len(t, out, 3)
	require.Equal(t, "SERVER_ERROR object too large for cache\r\n", out[0].line)
	require.Equal(t, CauseTooLarge, out[0].req.Err.Cause)
	require.Equal(t, VerbSet, out[0].req.Verb)
	require.Equal(t, "a", string(out[0].req.Key))
	require.Equal(t, VerbVersion, out[1].req.Verb)
	require.Equal(t, "1234", string(out[2].req.Body))

	out, _ = whole(t, l, "set a 0 0 5 noreply\r\n12345\r\nmn\r\n")
	require.Empty(t, out[0].line, "noreply hides it, as in memcached")
	require.True(t, out[0].req.Err.Hidden)
	require.Equal(t, "SERVER_ERROR object too large for cache", out[0].req.Err.Error())
	require.Equal(t, VerbMN, out[1].req.Verb)
}

// The largest block memcached would take as a length is swallowed without any
// room for it.
func TestSwallowKeepsNothing(t *testing.T) {
	p := Parser{}
	n, st := p.Next([]byte("set a 0 0 2147483645\r\n"))
	require.Equal(t, Bad, st)
	require.Equal(t, 22, n)
	chunk := make([]byte, 1<<20)
	total := 2147483645 + 2
	for total > len(chunk) {
		n, st = p.Next(chunk)
		require.Equal(t, NeedMore, st)
		require.Equal(t, len(chunk), n)
		require.LessOrEqual(t, p.Want(), maxWant)
		total -= n
	}
	n, st = p.Next(append(chunk[:total:total], "mn\r\n"...))
	require.Equal(t, Ready, st)
	require.Equal(t, total+4, n)
	require.Equal(t, VerbMN, p.Request().Verb)
}

func TestWantLeadsToTheWholeBlock(t *testing.T) {
	p := Parser{}
	head := "set a 0 0 1048576\r\n"
	body := strings.Repeat("x", 1<<20) + "\r\n"
	all := []byte(head + body)
	have := len(head)
	for {
		n, st := p.Next(all[:have])
		if st == Ready {
			require.Equal(t, len(all), n)
			require.Len(t, p.Request().Body, 1<<20)
			return
		}
		require.Equal(t, NeedMore, st)
		require.Zero(t, n)
		require.LessOrEqual(t, p.Want(), len(all)-have, "never more than is useful")
		have += p.Want()
	}
}

func TestKeyLists(t *testing.T) {
	var b strings.Builder
	b.WriteString("get")
	n := 0
	for b.Len() < 1<<20-100 {
		b.WriteString(" key:")
		b.WriteString(strings.Repeat("0", n%90))
		n++
	}
	b.WriteString("\r\nmn\r\n")
	in := []byte(b.String())
	// In pieces of a network's size: nothing is scanned twice.
	var chunks [][]byte
	for i := 0; i < len(in); i += 16 << 10 {
		chunks = append(chunks, in[i:min(i+16<<10, len(in))])
	}
	out, left := stream(t, Limits{}, chunks...)
	require.Zero(t, left)
	require.Len(t, out, 2)
	require.Len(t, out[0].req.Keys, n)
	require.Equal(t, VerbMN, out[1].req.Verb)

	p := Parser{}
	_, st := p.Next(in)
	require.Equal(t, Ready, st)
	require.Equal(t, n, cap(p.Request().Keys), "room for as many keys as came")
	_, st = p.Next([]byte("get a\r\n"))
	require.Equal(t, Ready, st)
	require.LessOrEqual(t, cap(p.Request().Keys), keepKeys, "and not for the rest of the connection")
}
