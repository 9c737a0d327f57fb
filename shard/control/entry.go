package control

import (
	"time"

	"github.com/leasecache/leasecache/shard"
)

// Entry is what is agreed on, one at a time. Apply says what each does and when it
// does nothing.
type Entry interface {
	encode(*encoder)
}

// Init makes the cluster. It is the first entry of a log, and has no effect later.
type Init struct {
	Cluster     string
	Incarnation uint64
	Settings    Settings
	Shards      []Former // what is known of former lives: the highest epoch they can have reached
	Version     uint64   // of the newest map that a former life can have shown; 0: none has
}

// Former is what a former life leaves to a shard.
type Former struct {
	Epoch      shard.Epoch
	DoubtBelow uint64
	Noted      shard.Note
}

// Term announces the leader of a term, before anything else in it.
type Term struct {
	Term uint64
	Node string
}

// PutMember adds a node, or says what changed about it.
type PutMember struct {
	Node, Birth         string
	Peer, Client, Admin string
	Weight              uint64
}

// Drain has a node own nothing, or ends that.
type Drain struct {
	Node string
	On   bool
}

// Forget removes a member. Its session is not ended: it gets no more renewals, and
// the member is gone when the last one is over.
type Forget struct{ Node string }

// Register asks for a session. Every send has a Count of its own, so that the
// holder can tell which of them was granted and when he had sent it.
type Register struct {
	Node, Birth string
	Life        uint64 // of the process, at random
	Count       uint64 // of its registrations, from 1
}

// Renew extends sessions, as many as the leader gathered.
type Renew struct{ Renewals []Renewal }

// Renewal is that of one session. Every send has a Seq of its own.
type Renewal struct {
	Session shard.Session
	Seq     uint64
}

// Over ends a session that was waited out, if its newest renewal is still the one
// that was waited for. Owners are who shall get its shards.
type Over struct {
	Session shard.Session
	Seq     uint64
	Owners  []Owner
}

// Owner is who shall get a shard that is at an epoch.
type Owner struct {
	Shard shard.ID
	Epoch shard.Epoch
	To    shard.Session
}

// Assign gives shards that nobody owns to somebody.
type Assign struct{ Owners []Owner }

// Release ends a session at once: its holder has shut the gate, dropped everything
// and will not serve under it again. Or, ByLock, whoever asks has proved that the
// holder's process is no more; which counts only where there is one node.
type Release struct {
	Node    string
	Session shard.Session
	ByLock  bool
	Near    time.Duration // how long near sessions may last that were not acknowledged
}

// Leave says that the holder of a session is about to stop: it is to own nothing any
// more, while others can. It ends with the session, so that the next process of the
// node gets shards again; Drain is for an operator, and stays.
type Leave struct{ Session shard.Session }

// Note says that intents of some kinds may be outstanding in shards of the session.
type Note struct {
	Session shard.Session
	Items   []Noted
}

// Noted is one shard of a Note.
type Noted struct {
	Shard shard.ID
	Epoch shard.Epoch
	Note  shard.Note
}

// Fenced says that the source is fenced at the tokens.
type Fenced struct{ Items []Fence }

// Fence is one shard of a Fenced.
type Fence struct {
	Shard shard.ID
	Token uint64
}

// Quiet says that nothing is outstanding in shards of the session: it is sent under
// the shut gate, with neither intents nor doubts there, and no closure left. Once it
// is sent the owner takes nothing for noted, whether it opens the gate again or not:
// the next intent waits for a Note that was applied after it was asked for, so that
// Notes have grown.
//
//	1 The owner sends Quiet, which the network delays. 2 It opens the gate and begins
//	an intent, noted as it was. 3 Quiet is applied. 4 The owner dies: no doubt.
type Quiet struct {
	Session shard.Session
	Items   []Calm
}

// Calm is one shard of a Quiet.
type Calm struct {
	Shard shard.ID
	Epoch shard.Epoch
	Notes uint64 // of the shard when the gate was shut
}

// At is a shard at an epoch.
type At struct {
	Shard shard.ID
	Epoch shard.Epoch
}

// Plan begins planned moves, each of another shard of From. The index of the entry
// is the transfer id of each.
type Plan struct {
	From  shard.Session
	Moves []Owner
}

// Moved ends a planned move: the receiver holds the transfer complete.
type Moved struct {
	Shard    shard.ID
	Transfer uint64
	Epoch    shard.Epoch
	From, To shard.Session
	TagFloor uint64
	Near     time.Duration // as in Release
}

// Cancel ends a planned move, and the shard stays where it is.
type Cancel struct {
	Shard    shard.ID
	Transfer uint64
	Epoch    shard.Epoch
	From     shard.Session
}

// Raise is a planned move to oneself, to an epoch of at least AtLeast.
type Raise struct {
	Session shard.Session
	Shard   shard.ID
	From    shard.Epoch
	AtLeast shard.Epoch
}

// Reset is an unplanned change from an owner to itself: it does not have what it
// should have in memory. With Doubt the shards are in doubt even if nothing was
// noted, as after a source that lost acknowledged commits.
type Reset struct {
	Session shard.Session
	Items   []At
	Doubt   bool
}

// Set changes the settings, if they are the ones it was decided on: their Changes
// is one less than its own.
type Set struct{ Settings Settings }
