package server

import (
	"github.com/leasecache/leasecache/protocol"
)

// stats answers memcached's stats. What it calls a statistic of the whole is in
// stats_general.go; each argument has a file of its own. memcached takes any
// beginning of an argument for it, in this order; only items, slabs and sizes
// have to be whole. It returns false if the reply goes on.
func (s *session) stats(req *protocol.Request) bool {
	s.tally() // what this connection asked before is among it
	if len(req.Args) == 0 {
		s.statsGeneral()
		s.statsEnd(req)
		return true
	}
	var err error
	switch what := req.Args[0]; {
	case protocol.IsWord(what, "reset"):
		s.srv.resetStats()
		s.answer(req, protocol.LineReset, outcomeOK)
		return true
	case protocol.IsWord(what, "detail"):
		if !s.denied(req, s.srv.cfg.Denied.Dump, "CLIENT_ERROR stats detail not allowed") {
			s.statsDetail(req)
		}
		return true
	case protocol.IsWord(what, "settings"):
		s.statsSettings()
	case protocol.IsWord(what, "cachedump"):
		return s.denied(req, s.srv.cfg.Denied.Dump, "CLIENT_ERROR stats cachedump not allowed") || s.statsCachedump(req)
	case protocol.IsWord(what, "conns"):
		s.statsConns()
	case protocol.IsWord(what, "extstore"):
		// Nothing is stored on disk.
	case string(what) == "items":
		err = s.statsItems()
	case string(what) == "slabs":
		s.statsSlabs()
	case string(what) == "sizes":
		return s.statsSizes(req)
	default:
		s.answer(req, "ERROR\r\n", outcomeError)
		return true
	}
	if err != nil {
		s.fail(req, err)
		return true
	}
	s.statsEnd(req)
	return true
}

func (s *session) statsEnd(req *protocol.Request) {
	s.out = append(s.out, protocol.LineEnd...)
	s.count(req.Verb, outcomeOK)
}
