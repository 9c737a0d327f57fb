package protocol

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// exchange is a request and what composes its reply, as a server's loop has
// them for every command: nothing of it may allocate.
type exchange struct {
	name  string
	wire  []byte
	reply func(dst []byte, r *Request) []byte
}

func exchanges() []exchange {
	value := bytes.Repeat([]byte("v"), 100)
	hit := LeaseReply{Kind: LeaseValue, Value: value, ClientFlags: 1, TTL: 59, Version: 7<<40 | 5}
	granted := LeaseReply{Kind: LeaseGranted, Token: 7<<40 | 5, For: 10 * time.Second}
	meta := MetaItem{Value: value, ClientFlags: 1, TTL: 59, CAS: 7<<40 | 5, Won: true}
	metaSet := append(append([]byte("ms product:12345 100 F1 T60 c k Oab12\r\n"), value...), "\r\n"...)
	fill := append(append([]byte("ls product:12345 100 L7696581394437 T60 Gshop c\r\n"), value...), "\r\n"...)
	return []exchange{
		{"get", []byte("get product:12345\r\n"), func(dst []byte, r *Request) []byte {
			return append(AppendValue(dst, r.Key, 1, value), LineEnd...)
		}},
		{"get100", []byte("get" + strings.Repeat(" product:23456", 100) + "\r\n"),
			func(dst []byte, r *Request) []byte {
				for _, key := range r.Keys {
					dst = AppendValue(dst, key, 1, value)
				}
				return append(dst, LineEnd...)
			}},
		{"set", append(append([]byte("set product:12345 1 60 100\r\n"), value...), "\r\n"...), func(dst []byte, _ *Request) []byte {
			return append(dst, LineStored...)
		}},
		{"mg-hit", []byte("mg product:12345 v f t c k Oab12 T60 q\r\n"), func(dst []byte, r *Request) []byte {
			return AppendMetaGet(dst, &r.Echo, &meta, r.Echo.Wants('v'))
		}},
		{"mg-base64", []byte("mg cHJvZHVjdDoxMjM0NQ== b k s\r\n"), func(dst []byte, r *Request) []byte {
			return AppendMetaGet(dst, &r.Echo, &meta, false)
		}},
		{"ms", metaSet, func(dst []byte, r *Request) []byte { return AppendMetaStored(dst, &r.Echo, MetaDone, len(r.Body), 7) }},
		{"ma", []byte("ma counter D5 N0 J1 v t c\r\n"), func(dst []byte, r *Request) []byte {
			return AppendMetaNumber(dst, &r.Echo, 77, -1, 7)
		}},
		{"incr", []byte("incr counter 5\r\n"), func(dst []byte, r *Request) []byte { return AppendNumber(dst, r.Delta) }},
		{"lease-get", []byte("lease-get product:12345\r\n"), func(dst []byte, r *Request) []byte {
			return AppendLValue(dst, r.Key, 7, 0, nil)
		}},
		{"lg-hit", []byte("lg product:12345 v f t c k Oab12 e10000 w500\r\n"), func(dst []byte, r *Request) []byte {
			return AppendLeaseGet(dst, &r.Echo, &hit)
		}},
		{"lg-grant", []byte("lg cHJvZHVjdDoxMjM0NQ== b v k e10000\r\n"), func(dst []byte, r *Request) []byte {
			return AppendLeaseGet(dst, &r.Echo, &granted)
		}},
		{"ls", fill, func(dst []byte, r *Request) []byte { return AppendStored(dst, &r.Echo, r.Token) }},
		{"lw", []byte("lw product:12345 F e5000 U0123456789abcdef\r\n"), func(dst []byte, r *Request) []byte {
			return AppendIntent(dst, &r.Echo, 77, r.LeaseFor)
		}},
		{"error", []byte("lg product:12345 v v\r\n"), func(dst []byte, r *Request) []byte { return AppendError(dst, r.Err) }},
	}
}

func (x exchange) run(p *Parser, dst []byte) []byte {
	if _, st := p.Next(x.wire); st != Ready && st != Bad {
		panic("not one request")
	}
	return x.reply(dst[:0], p.Request())
}

// client is the other side of it: the request composed, the reply parsed.
func (x exchange) client(req *Request, reply []byte, p *ReplyParser, dst []byte) []byte {
	dst, err := AppendRequest(dst[:0], req)
	if err != nil {
		panic(err)
	}
	if _, st := p.Next(reply); st != Ready {
		panic("no reply")
	}
	return dst
}

func TestNoAllocations(t *testing.T) {
	dst := make([]byte, 0, 64<<10)
	for _, x := range exchanges() {
		p := Parser{}
		x.run(&p, dst)
		require.Zero(t, testing.AllocsPerRun(100, func() { x.run(&p, dst) }), "%s: server", x.name)
		if p.Request().Err.Kind != NoError {
			continue
		}
		req := cloneRequest(p.Request())
		reply := bytes.Clone(x.run(&p, dst))
		rp := ReplyParser{}
		require.Zero(t, testing.AllocsPerRun(100, func() { x.client(&req, reply, &rp, dst) }), "%s: client", x.name)
	}
}

func BenchmarkServer(b *testing.B) {
	dst := make([]byte, 0, 64<<10)
	for _, x := range exchanges() {
		b.Run(x.name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(x.wire)))
			p := Parser{}
			for b.Loop() {
				dst = x.run(&p, dst)
			}
		})
	}
}

func BenchmarkClient(b *testing.B) {
	dst := make([]byte, 0, 64<<10)
	for _, x := range exchanges() {
		p := Parser{}
		reply := bytes.Clone(x.run(&p, dst))
		if p.Request().Err.Kind != NoError {
			continue
		}
		req := cloneRequest(p.Request())
		b.Run(x.name, func(b *testing.B) {
			b.ReportAllocs()
			rp := ReplyParser{}
			for b.Loop() {
				dst = x.client(&req, reply, &rp, dst)
			}
		})
	}
}
