package protocol

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestMetaGetReplies(t *testing.T) {
	item := MetaItem{Value: []byte("abc"), ClientFlags: 9, TTL: 30, CAS: 77, Idle: 4, Fetched: true}
	marked := item
	marked.Won, marked.Stale, marked.Leased, marked.TTL, marked.Fetched = true, true, true, -1, false
	for _, c := range []struct {
		flags string
		it    *MetaItem
		value bool
		want  string
	}{
		{"", &item, false, "HD\r\n"},
		{"v", &item, true, "VA 3\r\nabc\r\n"},
		{"vC", &item, false, "HD\r\n"},
		{"vsfthlcOkTNRquxIME", &item, true, "VA 3 s3 f9 t30 h1 l4 c77 O7 kAAog/w== b\r\nabc\r\n"},
		{"kOclhtfs", &item, false, "HD kAAog/w== b O7 c77 l4 h1 t30 f9 s3\r\n"},
		{"th", &marked, false, "HD t-1 h0 Z X W\r\n"},
		{"v", &MetaItem{Won: true}, true, "VA 0 W\r\n\r\n"},
	} {
		e := &Echo{Flags: []byte(c.flags), Key: []byte("AAog/w=="), Base64: true, Opaque: []byte("7")}
		require.Equal(t, c.want, string(AppendMetaGet(nil, e, c.it, c.value)))
		e.Quiet = true
		require.Equal(t, c.want, string(AppendMetaGet(nil, e, c.it, c.value)), "q hides no hit")
	}
}

func TestMetaReplies(t *testing.T) {
	e := &Echo{Flags: []byte("ckstOvq"), Key: []byte("a"), Opaque: []byte("7")}
	plain := &Echo{}
	number := &Echo{Flags: []byte("tkcO"), Key: []byte("a"), Opaque: []byte("7")}
	for _, c := range []struct {
		want   string
		e      *Echo
		f      func(*Echo) []byte
		hidden bool
	}{
		{"EN ka O7\r\n", e, func(e *Echo) []byte { return AppendMetaMiss(nil, e) }, true},
		{"HD c5 ka s3 O7\r\n", e, func(e *Echo) []byte { return AppendMetaStored(nil, e, MetaDone, 3, 5) }, true},
		{"HD\r\n", plain, func(e *Echo) []byte { return AppendMetaStored(nil, e, MetaDone, 3, 5) }, true},
		{"NS c0 ka s3 O7\r\n", e, func(e *Echo) []byte { return AppendMetaStored(nil, e, MetaNotStored, 3, 5) }, false},
		{"EX c0 ka s3 O7\r\n", e, func(e *Echo) []byte { return AppendMetaStored(nil, e, MetaExists, 3, 5) }, false},
		{"NF c0 ka s3 O7\r\n", e, func(e *Echo) []byte { return AppendMetaStored(nil, e, MetaNotFound, 3, 5) }, false},
		{"HD ka O7\r\n", e, func(e *Echo) []byte { return AppendMetaOutcome(nil, e, MetaDone) }, true},
		{"NF ka O7\r\n", e, func(e *Echo) []byte { return AppendMetaOutcome(nil, e, MetaNotFound) }, false},
		{"EX ka O7\r\n", e, func(e *Echo) []byte { return AppendMetaOutcome(nil, e, MetaExists) }, false},
		{"VA 20 c5 ka t-1 O7\r\n18446744073709551615\r\n", e, func(e *Echo) []byte { return AppendMetaNumber(nil, e, 1<<64-1, -1, 5) }, true},
		{"HD t9 ka c5 O7\r\n", number, func(e *Echo) []byte { return AppendMetaNumber(nil, e, 1, 9, 5) }, true},
	} {
		require.Equal(t, c.want, string(c.f(c.e)))
		quiet := *c.e
		quiet.Quiet = true
		if c.hidden {
			c.want = ""
		}
		require.Equal(t, c.want, string(c.f(&quiet)))
	}
	for n, want := range map[uint64]int{0: 1, 9: 1, 10: 2, 99: 2, 100: 3} {
		require.Equal(t, want, decimals(n))
	}
}

func TestAdminReplies(t *testing.T) {
	k := []byte("a:b%")
	info := ItemInfo{Key: k, Expires: -1, Accessed: 3, CAS: 15, Fetched: true, Class: 1, Size: 65, ClientFlags: 7}
	binary := info
	binary.Key, binary.Fetched = []byte("\x00\n \xff"), false
	w := WatchEvent{At: time.Unix(100, 2500), GID: 9, Key: k, Status: "found", Command: "set", TTL: -1, Idle: 4, Class: 1, Conn: 5, Size: 6,
		Addr: "127.0.0.1", Port: 80, Transport: "tcp", Reason: "normal"}
	watch := func(kind WatchKind) []byte {
		w.Kind = kind
		return AppendWatch(nil, &w)
	}
	for want, got := range map[string][]byte{
		"18446744073709551615\r\n":    AppendNumber(nil, 1<<64-1),
		"BUSY now\r\n":                AppendLine(nil, "BUSY now"),
		"LVALUE a:b% 1 7 2\r\nxy\r\n": AppendLValue(nil, k, HotMiss, 7, []byte("xy")),
		"ME a:b% exp=-1 la=3 cas=15 fetch=yes cls=1 size=65\r\n":             AppendMetaDebug(nil, &info),
		"ME AAog/w== exp=-1 la=3 cas=15 fetch=no cls=1 size=65\r\n":          AppendMetaDebug(nil, &binary),
		"key=a%3Ab%25 exp=-1 la=3 cas=15 fetch=yes cls=1 size=65 flags=7 \n": AppendMetadump(nil, &info),
		"mg a:b%\r\n":                          AppendMgdump(nil, k),
		"mg AAog/w== b\r\n":                    AppendMgdump(nil, binary.Key),
		"ITEM a:b% [6 b; 0 s]\r\n":             AppendCachedump(nil, k, 6, 0),
		"PREFIX a get 1 hit 2 set 3 del 4\r\n": AppendPrefixStat(nil, []byte("a"), 1, 2, 3, 4),
		"ts=100.2 gid=9 type=item_get key=a%3Ab%25 status=found clsid=1 cfd=5 size=6\n":                  watch(WatchGet),
		"ts=100.2 gid=9 type=item_store key=a%3Ab%25 status=found cmd=set ttl=-1 clsid=1 cfd=5 size=6\n": watch(WatchStore),
		"ts=100.2 gid=9 type=eviction key=a%3Ab%25 fetch=no ttl=-1 la=4 clsid=1 size=6\n":                watch(WatchEviction),
		"ts=100.2 gid=9 type=deleted key=a%3Ab%25 cmd=set clsid=1 size=6\n":                              watch(WatchDeletion),
		"ts=100.2 gid=9 type=conn_new rip=127.0.0.1 rport=80 transport=tcp cfd=5\n":                      watch(WatchConnNew),
		"ts=100.2 gid=9 type=conn_close rip=127.0.0.1 rport=80 transport=tcp reason=normal cfd=5\n":      watch(WatchConnClose),
		"skipped=12\n":                     AppendWatchSkipped(nil, 12),
		"EXISTS\r\nEN\r\nSTALE_STORED\r\n": []byte(LineExists + LineEN + LineStaleStored),
	} {
		require.Equal(t, want, string(got))
	}
}
