package protocol

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

// parsed is one outcome of Next, with its own memory.
type parsed struct {
	st   Status
	req  Request
	line string // the error line as it would be sent
}

// stream gives chunks to a Parser as a connection would, until they are used
// up or the connection is closed. It returns the outcomes and the bytes left.
// The memory of each buffer is overwritten after use, so that nothing can
// pass that still looks at it.
func stream(t testing.TB, l Limits, chunks ...[]byte) (out []parsed, left int) {
	p := Parser{Limits: l}
	var buf []byte
	for _, chunk := range chunks {
		grown := append(bytes.Clone(buf), chunk...)
		scribble(buf)
		buf = grown
		for {
			n, st := p.Next(buf)
			require.GreaterOrEqual(t, n, 0)
			require.LessOrEqual(t, n, len(buf), "consumed more than there is")
			if st == NeedMore {
				require.Positive(t, p.Want())
				require.LessOrEqual(t, p.Want(), maxWant)
			}
			if st == Ready || st == Bad {
				require.Positive(t, n)
				out = append(out, parsed{st, cloneRequest(p.Request()), string(AppendError(nil, p.Request().Err))})
			}
			rest := bytes.Clone(buf[n:])
			scribble(buf)
			buf = rest
			if st == Close {
				return append(out, parsed{st: st, line: p.Reason().String()}), len(buf)
			}
			if st == NeedMore {
				break
			}
		}
	}
	return out, len(buf)
}

func scribble(b []byte) {
	for i := range b {
		b[i] = 0xEE
	}
}

func cloneList(l [][]byte) [][]byte {
	if len(l) == 0 {
		return nil
	}
	c := make([][]byte, len(l))
	for i := range l {
		c[i] = bytes.Clone(l[i])
	}
	return c
}

// cloneRequest copies a request; lists that are empty become nil.
func cloneRequest(r *Request) Request {
	c := *r
	c.Key, c.Body, c.Nonce = bytes.Clone(r.Key), bytes.Clone(r.Body), bytes.Clone(r.Nonce)
	c.Keys, c.Args, c.Tags = cloneList(r.Keys), cloneList(r.Args), cloneList(r.Tags)
	c.Echo.Flags, c.Echo.Key = bytes.Clone(r.Echo.Flags), bytes.Clone(r.Echo.Key)
	c.Echo.Opaque = bytes.Clone(r.Echo.Opaque)
	return c
}

// describe makes outcomes comparable and their differences readable.
func describe(out []parsed) []string {
	var s []string
	for _, o := range out {
		e := o.req.Err
		o.req.Err = Error{}
		s = append(s, fmt.Sprintf("%d %q %d %d %v %+v", o.st, o.line, e.Kind, e.Cause, e.Hidden, o.req))
	}
	return s
}

// whole parses in at once, and again split in two at every boundary and byte
// by byte, and requires the same of all.
func whole(t testing.TB, l Limits, in string) (out []parsed, left int) {
	t.Helper()
	out, left = stream(t, l, []byte(in))
	want := describe(out)
	for i := 1; i < len(in); i++ {
		got, rest := stream(t, l, []byte(in[:i]), []byte(in[i:]))
		require.Equal(t, want, describe(got), "split at %d of %q", i, in)
		if len(out) == 0 || out[len(out)-1].st != Close {
			require.Equal(t, left, rest)
		}
	}
	single := make([][]byte, len(in))
	for i := range single {
		single[i] = []byte{in[i]}
	}
	got, _ := stream(t, l, single...)
	require.Equal(t, want, describe(got), "byte by byte: %q", in)
	return out, left
}

// one parses in, which must hold exactly one request.
func one(t testing.TB, in string) parsed {
	t.Helper()
	out, left := whole(t, Limits{}, in)
	require.Len(t, out, 1, "%q", in)
	require.Zero(t, left, "%q", in)
	return out[0]
}

func ready(t testing.TB, in string) Request {
	t.Helper()
	o := one(t, in)
	require.Equal(t, Ready, o.st, "%q: %s", in, o.line)
	return o.req
}

func bad(t testing.TB, in string) (Request, string) {
	t.Helper()
	o := one(t, in)
	require.Equal(t, Bad, o.st, "%q", in)
	return o.req, o.line
}

func list(s ...string) [][]byte {
	var l [][]byte
	for _, x := range s {
		l = append(l, []byte(x))
	}
	return l
}
