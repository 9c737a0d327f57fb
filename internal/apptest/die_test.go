package apptest

import (
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestNodesThatDie kills processes of a cluster without a warning, stops some for longer
// than their sessions last, and fills their disks.
func TestNodesThatDie(t *testing.T) {
	t.Parallel()
	nodes := make([]Options, 3)
	disks, small := smallDisks(t, len(nodes))
	for i := range nodes {
		nodes[i].Flags = faultFlags()
		if small {
			nodes[i].DataDir = disks[i]
		}
	}
	s := newStage(t, nodes...)
	s.small = small

	dies := func(t *testing.T, victim int, limit time.Duration) {
		shards, by := s.owns(t, victim), s.others(victim)[0]
		w := watchShards(s.Listen(by), shards, faultShards)
		require.NoError(t, s.Nodes[victim].Signal(syscall.SIGKILL))
		inTime(t, "its shards answered again after", w.awaitAll(t, shards, patience), limit)
		w.end()
		begun := time.Now()
		s.Start(victim)
		s.AwaitEven()
		t.Logf("it had its part %v after its start", time.Since(begun).Round(time.Millisecond))
	}
	s.act("R16 an owner", func(t *testing.T) { dies(t, s.others(s.Leader())[0], ownerLost) })
	s.act("R16 the leader", func(t *testing.T) { dies(t, s.Leader(), leaderLost) })
	s.act("H8 R5 an owner stands still", func(t *testing.T) { s.standsStill(t, s.others(s.Leader())[0], ownerLost) })
	s.act("H8 H9 the leader stands still", func(t *testing.T) { s.standsStill(t, s.Leader(), leaderLost) })
	s.act("an owner's disk is full", func(t *testing.T) { s.fills(t, s.others(s.Leader())[0], ownerLost) })
	s.act("the leader's disk is full", func(t *testing.T) { s.fills(t, s.Leader(), leaderLost) })
	s.act("H4 H13 all", s.allDie)
}

// standsStill: a process that goes on after its session ended has to know it before it
// answers the first request that waits for it.
//
//	1 A has k=v0, and stands still. 2 B owns k; W commits v1 in an intent. 3 R asks A,
//	whose kernel takes the request. 4 A goes on: v0 would be stale.
func (s *stage) standsStill(t *testing.T, victim int, limit time.Duration) {
	shards, by := s.owns(t, victim), s.others(victim)[0]
	keys := make(map[int]string)
	for _, id := range shards {
		if id != boundedShard { // which may be closed for long
			keys[id] = keyOf("f_", id)
			s.load(t, victim, keys[id], "v0")
		}
	}
	idle := dial(t, s.Listen(victim))
	require.Equal(t, []string{"MN"}, ask(t, idle, "mn\r\n", 1))

	s.freeze(t, victim)
	w := watchShards(s.Listen(by), shards, faultShards)
	inTime(t, "its shards answered again after", w.awaitAll(t, shards, patience), limit)
	w.end()
	var requests []string
	for _, key := range keys {
		begun := s.ask(t, by, "lw "+key+" F")
		require.Regexp(t, `^HD L\d+ e\d+$`, begun)
		// The commit is here.
		require.Equal(t, "HD", s.ask(t, by, "lc "+key+" "+strings.Fields(begun)[1]))
		requests = append(requests, "lg "+key+" v\r\n")
	}
	late := dial(t, s.Listen(victim))
	done := make(chan [][]string, 1)
	go func() {
		var both [][]string
		for _, c := range []*connection{{idle}, {late}} {
			both = append(both, c.firstLines(t, requests))
		}
		done <- both
	}()
	time.Sleep(100 * time.Millisecond) // the requests of the first are there by then
	begun := time.Now()
	s.thaw(t, victim)
	for _, replies := range <-done {
		for i, line := range replies {
			require.NotContains(t, line, "VA ", "%q of a node whose session is over", requests[i])
		}
		t.Logf("asked before it went on: %q", replies)
	}
	s.AwaitEven()
	t.Logf("it had its part %v after it went on", time.Since(begun).Round(time.Millisecond))
}

var granted = regexp.MustCompile(`^LE (L\d+) e\d+( D\d+)?$`)

// load fills a key as a reader does that can fence, until it is there: the actors flush.
func (s *stage) load(t *testing.T, i int, key, value string) {
	t.Helper()
	var said string
	require.Eventually(t, func() bool {
		said = s.ask(t, i, "lg "+key+" D v")
		lease := granted.FindStringSubmatch(said)
		if lease == nil {
			return strings.HasPrefix(said, "VA ")
		}
		fill := "ls " + key + " 2 " + lease[1]
		if lease[2] != "" {
			fill += " D"
		}
		said = s.ask(t, i, fill+"\r\n"+value)
		return false
	}, 5*time.Second, 5*time.Millisecond, "the last reply about %s", key)
}

// allDie: what must not be forgotten is on disk before it is acknowledged.
func (s *stage) allDie(t *testing.T) {
	const quiet = faultShards - 1 // no actor fences it
	key, other := keyOf("w", quiet), keyOf("x", quiet)
	require.Regexp(t, `^HD L\d+ e60000$`, s.ask(t, 0, "lw "+key+" F e60000"))
	lease := granted.FindStringSubmatch(s.ask(t, 1, "lg "+other+" D"))
	require.NotNil(t, lease)
	before := s.epochs(t)
	for _, p := range s.Nodes {
		require.NoError(t, p.Kill())
	}
	begun := time.Now()
	for i := range s.Nodes {
		s.Spawn(i)
	}
	for i := range s.Nodes {
		s.AwaitReady(i)
	}
	w := watchShards(s.Listen(0), all(faultShards), faultShards)
	w.awaitAll(t, all(faultShards), patience)
	w.end()
	t.Logf("all shards answered %v after the start of all nodes", time.Since(begun).Round(time.Millisecond))
	s.AwaitEven()

	after := s.epochs(t)
	for id := range after {
		require.Greater(t, after[id], before[id], "shard %d", id)
	}
	for i := range s.Nodes {
		require.Equal(t, "QU X", s.ask(t, i, "lg "+key), "its writer may still commit")
		require.Equal(t, "QU X", s.ask(t, i, "lg "+other), "nobody knows which keys had writers")
	}
	require.Equal(t, "NS ro", s.ask(t, 2, "ls "+other+" 2 "+lease[1]+"\r\nv0"), "a lease of a former life")
	s.load(t, 0, key, "v1")
	require.Regexp(t, granted, s.ask(t, 2, "lg "+other), "one fence clears the shard")
}
