package server

import (
	"fmt"
	"io"
	"net"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// What memcached 1.6.45 tells of its commands, line by line as it was recorded.
func TestWatchTellsWhatMemcachedTells(t *testing.T) {
	large := strings.Repeat("x", 2_000_000)
	steps := []struct {
		send, reply string
		events      []string
	}{
		{"set k 0 0 3\nabc\n", "STORED", []string{"item_get key=k status=not_found clsid=0 size=0", "item_store key=k status=stored cmd=set ttl=0 clsid=1 size=3"}},
		{"set k 0 100 5\nabcde\n", "STORED", []string{"item_get key=k status=found clsid=1 size=3", "item_store key=k status=stored cmd=set ttl=100 clsid=1 size=5"}},
		{"get nope\n", "END", []string{"item_get key=nope status=not_found clsid=0 size=0"}},
		{"get nope k nope\n", "VALUE k 0 5|abcde|END", []string{"item_get key=nope status=not_found clsid=0 size=0", "item_get key=k status=found clsid=1 size=5", "item_get key=nope status=not_found clsid=0 size=0"}},
		{"gat 0 k\n", "VALUE k 0 5|abcde|END", []string{"item_get key=k status=found clsid=1 size=5"}},
		{"add k 0 0 1\nx\n", "NOT_STORED", []string{"item_get key=k status=found clsid=1 size=5", "item_store key=k status=not_stored cmd=add ttl=0 clsid=1 size=1"}},
		{"replace k 0 -1 1\nx\n", "STORED", []string{"item_get key=k status=found clsid=1 size=5", "item_store key=k status=stored cmd=replace ttl=4294967295 clsid=1 size=1"}},
		{"get k\n", "END", []string{"item_get key=k status=expired clsid=0 size=0"}},
		{"get k\n", "END", []string{"item_get key=k status=not_found clsid=0 size=0"}},
		{"replace k 0 0 1\nx\n", "NOT_STORED", []string{"item_get key=k status=not_found clsid=0 size=0", "item_store key=k status=not_stored cmd=replace ttl=0 clsid=1 size=1"}},
		{"set k 0 0 2\nab\n", "STORED", []string{"item_get key=k status=not_found clsid=0 size=0", "item_store key=k status=stored cmd=set ttl=0 clsid=1 size=2"}},
		{"append k 0 0 2\ncd\n", "STORED", []string{"item_get key=k status=found clsid=1 size=2", "item_store key=k status=stored cmd=append ttl=0 clsid=1 size=4"}},
		{"prepend zz 0 0 2\ncd\n", "NOT_STORED", []string{"item_get key=zz status=not_found clsid=0 size=0", "item_store key=zz status=not_stored cmd=prepend ttl=0 clsid=1 size=2"}},
		{"cas k 0 0 1 999\nx\n", "EXISTS", []string{"item_get key=k status=found clsid=1 size=4", "item_store key=k status=exists cmd=cas ttl=0 clsid=1 size=1"}},
		{"cas nn 0 0 1 999\nx\n", "NOT_FOUND", []string{"item_get key=nn status=not_found clsid=0 size=0", "item_store key=nn status=not_found cmd=cas ttl=0 clsid=1 size=1"}},
		{"touch k 0\n", "TOUCHED", []string{"item_get key=k status=found clsid=1 size=4"}},
		{"touch nn 0\n", "NOT_FOUND", []string{"item_get key=nn status=not_found clsid=0 size=0"}},
		{"incr k 1\n", "CLIENT_ERROR cannot increment or decrement non-numeric value", []string{"item_get key=k status=found clsid=1 size=4"}},
		{"incr nn 1\n", "NOT_FOUND", []string{"item_get key=nn status=not_found clsid=0 size=0"}},
		{"set n 0 0 2\n10\n", "STORED", []string{"item_get key=n status=not_found clsid=0 size=0", "item_store key=n status=stored cmd=set ttl=0 clsid=1 size=2"}},
		{"decr n 1 noreply\nmn\n", "MN", []string{"item_get key=n status=found clsid=1 size=2"}},
		{"ma n\n", "HD", []string{"item_get key=n status=found clsid=1 size=2"}},
		{"ma new N0 J5\n", "HD", []string{"item_get key=new status=not_found clsid=0 size=0", "item_get key=new status=not_found clsid=0 size=0", "item_store key=new status=stored cmd=add ttl=0 clsid=1 size=1"}},
		{"ma new2\n", "NF", []string{"item_get key=new2 status=not_found clsid=0 size=0"}},
		{"delete n\n", "DELETED", []string{"item_get key=n status=found clsid=1 size=2", "deleted key=n cmd=delete clsid=1 size=2"}},
		{"delete n\n", "NOT_FOUND", []string{"item_get key=n status=not_found clsid=0 size=0"}},
		{"md k I\n", "HD", []string{"item_get key=k status=found clsid=1 size=4"}},
		{"mg k v\n", "VA 4 X W|abcd", []string{"item_get key=k status=found clsid=1 size=4"}},
		{"md k x\n", "HD", []string{"item_get key=k status=found clsid=1 size=4", "item_get key=k status=found clsid=1 size=4", "item_store key=k status=stored cmd=set ttl=0 clsid=1 size=0", "deleted key=k cmd=md clsid=1 size=0"}},
		{"md k x I\n", "HD", []string{"item_get key=k status=found clsid=1 size=0", "item_get key=k status=found clsid=1 size=0", "item_store key=k status=stored cmd=set ttl=0 clsid=1 size=0"}},
		{"md k C5\n", "EX", []string{"item_get key=k status=found clsid=1 size=0"}},
		{"me k\n", "", []string{"item_get key=k status=found clsid=1 size=0"}},
		{"md k\n", "HD", []string{"item_get key=k status=found clsid=1 size=0", "deleted key=k cmd=md clsid=1 size=0"}},
		{"md k\n", "NF", []string{"item_get key=k status=not_found clsid=0 size=0"}},
		{"mg viv N30 v\n", "VA 0 W|", []string{"item_get key=viv status=not_found clsid=0 size=0"}},
		{"mg viv N30 v\n", "VA 0 Z|", []string{"item_get key=viv status=found clsid=1 size=0"}},
		{"md viv\n", "HD", []string{"item_get key=viv status=found clsid=1 size=0", "deleted key=viv cmd=md clsid=1 size=0"}},
		{"mg miss v\n", "EN", []string{"item_get key=miss status=not_found clsid=0 size=0"}},
		{"mg miss q\nmn\n", "MN", []string{"item_get key=miss status=not_found clsid=0 size=0"}},
		{"me nnn\n", "EN", []string{"item_get key=nnn status=not_found clsid=0 size=0"}},
		{"ms mm 2 T30\nab\n", "HD", []string{"item_get key=mm status=not_found clsid=0 size=0", "item_store key=mm status=stored cmd=set ttl=30 clsid=1 size=2"}},
		{"ms nn 2 MA\nab\n", "NS", []string{"item_get key=nn status=not_found clsid=0 size=0", "item_store key=nn status=not_stored cmd=append ttl=0 clsid=1 size=2"}},
		{"ms nn 2 MP N10\nab\n", "HD", []string{"item_get key=nn status=not_found clsid=0 size=0", "item_store key=nn status=stored cmd=prepend ttl=10 clsid=1 size=2"}},
		{"ms mm 2 C5\nab\n", "EX", []string{"item_get key=mm status=found clsid=1 size=2", "item_store key=mm status=exists cmd=cas ttl=0 clsid=1 size=2"}},
		{"ms mm 2 MR C5\nab\n", "EX", []string{"item_get key=mm status=found clsid=1 size=2", "item_store key=mm status=exists cmd=cas ttl=0 clsid=1 size=2"}},
		{"ms mm 2 MR\nab\n", "HD", []string{"item_get key=mm status=found clsid=1 size=2", "item_store key=mm status=stored cmd=replace ttl=0 clsid=1 size=2"}},
		{"ms mm 2 ME\nab\n", "NS", []string{"item_get key=mm status=found clsid=1 size=2", "item_store key=mm status=not_stored cmd=add ttl=0 clsid=1 size=2"}},
		{"ms mm 2000000\n" + large + "\n", "SERVER_ERROR object too large for cache", []string{"item_store key=mm status=too_large cmd=set ttl=0 clsid=0 size=0", "item_get key=mm status=found clsid=1 size=2"}},
		{"add big 0 0 2000000\n" + large + "\n", "SERVER_ERROR object too large for cache", []string{"item_store key=big status=too_large cmd=add ttl=0 clsid=0 size=0"}},
		{"set big 0 0 2000000\n" + large + "\n", "SERVER_ERROR object too large for cache", []string{"item_store key=big status=too_large cmd=set ttl=0 clsid=0 size=0", "item_get key=big status=not_found clsid=0 size=0"}},
		{"set k 0 0 1\nabc\nmn\n", "CLIENT_ERROR bad data chunk|CLIENT_ERROR bad command line format|MN", nil},
		{"set k 0 0 1\nx\n", "STORED", []string{"item_get key=k status=not_found clsid=0 size=0", "item_store key=k status=stored cmd=set ttl=0 clsid=1 size=1"}},
		{"flush_all\nget k\n", "OK|END", []string{"item_get key=k status=flushed clsid=0 size=0"}},
		{"mg AAEC b\n", "EN", []string{"item_get key=%00%01%02 status=not_found clsid=0 size=0"}},
	}
	s := start(t, nil)
	all := watching(t, s, "fetchers mutations deletions evictions connevents")
	kinds := map[string]*peer{"item_get": watching(t, s, ""), "item_store": watching(t, s, "mutations"), "deleted": watching(t, s, "deletions")}
	all.events("conn_new rip=127.0.0.1 transport=tcp", "conn_new rip=127.0.0.1 transport=tcp", "conn_new rip=127.0.0.1 transport=tcp")
	p := dial(t, s)
	all.events("conn_new rip=127.0.0.1 transport=tcp")
	for _, step := range steps {
		p.send(step.send)
		if step.reply == "" {
			p.line()
		} else {
			p.expect(strings.Split(step.reply, "|")...)
		}
		for _, want := range step.events {
			require.Equal(t, want, all.event(), "%.40q", step.send)
			kind, _, _ := strings.Cut(want, " ")
			kinds[kind].events(want) // and nothing else
		}
	}
}

func TestWatchTellsOfLeases(t *testing.T) {
	s := start(t, nil)
	w := watching(t, s, "fetchers mutations deletions")
	p, waits := dial(t, s), dial(t, s)
	token := p.lease("k")
	w.events("item_get key=k status=not_found clsid=0 size=0")
	waits.send("lg k v w5000\n")
	waits.silent(20 * time.Millisecond)
	p.send("ls k 5 L" + token + " T30\nvalue\n")
	p.expect("HD")
	waits.expect("VA 5", "value")
	// The reader who waited is answered, and told of, in the middle of the fill.
	w.events("item_get key=k status=found clsid=1 size=5", "item_store key=k status=stored cmd=ls ttl=30 clsid=1 size=5")
	p.send("lg k\nls k 3 L" + token + "\nold\n")
	p.expect("HD", "NS ru")
	w.events("item_get key=k status=found clsid=1 size=5", "item_store key=k status=not_stored cmd=ls ttl=0 clsid=1 size=3")
	p.send("ld k\nld k\nlease-get k\n")
	require.Contains(t, p.line(), "HD L")
	require.Contains(t, p.line(), "HD L")
	require.Contains(t, p.line(), "LVALUE k ")
	p.expect("", "END")
	w.events("deleted key=k cmd=ld clsid=1 size=5", "deleted key=k cmd=ld clsid=1 size=0", "item_get key=k status=not_found clsid=0 size=0")
	p.send("lease-set k 5 0 0 1\nx\nlw k F\n")
	p.expect("NOT_STORED")
	require.Contains(t, p.line(), "HD L")
	w.events("item_store key=k status=not_stored cmd=lease-set ttl=0 clsid=1 size=1")
	p.send("get k\nset k 0 0 1\nx\n")
	p.expect("END", "NOT_STORED")
	w.events("item_get key=k status=not_found clsid=0 size=0", "item_get key=k status=not_found clsid=0 size=0", "item_store key=k status=not_stored cmd=set ttl=0 clsid=1 size=1")
}

func TestWatchTellsOfEvictions(t *testing.T) {
	s := start(t, func(c *Config) { c.Memory, c.MaxItem = 16<<20, 64<<10 })
	w := watching(t, s, "evictions")
	p := dial(t, s)
	value := strings.Repeat("v", 50<<10)
	for i := range 1000 {
		p.send(fmt.Sprintf("set k%d 0 %d %d noreply\n%s\n", i, i%2*1000, len(value), value))
	}
	p.send("mn\n")
	p.expect("MN")
	evicted := s.cache.Stats().Evictions
	require.NotZero(t, evicted)
	for range evicted {
		require.Regexp(t, `^eviction key=k\d+ fetch=no ttl=(-1|99\d) la=\d clsid=1 size=51200$`, w.event())
	}
	require.NoError(t, w.nc.Close())
	require.Eventually(t, func() bool { return s.watchers.count() == 0 }, 5*time.Second, time.Millisecond)
	require.Zero(t, s.watchers.wanted())
}

func TestWatchTellsOfConnections(t *testing.T) {
	s := start(t, func(c *Config) { c.StallTimeout = 50 * time.Millisecond })
	w := watching(t, s, "connevents")
	for _, tt := range []struct{ send, reason string }{
		{"quit\r\n", "normal"},
		{"GET / HTTP/1.1\r\n", "error"},
		{"set k 0 0 10\r\nabc", "error"}, // and no more
	} {
		nc, err := net.Dial("tcp", s.Addr().String())
		require.NoError(t, err)
		_, err = io.WriteString(nc, tt.send)
		require.NoError(t, err)
		begun, ended := w.line(), w.line()
		local := nc.LocalAddr().(*net.TCPAddr)
		match := regexp.MustCompile(`^ts=\d+\.\d+ gid=(\d+) type=conn_new rip=127.0.0.1 rport=(\d+) transport=tcp cfd=(\d+)\n$`).FindStringSubmatch(begun)
		require.NotNil(t, match, "%q", begun)
		require.Equal(t, strconv.Itoa(local.Port), match[2])
		require.Regexp(t, ` type=conn_close rip=127.0.0.1 rport=`+match[2]+` transport=tcp reason=`+tt.reason+` cfd=`+match[3]+`\n$`, ended)
		require.NoError(t, nc.Close())
	}
	p := dial(t, s)
	w.events("conn_new rip=127.0.0.1 transport=tcp")
	require.NoError(t, p.nc.Close())
	w.events("conn_close rip=127.0.0.1 transport=tcp reason=normal")
}
