package server

import (
	"bytes"
	"errors"
	"strconv"

	internode "github.com/leasecache/leasecache/internal/peer"
	"github.com/leasecache/leasecache/protocol"
	"github.com/leasecache/leasecache/server/owner"
	"github.com/leasecache/leasecache/server/route"
	"github.com/leasecache/leasecache/shard"
)

// What is left to do, at the owner, of a request that is not forwarded itself.

// badElsewhere has the owner do what must be done for a request that could not be
// parsed: its bytes are refused here, or not even here. False: nobody is to be asked.
func (s *session) badElsewhere(req *protocol.Request, err error) bool {
	if s.asker != nil || !errors.Is(err, owner.ErrNotOwner) {
		return false
	}
	place, ok := s.whereTo(req, shard.Hash(req.Key))
	if !ok || place.Local {
		return false
	}
	do := protocol.Request{Verb: protocol.VerbLA, Key: req.Key, Token: req.Token, HasToken: true}
	if req.Verb == protocol.VerbSet || req.Verb == protocol.VerbMS {
		do = protocol.Request{Verb: protocol.VerbLD, Key: req.Key}
	}
	raw, err := protocol.AppendRequest(nil, &do)
	if err != nil {
		return false
	}
	s.forward(req, place, raw, protocol.AppendError([]byte{}, req.Err))
	return true
}

// giveBackTo ends a lease at its owner. Nobody waits for it: if it is lost the lease
// runs out.
func (srv *Server) giveBackTo(at route.Place, lane int, key []byte, token uint64) {
	raw, err := protocol.AppendRequest(nil, &protocol.Request{Verb: protocol.VerbLA, Key: key, Token: token, HasToken: true})
	if err != nil || srv.cfg.Peers == nil || at.Local || at.Node.ID == "" {
		return
	}
	_ = srv.cfg.Peers.Call(internode.Call{Node: at.Node.ID, Lane: lane, Kind: internode.KindRequest, Payload: [][]byte{raw}})
}

// grantedIn is the token of a lease that a reply to lg grants.
func grantedIn(reply []byte) (uint64, bool) {
	line, _, _ := bytes.Cut(reply, []byte("\r\n"))
	words := bytes.Split(line, []byte{' '})
	if kind := string(words[0]); kind != "LE" && kind != "VA" && kind != "HD" {
		return 0, false
	}
	for _, w := range words[1:] {
		if len(w) > 1 && w[0] == 'L' {
			if token, err := strconv.ParseUint(string(w[1:]), 10, 64); err == nil {
				return token, true
			}
		}
	}
	return 0, false
}
