package peer

import "fmt"

// Reason is why two nodes do not speak. Its numbers are the wire's.
type Reason byte

const (
	accepted Reason = iota
	OtherVersion
	// SameNode is a node that reached itself, or a copy of its data directory.
	SameNode
	// SameID are two nodes under one id.
	SameID
	OtherCluster
	OtherIncarnation
	// OtherBirth is an id that is known with another data directory.
	OtherBirth
	// NoCluster: neither side is in a cluster, or a raft stream to or from a
	// node that has not joined yet.
	NoCluster
	// OtherNode is an address where somebody else answers.
	OtherNode
)

// Refusal ends a connection before it began. Text is the same sentence on both
// sides, so it speaks of both by name.
type Refusal struct {
	Reason Reason
	Text   string
}

func (r *Refusal) Error() string { return r.Text }

// refuse says why the two do not speak, or nil. known gives the birth under
// which the other is known here; want is the node that was dialled, or "".
func refuse(ours, theirs Hello, stream byte, want string, known func(node string) (string, bool)) *Refusal {
	no := func(r Reason, form string, args ...any) *Refusal {
		return &Refusal{Reason: r, Text: fmt.Sprintf(form, args...)}
	}
	if ours.Node == theirs.Node {
		if ours.Birth == theirs.Birth {
			return no(SameNode, "%s reached itself, or a copy of its data directory: leave its own address out of the list, "+
				"or start the copy on an empty directory under another --node-id", ours.Node)
		}
		return no(SameID, "two nodes are called %s: start one of them under another --node-id", ours.Node)
	}
	if want != "" && want != theirs.Node {
		return no(OtherNode, "%s answers at the address of %s: start %s with the --cluster address where it can be reached now",
			theirs.Node, want, want)
	}
	switch {
	case ours.Joining() && theirs.Joining():
		return no(NoCluster, "neither %s nor %s is in a cluster yet: start one of them without --join, and have the other join it", ours.Node, theirs.Node)
	case (ours.Joining() || theirs.Joining()) && stream == raftStream:
		return no(NoCluster, "%s has not joined the cluster yet: start it with --join and the address of a member", joiner(ours, theirs).Node)
	case ours.Joining() || theirs.Joining():
	case ours.Cluster != theirs.Cluster:
		return no(OtherCluster, "%s is in cluster %s and %s in cluster %s, and two clusters cannot merge: correct the address, "+
			"or start one of the two on an empty data directory to join the other", ours.Node, ours.Cluster, theirs.Node, theirs.Cluster)
	case ours.Incarnation != theirs.Incarnation:
		left, now := ours, theirs
		if left.Incarnation > now.Incarnation {
			left, now = now, left
		}
		return no(OtherIncarnation, "cluster %s was recovered without %s: start %s on an empty data directory under another --node-id, with --join",
			now.Cluster, left.Node, left.Node)
	}
	if known != nil {
		if birth, ok := known(theirs.Node); ok && birth != theirs.Birth {
			return no(OtherBirth, "the data directory of %s was wiped or replaced: start it under another --node-id, or run `leasectl forget %s` first",
				theirs.Node, theirs.Node)
		}
	}
	return nil
}

func joiner(a, b Hello) Hello {
	if a.Joining() {
		return a
	}
	return b
}

func refuseVersion(who string, theirs uint16, other string) *Refusal {
	return &Refusal{Reason: OtherVersion, Text: fmt.Sprintf(
		"%s speaks version %d of the protocol between nodes and %s version %d: run the same release on both", who, version, other, theirs)}
}
