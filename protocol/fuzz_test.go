package protocol

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Small limits, so that short inputs reach them.
var fuzzLimits = Limits{MaxBody: 40, MaxLine: 120, MaxGetLine: 200, MaxLease: 50 * ms, MaxWait: 60 * ms, MaxIntent: 70 * ms}

var requestSeeds = []string{
	"get a b\r\ngets c\n",
	"set a 1 -1 3 noreply\r\nabc\r\nadd a 0 0 1\r\nx\ry",
	"set a 0 0 41\r\n" + strings.Repeat("x", 41) + "\r\nmn\r\n",
	"replace a 0 0 -1\r\ndelete a noreply\r\ntouch a 5\r\n",
	"stats items\r\nflush_all 5 noreply\r\nverbosity 1\r\nversion\r\nquit\r\n",
	"lg AAog/w== b v k f s t c Oabc q n e10 w20 S R5 p D N\r\n",
	"ls a 2 L18446744073709551615 F1 T-1 Ga Gb D c\r\nxy\r\n",
	"ls a 41 L1\r\n" + strings.Repeat("\n", 43) + "mn\n",
	"ld a S5\r\nlw a F e60001 Uabc\r\nlc a L1\r\nla a Uabc\r\nlt tag k\r\nlf a L9\r\n",
	"lm m7\r\nln id e5 a1\r\n",
	"append a 1 2 3\r\nabc\r\nprepend a \t7 0 1\r\nx\r\ncas a -1 4294967297 1 7 noreply\r\nx\r\n",
	"incr a 5\r\ndecr a x noreply\r\ngat 10 a b\r\ngats - a\r\n shutdown graceful\r\n",
	"cache_memlimit 64\r\nlru tune 1 2 3 4\r\nlru_crawler metadump all\r\nslabs automove 1 noreply\r\nwatch fetchers\r\n",
	"mg a v s f t h l c k u q O7 P L T1 N1 R-1 C1\r\nmg Y!Q== b k\r\nmg a Tx Fx\r\nme AAA= b\r\n",
	"ms a 2 F1 T-1 C1 I E7 c s MA N3\r\nhi\r\nms a 2 !\r\nmn\r\nms a 41 q\r\n" + strings.Repeat("\n", 43) + "md a I x T3 q\r\n",
	"ma a N0 J5 D2 M- t c v k E3\r\nma a M\x00 O\x01\r\nlease-get a b\r\nlease-set a 7 1 -1 2 noreply\r\nhi\r\n",
	"GET / HTTP/1.1\r\n", "\x80", "\r\n \n", "foo noreply\n", "lg a e0 v v \xff\x00\n",
}

// cut cuts data into pieces; step says how long they are.
func cut(data []byte, step uint8) (chunks [][]byte) {
	n := int(step)%16 + 1
	for i := 0; i < len(data); i += n {
		chunks = append(chunks, data[i:min(i+n, len(data))])
	}
	return chunks
}

func FuzzParser(f *testing.F) {
	for i, s := range requestSeeds {
		f.Add([]byte(s), uint8(i))
	}
	f.Fuzz(func(t *testing.T, data []byte, step uint8) {
		if len(data) > 4096 {
			return
		}
		_, line := GuessKey(data)
		require.LessOrEqual(t, line, len(data))
		out, _ := stream(t, fuzzLimits, data)
		split, _ := stream(t, fuzzLimits, cut(data, step)...)
		require.Equal(t, describe(out), describe(split))
		for _, o := range out {
			switch o.st {
			case Ready:
				requireWithinLimits(t, &o.req)
				requireSameAfterCompose(t, o)
			case Bad:
				requireErrorLine(t, o)
			}
		}
	})
}

func requireErrorLine(t *testing.T, o parsed) {
	require.NotEqual(t, NoError, o.req.Err.Kind)
	if o.req.Err.Hidden {
		require.Empty(t, o.line)
		require.True(t, o.req.NoReply)
		require.False(t, o.req.Verb.Lease() || o.req.Verb.Meta())
		return
	}
	line, ok := strings.CutSuffix(o.line, "\r\n")
	require.True(t, ok)
	require.True(t, line == "ERROR" || strings.HasPrefix(line, "CLIENT_ERROR ") || strings.HasPrefix(line, "SERVER_ERROR "), "%q", line)
	for _, c := range []byte(line) {
		require.True(t, c >= ' ' && c < 0x7f, "%q", line)
	}
	require.LessOrEqual(t, len(o.req.Key), MaxKey)
	require.Empty(t, o.req.Body)
}

func requireWithinLimits(t *testing.T, r *Request) {
	l := fuzzLimits
	require.NotEqual(t, VerbUnknown, r.Verb)
	require.Equal(t, NoError, r.Err.Kind)
	require.LessOrEqual(t, len(r.Key), MaxKey)
	require.LessOrEqual(t, len(r.Body), l.MaxBody)
	require.LessOrEqual(t, len(r.Args), maxArgs)
	for _, k := range r.Keys {
		require.True(t, PlainKey(k))
	}
	switch r.Verb {
	case VerbVersion, VerbStats, VerbFlushAll, VerbQuit, VerbVerbosity, VerbMN, VerbLM,
		VerbCacheMemlimit, VerbLRU, VerbLRUCrawler, VerbSlabs, VerbExtstore, VerbWatch, VerbShutdown:
		require.Empty(t, r.Key)
	default:
		require.NotEmpty(t, r.Key)
		require.True(t, r.Echo.Base64 || PlainKey(r.Key))
	}
	longest := l.MaxLease
	if r.Verb == VerbLW {
		longest = l.MaxIntent
		require.NotEqual(t, r.FencedWriter, r.Bounded)
	}
	require.True(t, r.LeaseFor >= 0 && r.LeaseFor <= longest)
	require.True(t, r.Wait >= 0 && r.Wait <= l.MaxWait)
	require.LessOrEqual(t, len(r.Tags), MaxTags)
	for _, tag := range r.Tags {
		require.True(t, validTag(tag))
	}
	require.LessOrEqual(t, len(r.Nonce), MaxNonce)
	require.True(t, wordBytes(r.Nonce))
	require.LessOrEqual(t, len(r.Echo.Opaque), MaxOpaque)
	for i, flag := range r.Echo.Flags {
		require.True(t, r.Verb.Meta() || mayReturn(r.Verb, flag))
		require.Negative(t, bytes.IndexByte(r.Echo.Flags[:i], flag))
	}
	require.True(t, int64(int32(r.Exptime)) == r.Exptime)
	switch r.Verb {
	case VerbMS:
		require.Contains(t, "SEAPR", string(r.Mode))
	case VerbMA:
		require.Contains(t, "ID", string(r.Mode))
	case VerbCAS:
		require.True(t, r.HasCompareCAS)
	case VerbLS, VerbLC, VerbLF, VerbLeaseSet:
		require.True(t, r.HasToken)
	case VerbLA:
		require.NotEqual(t, r.HasToken, r.Nonce != nil)
	}
}

// requireSameAfterCompose writes an accepted request as a client would and
// requires that it is read as the same.
func requireSameAfterCompose(t *testing.T, o parsed) {
	wire, err := AppendRequest(nil, &o.req)
	require.NoError(t, err)
	again, left := stream(t, fuzzLimits, wire)
	require.Zero(t, left)
	require.Equal(t, describe([]parsed{o}), describe(again), "%q", wire)
}

// FuzzCompose fills requests with anything: what AppendRequest writes is read
// as exactly that one request, so no field can carry a second command.
func FuzzCompose(f *testing.F) {
	for v := range uint8(VerbCount) {
		f.Add(v, []byte("a"), []byte("tag"), []byte("body"), "vkO", []byte("o"), uint64(7), int64(-1), uint16(0xffff))
	}
	f.Add(uint8(VerbMS), []byte("a"), []byte("w"), []byte("body"), "FTCIEcskOMNq", []byte("o"), uint64(7), int64(-1), uint16(0))
	f.Add(uint8(VerbMA), []byte("a b"), []byte("w"), []byte("body"), "NJDTMCEtcvkOq", []byte("o"), uint64(7), int64(60), uint16(13))
	f.Add(uint8(VerbLG), []byte("a b\n"), []byte("t\r\n"), []byte("\r\n"), "vfstckO", []byte(" "), uint64(1<<63), int64(1)<<62, uint16(1))
	f.Fuzz(func(t *testing.T, verb uint8, key, word, body []byte, flags string, opaque []byte, num uint64, signed int64, bits uint16) {
		bit := func(i int) bool { return bits>>i&1 == 1 }
		r := Request{Verb: Verb(verb), Key: key, Body: body, Token: num, HasToken: bit(0), NoReply: bit(1),
			ClientFlags: uint32(num), Exptime: signed, Level: uint32(num >> 7), Delta: num, CompareCAS: num, NewCAS: num >> 1, Initial: num >> 2,
			VivifyTTL: signed, RecacheTTL: signed >> 1, Mode: "SEAPRID\n"[bits%8],
			Echo:     Echo{Flags: []byte(flags), Opaque: opaque, Quiet: bit(2), Base64: bit(3)},
			LeaseFor: time.Duration(num % 1e12), Wait: time.Duration(signed), StaleOK: bit(4), RefreshBelow: uint32(num), HasRefresh: bit(5),
			Peek: bit(6), CanFence: bit(7), Near: bit(8), FenceDone: bit(9), TTL: signed, HasTTL: bit(10), StaleFor: uint32(num),
			FencedWriter: bit(11), Bounded: bit(12), NoForward: bit(13), MapVersion: num, HasMapVersion: bit(14), Ack: num, HasAck: bit(15)}
		if bit(8) {
			r.Keys, r.Args, r.Tags = [][]byte{key, word}, [][]byte{word}, [][]byte{word, body}
		}
		if bit(9) {
			r.Nonce = word
		}
		wire, err := AppendRequest([]byte("x"), &r)
		require.Equal(t, byte('x'), wire[0])
		if err != nil {
			require.ErrorIs(t, err, ErrRequest)
			require.Len(t, wire, 1)
			return
		}
		p := Parser{Limits: Limits{MaxBody: len(body), MaxLine: 1 << 16}}
		n, st := p.Next(wire[1:])
		got := p.Request()
		require.Equal(t, Ready, st, "%q: %v", wire, got.Err)
		require.Equal(t, len(wire)-1, n, "%q", wire)
		require.Equal(t, r.Verb, got.Verb)
		switch r.Verb {
		case VerbSet, VerbAdd, VerbReplace, VerbAppend, VerbPrepend, VerbCAS, VerbLeaseSet, VerbLS:
			require.True(t, bytes.Equal(body, got.Body))
			require.Equal(t, r.ClientFlags, got.ClientFlags)
		case VerbMS:
			require.True(t, bytes.Equal(body, got.Body))
		case VerbIncr, VerbDecr:
			require.Equal(t, num, got.Delta)
		}
		if r.Verb.Meta() {
			requireMetaFlags(t, &r, got)
		}
		if r.Verb.Lease() {
			require.Equal(t, r.Verb != VerbLM, bytes.Equal(r.Key, got.Key) && len(got.Key) > 0)
			require.Equal(t, flags, string(got.Echo.Flags))
			require.Equal(t, r.Echo.Quiet, got.Echo.Quiet)
			require.Equal(t, r.NoForward, got.NoForward)
			if got.HasToken {
				require.Equal(t, num, got.Token)
			}
		}
	})
}

func requireMetaFlags(t *testing.T, r, got *Request) {
	require.True(t, bytes.Equal(r.Key, got.Key))
	// b and q come first where they were not named.
	require.True(t, bytes.HasSuffix(got.Echo.Flags, r.Echo.Flags))
	for _, f := range r.Echo.Flags {
		switch f {
		case 'T':
			require.Equal(t, r.TTL, got.TTL)
		case 'N':
			require.Equal(t, r.VivifyTTL, got.VivifyTTL)
		case 'R':
			require.Equal(t, r.RecacheTTL, got.RecacheTTL)
		case 'C':
			require.Equal(t, r.CompareCAS, got.CompareCAS)
		case 'E':
			require.Equal(t, r.NewCAS, got.NewCAS)
		case 'J':
			require.Equal(t, r.Initial, got.Initial)
		case 'D':
			require.Equal(t, r.Delta, got.Delta)
		case 'F':
			require.Equal(t, r.ClientFlags, got.ClientFlags)
		case 'O':
			require.True(t, bytes.Equal(r.Echo.Opaque, got.Echo.Opaque))
		}
	}
}

func FuzzReplyParser(f *testing.F) {
	for i, s := range []string{
		"VALUE a 1 2 3\r\nab\r\nEND\r\n", "HD kAAog/w== b Oabc f1 s2 t-1 c3\r\n", "VA 2 W L5 e10 X Z N D5\r\nab\r\n",
		"LE L1 e1\r\nWT e1\r\nQU e1 X\r\nEN\r\nNS ri\r\nEX\r\nMN\r\n", "MV 1 m2 h:1 Oa\r\n", "IV 1 k\r\nIT 1 t\r\nIS 1 1\r\nIF 1\r\n",
		"SERVER_ERROR unavailable: x\r\nSTAT a b\r\nVERSION 1.6.45\r\n", "VA 99\r\n", "nonsense\r\n",
		"LVALUE k 7 1 2\r\nab\r\nEND\r\n12\r\nSTALE_STORED\r\nEXISTS\r\nNF ka O\r\nHD h1 l3 Z X W\r\nME a exp=-1\r\n",
	} {
		f.Add([]byte(s), uint8(i))
	}
	f.Fuzz(func(t *testing.T, data []byte, step uint8) {
		if len(data) > 4096 {
			return
		}
		limits := ReplyParser{MaxValue: 40, MaxLine: 120}
		out, _, err := replies(t, limits, data)
		split, _, errSplit := replies(t, limits, cut(data, step)...)
		require.Equal(t, out, split)
		require.Equal(t, err, errSplit)
		for _, r := range out {
			require.NotEqual(t, CodeNone, r.Code)
			require.LessOrEqual(t, len(r.Value), limits.MaxValue)
			require.LessOrEqual(t, len(r.Key), MaxKey)
		}
	})
}

// FuzzMetaReply composes replies to mg and requires the client to read what the
// server meant.
func FuzzMetaReply(f *testing.F) {
	f.Add("vsfthlckO", []byte("key"), []byte("value"), uint64(1)<<40, int64(-1), uint8(0xff))
	f.Add("kObC", []byte("\r\nkey"), []byte("\r\n"), uint64(7), int64(60), uint8(0))
	f.Fuzz(func(t *testing.T, flags string, key, value []byte, num uint64, ttl int64, bits uint8) {
		in := Request{Verb: VerbMG, Key: key, Echo: Echo{Flags: []byte(flags), Opaque: []byte("op"), Base64: bits&32 != 0}}
		wire, err := AppendRequest(nil, &in)
		if err != nil {
			return
		}
		p := Parser{}
		_, st := p.Next(wire)
		require.Equal(t, Ready, st)
		e := &p.Request().Echo
		it := MetaItem{Value: value, ClientFlags: uint32(num), TTL: ttl, CAS: num, Idle: uint32(num >> 3), Fetched: bits&1 != 0,
			Won: bits&2 != 0, Stale: bits&4 != 0, Leased: bits&8 != 0}
		withValue := e.Wants('v') && bits&16 == 0
		out, left, err := replies(t, ReplyParser{}, AppendMetaGet(nil, e, &it, withValue))
		require.NoError(t, err)
		require.Zero(t, left)
		require.Len(t, out, 1)
		got := out[0]
		require.Equal(t, withValue, got.Code == CodeVA && bytes.Equal(got.Value, value))
		require.Equal(t, e.Wants('k'), bytes.Equal(got.Key, key))
		require.Equal(t, e.Wants('O'), string(got.Opaque) == "op")
		require.Equal(t, []bool{it.Won, it.Stale, it.Leased}, []bool{got.Won, got.X, got.Leased})
		require.Equal(t, e.Wants('h') && it.Fetched, got.Fetched)
		if e.Wants('t') {
			require.Equal(t, max(ttl, -1), got.TTL)
		}
		if e.Wants('c') {
			require.Equal(t, num, got.Version)
		}
		if e.Wants('s') {
			require.Equal(t, uint64(len(value)), got.Size)
		}
		if e.Wants('l') {
			require.Equal(t, uint64(it.Idle), got.Idle)
		}
	})
}

// FuzzLeaseReply composes replies to lg and requires the client to read what
// the server meant.
func FuzzLeaseReply(f *testing.F) {
	for kind := range uint8(5) {
		f.Add(kind, "vfstckO", []byte("key"), []byte("value"), uint64(1)<<40, int64(-1), int64(time.Second), uint8(0xff))
	}
	f.Fuzz(func(t *testing.T, kind uint8, flags string, key, value []byte, num uint64, ttl, dur int64, bits uint8) {
		in := Request{Verb: VerbLG, Key: key, Echo: Echo{Flags: []byte(flags), Opaque: []byte("op"), Quiet: bits&64 != 0}}
		wire, err := AppendRequest(nil, &in)
		if err != nil {
			return
		}
		p := Parser{}
		_, st := p.Next(wire)
		require.Equal(t, Ready, st)
		e := &p.Request().Echo
		r := LeaseReply{Kind: LeaseKind(kind % 5), Value: value, ClientFlags: uint32(num), TTL: ttl, Version: num, Token: num, For: time.Duration(dur),
			Won: bits&1 != 0, Stale: bits&2 != 0, Leased: bits&4 != 0, Near: bits&8 != 0, Doubt: bits&16 != 0, InDoubt: bits&32 != 0}
		line := AppendLeaseGet(nil, e, &r)
		if r.Kind == LeaseNothing && e.Quiet {
			require.Empty(t, line)
			return
		}
		out, left, err := replies(t, ReplyParser{}, line)
		require.NoError(t, err)
		require.Zero(t, left)
		require.Len(t, out, 1)
		got := out[0]
		if e.Wants('k') {
			require.True(t, bytes.Equal(key, got.Key))
		}
		require.Equal(t, e.Wants('O'), string(got.Opaque) == "op")
		requireMillis := func() {
			require.GreaterOrEqual(t, got.For, min(r.For, 1<<62))
			require.GreaterOrEqual(t, got.For, ms)
			require.Less(t, got.For-max(r.For, 0), ms+1)
		}
		switch r.Kind {
		case LeaseNothing:
			require.Equal(t, CodeEN, got.Code)
		case LeaseWait:
			require.Equal(t, CodeWT, got.Code)
			requireMillis()
		case LeaseSource:
			require.Equal(t, CodeQU, got.Code)
			require.Equal(t, r.InDoubt, got.X)
			require.Equal(t, r.For > 0, got.For > 0)
		case LeaseGranted:
			require.Equal(t, CodeLE, got.Code)
			require.Equal(t, num, got.Token)
			require.Equal(t, r.Doubt, got.Doubt)
			requireMillis()
		case LeaseValue:
			if e.Wants('v') {
				require.Equal(t, CodeVA, got.Code)
				require.True(t, bytes.Equal(value, got.Value))
			} else {
				require.Equal(t, CodeHD, got.Code)
			}
			require.Equal(t, []bool{r.Won, r.Stale, r.Leased, r.Near}, []bool{got.Won, got.X, got.Leased, got.Near})
			require.Equal(t, r.Won, got.HasToken)
			require.Equal(t, r.Won && r.Doubt, got.Doubt)
			if e.Wants('t') {
				require.Equal(t, ttl, got.TTL)
			}
			if e.Wants('c') {
				require.Equal(t, num, got.Version)
			}
			if e.Wants('s') {
				require.Equal(t, uint64(len(value)), got.Size)
			}
		}
	})
}
