package server

import (
	"github.com/leasecache/leasecache/protocol"
	"github.com/leasecache/leasecache/server/owner"
	"github.com/leasecache/leasecache/shard"
)

// watch, and what those who watch are told of commands: the lines of memcached,
// in which every command that needs an item looks it up first. Ours appear as
// item_get (lg), item_store (ls) and deleted (ld).

// watch makes the connection a watcher; its transport does the rest.
func (s *session) watch(req *protocol.Request) {
	if s.denied(req, s.srv.cfg.Denied.Watch, "CLIENT_ERROR watch commands not allowed") {
		return
	}
	if s.pipelined() {
		s.answer(req, "ERROR cannot pipeline other commands before watch\r\n", outcomeError)
		return
	}
	kinds, ok := watchKindsOf(req.Args)
	if !ok {
		s.answer(req, "ERROR\r\n", outcomeError)
		return
	}
	w, refusal := s.srv.watchers.join(kinds)
	if w == nil {
		s.answer(req, refusal, outcomeUnavailable)
		return
	}
	s.watcher = w
	s.answer(req, protocol.LineOK, outcomeOK)
}

// watched is what a session keeps of a request for those who watch.
type watched struct {
	kinds watchKinds // what somebody wants to see of this batch
	came  outcome    // of the request, or noOutcome
	shown int        // length of the value that the reply told of, or notShown
	found owner.Found
	size  int // of the value that was there before, if one was found
}

const (
	noOutcome = outcomeCount
	notShown  = -1
)

// executeWatched is execute while somebody watches. Everything is told behind the
// reply, in the order of the requests.
func (s *session) executeWatched(req *protocol.Request) (done bool) {
	s.look(req.Key)
	s.seen.came, s.editor.result = noOutcome, editNotStored
	done = s.execute(req)
	if s.seen.came != noOutcome && s.seen.came != outcomeUnavailable {
		s.tell(req)
	}
	return done
}

// look sees what there is of a key before its command. Another may change it
// before the command sees it: then the line that is told of the look-up follows
// the reply where that says something else.
func (s *session) look(key []byte) {
	s.seen.found, s.seen.size, s.seen.shown = owner.Absent, 0, notShown
	if s.seen.kinds&(watchFetchers|watchDeletions) == 0 || len(key) == 0 {
		return
	}
	// An error is the owner's that stops, and the command's as well.
	s.seen.found, s.seen.size, _ = s.owner.Look(s.at.now, shard.Hash(key), key)
}

func (s *session) tell(req *protocol.Request) {
	came, found := s.seen.came, s.seen.found == owner.Present
	switch req.Verb {
	case protocol.VerbMG, protocol.VerbLG:
		s.tellRead(req.Key)
	case protocol.VerbTouch, protocol.VerbME:
		s.tellLookup(req.Key, came == outcomeHit)
	case protocol.VerbIncr, protocol.VerbDecr:
		s.tellLookup(req.Key, came != outcomeMiss)
	case protocol.VerbMA:
		s.tellLookup(req.Key, found)
		if !found && req.HasVivify && s.editor.result == editStored {
			s.tellLookup(req.Key, false)
			s.tellStore(req, "add", "stored", s.editor.expires, s.editor.size)
		}
	case protocol.VerbSet, protocol.VerbAdd, protocol.VerbReplace, protocol.VerbCAS,
		protocol.VerbAppend, protocol.VerbPrepend, protocol.VerbMS:
		s.tellLookup(req.Key, found)
		s.tellStored(req)
	case protocol.VerbLS, protocol.VerbLeaseSet:
		s.tellStored(req)
	case protocol.VerbDelete:
		s.tellLookup(req.Key, came == outcomeHit)
		if came == outcomeHit {
			s.tellDeleted(req.Key, "delete")
		}
	case protocol.VerbMD:
		s.tellMetaDelete(req)
	case protocol.VerbLD:
		s.tellDeleted(req.Key, "ld") // also where there was nothing: it voids a lease
	}
}

// tellRead tells of a read that the reply shows the value of, or none.
func (s *session) tellRead(key []byte) {
	if s.seen.kinds&watchFetchers == 0 {
		return
	}
	if s.seen.shown != notShown {
		s.seen.found, s.seen.size = owner.Present, s.seen.shown
	} else if s.seen.found == owner.Present {
		s.seen.found = owner.Absent
	}
	s.srv.tellGet(s.number, key, s.seen.found, s.seen.size)
}

// tellLookup tells of a look-up that came to something or not.
func (s *session) tellLookup(key []byte, there bool) {
	if s.seen.kinds&watchFetchers == 0 {
		return
	}
	switch {
	case there && s.seen.found != owner.Present:
		s.seen.found, s.seen.size = owner.Present, 0 // a stub, say
	case !there && s.seen.found == owner.Present:
		s.seen.found = owner.Absent
	}
	s.srv.tellGet(s.number, key, s.seen.found, s.seen.size)
}

// tellStored tells what became of a store.
func (s *session) tellStored(req *protocol.Request) {
	status, size := "not_stored", len(req.Body)
	expires := s.at.expiry(req.Exptime)
	if req.Verb == protocol.VerbMS || req.Verb == protocol.VerbLS {
		expires = s.at.expiry(req.TTL)
	}
	switch {
	case s.seen.came == outcomeTooLarge:
		status = "too_large"
	case !edits(req.Verb):
		if s.seen.came == outcomeStored {
			status = "stored"
		}
	case s.editor.result == editStored:
		status, size, expires = "stored", s.editor.size, s.editor.expires
	case s.editor.result == editExists:
		status = "exists"
	case s.editor.result == editNotFound:
		status = "not_found"
	}
	s.tellStore(req, s.storeCommand(req), status, expires, size)
}

// edits reports whether a store has the outcome that the editor came to.
func edits(v protocol.Verb) bool {
	return v == protocol.VerbMS || v == protocol.VerbCAS || v == protocol.VerbAppend || v == protocol.VerbPrepend
}

// storeCommand names a store; an ms goes by the name of what it does.
func (s *session) storeCommand(req *protocol.Request) string {
	if req.Verb != protocol.VerbMS {
		return req.Verb.String()
	}
	ed := editor{req: req}
	switch ed.mode() {
	case 'C':
		return "cas"
	case 'E':
		return "add"
	case 'A':
		return "append"
	case 'P':
		return "prepend"
	case 'R':
		return "replace"
	}
	return "set"
}

func (s *session) tellStore(req *protocol.Request, command, status string, expires int64, size int) {
	if s.seen.kinds&watchMutations == 0 {
		return
	}
	event := protocol.WatchEvent{
		Kind: protocol.WatchStore, Key: req.Key, Status: status, Command: command, Conn: s.number,
	}
	if status != "too_large" {
		event.Class, event.Size = theClass, size
	}
	if expires != 0 {
		// memcached has no sign for it: a time in the past is just below 2^32.
		event.TTL = int64(uint32(max(-1, (expires-s.at.now)/second)))
	}
	s.srv.watchers.tell(watchMutations, &event)
}

// tellMetaDelete tells of an md, which may store (x) or only mark (I).
func (s *session) tellMetaDelete(req *protocol.Request) {
	done := s.editor.result == editStored
	s.tellLookup(req.Key, done || s.editor.result == editExists)
	if done && req.DropValue {
		s.tellLookup(req.Key, true)
		s.tellStore(req, "set", "stored", s.editor.expires, 0)
		s.seen.size = 0
	}
	if done && !req.MarkStale {
		s.tellDeleted(req.Key, "md")
	}
}

func (s *session) tellDeleted(key []byte, command string) {
	if s.seen.kinds&watchDeletions == 0 {
		return
	}
	event := protocol.WatchEvent{Kind: protocol.WatchDeletion, Key: key, Command: command, Class: theClass, Size: s.seen.size}
	s.srv.watchers.tell(watchDeletions, &event)
}

// badWatched is bad while somebody watches: a value that is too large is a store
// that was tried, and of some commands takes what was there.
func (s *session) badWatched(req *protocol.Request) {
	tooLarge := req.Err.Cause == protocol.CauseTooLarge && len(req.Key) > 0
	if tooLarge {
		s.look(req.Key)
	}
	s.bad(req)
	if !tooLarge || s.seen.came == outcomeUnavailable {
		return
	}
	s.tellStore(req, s.storeCommand(req), "too_large", 0, 0)
	if req.Verb == protocol.VerbSet || req.Verb == protocol.VerbMS {
		s.tellLookup(req.Key, s.seen.found == owner.Present)
	}
}
