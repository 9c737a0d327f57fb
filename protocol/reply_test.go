package protocol

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestClassicReplies(t *testing.T) {
	k, v := []byte("k"), []byte("a\r\nb")
	for want, got := range map[string][]byte{
		"VALUE k 0 4\r\na\r\nb\r\n":                               AppendValue(nil, k, 0, v),
		"VALUE k 4294967295 0\r\n\r\n":                            AppendValue(nil, k, 1<<32-1, nil),
		"VALUE k 1 4 18446744073709551615\r\na\r\nb\r\n":          AppendValueCAS(nil, k, 1, v, 1<<64-1),
		"STAT curr_items 3\r\n":                                   AppendStat(nil, "curr_items", "3"),
		"VERSION 1.6.45 leasecached\r\n":                          AppendVersion(nil, "1.6.45 leasecached"),
		"xSTORED\r\n":                                             append([]byte("x"), LineStored...),
		"NOT_STORED\r\nNOT_FOUND\r\nDELETED\r\nTOUCHED\r\nOK\r\n": []byte(LineNotStored + LineNotFound + LineDeleted + LineTouched + LineOK),
		"END\r\nRESET\r\nMN\r\n":                                  []byte(LineEnd + LineReset + LineMN),
	} {
		require.Equal(t, want, string(got))
	}
}

func TestLeaseGetReplies(t *testing.T) {
	e := &Echo{Flags: []byte("kOt"), Key: []byte("key"), Opaque: []byte("7")}
	all := &Echo{Flags: []byte("cOtskfv"), Key: []byte("AAog/w=="), Base64: true, Opaque: []byte("7")}
	plain := &Echo{}
	item := LeaseReply{Kind: LeaseValue, Value: []byte("abc"), ClientFlags: 9, TTL: -1, Version: 77}
	with := func(f func(*LeaseReply)) *LeaseReply {
		r := item
		f(&r)
		return &r
	}
	for _, c := range []struct {
		e    *Echo
		r    *LeaseReply
		want string
	}{
		{plain, &item, "HD\r\n"},
		{e, &item, "HD kkey O7 t-1\r\n"},
		{all, &item, "VA 3 c77 O7 t-1 s3 kAAog/w== b f9\r\nabc\r\n"},
		{&Echo{Flags: []byte("v")}, &item, "VA 3\r\nabc\r\n"},
		{e, with(func(r *LeaseReply) { r.Won, r.Stale, r.Token, r.For = true, true, 5, 10*time.Second }), "HD kkey O7 t-1 W L5 e10000 X\r\n"},
		{plain, with(func(r *LeaseReply) { r.Won, r.Token, r.For, r.Doubt = true, 5, 5*time.Second, true }), "HD W L5 e5000 D5\r\n"},
		{plain, with(func(r *LeaseReply) { r.Stale, r.Leased, r.Near = true, true, true }), "HD X Z N\r\n"},
		{e, &LeaseReply{Kind: LeaseGranted, Token: 1 << 40, For: 10 * time.Second, Value: []byte("no")}, "LE kkey O7 L1099511627776 e10000\r\n"},
		{plain, &LeaseReply{Kind: LeaseGranted, Token: 8, For: 5 * time.Second, Doubt: true}, "LE L8 e5000 D8\r\n"},
		{e, &LeaseReply{Kind: LeaseWait, For: 1}, "WT kkey O7 e1\r\n"},
		{plain, &LeaseReply{Kind: LeaseWait, For: -5 * time.Second}, "WT e1\r\n"},
		{plain, &LeaseReply{Kind: LeaseWait, For: time.Millisecond + 1}, "WT e2\r\n"},
		{plain, &LeaseReply{Kind: LeaseWait, For: 1<<63 - 1}, "WT e9223372036855\r\n"},
		{e, &LeaseReply{Kind: LeaseSource}, "QU kkey O7\r\n"},
		{plain, &LeaseReply{Kind: LeaseSource, For: 1500 * time.Microsecond}, "QU e2\r\n"},
		{plain, &LeaseReply{Kind: LeaseSource, InDoubt: true}, "QU X\r\n"},
		{plain, &LeaseReply{Kind: LeaseSource, InDoubt: true, For: time.Second}, "QU e1000 X\r\n"},
		{e, &LeaseReply{}, "EN kkey O7\r\n"},
	} {
		require.Equal(t, c.want, string(AppendLeaseGet(nil, c.e, c.r)))
		// q leaves out EN, and nothing else.
		quiet := *c.e
		quiet.Quiet = true
		if c.r.Kind == LeaseNothing {
			c.want = ""
		}
		require.Equal(t, c.want, string(AppendLeaseGet(nil, &quiet, c.r)))
	}
}

func TestOtherLeaseReplies(t *testing.T) {
	for _, c := range []struct {
		name    string
		f       func(*Echo) []byte
		plain   string
		full    string
		nominal bool
	}{
		{"ls stored", func(e *Echo) []byte { return AppendStored(nil, e, 9) }, "HD\r\n", "HD Oop c9 kkey\r\n", true},
		{"ls refused", func(e *Echo) []byte { return AppendNotStored(nil, e, ReasonSuperseded) }, "NS rs\r\n", "NS Oop kkey rs\r\n", false},
		{"ld lt", func(e *Echo) []byte { return AppendInvalidated(nil, e, 9) }, "HD L9\r\n", "HD Oop kkey L9\r\n", true},
		{"lw", func(e *Echo) []byte { return AppendIntent(nil, e, 9, time.Microsecond) }, "HD L9 e1\r\n", "HD Oop kkey L9 e1\r\n", false},
		{"lc la lf", func(e *Echo) []byte { return AppendDone(nil, e) }, "HD\r\n", "HD Oop kkey\r\n", true},
		{"unknown", func(e *Echo) []byte { return AppendGone(nil, e) }, "EX\r\n", "EX Oop kkey\r\n", false},
		{"late", func(e *Echo) []byte { return AppendLate(nil, e) }, "HD X\r\n", "HD Oop kkey X\r\n", false},
		{"lm current", func(e *Echo) []byte { return AppendMapCurrent(nil, e, 7) }, "HD m7\r\n", "HD Oop kkey m7\r\n", false},
		{"lm", func(e *Echo) []byte { return AppendMap(nil, e, 7, []byte("{}")) }, "VA 2 m7\r\n{}\r\n", "VA 2 Oop kkey m7\r\n{}\r\n", false},
		{"moved", func(e *Echo) []byte { return AppendMoved(nil, e, 3, 7, "h:1") }, "MV 3 m7 h:1\r\n", "MV 3 m7 h:1 Oop kkey\r\n", false},
		{"ln", func(e *Echo) []byte { return AppendNear(nil, e, time.Second) }, "HD e1000\r\n", "HD Oop kkey e1000\r\n", false},
	} {
		require.Equal(t, c.plain, string(c.f(&Echo{})), c.name)
		full := Echo{Flags: []byte("Ock"), Opaque: []byte("op"), Key: []byte("key")}
		require.Equal(t, c.full, string(c.f(&full)), c.name)
		full.Quiet = true
		if c.nominal {
			c.full = ""
		}
		require.Equal(t, c.full, string(c.f(&full)), "%s, quiet", c.name)
	}
}

func TestNotices(t *testing.T) {
	require.Equal(t, "IV 1 key\r\n", string(AppendNoticeKey(nil, 1, []byte("key"))))
	require.Equal(t, "IV 1 AAog/w== b\r\n", string(AppendNoticeKey(nil, 1, []byte("\x00\n \xff"))))
	require.Equal(t, "IT 2 tag\r\n", string(AppendNoticeTag(nil, 2, []byte("tag"))))
	require.Equal(t, "IS 3 1023\r\n", string(AppendNoticeShard(nil, 3, 1023)))
	require.Equal(t, "IF 4\r\n", string(AppendNoticeAll(nil, 4)))
}
