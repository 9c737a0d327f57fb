package protocol

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestComposedLines(t *testing.T) {
	a := []byte("a")
	for want, r := range map[string]Request{
		"get a\r\n":                      {Verb: VerbGet, Key: a},
		"gets a b\r\n":                   {Verb: VerbGets, Keys: list("a", "b")},
		"set a 1 -1 2 noreply\r\nxy\r\n": {Verb: VerbSet, Key: a, ClientFlags: 1, Exptime: -1, Body: []byte("xy"), NoReply: true},
		"delete a\r\n":                   {Verb: VerbDelete, Key: a},
		"touch a 5\r\n":                  {Verb: VerbTouch, Key: a, Exptime: 5},
		"version\r\n":                    {Verb: VerbVersion},
		"lg a v k O9 q n e10000 w500 S R3 p D N\r\n": {Verb: VerbLG, Key: a, Echo: Echo{Flags: []byte("vkO"), Opaque: []byte("9"), Quiet: true},
			NoForward: true, LeaseFor: 10 * time.Second, Wait: 500 * ms, StaleOK: true, HasRefresh: true, RefreshBelow: 3, Peek: true, CanFence: true, Near: true},
		"lg YSBi b\r\n": {Verb: VerbLG, Key: []byte("a b")},
		"lg YQ== b\r\n": {Verb: VerbLG, Key: a, Echo: Echo{Base64: true}},
		"lg a e1\r\n":   {Verb: VerbLG, Key: a, LeaseFor: 1},
		"ls a 1 c L7 F3 T60 Gx Gy D\r\nv\r\n": {Verb: VerbLS, Key: a, Echo: Echo{Flags: []byte("c")}, Body: []byte("v"), Token: 7, HasToken: true,
			ClientFlags: 3, TTL: 60, HasTTL: true, Tags: list("x", "y"), FenceDone: true},
		"ld a S30\r\n":          {Verb: VerbLD, Key: a, StaleFor: 30},
		"lw a e5000 F Uabc\r\n": {Verb: VerbLW, Key: a, LeaseFor: 5 * time.Second, FencedWriter: true, Nonce: []byte("abc")},
		"lw a B\r\n":            {Verb: VerbLW, Key: a, Bounded: true},
		"lc a L7\r\n":           {Verb: VerbLC, Key: a, Token: 7, HasToken: true},
		"la a L7\r\n":           {Verb: VerbLA, Key: a, Token: 7, HasToken: true},
		"la a Ux\r\n":           {Verb: VerbLA, Key: a, Nonce: []byte("x")},
		"lt a\r\n":              {Verb: VerbLT, Key: a},
		"lf a L7\r\n":           {Verb: VerbLF, Key: a, Token: 7, HasToken: true},
		"lm m7\r\n":             {Verb: VerbLM, MapVersion: 7, HasMapVersion: true},
		"lm\r\n":                {Verb: VerbLM},
		"ln a e3000 a12\r\n":    {Verb: VerbLN, Key: a, LeaseFor: 3 * time.Second, Ack: 12, HasAck: true},
	} {
		got, err := AppendRequest([]byte("before "), &r)
		require.NoError(t, err)
		require.Equal(t, "before "+want, string(got))
	}
}

func TestRequestsThatCannotBeWritten(t *testing.T) {
	a, evil := []byte("a"), []byte("a\r\nflush_all")
	ok := Request{Verb: VerbLS, Key: a, HasToken: true}
	fill := func(f func(*Request)) Request {
		r := ok
		f(&r)
		return r
	}
	for i, r := range []Request{
		{},
		{Verb: noVerb},
		{Verb: VerbGet}, {Verb: VerbGet, Key: evil}, {Verb: VerbGet, Keys: [][]byte{a, evil}}, {Verb: VerbSet, Key: evil},
		{Verb: VerbDelete, Key: []byte(longKey + "k")}, {Verb: VerbTouch}, {Verb: VerbStats, Args: [][]byte{evil}},
		{Verb: VerbLG}, {Verb: VerbLG, Key: []byte(strings.Repeat(" ", 187))},
		{Verb: VerbLG, Key: a, Echo: Echo{Flags: []byte("vv")}}, {Verb: VerbLG, Key: a, Echo: Echo{Flags: []byte("x")}},
		{Verb: VerbLG, Key: a, Echo: Echo{Flags: []byte("O"), Opaque: evil}},
		{Verb: VerbLD, Key: a, Echo: Echo{Flags: []byte("v")}}, {Verb: VerbLM, Echo: Echo{Flags: []byte("k")}},
		{Verb: VerbLT, Key: evil}, {Verb: VerbLT, Key: []byte(strings.Repeat("t", 65))},
		{Verb: VerbLS, Key: a}, {Verb: VerbLC, Key: a}, {Verb: VerbLA, Key: a}, {Verb: VerbLF, Key: a}, {Verb: VerbLN, Key: a},
		{Verb: VerbLA, Key: a, Nonce: []byte{}},
		fill(func(r *Request) { r.Tags = [][]byte{evil} }), fill(func(r *Request) { r.Tags = make([][]byte, 9) }),
		{Verb: VerbLW, Key: a}, {Verb: VerbLW, Key: a, FencedWriter: true, Bounded: true}, {Verb: VerbLW, Key: a, Bounded: true, Nonce: evil},
	} {
		got, err := AppendRequest([]byte("before"), &r)
		require.ErrorIs(t, err, ErrRequest, fmt.Sprint(i))
		require.Equal(t, "before", string(got))
	}
}

// noVerb is no verb.
const noVerb = Verb(VerbCount)
