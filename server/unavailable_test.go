package server

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/leasecache/leasecache/shard"
)

// What other nodes were asked for is counted where it was asked, and why a command was not
// done where its client was told.
func TestForwardsAndAbsencesAreCounted(t *testing.T) {
	nodes := startNodes(t, 2, 1, nil)
	mine, theirs := keysOf("m", 0, 2, 1)[0], keysOf("t", 1, 2, 1)[0]
	c := dial(t, nodes[0].Server)
	c.send("set " + mine + " 0 0 1\nx\n")
	c.expect("STORED")
	require.Zero(t, nodes[0].Snapshot().Forwards["answered"])
	c.send("set " + theirs + " 0 0 1\nx\n")
	c.expect("STORED")
	require.EqualValues(t, 1, nodes[0].Snapshot().Forwards["answered"])
	require.Zero(t, nodes[1].Snapshot().Forwards["answered"])

	m := mapOf(2, nodes, func(shard.ID) int { return 0 })
	for i := range m.Owners {
		if i%2 == 1 {
			m.Owners[i] = shard.NoOwner
		}
	}
	require.NoError(t, nodes[0].Host().Route(m))
	c.send("get " + theirs + "\nmg " + theirs + " v\n")
	require.Contains(t, c.line(), "SERVER_ERROR unavailable")
	require.Contains(t, c.line(), "SERVER_ERROR unavailable")
	require.Eventually(t, func() bool { return nodes[0].Snapshot().Absences["no owner"] == 2 }, 5*time.Second, time.Millisecond)
}
