package server

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/leasecache/leasecache/lease"
	"github.com/leasecache/leasecache/protocol"
	"github.com/leasecache/leasecache/shard"
	"github.com/leasecache/leasecache/shard/single"
)

// FuzzConnection sends what a client may send, once in one piece and once cut into
// pieces, and then hangs up. How the bytes come in must not matter: the replies are
// the same. Nothing may hang, and everything that was counted is counted off again.
//
// `@7` in the data stands for the token with the sequence number 7, so that fills
// and ends can be right.
func FuzzConnection(f *testing.F) {
	for i, seed := range scripts(f) {
		f.Add([]byte(seed), byte(i))
	}
	// Replies that are written in several batches, from requests in one.
	f.Add([]byte("set k 0 0 4000\r\n"+strings.Repeat("v", 4000)+"\r\nget"+strings.Repeat(" k x", 300)+"\r\n"+strings.Repeat("mg k v\r\n", 150)), byte(200))
	// A reply that waits, others behind it, and its own fill behind those (U13).
	f.Add([]byte("lg k\r\nlg k v w5000\r\nget k\r\nlg k v w5000 q\r\nls k 3 @3\r\nabc\r\nlg o\r\nlg o w9000\r\nls o 10 L@4\r\nab"), byte(7))
	keeper, err := single.Ephemeral(single.Options{Shards: 1, ClusterID: "test"}, true)
	require.NoError(f, err)
	f.Cleanup(func() { require.NoError(f, keeper.Close()) })
	f.Fuzz(func(t *testing.T, data []byte, step byte) {
		if len(data) > 16<<10 {
			return
		}
		data = withTokens(data, uint64(keeper.State(0).Epoch))
		whole := play(t, keeper, data, len(data))
		split := play(t, keeper, data, int(step)%23+1)
		if !timed.Match(data) {
			require.Equal(t, lasting(whole), lasting(split), "%q", data)
		}
	})
}

// timed finds what real time has a say in: short waits, leases and intents, and
// fences that lift the epoch, which both plays share; and what looks at whether the
// peer has sent it behind other requests.
var timed = regexp.MustCompile(`[we]0*\d{1,3}\b|\blf\b|\bflush_all\b|\bwatch\b|\blru_crawler\b`)

// lasting takes out of replies what differs between two servers at any rate.
func lasting(replies []byte) string {
	return string(otherwise.ReplaceAll(replies, nil))
}

var otherwise = regexp.MustCompile(`(?m)^STAT .*\r\n|"127.0.0.1:\d+"`)

var tokenMark = regexp.MustCompile(`@(\d)`)

func withTokens(data []byte, epoch uint64) []byte {
	return tokenMark.ReplaceAllFunc(data, func(m []byte) []byte {
		return fmt.Appendf(nil, "%d", epoch<<40|uint64(m[1]-'0'))
	})
}

// scripts are the requests of the wire scripts of internal/apptest, a seed for each
// connection of each.
func scripts(t testing.TB) []string {
	files, err := filepath.Glob("../internal/apptest/testdata/wire/*.txt")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	sent := regexp.MustCompile(`(?m)^[A-Z]\w*> ?(.*)$`)
	token := regexp.MustCompile(`\$\w+`)
	var seeds []string
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		var seed strings.Builder
		n := 0
		for _, m := range sent.FindAllStringSubmatch(string(text), -1) {
			line := token.ReplaceAllStringFunc(m[1], func(string) string { n++; return fmt.Sprintf("@%d", n%10) })
			seed.WriteString(line + "\r\n")
			if seed.Len() > 1500 {
				seeds = append(seeds, seed.String())
				seed.Reset()
			}
		}
		seeds = append(seeds, seed.String())
	}
	return seeds
}

// heard is an outlet that only keeps what is ready.
type heard struct {
	replies
	out []byte
}

func (h *heard) write() {
	h.mu.Lock()
	h.writing = false
	h.mu.Unlock()
}

func (h *heard) settled() {}

// take takes a batch and what is ready before it.
func (h *heard) take(batch []byte) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.append(batch)
	h.out = append(h.out, h.ready...)
	h.budget.add(-len(h.ready))
	h.ready = nil
}

// play feeds a new server's session with data in pieces of n bytes and returns all
// replies. The buffer of each piece is spoilt behind it, as the loops' is.
func play(t *testing.T, keeper *single.Keeper, data []byte, n int) []byte {
	s, err := New(Config{
		Listen: "127.0.0.1:0", Memory: 4 << 20, MaxItem: 4 << 10, Version: "test", Keeper: keeper,
		Logger: slog.New(slog.NewTextHandler(io.Discard, nil)),
	})
	require.NoError(t, err)
	defer func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		require.NoError(t, s.Stop(ctx))
	}()
	at := s.read()
	h := &heard{replies: replies{maxHeld: maxHeld, budget: s.budget}}
	h.outlet = h
	c := newSession(s, &h.replies)
	settle := func() {
		require.Eventually(t, func() bool { open, _ := h.load(); return open == 0 }, 10*time.Second, 50*time.Microsecond)
		h.take(nil)
	}
	feed := func(in []byte) (rest []byte, state feedState) {
		for {
			var used int
			used, state = c.feed(in, at)
			h.take(c.taken())
			rest = append([]byte(nil), in[used:]...)
			for i := range in {
				in[i] = '?'
			}
			if in = rest; state != feedFull {
				return rest, state
			}
		}
	}
	// Both kinds of intent are noted, so that those in data wait for no disk.
	for _, intent := range [2]string{"lw noted F\r\n", "lw noted B e60000\r\n"} {
		feed([]byte(intent))
		settle()
	}
	var rest []byte
	state, spoilt := feedMore, !bytes.Contains(data, []byte("???"))
	for len(data) > 0 && state == feedMore {
		k := min(max(n, 1), len(data))
		rest, state = feed(append(rest, data[:k]...))
		data = data[k:]
		require.LessOrEqual(t, c.want(), 64<<10)
	}
	c.hungUp(rest, at)
	h.abandon()
	settle()
	require.Zero(t, s.budget.used.Load(), "what was counted is counted off again")
	require.Zero(t, s.owner.Stats().Parked, "nobody waits any more")
	// A fill that was cut off ended its lease: the next reader has it.
	if cut, ok := c.parser.Unfinished(rest); ok && cut.Verb == protocol.VerbLS {
		v, err := s.owner.Inspect(at.now, shard.Hash(cut.Key), cut.Key)
		require.NoError(t, err)
		require.NotEqual(t, lease.Token(cut.Token), v.Lease.Lease)
	}
	require.False(t, spoilt && bytes.Contains(h.out, []byte("???")), "bytes of a buffer that was given back")
	return h.out
}
