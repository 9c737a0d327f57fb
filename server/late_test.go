package server

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	internode "github.com/leasecache/leasecache/internal/peer"
)

// late has a node do what another asked for, whose answer nobody reads.
func (n *node) late(t *testing.T, cmd string) string {
	t.Helper()
	got := make(chan string, 1)
	c := n.Host().Conversation().(*conversation)
	defer c.Close()
	c.serve([]byte(strings.ReplaceAll(cmd, "\n", "\r\n")), 0, asking{self: internode.Done(func(reply []byte, _ bool, err error) {
		if err != nil {
			reply = []byte(err.Error())
		}
		got <- string(reply)
	})})
	select {
	case s := <-got:
		return s
	case <-time.After(5 * time.Second):
		return "waits"
	}
}

// The schedules of conversation: whatever of the verbs of leases is done late, once
// more or for nobody, a reader never gets what an acknowledged writer has replaced,
// and an intent that is open keeps the key closed.
func TestLateLeaseVerbs(t *testing.T) {
	nodes := startNodes(t, 2, 2, nil)
	p := dial(t, nodes[0].Server)
	late := []string{
		"lg K v\n", "lg K v D\n", "lg K v S\n", "ls K 3 L$OLD Gt\nold\n", "ls K 3 L$OLD Gt D\nold\n", "lease-set K $OLD 0 0 3\nold\n", "ld K\n", "ld K S60\n",
		"lw K F e60000 Unonce\n", "lw K F e60000\n", "lw K B e1000\n", "lc K L$INTENT\n", "la K L$INTENT\n", "la K L$OLD\n", "lf K L$INTENT\n", "lf K L$OLD\n", "lt t\n",
	}
	moments := []string{"after the invalidation", "while the new value is loaded", "when it is there", "in an intent", "behind the intent"}
	for n, cmd := range late {
		for m, moment := range moments {
			key := keysOf(fmt.Sprintf("l%d-%d-", n, m), 1, 2, 1)[0]
			why := fmt.Sprintf("%q %s", cmd, moment)
			ask := func(form string, args ...any) string { return p.whole(fmt.Sprintf(form, args...)) }

			old := p.lease(key) // its holder has read the old value, and is slow
			intent := tokenOf(t, strings.TrimSpace(ask("lw %s F e60000 Unonce\n", key)))
			cmd := strings.NewReplacer("K", key, "$OLD", old, "$INTENT", intent).Replace(cmd)
			if m == 3 {
				other := tokenOf(t, strings.TrimSpace(ask("lw %s F e60000\n", key)))
				require.Contains(t, ask("lc %s L%s\n", key, intent), "HD", why)
				nodes[1].late(t, cmd)
				require.Contains(t, ask("lg %s p v\n", key), "QU", why)
				require.Contains(t, ask("lg %s v D\n", key), "QU", why)
				require.Contains(t, ask("lc %s L%s\n", key, other), "HD", why)
			} else {
				require.Contains(t, ask("lc %s L%s\n", key, intent), "HD", why)
			}
			if m == 0 || m == 4 {
				nodes[1].late(t, cmd)
			}
			require.NotContains(t, ask("lg %s p v S\n", key), "old", why)
			fill := ask("lg %s v\n", key)
			if m == 1 {
				nodes[1].late(t, cmd)
			}
			if strings.HasPrefix(fill, "LE ") {
				ask("ls %s 3 L%s Gt\nnew\n", key, tokenOf(t, strings.TrimSpace(fill)))
			}
			if m == 2 {
				nodes[1].late(t, cmd)
			}
			require.NotContains(t, ask("lg %s p v S\n", key)+ask("get %s\n", key)+ask("mg %s v\n", key), "old", why)
		}
	}
}

// The clock is looked at for what arrives later than the last look: what else the
// connection brought in between does not matter.
func TestTheClockIsReadForEachArrival(t *testing.T) {
	nodes := startNodes(t, 2, 0, nil)
	c := nodes[1].Host().Conversation().(*conversation)
	defer c.Close()
	ask := func(read uint64) int64 {
		c.serve([]byte("mn\r\n"), read, asking{self: func([]byte, bool, error) {}})
		return c.at.now
	}
	first := ask(1)
	require.Equal(t, first, ask(1), "together")
	second := ask(3)
	require.Greater(t, second, first)
	require.Equal(t, second, ask(3))
	alone := ask(0)
	require.Greater(t, alone, second)
	require.Greater(t, ask(0), alone)
}
