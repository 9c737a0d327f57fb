package admin

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/leasecache/leasecache/lease"
	"github.com/leasecache/leasecache/server/admin/api"
	"github.com/leasecache/leasecache/server/owner"
)

// keyOf reads the key that a request names.
func keyOf(r *http.Request) ([]byte, error) {
	q := r.URL.Query()
	key, err := api.Name{Key: q.Get("key"), Key64: q.Get("key64")}.Bytes()
	if err != nil {
		return nil, badRequest("%v", err)
	}
	if err := checkKey(key); err != nil {
		return nil, err
	}
	return key, nil
}

// elsewhere says where to ask for a key, if this node is refused for not being its owner.
func (s *Server) elsewhere(key []byte, err error) error {
	if !errors.Is(err, owner.ErrNotOwner) || s.cluster == nil {
		return err
	}
	id, node := s.srv.OwnerOf(key)
	for _, n := range s.cluster.Nodes().Nodes {
		if n.ID == node && n.Admin != "" {
			return problem{http.StatusConflict, fmt.Sprintf("the key is in shard %d, which %s owns: ask that node, --server %s", id, node, n.Admin)}
		}
	}
	return problem{http.StatusConflict, fmt.Sprintf("the key is in shard %d, which nobody owns at present", id)}
}

func checkKey(key []byte) error {
	if len(key) == 0 || len(key) > maxKey {
		return badRequest("a key has 1 to %d bytes", maxKey)
	}
	return nil
}

func (s *Server) inspect(r *http.Request) (any, error) {
	key, err := keyOf(r)
	if err != nil {
		return nil, err
	}
	v, now, err := s.srv.Inspect(key)
	if err != nil {
		return nil, s.elsewhere(key, err)
	}
	return api.Inspect{
		Name: api.NameOf(key), Shard: uint32(v.Shard.ID), Epoch: uint64(v.Shard.State.Epoch),
		Answer: answerOf(&v), Value: valueJSON(&v, now), Lease: leaseJSON(v.Shard.ID, &v.Lease, v.Found),
		Parked: int64(v.Lease.Waiting), Intents: intentsJSON(v.Shard.ID, &v.Lease), Doubts: tokensJSON(v.Lease.Doubts),
		LastVoid: api.Token(v.Lease.Void), ShardState: stateOf(&v.Shard.State),
		DoubtBelow: api.Token(v.Shard.State.DoubtBelow), ClosedForMS: millis(v.Shard.State.ClosedFor),
	}, nil
}

// answerOf says what an lg without flags would be told: what the peek was, but
// that stale is a miss, and a miss is a lease or a wait.
func answerOf(v *owner.KeyView) string {
	switch {
	case v.Answer.Kind == lease.UseSource && v.Shard.State.ClosedFor > 0:
		return api.AnswerClosed
	case v.Answer.Kind == lease.UseSource && v.Answer.Quarantined:
		return api.AnswerQuarantined
	case v.Answer.Kind == lease.UseSource:
		return api.AnswerDoubt
	case v.Found && !v.Answer.Stale:
		return api.AnswerHit
	case v.Lease.Lease != 0 && v.Lease.LeaseLeft > 0:
		return api.AnswerWait
	}
	return api.AnswerLease
}

func valueJSON(v *owner.KeyView, now int64) *api.Value {
	if !v.Found {
		return nil
	}
	it := &v.Item
	out := &api.Value{
		Size: len(it.Value), Flags: it.Flags, Version: api.Token(it.Version), CAS: it.Shown(), Stale: v.Answer.Stale,
		TTLMS: -1, AgeMS: millis(max(0, now-it.Stored)), IdleMS: millis(max(0, now-it.Accessed)), Fetched: it.Fetched, Tags: []string{},
	}
	if it.Expires != 0 {
		out.TTLMS = millis(max(0, it.Expires-now))
	}
	for _, tag := range lease.Tags(it.Tags) {
		out.Tags = append(out.Tags, string(tag))
	}
	return out
}

func (s *Server) get(r *http.Request) (any, error) {
	key, err := keyOf(r)
	if err != nil {
		return nil, err
	}
	v, now, err := s.srv.Inspect(key)
	if err != nil {
		return nil, s.elsewhere(key, err)
	}
	out := api.Get{Name: api.NameOf(key), Answer: answerOf(&v), Found: v.Found && !v.Answer.Stale, Data: []byte{}}
	if out.Found {
		out.Meta, out.Data = valueJSON(&v, now), v.Item.Value
	}
	return out, nil
}
