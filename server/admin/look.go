package admin

import (
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"sort"
	"strconv"
	"time"

	"github.com/leasecache/leasecache/lease"
	"github.com/leasecache/leasecache/server/admin/api"
	"github.com/leasecache/leasecache/server/owner"
	"github.com/leasecache/leasecache/shard"
)

func isUnavailable(err error) bool { return errors.Is(err, owner.ErrUnavailable) }

func millis(ns int64) int64 { return (ns + int64(time.Millisecond) - 1) / int64(time.Millisecond) }

var reasonNames = map[lease.Reason]string{
	lease.Invalidated: "invalidated",
	lease.Superseded:  "superseded",
	lease.Quarantine:  "quarantined",
	lease.OtherEpoch:  "owner",
	lease.TagBumped:   "tag",
	lease.Unknown:     "unknown",
	lease.NotFenced:   "doubt",
}

func refusals(l *lease.Stats) map[lease.Reason]uint64 {
	return map[lease.Reason]uint64{
		lease.Invalidated: l.RefusedInvalidated,
		lease.Superseded:  l.RefusedSuperseded,
		lease.Quarantine:  l.RefusedQuarantine,
		lease.OtherEpoch:  l.RefusedOtherEpoch,
		lease.TagBumped:   l.RefusedTag,
		lease.Unknown:     l.RefusedUnknown,
		lease.NotFenced:   l.RefusedFenced,
	}
}

func stateOf(s *lease.ShardState) string {
	switch {
	case s.ClosedFor > 0:
		return api.ShardClosed
	case s.DoubtBelow != 0:
		return api.ShardDoubt
	}
	return api.ShardOpen
}

func shardCounts(views []owner.ShardView) api.ShardCounts {
	c := api.ShardCounts{Total: int64(len(views))}
	for i := range views {
		switch stateOf(&views[i].State) {
		case api.ShardClosed:
			c.Closed++
		case api.ShardDoubt:
			c.Doubt++
		default:
			c.Open++
		}
	}
	return c
}

func (s *Server) status(*http.Request) (any, error) {
	n := s.srv.Snapshot()
	views := s.srv.Shards()
	node, cluster, version := s.srv.Node()
	out := api.Status{
		Node: node, Cluster: cluster, Version: version,
		Listen: s.srv.Addr().String(), Admin: s.Addr().String(),
		UptimeMS:    n.Uptime.Milliseconds(),
		Ready:       true,
		Memory:      api.Memory{LimitBytes: n.Memory.Limit, UsedBytes: n.Memory.Used, LiveBytes: n.Memory.Bytes, Items: n.Memory.Items, Evictions: int64(n.Memory.Evictions), Expired: int64(n.Memory.Expired + n.Memory.Reclaimed)},
		Connections: api.Connections{Current: int64(n.Conns), Max: int64(n.MaxConns), Total: int64(n.Accepted), Refused: int64(n.Rejected)},
		Leases:      api.LeaseStats{Parked: int64(n.Leases.Parked), Granted: int64(n.Leases.Granted), Filled: int64(n.Leases.Filled), Dropped: int64(n.Leases.Dropped), Refused: map[string]int64{}},
		Intents:     api.IntentStats{Begun: int64(n.Leases.IntentsBegun), RanOut: int64(n.Leases.IntentsRunOut), LiveFenced: int64(n.Leases.Intents - n.Leases.Bounded), LiveBounded: int64(n.Leases.Bounded)},
		Doubts:      api.DoubtStats{Tokens: int64(n.Leases.Doubts), Cleared: int64(n.Leases.DoubtsCleared)},
		Shards:      shardCounts(views),
		Commands:    map[string]int64{},
	}
	if err := s.srv.Ready(); err != nil {
		out.Ready, out.NotReady = false, err.Error()
	}
	if err := s.srv.Intents(); err != nil {
		out.NoIntents = err.Error()
	}
	for reason, count := range refusals(&n.Leases) {
		out.Leases.Refused[string(rune(reason))] = int64(count)
	}
	for i := range views {
		if views[i].State.DoubtBelow != 0 {
			out.Doubts.Shards++
		}
		out.Doubts.Keys += int64(views[i].Stats.DoubtedKeys)
		out.Leases.Live += int64(views[i].Stats.Leases)
	}
	for _, c := range n.Commands {
		out.Commands[c.Verb] += int64(c.N)
		switch c.Verb {
		case "get", "gets", "lg":
			switch c.Outcome {
			case "hit":
				out.Reads.Hits += int64(c.N)
			case "stale":
				out.Reads.Stale += int64(c.N)
			case "quarantined":
				out.Reads.Quarantined += int64(c.N)
			case "doubt":
				out.Reads.InDoubt += int64(c.N)
			case "miss", "granted", "busy":
				out.Reads.Misses += int64(c.N)
			}
		case "lw":
			if c.Outcome == "unavailable" {
				out.Intents.Refused += int64(c.N)
			}
		case "lc":
			if c.Outcome == "ok" || c.Outcome == "late" {
				out.Intents.Committed += int64(c.N)
			}
		case "la":
			if c.Outcome == "ok" || c.Outcome == "late" {
				out.Intents.Aborted += int64(c.N)
			}
		}
	}
	return out, nil
}

func (s *Server) shardJSON(v *owner.ShardView) api.Shard {
	node, _, _ := s.srv.Node()
	return api.Shard{
		Shard: uint32(v.ID), Owner: node, Epoch: uint64(v.State.Epoch), State: stateOf(&v.State),
		DoubtBelow: api.Token(v.State.DoubtBelow), ClosedForMS: millis(v.State.ClosedFor),
		NotedFenced: v.Noted.Fenced, NotedBoundedMS: v.Noted.Bounded.Milliseconds(),
		LastToken: api.Token(v.State.Last), TagFloor: api.Token(v.State.TagFloor),
		Leases: int64(v.Stats.Leases), Intents: int64(v.Stats.Intents), Doubts: int64(v.Stats.DoubtedKeys),
	}
}

func (s *Server) shards(*http.Request) (any, error) {
	_, cluster, _ := s.srv.Node()
	out := api.Shards{Cluster: cluster, Shards: []api.Shard{}}
	for _, v := range s.srv.Shards() {
		out.Shards = append(out.Shards, s.shardJSON(&v))
	}
	return out, nil
}

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
		return nil, err
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
		return nil, err
	}
	out := api.Get{Name: api.NameOf(key), Answer: answerOf(&v), Found: v.Found && !v.Answer.Stale, Data: []byte{}}
	if out.Found {
		out.Meta, out.Data = valueJSON(&v, now), v.Item.Value
	}
	return out, nil
}

// What a request may name at most, in bytes.
const (
	maxKey  = 250
	maxTag  = 64
	maxBody = 4 << 20
)

func (s *Server) invalidate(r *http.Request) (any, error) {
	var req api.InvalidateRequest
	dec := json.NewDecoder(http.MaxBytesReader(nil, r.Body, maxBody))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&req); err != nil {
		return nil, badRequest("the request's body: %v", err)
	}
	names := req.Names()
	switch {
	case (len(names) == 0) == (req.Tag == ""):
		return nil, badRequest("name keys or one tag")
	case len(req.Tag) > maxTag:
		return nil, badRequest("a tag has 1 to %d bytes", maxTag)
	}
	out := api.Invalidated{Keys: []api.InvalidatedKey{}, Tag: req.Tag}
	if req.Tag != "" {
		token, err := s.srv.InvalidateTag([]byte(req.Tag))
		out.Token = api.Token(token)
		return out, err
	}
	keys := make([][]byte, len(names))
	for i, n := range names {
		key, err := n.Bytes()
		if err == nil {
			err = checkKey(key)
		}
		if err != nil {
			return nil, badRequest("%v", err)
		}
		keys[i] = key
	}
	for i, key := range keys {
		token, err := s.srv.Invalidate(key)
		if err != nil {
			return nil, err
		}
		out.Keys = append(out.Keys, api.InvalidatedKey{Name: names[i], Token: api.Token(token)})
	}
	return out, nil
}
