package server

import (
	"bytes"

	"github.com/leasecache/leasecache/lease"
	"github.com/leasecache/leasecache/protocol"
	"github.com/leasecache/leasecache/shard"
)

// memcached's meta commands: mg ms md ma me.

func (s *session) metaGet(req *protocol.Request) {
	q := lease.Meta{
		Vivify:     req.HasVivify,
		Unmarked:   req.NoBump,
		Touch:      req.HasTTL,
		TouchFirst: req.Echo.Before('T', 'R'),
	}
	if req.HasVivify {
		q.VivifyUntil = s.at.expiresAt(req, req.Echo.Flags, 0, true)
		if req.HasNewCAS {
			q.VivifyAs = req.NewCAS
		}
	}
	if req.HasTTL {
		q.Expires = s.at.expiry(req.TTL)
	}
	if until := s.at.expiry(req.RecacheTTL); req.HasRecache && until > s.at.now {
		q.RefreshBelow = until - s.at.now
	}
	s.meta = metaViewer{session: s, req: req}
	found, err := s.owner.Meta(s.at.now, shard.Hash(req.Key), req.Key, q, &s.meta)
	switch {
	case err != nil:
		s.fail(req, err)
	case found && req.HasTTL:
		s.count(req.Verb, outcomeTouched)
	case found:
		s.count(req.Verb, outcomeHit)
	default:
		s.count(req.Verb, outcomeMiss)
		s.out = protocol.AppendMetaMiss(s.out, &req.Echo)
	}
}

// expiresAt is the time to live of an item of was, or of one that is created,
// behind these flags: T and N set it in the order in which they stand.
func (r reading) expiresAt(req *protocol.Request, flags []byte, was int64, created bool) int64 {
	for _, f := range flags {
		switch {
		case f == 'T':
			was = r.expiry(req.TTL)
		case f == 'N' && created:
			was = r.expiry(req.VivifyTTL)
		}
	}
	return was
}

// metaViewer composes the hit of mg under the key's lock.
type metaViewer struct {
	session *session
	req     *protocol.Request
}

func (v *metaViewer) ViewMeta(m *lease.MetaView) {
	s, req, it := v.session, v.req, &m.Item
	if !m.Stub || !m.Won {
		s.seen.shown = len(it.Value)
	}
	expires := it.Expires
	if i := bytes.IndexByte(req.Echo.Flags, 't'); i >= 0 {
		created := m.Stub && m.Won
		if created {
			expires = 0
		}
		expires = s.at.expiresAt(req, req.Echo.Flags[:i], expires, created)
	}
	reply := protocol.MetaItem{
		Value:       it.Value,
		ClientFlags: it.Flags,
		TTL:         s.at.ttl(expires),
		CAS:         it.Shown(),
		Fetched:     it.Fetched,
		Won:         m.Won,
		Stale:       m.Stale,
		Leased:      m.Taken,
	}
	if !m.Stub {
		reply.Idle = uint32(max(0, s.at.now-it.Accessed) / second)
	}
	same := req.HasCompareCAS && req.CompareCAS == reply.CAS
	s.out = protocol.AppendMetaGet(s.out, &req.Echo, &reply, req.Echo.Wants('v') && !same)
}

// edit has the session's editor do one step of a command.
func (s *session) edit(req *protocol.Request, step func(*editor, *lease.Current) lease.Edit) (shown uint64, err error) {
	ed := &s.editor
	ed.req, ed.at, ed.step, ed.maxItem = req, s.at, step, s.srv.cfg.MaxItem
	shown, err = s.owner.Edit(s.at.now, shard.Hash(req.Key), req.Key, ed)
	ed.req = nil
	if cap(ed.scratch) > firstBuffer {
		ed.scratch = nil
	}
	return shown, err
}

func (s *session) metaSet(req *protocol.Request) {
	if s.srv.leaseOnly(req.Key) {
		s.count(req.Verb, outcomeNotStored)
		s.out = protocol.AppendMetaStored(s.out, &req.Echo, protocol.MetaNotStored, len(req.Body), 0)
		return
	}
	shown, err := s.edit(req, (*editor).storing)
	if err != nil {
		s.fail(req, err)
		return
	}
	size := len(req.Body)
	if s.editor.result == editStored {
		size = s.editor.size
	}
	s.countEdit(req)
	s.countCompare(req)
	s.out = protocol.AppendMetaStored(s.out, &req.Echo, metaOutcome(s.editor.result), size, shown)
}

func (s *session) metaDelete(req *protocol.Request) {
	if _, err := s.edit(req, (*editor).removing); err != nil {
		s.fail(req, err)
		return
	}
	s.countEdit(req)
	s.out = protocol.AppendMetaOutcome(s.out, &req.Echo, metaOutcome(s.editor.result))
}

func (s *session) metaCount(req *protocol.Request) {
	s.editor.result = editNotFound
	var shown uint64
	if !s.srv.leaseOnly(req.Key) {
		var err error
		if shown, err = s.edit(req, (*editor).counting); err != nil {
			s.fail(req, err)
			return
		}
	}
	s.countEdit(req)
	s.countMeta(req)
	switch s.editor.result {
	case editNonNumeric:
		s.out = protocol.AppendClientError(s.out, protocol.TextNonNumeric)
	case editStored:
		s.out = protocol.AppendMetaNumber(s.out, &req.Echo, s.editor.number, s.at.ttl(s.editor.expires), shown)
	default:
		s.out = protocol.AppendMetaOutcome(s.out, &req.Echo, metaOutcome(s.editor.result))
	}
}

// metaDebug is me. There are no slabs: the class is always 1.
func (s *session) metaDebug(req *protocol.Request) {
	v, err := s.owner.Inspect(s.at.now, shard.Hash(req.Key), req.Key)
	switch {
	case err != nil:
		s.fail(req, err)
	case !v.Found || v.Item.StaleUntil != 0:
		s.count(req.Verb, outcomeMiss)
		s.out = append(s.out, protocol.LineEN...)
	default:
		s.count(req.Verb, outcomeHit)
		s.out = protocol.AppendMetaDebug(s.out, &protocol.ItemInfo{
			Key:      req.Key,
			Expires:  s.at.ttl(v.Item.Expires),
			Accessed: max(0, s.at.now-v.Item.Accessed) / second,
			CAS:      v.Item.Shown(),
			Fetched:  v.Item.Fetched,
			Class:    1,
			Size:     uint64(len(req.Key) + len(v.Item.Value)),
		})
	}
}

func metaOutcome(r editResult) protocol.MetaOutcome {
	switch r {
	case editStored:
		return protocol.MetaDone
	case editExists:
		return protocol.MetaExists
	case editNotFound:
		return protocol.MetaNotFound
	}
	return protocol.MetaNotStored
}
