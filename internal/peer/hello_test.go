package peer

import (
	"bytes"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestHelloOverTheWire(t *testing.T) {
	for name, h := range map[string]Hello{
		"member":  member("n1"),
		"joining": {Node: "n1", Birth: "b"},
		"longest": {Cluster: strings.Repeat("c", 64), Node: strings.Repeat("n", 64), Birth: strings.Repeat("b", 64), Incarnation: 1<<64 - 1},
	} {
		t.Run(name, func(t *testing.T) {
			r := bytes.NewReader(append(h.append(nil), "rest"...))
			got, v, err := readHello(r)
			require.NoError(t, err)
			require.Equal(t, uint16(version), v)
			require.Equal(t, h, got)
			require.Equal(t, 4, r.Len(), "what follows a hello is not its own")
		})
	}
}

func TestDamagedHellosAreRefused(t *testing.T) {
	whole := member("n1").append(nil)
	for n := range len(whole) {
		_, _, err := readHello(bytes.NewReader(whole[:n]))
		require.Error(t, err, n)
	}
	for name, b := range map[string][]byte{
		"magic":        append([]byte("http"), whole[4:]...),
		"length":       append([]byte(magic), 0, version, 0xff, 0xff),
		"bytes behind": append([]byte(magic+"\x00\x01\x00\x0e\x00\x01n\x01b"), make([]byte, 9)...),
		"no node":      Hello{Birth: "b"}.append(nil),
		"no birth":     Hello{Node: "n"}.append(nil),
		"odd node":     Hello{Node: "n\n1", Birth: "b"}.append(nil),
		"odd cluster":  Hello{Cluster: "a b", Node: "n1", Birth: "b"}.append(nil),
	} {
		_, _, err := readHello(bytes.NewReader(b))
		require.Error(t, err, name)
	}
}

func TestVerdictOverTheWire(t *testing.T) {
	for _, want := range []*Refusal{nil, {OtherCluster, "go away"}, {SameID, strings.Repeat("x", maxReason)}} {
		r := bytes.NewReader(append(appendVerdict(nil, want), "rest"...))
		got, err := readVerdict(r)
		require.NoError(t, err)
		require.Equal(t, want, got)
		require.Equal(t, 4, r.Len())
	}
	long, err := readVerdict(bytes.NewReader(appendVerdict(nil, &Refusal{SameID, strings.Repeat("x", maxReason+1)})))
	require.NoError(t, err)
	require.Len(t, long.Text, maxReason)
	odd, err := readVerdict(bytes.NewReader(appendVerdict(nil, &Refusal{SameID, "a\nlevel=ERROR"})))
	require.NoError(t, err)
	require.Equal(t, "a?level=ERROR", odd.Text, "a stranger's sentence stays on its line")
	_, err = readVerdict(bytes.NewReader([]byte{1, 0xff, 0xff}))
	require.ErrorIs(t, err, errDamaged)
}

// refusals of n1 by n2 and the other way round, each with its sentence.
var refusalCases = map[string]struct {
	n1, n2 Hello
	stream byte
	reason Reason
	text   string
}{
	"members":          {n1: member("n1"), n2: member("n2"), stream: peerFrames},
	"members, raft":    {n1: member("n1"), n2: member("n2"), stream: raftStream},
	"one joins":        {n1: Hello{Node: "n1", Birth: "b"}, n2: member("n2"), stream: peerFrames},
	"joins under raft": {n1: Hello{Node: "n1", Birth: "b"}, n2: member("n2"), stream: raftStream, reason: NoCluster, text: "n1 has not joined the cluster yet: start it with --join and the address of a member"},
	"both join":        {n1: Hello{Node: "n1", Birth: "b"}, n2: Hello{Node: "n2", Birth: "b"}, stream: peerFrames, reason: NoCluster, text: "is in a cluster yet: start one of them without --join, and have the other join it"},
	"itself":           {n1: member("n1"), n2: member("n1"), stream: peerFrames, reason: SameNode, text: "n1 reached itself, or a copy of its data directory: leave its own address out of the list, or start the copy on an empty directory under another --node-id"},
	"same id": {n1: member("n1"), n2: Hello{Cluster: "6f1c", Incarnation: 1, Node: "n1", Birth: "another"}, stream: peerFrames,
		reason: SameID, text: "two nodes are called n1: start one of them under another --node-id"},
	"other cluster": {n1: member("n1"), n2: Hello{Cluster: "77aa", Incarnation: 1, Node: "n2", Birth: "b"}, stream: peerFrames,
		reason: OtherCluster, text: "two clusters cannot merge: correct the address, or start one of the two on an empty data directory to join the other"},
	"recovered without n1": {n1: member("n1"), n2: Hello{Cluster: "6f1c", Incarnation: 2, Node: "n2", Birth: "b"}, stream: raftStream,
		reason: OtherIncarnation, text: "cluster 6f1c was recovered without n1: start n1 on an empty data directory under another --node-id, with --join"},
	"wiped": {n1: Hello{Cluster: "6f1c", Incarnation: 1, Node: "n3", Birth: "new"}, n2: member("n2"), stream: peerFrames,
		reason: OtherBirth, text: "the data directory of n3 was wiped or replaced: start it under another --node-id, or run `leasectl forget n3` first"},
	"wiped and joining": {n1: Hello{Node: "n3", Birth: "new"}, n2: member("n2"), stream: peerFrames,
		reason: OtherBirth, text: "the data directory of n3 was wiped or replaced"},
}

// knows is what every node of the tests knows: n3 with one birth.
func knows(node string) (string, bool) { return "old", node == "n3" }

func TestRefusals(t *testing.T) {
	for name, c := range refusalCases {
		t.Run(name, func(t *testing.T) {
			both := []*Refusal{refuse(c.n1, c.n2, c.stream, "", knows), refuse(c.n2, c.n1, c.stream, "", knows)}
			if c.reason == OtherBirth {
				both = both[1:] // nobody is told of his own birth
				require.Nil(t, refuse(c.n1, c.n2, c.stream, "", knows))
			}
			for _, no := range both {
				if c.reason == accepted {
					require.Nil(t, no)
					continue
				}
				require.Equal(t, c.reason, no.Reason)
				require.Contains(t, no.Text, c.text)
				require.Less(t, len(no.Text), maxReason)
			}
		})
	}
	no := refuse(member("n1"), member("n2"), peerFrames, "n4", knows)
	require.Equal(t, &Refusal{OtherNode, "n2 answers at the address of n4: start n4 with the --cluster address where it can be reached now"}, no)
	require.Nil(t, refuse(member("n1"), member("n2"), peerFrames, "n2", nil))
}

func FuzzHello(f *testing.F) {
	f.Add(member("n1").append(nil))
	f.Add(Hello{Node: "n1", Birth: "b"}.append(nil))
	f.Add(appendVerdict(nil, &Refusal{SameID, "why"}))
	f.Fuzz(func(t *testing.T, b []byte) {
		r := bytes.NewReader(b)
		h, v, err := readHello(r)
		if err == nil && v == version {
			require.NoError(t, h.check())
			require.Equal(t, b[:len(b)-r.Len()], h.append(nil), "one hello, one form")
		}
		if no, err := readVerdict(bytes.NewReader(b)); err == nil && no != nil {
			require.LessOrEqual(t, len(no.Text), maxReason)
			require.NotContains(t, no.Text, "\n")
		}
	})
}
