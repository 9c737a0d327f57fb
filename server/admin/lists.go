package admin

import (
	"net/http"
	"slices"
	"sort"
	"strconv"

	"github.com/leasecache/leasecache/lease"
	"github.com/leasecache/leasecache/server/admin/api"
	"github.com/leasecache/leasecache/shard"
)

// list walks the keys with lease state and keeps at most the request's limit
// of what pick makes of them.
func list[T any](s *Server, r *http.Request, pick func(shard.ID, *lease.KeyState) []T) (kept []T, total int64, cut bool, err error) {
	limit := api.DefaultLimit
	if text := r.URL.Query().Get("limit"); text != "" {
		if limit, err = strconv.Atoi(text); err != nil || limit < 1 || limit > api.MaxLimit {
			return nil, 0, false, badRequest("limit must be a number from 1 to %d", api.MaxLimit)
		}
	}
	kept = []T{}
	s.srv.Keys(func(id shard.ID, k lease.KeyState) bool {
		found := pick(id, &k)
		total += int64(len(found))
		kept = append(kept, found[:min(len(found), limit-len(kept))]...)
		return true
	})
	return kept, total, total > int64(len(kept)), nil
}

func leaseJSON(id shard.ID, k *lease.KeyState, refresh bool) *api.Lease {
	if k.Lease == 0 || k.LeaseLeft <= 0 {
		return nil
	}
	return &api.Lease{
		Name: api.NameOf(k.Key), Shard: uint32(id), Token: api.Token(k.Lease), LeftMS: millis(k.LeaseLeft),
		Doubt: k.LeaseDoubt, Refresh: refresh, Parked: int64(k.Waiting),
	}
}

func intentsJSON(id shard.ID, k *lease.KeyState) []api.Intent {
	out := []api.Intent{}
	for _, in := range k.Intents {
		kind := api.KindFenced
		if in.Kind == lease.Bounded {
			kind = api.KindBounded
		}
		out = append(out, api.Intent{Name: api.NameOf(k.Key), Shard: uint32(id), Token: api.Token(in.Token), Kind: kind, LeftMS: millis(in.Left)})
	}
	return out
}

func tokensJSON(tokens []lease.Token) []api.Token {
	out := []api.Token{}
	for _, t := range tokens {
		out = append(out, api.Token(t))
	}
	slices.Sort(out)
	return out
}

func (s *Server) leases(r *http.Request) (any, error) {
	kept, total, cut, err := list(s, r, func(id shard.ID, k *lease.KeyState) []api.Lease {
		l := leaseJSON(id, k, false)
		if l == nil {
			return nil
		}
		return []api.Lease{*l}
	})
	for i := range kept {
		key, _ := kept[i].Name.Bytes() // it was made from a key
		if v, _, err := s.srv.Inspect(key); err == nil {
			kept[i].Refresh = v.Found
		}
	}
	return api.Leases{Leases: kept, Total: total, Truncated: cut}, err
}

func (s *Server) intents(r *http.Request) (any, error) {
	kept, total, cut, err := list(s, r, intentsJSON)
	return api.Intents{Intents: kept, Total: total, Truncated: cut}, err
}

func (s *Server) doubts(r *http.Request) (any, error) {
	kept, total, cut, err := list(s, r, func(id shard.ID, k *lease.KeyState) []api.Doubt {
		if len(k.Doubts) == 0 {
			return nil
		}
		return []api.Doubt{{Name: api.NameOf(k.Key), Shard: uint32(id), Tokens: tokensJSON(k.Doubts)}}
	})
	out := api.Doubts{Shards: []api.ShardInDoubt{}, Keys: kept, Total: total, Truncated: cut}
	for _, v := range s.srv.Shards() {
		if v.State.DoubtBelow != 0 {
			out.Shards = append(out.Shards, api.ShardInDoubt{Shard: uint32(v.ID), Epoch: uint64(v.State.Epoch), Below: api.Token(v.State.DoubtBelow)})
		}
	}
	sort.Slice(out.Shards, func(i, j int) bool { return out.Shards[i].Shard < out.Shards[j].Shard })
	return out, err
}
