package client

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Garbage must be an error within the context, and never a value.
func TestGarbage(t *testing.T) {
	for name, reply := range map[string]string{
		"noise":             "\x00\x01\x02\x03\r\n",
		"unknown code":      "ZZ f0\r\n",
		"other opaque":      "VA 3 f0 Ozzzz\r\nabc\r\n",
		"no opaque":         "VA 3 f0\r\nabc\r\n",
		"two replies":       "ERROR\r\nVA 3 f0 O1\r\nabc\r\n",
		"length lies low":   "VA 2 f0 O1\r\nabc\r\n",
		"length lies high":  "VA 9 f0 O1\r\nabc\r\n",
		"huge length":       "VA 99999999999 f0 O1\r\nabc\r\n",
		"large length":      "VA 60000000 f0 O1\r\nabc\r\n",
		"negative length":   "VA -1 f0 O1\r\nabc\r\n",
		"endless line":      strings.Repeat("x", 100_000),
		"lease, no token":   "LE e100 O1\r\n",
		"answer of another": "NS ri O1\r\n",
		"HD for a value":    "HD f0 O1\r\n",
		"notice":            "IV 1 k\r\n",
		"http":              "HTTP/1.1 400 Bad Request\r\n\r\n",
		"nothing":           "",
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake(t)
			f.on("lg", raw+reply)
			f.on("la", "HD")
			c := f.client(func(o *Options) { o.StallTimeout = 100 * time.Millisecond })
			ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
			defer cancel()
			res, err := c.GetWithLease(ctx, "k", LeaseOptions{})
			require.Error(t, err)
			require.Zero(t, res)
			require.NoError(t, ctx.Err())
		})
	}
}

func TestAReplyCutAnywhere(t *testing.T) {
	whole := "VA 12 f7 c9 t-1 O1\r\nhello\r\nworld\r\n"
	for cut := range len(whole) {
		f := newFake(t)
		f.handle(func(q query) (string, bool) { return raw + whole[:cut], true })
		c := f.client(func(o *Options) { o.StallTimeout = 30 * time.Millisecond })
		_, err := c.GetWithLease(testCtx(t), "k", LeaseOptions{})
		require.ErrorIs(t, err, ErrUnavailable, "cut at %d", cut)
		require.NoError(t, c.Close())
		f.stop()
	}
	f := newFake(t)
	f.on("lg", raw+whole)
	res, err := f.client().GetWithLease(testCtx(t), "k", LeaseOptions{})
	require.NoError(t, err)
	require.Equal(t, LeaseResult{Status: Hit, Value: []byte("hello\r\nworld"), Flags: 7, Version: 9, TTL: NoExpiry}, res)
}

func TestLargeValuesInSmallPieces(t *testing.T) {
	f := newFake(t)
	large := strings.Repeat("0123456789abcdef", 200_000)
	f.on("lg", va(large, "f1"))
	c := f.client()
	for range 3 {
		res, err := c.GetWithLease(testCtx(t), "k", LeaseOptions{})
		require.NoError(t, err)
		require.Equal(t, large, string(res.Value))
	}
	require.NoError(t, c.SetIfLeaseValid(testCtx(t), "k", []byte(large), Lease{Token: 3}, FillOptions{}))
	require.Equal(t, large, f.seen("ls")[0].body)
}

func TestAValueLargerThanAllowedIsRefused(t *testing.T) {
	f := newFake(t)
	f.on("lg", va(strings.Repeat("x", 1<<20+1), "f1"))
	c := f.client(func(o *Options) { o.MaxValue = 4096 })
	_, err := c.GetWithLease(testCtx(t), "k", LeaseOptions{})
	require.ErrorIs(t, err, ErrUnavailable)
}

func TestBadArgumentsAreNotSent(t *testing.T) {
	f := newFake(t)
	c := f.client()
	for _, key := range []string{"", strings.Repeat("k", 251), strings.Repeat(" ", 200)} {
		_, err := c.GetWithLease(testCtx(t), key, LeaseOptions{})
		require.ErrorIs(t, err, ErrInvalid)
		require.ErrorIs(t, c.Invalidate(testCtx(t), key), ErrInvalid)
		require.ErrorIs(t, c.Update(testCtx(t), []string{key}, nil), ErrInvalid)
	}
	require.ErrorIs(t, c.SetIfLeaseValid(testCtx(t), "k", nil, Lease{Token: 1}, FillOptions{Tags: []string{"a b"}}), ErrInvalid)
	require.ErrorIs(t, c.InvalidateTag(testCtx(t), "a\r\nflush_all"), ErrInvalid)
	require.Empty(t, f.seen("lg", "ld", "lw", "ls", "lt", "la"))
	_, err := New(Options{Addr: "nonsense"})
	require.ErrorIs(t, err, ErrInvalid)
	_, err = New(Options{Intent: 2 * time.Minute})
	require.ErrorIs(t, err, ErrInvalid)
}

func TestOddKeysTravelAsBase64(t *testing.T) {
	f := newFake(t)
	f.on("lg", "EN")
	_, err := f.client().Peek(testCtx(t), "with blank\r\n")
	require.NoError(t, err)
	q := f.seen("lg")[0]
	require.True(t, q.has("b"))
	require.Equal(t, "d2l0aCBibGFuaw0K", q.key)
}

// FuzzReplies: whatever a server says, a read ends in time, and if it ends with
// a value then that value was in a well-formed reply to this very request.
func FuzzReplies(f *testing.F) {
	f.Add([]byte("VA 3 f0 O1\r\nabc\r\n"))
	f.Add([]byte("LE L5 e100 O1\r\n"))
	f.Add([]byte("WT e100 O1\r\nQU X O2\r\n"))
	f.Add([]byte("SERVER_ERROR unavailable: x\r\n"))
	f.Fuzz(func(t *testing.T, reply []byte) {
		client, server := net.Pipe()
		defer server.Close()
		go func() {
			buf := make([]byte, 4096)
			_, _ = server.Read(buf)
			_, _ = server.Write(reply)
			_ = server.Close()
			_, _ = io.Copy(io.Discard, server)
		}()
		used := false
		c, err := New(Options{PoolSize: 1, Dial: func(context.Context, string) (net.Conn, error) {
			if used {
				return nil, errors.New("only one")
			}
			used = true
			return client, nil
		}})
		require.NoError(t, err)
		defer c.Close()
		res, err := c.GetWithLease(testCtx(t), "k", LeaseOptions{})
		if err == nil && res.Status == Hit {
			require.Contains(t, string(reply), string(res.Value))
			require.Contains(t, string(reply), " O1")
		}
	})
}
