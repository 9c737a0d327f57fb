// Package peer is the connection between the nodes of a cluster, on the
// cluster port.
//
// What goes over one connection:
//
//	dialer                              listener
//	'R' or 'P', hello ────────────────▶
//	                  ◀──────────────── hello, verdict
//	verdict           ────────────────▶
//	R: the bytes of a raft stream, both ways
//	P: frames; requests ──────────────▶ ◀────────────── answers, in any order
//
// Both sides check the other's hello on every connection (refusal.go): another
// cluster, another incarnation of it, another protocol version, an id that is
// taken. A verdict is "welcome" or one sentence that says what to do, and both
// sides have it before the connection closes. The head of a hello (magic,
// version, length) and the form of a verdict never change, so that every two
// versions can tell each other that they do not fit.
//
// A Listener hands raft streams to a net.Listener and serves frames to a
// Handler. A Pool keeps connections to other nodes and sends calls down them
// without ever blocking its caller. Exchange and DialRaft go to an address, for
// a node that does not yet know who is there.
//
// What a call promises: its Done says whether anything can have reached the
// other side. "Not sent" is a fact: a frame that waits when its call fails is
// turned into one that the other side skips. "Sent" means unknown: the other
// side may have acted, may act later, or never saw it. Later is at most at the
// deadline (until.go), and never behind a later call of the same lane (turns.go).
//
// This package knows nothing of what is in a payload, of Raft, of shards or of
// the client protocol.
//
// It is plain TCP: whoever reaches the port and knows the id of the cluster is
// believed. Secrets and TLS are to come; all connections are made by
// Config.dial and accepted by Listener.Serve, and a TLS connection goes
// through both as it is. Until then the port belongs on a network of its own.
package peer
