package server

import (
	"encoding/json"
	"fmt"

	"github.com/leasecache/leasecache/protocol"
	"github.com/leasecache/leasecache/shard"
)

// shardMap answers lm: the map, or that the client's is the current one.
func (s *session) shardMap(req *protocol.Request) {
	m := s.srv.newestMap()
	if req.HasMapVersion && req.MapVersion == m.Version {
		s.count(req.Verb, outcomeOK)
		s.out = protocol.AppendMapCurrent(s.out, &req.Echo, m.Version)
		return
	}
	text, err := json.Marshal(m)
	if err != nil {
		s.fail(req, fmt.Errorf("the map cannot be written: %w", err))
		return
	}
	s.count(req.Verb, outcomeOK)
	s.out = protocol.AppendMap(s.out, &req.Echo, m.Version, text)
}

// newestMap is the map that requests go by.
func (srv *Server) newestMap() shard.Map {
	if m := srv.routes.Map(); m != nil {
		return *m
	}
	return srv.cfg.Keeper.Map(srv.Addr().String())
}

// nearSession refuses ln: the protocol reserves it, and this server keeps no
// track of copies, so it must not let a client keep any.
func (s *session) nearSession(req *protocol.Request) {
	s.count(req.Verb, outcomeUnavailable)
	s.out = protocol.AppendUnavailable(s.out, "this server gives no near sessions; nothing was done")
}
