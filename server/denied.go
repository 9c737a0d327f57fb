package server

import "github.com/leasecache/leasecache/protocol"

// Denied are commands that the operator takes from clients, as memcached's -F, -X
// and -W do.
type Denied struct {
	Flush bool // flush_all
	Dump  bool // whatever shows keys: lru_crawler metadump and mgdump, stats cachedump and detail
	Watch bool
}

// denied answers a command that is taken, with memcached's words.
func (s *session) denied(req *protocol.Request, is bool, text string) bool {
	if is {
		s.answer(req, text+"\r\n", outcomeError)
	}
	return is
}
