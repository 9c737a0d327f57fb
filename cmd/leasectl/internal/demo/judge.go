package demo

import (
	"sync"
	"sync/atomic"
	"time"
)

// Judge decides whether an answer was stale. It trusts nobody but the database: versions are made by the UPDATE itself
// (version = version + 1, read back in the same statement), travel inside the cached bytes, and are compared per key.
//
// A read is stale when something newer *was known* before the read began. Two moments can make it known, so there are two counts:
//
//   - Stale after ack: the writer's whole call had returned. For plain and leases that is the acknowledged delete or
//     invalidation, for intents the return of Update. From here on the writer, or anybody it talks to, expects to
//     see what it wrote; leases and intents promise it, and the race of plain cache-aside breaks it: the old value is back in the cache
//     after the delete, where nothing will remove it before its TTL.
//   - Stale after commit: the database had acknowledged the COMMIT, the writer was still busy. Whoever asks the
//     database now sees the new version; so a cache that is to read like the database must not answer the old one. Leases do not
//     promise this (the invalidation is still under way), intents do.
//
// A read that *overlaps* the commit or the ack may return either version: no one can say which was first. That
// is why both floors are taken before the read is sent, and a commit is entered only once COMMIT has returned: the judge never calls
// stale what could have been right. It also never excuses anything: answers of the loader count like those of the cache.
//
// The moment of the commit is taken at the database, before the pretended way back to the writer (see [Delays]): that is the
// strict side for every mode.
//
// # Order
//
//  1. writer: COMMIT returns
//  2. writer: [Judge.Committed] enters the time, then raises the floor
//  3. reader: [Judge.Begin] loads both floors, then takes its time
//  4. reader: asks the cache
//
// If 3 sees the floor of 2 it also sees its time, and the reader's own time is later: ages are never negative.
type Judge struct {
	keys []truth
}

type truth struct {
	acked     atomic.Int64 // highest version whose writer's call had returned
	committed atomic.Int64 // highest version whose COMMIT had returned; never below acked

	mu    sync.Mutex
	first int64       // version of times[0]
	times []time.Time // when each version was committed; zero: its writer has not said so yet
}

// Reading is a read under way: what was known when it began.
type Reading struct {
	id               int
	acked, committed int64
	at               time.Time
}

// Verdict is the judgement of one answer. AfterAck implies AfterCommit.
type Verdict struct {
	AfterAck    bool
	AfterCommit bool
	Age         time.Duration // how long the database had had a newer version when the read began; 0 when not stale
}

// NewJudge starts from the versions that the database holds, by product.
func NewJudge(versions []int64) *Judge {
	j := &Judge{keys: make([]truth, len(versions))}
	for i, v := range versions {
		j.keys[i].acked.Store(v)
		j.keys[i].committed.Store(v)
		j.keys[i].first = v + 1
	}
	return j
}

// Committed enters that the database acknowledged the version at that time. Call it as soon as COMMIT has returned.
func (j *Judge) Committed(id int, version int64, at time.Time) {
	k := &j.keys[id]
	k.mu.Lock()
	i := int(version - k.first)
	for len(k.times) <= i {
		k.times = append(k.times, time.Time{})
	}
	k.times[i] = at
	k.mu.Unlock()
	raise(&k.committed, version)
}

// Acknowledged enters that the writer's call for the version has returned without an error.
func (j *Judge) Acknowledged(id int, version int64) {
	raise(&j.keys[id].acked, version)
}

// Begin is called right before a read.
func (j *Judge) Begin(id int) Reading {
	k := &j.keys[id]
	r := Reading{id: id, acked: k.acked.Load(), committed: k.committed.Load()}
	r.at = time.Now()
	return r
}

// Judge says whether the version that a read returned was stale when it began.
func (j *Judge) Judge(r Reading, version int64) Verdict {
	v := Verdict{AfterAck: version < r.acked, AfterCommit: version < r.committed}
	if v.AfterCommit {
		v.Age = j.keys[r.id].since(version, r.at)
	}
	return v
}

// since is the time from the first commit of anything newer than version to at. Writers of one key may
// enter their commits in another order than the database's, so all that is entered is looked at.
func (k *truth) since(version int64, at time.Time) time.Duration {
	k.mu.Lock()
	defer k.mu.Unlock()
	var age time.Duration
	for i := max(version+1-k.first, 0); i < int64(len(k.times)); i++ {
		if t := k.times[i]; !t.IsZero() {
			age = max(age, at.Sub(t))
		}
	}
	return age
}

func raise(a *atomic.Int64, v int64) {
	for {
		old := a.Load()
		if v <= old || a.CompareAndSwap(old, v) {
			return
		}
	}
}
