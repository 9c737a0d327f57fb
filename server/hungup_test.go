package server

import (
	"fmt"
	"net"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// A fill that was not reached when its peer went away ends its lease, whole or cut
// off, and whatever is in front of it.
func TestFillsThatWereNotReachedEndTheirLeases(t *testing.T) {
	for rest, ends := range map[string]bool{
		"ls k 100 L%s\r\nabc":                                  true,
		"get a\r\nls k 100 L%s\r\nabc":                         true,
		"get a\r\nls k 3 L%s\r\nabc\r\nget b\r\n":              true,
		"set a 0 0 3\r\nabc\r\nls k 3 L%s X\r\nabc\r\n":        false, // a line that is wrong is no fill
		"set a 0 0 2\r\nabc\r\nls k 3 L%s\r\nabcd\r\n":         true,  // its data is
		"xyzzy\r\nlease-set k %s 0 0 3\r\nab":                  true,
		"lease-set k %s 0 0 3\r\nabc\r\n":                      true,
		"get k\r\nlg k\r\nls other 3 L%s\r\nabc\r\nls k 3 L1":  false,
		"set a 0 0 100\r\nls k 3 L%s\r\nabc\r\n":               false, // that is a value
		"set a 0 0 9999999\r\nls k 3 L%s\r\nabc\r\nls k 1 L%s": false, // and so is that
	} {
		f := newFed(t)
		token := tokenOf(t, string(f.do([]byte("lg k\r\n"))))
		f.hungUp([]byte(strings.ReplaceAll(rest, "%s", token)), f.srv.read())
		reply := string(fed{newSession(f.srv, f.queue), t}.do([]byte("lg k\r\n")))
		require.Equal(t, ends, strings.HasPrefix(reply, "LE L"), "%q: %s", rest, reply)
	}
}

// The peer neither reads nor waits: its fill is behind replies that it does not take.
func TestFillBehindUnreadRepliesEndsItsLease(t *testing.T) {
	s := start(t, nil)
	holder, next := dial(t, s), dial(t, s)
	value := strings.Repeat("v", 1<<20)
	next.send(fmt.Sprintf("set big 0 0 %d\n%s\n", len(value), value))
	next.expect("STORED")
	token := holder.lease("k")
	next.send("lg k w60000\n")
	holder.send(strings.Repeat("get big\n", 64) + "ls k 100 L" + token + "\nabc")
	line, err := holder.r.ReadString('\n') // the batch has come, whole
	require.NoError(t, err)
	require.Contains(t, line, "VALUE big")
	require.NoError(t, holder.nc.(*net.TCPConn).SetLinger(0)) // nor does it say good-bye
	require.NoError(t, holder.nc.Close())
	require.Contains(t, next.line(), "LE L")
}
