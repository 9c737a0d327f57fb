package server

import (
	"github.com/leasecache/leasecache/internal/storage/memory"
	"github.com/leasecache/leasecache/lease"
	"github.com/leasecache/leasecache/protocol"
	"github.com/leasecache/leasecache/server/owner"
)

// What those who watch are told that is not, or not always, part of the request
// that a session is at.

func (srv *Server) tellGet(conn int64, key []byte, found owner.Found, size int) {
	event := protocol.WatchEvent{Kind: protocol.WatchGet, Key: key, Conn: conn}
	switch found {
	case owner.Present:
		event.Status, event.Class, event.Size = "found", theClass, size
	case owner.Expired:
		event.Status = "expired"
	case owner.Flushed:
		event.Status = "flushed"
	default:
		event.Status = "not_found"
	}
	srv.watchers.tell(watchFetchers, &event)
}

// tell tells of a read that waited, when it is answered: under a bucket's lock,
// maybe, and by anybody.
func (p *parked) tell(a *lease.Answer) {
	srv := p.session.srv
	if srv.watchers.wanted()&watchFetchers == 0 || a.Kind == lease.Unavailable || a.Kind == lease.NotOwner {
		return
	}
	if a.Kind == lease.Hit {
		srv.tellGet(p.session.number, p.key, owner.Present, len(a.Item.Value))
	} else {
		srv.tellGet(p.session.number, p.key, owner.Absent, 0)
	}
}

// watchChanged has the store tell of evictions only while somebody wants to know.
func (srv *Server) watchChanged(kinds watchKinds) {
	if kinds&watchEvictions != 0 {
		srv.cache.OnEvict(srv.tellEvicted)
	} else {
		srv.cache.OnEvict(nil)
	}
}

// tellEvicted is called under a bucket's lock.
func (srv *Server) tellEvicted(key []byte, it memory.Item) {
	now := srv.clock.now()
	event := protocol.WatchEvent{
		Kind: protocol.WatchEviction, Key: key, Fetched: it.Fetched, Class: theClass, Size: len(it.Value),
		TTL: -1, Idle: max(0, now-it.Accessed) / second,
	}
	if it.Expires != 0 {
		event.TTL = (it.Expires - now) / second
	}
	srv.watchers.tell(watchEvictions, &event)
}
