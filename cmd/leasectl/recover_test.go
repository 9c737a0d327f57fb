package main

import (
	"bytes"
	"testing"
	"time"

	"github.com/leasecache/leasecache/shard/consensus"
	"github.com/stretchr/testify/require"
)

func TestRecoverSaysWhatItCosts(t *testing.T) {
	r := consensus.Recovery{
		Node: "n3", Cluster: "6f1c", Voters: []string{"n1", "n2", "n3"}, Members: []string{"n1", "n2", "n3", "n4"}, Shards: 1024, Entries: 77,
		Wait: 36100 * time.Millisecond, Closed: 72500 * time.Millisecond,
	}
	var b bytes.Buffer
	require.NoError(t, recoveryText(&b, &r, "/var/lib/lc", false))
	require.Equal(t, "node         n3, which knows 77 entries of the log\n"+
		"cluster      6f1c, 1024 shards, voters until now: n1, n2, n3\n"+
		"other nodes  n1, n2, n4: stop them; wipe their data directories and have them join again under other ids, or under their own after `leasectl forget n1`\n"+
		"shards       will be served 36s after the start; all are in doubt until the database was fenced, and readers are sent there for 72s in any case\n"+
		"next         add --i-lost-the-majority, if the others cannot come back; nothing was changed\n", b.String())
	b.Reset()
	require.NoError(t, recoveryText(&b, &r, "/var/lib/lc", true))
	require.Contains(t, b.String(), "next         start leasecached on /var/lib/lc\n")
}

func TestRecoverRefusesWhatIsNoDataDirectory(t *testing.T) {
	code, out, errs := leasectl(t, "recover", "--data-dir", t.TempDir(), "--i-lost-the-majority")
	require.Equal(t, 1, code)
	require.Empty(t, out)
	require.Contains(t, errs, "give --data-dir the one that leasecached was started with")
	code, _, errs = leasectl(t, "recover", "--i-lost-the-majority")
	require.Equal(t, 2, code)
	require.Contains(t, errs, "--data-dir is required")
}
