package protocol

import (
	"encoding/base64"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// asked is an Echo whose key is "a".
func asked(flags string) Echo {
	e := Echo{Key: []byte("a")}
	if flags != "" {
		e.Flags = []byte(flags)
	}
	return e
}

const ms = time.Millisecond

func TestLeaseRequests(t *testing.T) {
	a := []byte("a")
	tag64, nonce32 := strings.Repeat("t", MaxTag), strings.Repeat("N", MaxNonce)
	opaque := strings.Repeat("o", MaxOpaque)
	quiet := asked("")
	quiet.Quiet = true
	withOpaque := asked("O")
	withOpaque.Opaque = []byte(opaque)
	b64 := Echo{Key: []byte("AAog/w=="), Base64: true, Flags: []byte("k")}
	id := asked("")
	for in, want := range map[string]Request{
		"lg a\r\n":                     {Verb: VerbLG, Key: a, Echo: asked("")},
		"lg  a  v  f\n":                {Verb: VerbLG, Key: a, Echo: asked("vf")},
		"lg a v f s t c k\r\n":         {Verb: VerbLG, Key: a, Echo: asked("vfstck")},
		"lg a k c t s f v\r\n":         {Verb: VerbLG, Key: a, Echo: asked("kctsfv")},
		"lg a O" + opaque + "\r\n":     {Verb: VerbLG, Key: a, Echo: withOpaque},
		"lg AAog/w== b k\r\n":          {Verb: VerbLG, Key: []byte("\x00\n \xff"), Echo: b64},
		"lg a q\r\n":                   {Verb: VerbLG, Key: a, Echo: quiet},
		"lg a n\r\n":                   {Verb: VerbLG, Key: a, Echo: asked(""), NoForward: true},
		"lg a e1 w2\r\n":               {Verb: VerbLG, Key: a, Echo: asked(""), LeaseFor: ms, Wait: 2 * ms},
		"lg a e60001 w60001\r\n":       {Verb: VerbLG, Key: a, Echo: asked(""), LeaseFor: time.Minute, Wait: time.Minute},
		"lg a e18446744073709551615\n": {Verb: VerbLG, Key: a, Echo: asked(""), LeaseFor: time.Minute},
		"lg a S R0\r\n":                {Verb: VerbLG, Key: a, Echo: asked(""), StaleOK: true, HasRefresh: true},
		"lg a R4294967295\r\n":         {Verb: VerbLG, Key: a, Echo: asked(""), RefreshBelow: 1<<32 - 1, HasRefresh: true},
		"lg a p D N\r\n":               {Verb: VerbLG, Key: a, Echo: asked(""), Peek: true, CanFence: true, Near: true},

		"ls a 2 L5\r\n\r\n\r\n": {Verb: VerbLS, Key: a, Echo: asked(""), Body: []byte("\r\n"), Token: 5, HasToken: true},
		"ls a 0 L0\r\n\r\n":     {Verb: VerbLS, Key: a, Echo: asked(""), Body: []byte{}, HasToken: true},
		"ls a 1 L18446744073709551615 F4294967295 T-1\r\nx\r\n": {Verb: VerbLS, Key: a, Echo: asked(""), Body: []byte("x"),
			Token: 1<<64 - 1, HasToken: true, ClientFlags: 1<<32 - 1, TTL: -1, HasTTL: true},
		"ls a 1 D c T0 L7\r\n\x00\r\n": {Verb: VerbLS, Key: a, Echo: asked("c"), Body: []byte{0}, Token: 7, HasToken: true,
			FenceDone: true, HasTTL: true},
		"ls a 1 G1 G2 G1 L7 G" + tag64 + " G5 G6 G7 G8\r\nx\r\n": {Verb: VerbLS, Key: a, Echo: asked(""), Body: []byte("x"),
			Token: 7, HasToken: true, Tags: list("1", "2", "1", tag64, "5", "6", "7", "8")},

		"ld a\r\n":          {Verb: VerbLD, Key: a, Echo: asked("")},
		"ld a S30 q\r\n":    {Verb: VerbLD, Key: a, Echo: quiet, StaleFor: 30},
		"lw a F\r\n":        {Verb: VerbLW, Key: a, Echo: asked(""), FencedWriter: true},
		"lw a B e99999\r\n": {Verb: VerbLW, Key: a, Echo: asked(""), Bounded: true, LeaseFor: time.Minute},
		"lw a e5000 U" + nonce32 + " F\r\n": {Verb: VerbLW, Key: a, Echo: asked(""), FencedWriter: true,
			LeaseFor: 5 * time.Second, Nonce: []byte(nonce32)},
		"lc a L9 n q\r\n": {Verb: VerbLC, Key: a, Echo: quiet, Token: 9, HasToken: true, NoForward: true},
		"la a L9\r\n":     {Verb: VerbLA, Key: a, Echo: asked(""), Token: 9, HasToken: true},
		"la a Ua_Z09\r\n": {Verb: VerbLA, Key: a, Echo: asked(""), Nonce: []byte("a_Z09")},
		"lt a k\r\n":      {Verb: VerbLT, Key: a, Echo: asked("k")},
		"lf a L1\r\n":     {Verb: VerbLF, Key: a, Echo: asked(""), Token: 1, HasToken: true},
		"lm\r\n":          {Verb: VerbLM},
		"lm\n":            {Verb: VerbLM},
		"lm m7 q n\r\n":   {Verb: VerbLM, Echo: Echo{Quiet: true}, MapVersion: 7, HasMapVersion: true, NoForward: true},
		"lm m0 O1\r\n":    {Verb: VerbLM, Echo: Echo{Flags: []byte("O"), Opaque: []byte("1")}, HasMapVersion: true},
		"ln a e3000\r\n":  {Verb: VerbLN, Key: a, Echo: id, LeaseFor: 3 * time.Second},
		"ln a a12 e1\r\n": {Verb: VerbLN, Key: a, Echo: id, LeaseFor: ms, Ack: 12, HasAck: true},
	} {
		require.Equal(t, want, ready(t, in), "%q", in)
	}
}

func TestLeaseErrors(t *testing.T) {
	withKey := map[string]string{
		// What all commands share.
		"lg":                               "no key",
		"lg " + longKey + "k":              "key too long",
		"lg " + longKey + "k v z":          "key too long",
		"lg a\x00":                         "bad byte in key",
		"lg a\x7f":                         "bad byte in key",
		"lg a\tb":                          "bad byte in key",
		"lg a\r":                           "bad byte in key",
		"lg !!!! b":                        "bad base64 key",
		"lg YQ b":                          "bad base64 key", // no padding
		"lg YR== b":                        "bad base64 key", // not the text of any key
		"lg = b":                           "bad base64 key",
		"lg a v v":                         "flag given twice: v",
		"lg a k k":                         "flag given twice: k",
		"lg a e1 e2":                       "flag given twice: e",
		"lg a O1 O2":                       "flag given twice: O",
		"lg a q q":                         "flag given twice: q",
		"lg a b b":                         "flag given twice: b",
		"lg a x":                           "invalid flag x",
		"lg a 7":                           "invalid flag 7",
		"lg a \x00":                        "invalid flag",
		"lg a \xff":                        "invalid flag",
		"lg a {":                           "invalid flag {",
		"lg a ^":                           "invalid flag ^",
		"lg a v1":                          "bad argument of flag v",
		"lg a k1":                          "bad argument of flag k",
		"lg a b1":                          "bad argument of flag b",
		"lg a q1":                          "bad argument of flag q",
		"lg a n1":                          "bad argument of flag n",
		"lg a O" + strings.Repeat("x", 32): "opaque too long",
		"lg a Ox\x01":                      "bad byte in opaque",
		// lg
		"lg a e":                     "bad argument of flag e",
		"lg a e0":                    "zero duration of flag e",
		"lg a w0":                    "zero duration of flag w",
		"lg a w-1":                   "bad argument of flag w",
		"lg a e1.5":                  "bad argument of flag e",
		"lg a e18446744073709551616": "bad argument of flag e",
		"lg a R":                     "bad argument of flag R",
		"lg a R4294967296":           "bad argument of flag R",
		"lg a S1":                    "bad argument of flag S",
		"lg a p1":                    "bad argument of flag p",
		"lg a D1":                    "bad argument of flag D",
		"lg a N1":                    "bad argument of flag N",
		"lg a L1":                    "invalid flag L",
		"lg a F":                     "invalid flag F",
		// ls without a length that can be read
		"ls":                          "no key",
		"ls a":                        "no data length",
		"ls a L1":                     "bad data length",
		"ls a -1 L1":                  "bad data length",
		"ls a 2147483646 L1":          "bad data length",
		"ls a 18446744073709551617 L": "bad data length",
		// ld
		"ld a S":           "bad argument of flag S",
		"ld a S4294967296": "bad argument of flag S",
		"ld a v":           "invalid flag v",
		// lw
		"lw a":                               "give exactly one of F and B",
		"lw a F B":                           "give exactly one of F and B",
		"lw a F1":                            "bad argument of flag F",
		"lw a B1":                            "bad argument of flag B",
		"lw a F e0":                          "zero duration of flag e",
		"lw a F U":                           "bad argument of flag U",
		"lw a F U" + strings.Repeat("x", 33): "bad argument of flag U",
		"lw a F Ua-b":                        "bad argument of flag U",
		"lw a F c":                           "invalid flag c",
		// lc la lf
		"lc a":       "no token: flag L",
		"lc a L":     "bad argument of flag L",
		"lc a Lx":    "bad argument of flag L",
		"lc a L1 L1": "flag given twice: L",
		"lc a L1 Ux": "invalid flag U",
		"la a":       "give exactly one of L and U",
		"la a L1 Ux": "give exactly one of L and U",
		"la a U-":    "bad argument of flag U",
		"lf a":       "no token: flag L",
		"lf a L1 v":  "invalid flag v",
		// lt
		"lt":                            "no key",
		"lt " + strings.Repeat("t", 65): "bad tag",
		"lt AAog/w== b":                 "bad tag",
		"lt a G1":                       "invalid flag G",
		// lm ln
		"lm m":      "bad argument of flag m",
		"lm m1 m2":  "flag given twice: m",
		"lm k":      "invalid flag k",
		"lm b":      "invalid flag b",
		"lm a":      "invalid flag a",
		"ln a":      "no duration: flag e",
		"ln a e0":   "zero duration of flag e",
		"ln a e1 a": "bad argument of flag a",
		"ln":        "no key",
	}
	for in, want := range withKey {
		for _, end := range []string{"\n", "\r\n"} {
			if strings.HasSuffix(in, "\r") && end == "\n" {
				continue
			}
			r, line := bad(t, in+end)
			require.Equal(t, "CLIENT_ERROR "+want+"\r\n", line, "%q", in)
			require.Equal(t, CauseLine, r.Err.Cause)
			require.Equal(t, in[:2], r.Verb.String())
			if strings.HasPrefix(in[2:], " a ") && !r.Echo.Base64 {
				require.Equal(t, "a", string(r.Key), "%q", in)
			}
		}
	}
}

// Whatever else is wrong with an ls: the connection stays in step, and the
// server learns the key and the token.
func TestBrokenFills(t *testing.T) {
	for line, want := range map[string]string{
		"ls a 3":                               "no token: flag L",
		"ls a 3 L7 L7":                         "flag given twice: L",
		"ls a 3 Q L7":                          "invalid flag Q",
		"ls a 3 L7 v":                          "invalid flag v",
		"ls a 3 L7 G":                          "bad argument of flag G",
		"ls a 3 L7 Ga\x01":                     "bad argument of flag G",
		"ls a 3 L7 Fx":                         "bad argument of flag F",
		"ls a 3 L7 F4294967296":                "bad argument of flag F",
		"ls a 3 L7 T":                          "bad argument of flag T",
		"ls a 3 L7 T1 T1":                      "flag given twice: T",
		"ls a 3 L7 D1":                         "bad argument of flag D",
		"ls a 3 L7 c0":                         "bad argument of flag c",
		"ls a 3 G1 G2 G3 G4 G5 G6 G7 G8 G9 L7": "too many tags",
		"ls a 3 L7 G" + strings.Repeat("t", MaxTag+1): "bad argument of flag G",
		"ls " + longKey + "k 3 L7":                    "key too long",
		"ls ? 3 L7 b":                                 "bad base64 key",
	} {
		out, left := whole(t, Limits{}, line+"\r\nxyz\r\nmn\r\n")
		require.Zero(t, left)
		require.Len(t, out, 2, "%q", line)
		require.Equal(t, "CLIENT_ERROR "+want+"\r\n", out[0].line)
		require.Equal(t, CauseLine, out[0].req.Err.Cause)
		require.Equal(t, VerbLS, out[0].req.Verb)
		if strings.Contains(line, "L7") {
			require.True(t, out[0].req.HasToken, "%q", line)
			require.Equal(t, uint64(7), out[0].req.Token)
		}
		require.Equal(t, VerbMN, out[1].req.Verb)
	}
	l := Limits{MaxBody: 2}
	for in, want := range map[string]struct {
		line  string
		cause Cause
	}{
		"ls a 3 L7\r\nxyz\r\n":   {"SERVER_ERROR object too large for cache\r\n", CauseTooLarge},
		"ls a 3 L7 Q\r\nxyz\r\n": {"CLIENT_ERROR invalid flag Q\r\n", CauseTooLarge},
		"ls a 2 L7\r\nxyz\n":     {"CLIENT_ERROR bad data chunk\r\n", CauseChunk},
		"ls a 1 L7\r\nx\nz":      {"CLIENT_ERROR bad data chunk\r\n", CauseChunk},
	} {
		out, left := whole(t, l, in+"mn\r\n")
		require.Zero(t, left)
		require.Len(t, out, 2, "%q", in)
		require.Equal(t, want.line, out[0].line, "%q", in)
		require.Equal(t, want.cause, out[0].req.Err.Cause, "%q", in)
		require.Equal(t, "a", string(out[0].req.Key))
		require.Equal(t, uint64(7), out[0].req.Token)
		require.True(t, out[0].req.HasToken)
	}
}

func TestBase64KeysUpToTheLimit(t *testing.T) {
	long := strings.Repeat("\xff", 186)
	text := base64.StdEncoding.EncodeToString([]byte(long))
	r := ready(t, "ld "+text+" k b\r\n")
	require.Equal(t, long, string(r.Key))
	require.Equal(t, text, string(r.Echo.Key))
	_, line := bad(t, "ld "+base64.StdEncoding.EncodeToString([]byte(long+"\xff"))+" b\r\n")
	require.Equal(t, "CLIENT_ERROR key too long\r\n", line)
}

func TestLimitsCutDurations(t *testing.T) {
	l := Limits{MaxLease: 10 * ms, MaxWait: 20 * ms, MaxIntent: 30 * ms}
	out, _ := whole(t, l, "lg a e9 w21\r\nlg a e11 w20\r\nlw a F e31\r\nlw a F e30\r\nln a e11\r\n")
	require.Equal(t, 9*ms, out[0].req.LeaseFor)
	require.Equal(t, 20*ms, out[0].req.Wait)
	require.Equal(t, 10*ms, out[1].req.LeaseFor)
	require.Equal(t, 30*ms, out[2].req.LeaseFor)
	require.Equal(t, 30*ms, out[3].req.LeaseFor)
	require.Equal(t, 10*ms, out[4].req.LeaseFor)
}

func TestEchoCloneOutlivesTheBuffer(t *testing.T) {
	p := Parser{}
	in := []byte("lg AAog/w== b v k Oop q\r\n")
	_, st := p.Next(in)
	require.Equal(t, Ready, st)
	c := p.Request().Echo.Clone()
	scribble(in)
	_, st = p.Next([]byte("lg x t s\r\n"))
	require.Equal(t, Ready, st)
	require.Equal(t, Echo{Flags: []byte("vkO"), Key: []byte("AAog/w=="), Base64: true, Opaque: []byte("op"), Quiet: true}, c)
	require.True(t, c.Wants('v'))
	require.False(t, c.Wants('s'))
}
