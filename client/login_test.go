package client_test

import (
	"context"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/leasecache/leasecache/client"
	"github.com/leasecache/leasecache/server"
)

func TestLogin(t *testing.T) {
	users := filepath.Join(t.TempDir(), "users")
	require.NoError(t, os.WriteFile(users, []byte("ann:two words\n"), 0o600))
	n := newNode(t, func(c *server.Config) { c.AuthFile = users })
	as := func(user, password string) func(*client.Options) {
		return func(o *client.Options) { o.Username, o.Password, o.RequireCache = user, password, true }
	}
	c := n.client(t, as("ann", "two words"))
	v, err := c.Get(testCtx(t), "k", constant("v"))
	require.NoError(t, err)
	require.Equal(t, "v", string(v.Data))
	_, err = c.Get(testCtx(t), "k", fail)
	require.NoError(t, err)

	for _, other := range [][2]string{{"ann", "two"}, {"bob", "two words"}} {
		_, err = n.client(t, as(other[0], other[1])).Get(testCtx(t), "k", constant("v"))
		require.ErrorIs(t, err, client.ErrLogin)
		require.ErrorIs(t, err, client.ErrUnavailable)
		require.ErrorContains(t, err, "authentication failure")
		require.NotContains(t, err.Error(), "two")
	}
	_, err = n.client(t, func(o *client.Options) { o.RequireCache = true }).Get(testCtx(t), "k", constant("v"))
	require.ErrorContains(t, err, "unauthenticated")
}

// A server that lets everybody in keeps nothing of what it was shown.
func TestLoginWhereNobodyAsks(t *testing.T) {
	n := newNode(t)
	c := n.client(t, func(o *client.Options) { o.Username, o.Password = "ann", "secret" })
	_, err := c.Get(testCtx(t), "k", constant("v"))
	require.NoError(t, err)
	nc, err := net.Dial("tcp", n.addr)
	require.NoError(t, err)
	defer nc.Close()
	_, err = io.WriteString(nc, "get auth\r\nquit\r\n")
	require.NoError(t, err)
	said, err := io.ReadAll(nc)
	require.NoError(t, err)
	require.Equal(t, "END\r\n", string(said))
}

// A server that says nothing holds a dial up no longer than it may take.
func TestLoginThatIsNotAnswered(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer ln.Close()
	c, err := client.New(client.Options{
		Addr: ln.Addr().String(), Username: "ann", Password: "secret", DialTimeout: 200 * time.Millisecond, RequireCache: true,
	})
	require.NoError(t, err)
	begun := time.Now()
	_, err = c.Get(testCtx(t), "k", constant("v"))
	require.ErrorIs(t, err, client.ErrUnavailable)
	require.NotErrorIs(t, err, context.DeadlineExceeded)
	require.NoError(t, c.Close())
	require.Less(t, time.Since(begun), 5*time.Second)
}

func TestLoginsThatCannotBe(t *testing.T) {
	for _, o := range []client.Options{
		{Password: "x"}, {Username: "a b"}, {Username: "a:b"}, {Username: "a\r\nflush_all"},
		{Username: "a", Password: "x\r\nflush_all\r\n"}, {Username: "a", Password: strings.Repeat("x", 16384)},
	} {
		_, err := client.New(o)
		require.ErrorIs(t, err, client.ErrInvalid)
	}
}
