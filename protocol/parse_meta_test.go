package protocol

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func metaEcho(flags string) Echo { return Echo{Flags: []byte(flags), Key: []byte("a")} }

func TestMetaRequests(t *testing.T) {
	key := []byte("a")
	body := []byte("hi")
	for in, want := range map[string]Request{
		"mg a\r\n":                       {Verb: VerbMG, Key: key, Echo: Echo{Key: key}},
		"mg a v \r\n":                    {Verb: VerbMG, Key: key, Echo: metaEcho("v")},
		"mg a v s\n":                     {Verb: VerbMG, Key: key, Echo: metaEcho("vs")},
		"mg a v s f t h l c k u\r\n":     {Verb: VerbMG, Key: key, Echo: metaEcho("vsfthlcku"), NoBump: true},
		"mg a kx vy tz cc\r\n":           {Verb: VerbMG, Key: key, Echo: metaEcho("kvtc")},
		"mg a q O1 k\r\n":                {Verb: VerbMG, Key: key, Echo: Echo{Flags: []byte("qOk"), Key: key, Opaque: []byte("1"), Quiet: true}},
		"mg a O\r\n":                     {Verb: VerbMG, Key: key, Echo: Echo{Flags: []byte("O"), Key: key, Opaque: []byte{}}},
		"mg a O" + longKey[:31] + "\r\n": {Verb: VerbMG, Key: key, Echo: Echo{Flags: []byte("O"), Key: key, Opaque: []byte(longKey[:31])}},
		"mg a C5 E7 N30 R-1 T2147483647 t\r\n": {Verb: VerbMG, Key: key, Echo: metaEcho("CENRTt"), CompareCAS: 5, HasCompareCAS: true,
			NewCAS: 7, HasNewCAS: true, VivifyTTL: 30, HasVivify: true, RecacheTTL: -1, HasRecache: true, TTL: 1<<31 - 1, HasTTL: true},
		"mg a P Lx\r\n": {Verb: VerbMG, Key: key, Echo: Echo{Key: key}},
		"mg a M\r\n":    {Verb: VerbMG, Key: key, Echo: metaEcho("M")},
		"mg a J1 D2 I x F3 MZ\r\n": {Verb: VerbMG, Key: key, Echo: metaEcho("JDIxFM"), Initial: 1, Delta: 2, MarkStale: true, DropValue: true,
			ClientFlags: 3},
		"mg a T-2147483648\r\n":            {Verb: VerbMG, Key: key, Echo: metaEcho("T"), TTL: -1 << 31, HasTTL: true},
		"mg a T-\r\n":                      {Verb: VerbMG, Key: key, Echo: metaEcho("T"), HasTTL: true},
		"mg a C0000000000000000000009\r\n": {Verb: VerbMG, Key: key, Echo: metaEcho("C"), CompareCAS: 9, HasCompareCAS: true},
		"mg YQ== b k\r\n":                  {Verb: VerbMG, Key: key, Echo: Echo{Flags: []byte("bk"), Key: []byte("YQ=="), Base64: true}},
		"mg Y!Q==YQ== k bx\r\n":            {Verb: VerbMG, Key: key, Echo: Echo{Flags: []byte("kb"), Key: []byte("YQ=="), Base64: true}},
		"mg YR== b\r\n":                    {Verb: VerbMG, Key: key, Echo: Echo{Flags: []byte("b"), Key: []byte("YQ=="), Base64: true}},
		"mg AAog/w== b\r\n":                {Verb: VerbMG, Key: []byte("\x00\n \xff"), Echo: Echo{Flags: []byte("b"), Key: []byte("AAog/w=="), Base64: true}},
		"mg a " + "v s f t h l c k u q P L T1 N1 R1 C1 E1 I\r\n": {Verb: VerbMG, Key: key, NoBump: true, TTL: 1, HasTTL: true, VivifyTTL: 1, HasVivify: true,
			RecacheTTL: 1, HasRecache: true, CompareCAS: 1, HasCompareCAS: true, NewCAS: 1, HasNewCAS: true, MarkStale: true,
			Echo: Echo{Flags: []byte("vsfthlckuqTNRCEI"), Key: key, Quiet: true}},
		"ms a 2\r\nhi\r\n": {Verb: VerbMS, Key: key, Body: body, Mode: 'S', Echo: Echo{Key: key}},
		"ms a -\r\n\r\n":   {Verb: VerbMS, Key: key, Body: []byte{}, Mode: 'S', Echo: Echo{Key: key}},
		"ms a 00000000002 c F4294967295 T60 C18446744073709551615 E1 I\r\nhi\r\n": {Verb: VerbMS, Key: key, Body: body, Mode: 'S', Echo: metaEcho("cFTCEI"),
			ClientFlags: 1<<32 - 1, TTL: 60, HasTTL: true, CompareCAS: 1<<64 - 1, HasCompareCAS: true, NewCAS: 1, HasNewCAS: true, MarkStale: true},
		"ms a 2 MEfoo s\r\nhi\r\n": {Verb: VerbMS, Key: key, Body: body, Mode: 'E', Echo: metaEcho("Ms")},
		"ms a 2 MA N30\r\nhi\r\n":  {Verb: VerbMS, Key: key, Body: body, Mode: 'A', Echo: metaEcho("MN"), VivifyTTL: 30, HasVivify: true},
		"ms a 2 MP\r\nhi\r\n":      {Verb: VerbMS, Key: key, Body: body, Mode: 'P', Echo: metaEcho("M")},
		"ms a 2 MR\r\nhi\r\n":      {Verb: VerbMS, Key: key, Body: body, Mode: 'R', Echo: metaEcho("M")},
		"ms a 2 MS\r\nhi\r\n":      {Verb: VerbMS, Key: key, Body: body, Mode: 'S', Echo: metaEcho("M")},
		"ms a 2 M\x00\r\nhi\r\n":   {Verb: VerbMS, Key: key, Body: body, Mode: 'S', Echo: metaEcho("M")},
		"ms YQ== 2 b\r\nhi\r\n":    {Verb: VerbMS, Key: key, Body: body, Mode: 'S', Echo: Echo{Flags: []byte("b"), Key: []byte("YQ=="), Base64: true}},
		"md a q I T30 x F5 C1 E2 k\r\n": {Verb: VerbMD, Key: key, Echo: Echo{Flags: []byte("qITxFCEk"), Key: key, Quiet: true}, MarkStale: true, TTL: 30,
			HasTTL: true, DropValue: true, ClientFlags: 5, CompareCAS: 1, HasCompareCAS: true, NewCAS: 2, HasNewCAS: true},
		"ma a\r\n":               {Verb: VerbMA, Key: key, Echo: Echo{Key: key}, Delta: 1, Mode: 'I'},
		"ma a N0 J5 D3 M- v\r\n": {Verb: VerbMA, Key: key, Echo: metaEcho("NJDMv"), HasVivify: true, Initial: 5, Delta: 3, Mode: 'D'},
		"ma a MI\r\n":            {Verb: VerbMA, Key: key, Echo: metaEcho("M"), Delta: 1, Mode: 'I'},
		"ma a M+\r\n":            {Verb: VerbMA, Key: key, Echo: metaEcho("M"), Delta: 1, Mode: 'I'},
		"ma a MD\r\n":            {Verb: VerbMA, Key: key, Echo: metaEcho("M"), Delta: 1, Mode: 'D'},
		"me a\r\n":               {Verb: VerbME, Key: key, Echo: Echo{Key: key}},
		"me a v\r\n":             {Verb: VerbME, Key: key, Echo: Echo{Key: key}},
		"me YQ== b\r\n":          {Verb: VerbME, Key: key, Echo: Echo{Key: []byte("YQ=="), Base64: true}},
	} {
		require.Equal(t, want, ready(t, in), "%q", in)
	}
}

func TestMetaErrors(t *testing.T) {
	const (
		format    = "CLIENT_ERROR bad command line format\r\n"
		token     = "CLIENT_ERROR bad token in command line format\r\n"
		invalid   = "CLIENT_ERROR invalid flag\r\n"
		duplicate = "CLIENT_ERROR duplicate flag\r\n"
		decoding  = "CLIENT_ERROR error decoding key\r\n"
		tooMany   = "CLIENT_ERROR options flags are too long\r\n"
		opaque    = "CLIENT_ERROR opaque token too long\r\n"
		either    = "CLIENT_ERROR invalid or duplicate flag\r\n"
	)
	many := " v s f t h l c k u q P L T1 N1 R1 C1 E1 I x"
	for in, want := range map[string]string{
		"mg\r\n": format, "mg \r\n": format, "md\r\n": format, "ma\r\n": format, "me\r\n": format, "me  \r\n": format,
		"mg " + longKey + "k v v\r\n": format, "mg " + longKey + "k q\r\n": format, "mg a\x01\r\n": format, "mg \x7f b\r\n": decoding,
		"me " + longKey + "k\r\n": format, "me ZZZ b\r\n": format, "me a !\r\n": format,
		// Bytes that begin no flag anywhere are seen before anything else.
		"mg a !\r\n": format, "mg a {\r\n": format, "mg a \xc3\r\n": format, "mg a v v @\r\n": format, "ma a !\r\n": format,
		"mg a 5\r\n": invalid, "mg a S1\r\n": invalid, "mg a [\r\n": invalid, "mg a z Tx\r\n": invalid, "mg a Tx z\r\n": invalid,
		"mg a v v\r\n": duplicate, "mg a Tx v v\r\n": duplicate, "mg a O1 O2\r\n": duplicate, "mg a P P\r\n": duplicate, "mg a b b\r\n": duplicate,
		"mg a" + many + "\r\n": tooMany, "mg a" + many + " v v v v\r\n": tooMany, "mg a !" + many + "\r\n": format,
		"mg a" + many + " v v !\r\n": tooMany, "mg a" + many + " v !\r\n": format,
		"mg a T\r\n": token, "mg a Tx\r\n": token, "mg a T+1\r\n": token, "mg a T2147483648\r\n": token, "mg a T-2147483649\r\n": token,
		"mg a T000000000001\r\n": token, "mg a T1.5\r\n": token, "mg a N\r\n": token, "mg a R\r\n": token, "mg a C\r\n": token, "mg a C-1\r\n": token,
		"mg a C18446744073709551616\r\n": token, "mg a C00000000000000000000009\r\n": token, "mg a E\r\n": token, "mg a q Tx\r\n": token,
		// The last wrong argument names the error; F has no name of its own.
		"mg a F\r\n": format, "mg a F4294967296\r\n": format, "mg a Tx F\r\n": token, "mg a F Tx\r\n": token,
		"mg a J\r\n": "CLIENT_ERROR invalid numeric initial value\r\n", "mg a D-1\r\n": "CLIENT_ERROR invalid numeric delta value\r\n",
		"mg a Dx Jx Tx\r\n": token, "mg a Tx Dx\r\n": "CLIENT_ERROR invalid numeric delta value\r\n",
		"mg a b\r\n": decoding, "mg YQ b\r\n": decoding, "mg ==== b\r\n": decoding, "mg Y=== b\r\n": decoding, "mg ! b\r\n": decoding, "mg a b Tx\r\n": token,
		"mg a O" + longKey[:32] + "\r\n": opaque, "mg a q O" + longKey[:32] + "\r\n": opaque, "mg a O" + longKey[:32] + " z\r\n": invalid,
		"md a O" + longKey[:32] + "\r\n": opaque, "ma a O" + longKey[:32] + "\r\n": opaque, "mg a O\x01\r\n": format,
		"ma a v v\r\n": either, "ma a S\r\n": either, "ma a Tx\r\n": either, "ma " + longKey + "k\r\n": either, "ma a" + many + "\r\n": either, "ma a b\r\n": either,
		"ma a M\r\n": "CLIENT_ERROR invalid mode for ma M token\r\n", "ma a Mi\r\n": "CLIENT_ERROR invalid mode for ma M token\r\n",
		"ma a Mz O" + longKey[:32] + "\r\n": "CLIENT_ERROR invalid mode for ma M token\r\n",
		// Without a length nothing is swallowed, and the length is not looked
		// at while a flag is none.
		"ms\r\n": format, "ms a\r\n": format, "ms a S2\r\n": format, "ms a x\r\n": format, "ms a -1\r\n": format, "ms a 2147483646\r\n": format,
		"ms a 000000000002\r\n": format, "ms a b 2\r\n": format, "ms a 2 !\r\n": format,
		"ms a 2 v v\r\nhi\r\n": duplicate, "ms a 2 S100\r\nhi\r\n": invalid, "ms " + longKey + "k 2\r\nhi\r\n": format, "ms a\x01 2\r\nhi\r\n": format,
		"ms a 2" + many + "\r\nhi\r\n": tooMany, "ms a 2 q Tx\r\nhi\r\n": token, "ms a 2 b\r\nhi\r\n": decoding,
		"ms a 2 M\r\nhi\r\n": "CLIENT_ERROR invalid mode for ms M token\r\n", "ms a 2 Me\r\nhi\r\n": "CLIENT_ERROR invalid mode for ms M token\r\n",
		"ms a 2 O" + longKey[:32] + "\r\nhi\r\n": opaque, "ms a 2 Mz O" + longKey[:32] + "\r\nhi\r\n": "CLIENT_ERROR invalid mode for ms M token\r\n",
		"ms a 2 q\r\nhi\n\n": "CLIENT_ERROR bad data chunk\r\n",
	} {
		_, line := bad(t, in)
		require.Equal(t, want, line, "%q", in)
	}
}

func TestMetaSetTooLarge(t *testing.T) {
	l := Limits{MaxBody: 4}
	for _, flags := range []string{"", " q", " O" + longKey[:32], " b"} {
		out, left := whole(t, l, "ms YWE= 5"+flags+"\r\nmn\r\n\n\r\nversion\r\n")
		require.Zero(t, left)
		require.Len(t, out, 2)
		require.Equal(t, "SERVER_ERROR object too large for cache\r\n", out[0].line)
		require.Equal(t, CauseTooLarge, out[0].req.Err.Cause)
		require.NotEmpty(t, out[0].req.Key, "whose old value goes")
		require.Equal(t, VerbVersion, out[1].req.Verb)
	}
	out, _ := whole(t, l, "ms a 5 z\r\nmn\r\n\n\r\nversion\r\n")
	require.Equal(t, "CLIENT_ERROR invalid flag\r\n", out[0].line)
	require.Equal(t, CauseLine, out[0].req.Err.Cause)
	require.Len(t, out, 2)
}

// What memcached does not swallow is read as a command, here as there.
func TestMetaSetWithoutALength(t *testing.T) {
	for _, line := range []string{"ms a 2 !", "ms a -1", "ms a"} {
		out, left := whole(t, Limits{}, line+"\r\nmn\r\n")
		require.Zero(t, left)
		require.Len(t, out, 2)
		require.Equal(t, "CLIENT_ERROR bad command line format\r\n", out[0].line)
		require.Equal(t, VerbMN, out[1].req.Verb)
	}
}

func TestOrderOfFlags(t *testing.T) {
	for in, want := range map[string]bool{"t T5": true, "T5 t": false, "t": true, "T5": false, "k t q T5": true} {
		r := ready(t, "mg a "+in+"\r\n")
		require.Equal(t, want, r.Echo.Before('t', 'T'), in)
	}
}

func TestBase64Keys(t *testing.T) {
	longest := strings.Repeat("A", 248)
	r := ready(t, "mg "+longest+" b\r\n")
	require.Len(t, r.Key, 186)
	require.Equal(t, longest, string(r.Echo.Key))
	r = ready(t, "mg "+longest+"!! b\r\n")
	require.Len(t, r.Key, 186)
	bad(t, "mg "+longest+"AA b\r\n")
	bad(t, "mg "+longest+"!!! b\r\n")
}
