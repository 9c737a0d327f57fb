package admin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"time"

	"github.com/leasecache/leasecache/server/admin/api"
	"github.com/leasecache/leasecache/shard"
	"github.com/leasecache/leasecache/shard/control"
)

// Cluster is what people see of a node's cluster and do about it. What cannot be done is a
// *control.Refusal.
type Cluster interface {
	Overview() control.Overview
	Gauges() control.Gauges
	Move(ctx context.Context, id shard.ID, node string) error
	Drain(ctx context.Context, node string, on bool) error
	Forget(ctx context.Context, node string) error
}

// agreeIn bounds what takes an agreement: less than leasectl waits.
const agreeIn = 15 * time.Second

// ready is what /readyz says.
func (s *Server) ready() error {
	err := s.srv.Ready()
	if err == nil || s.all == nil {
		return err
	}
	if o := s.all.Overview(); o.Leader == "" {
		return fmt.Errorf("%w; no leader: %s", err, o.Why)
	}
	return err
}

var errAlone = problem{http.StatusConflict, "this node keeps nothing on disk, so it is in no cluster: start it with a data directory"}

func (s *Server) nodes(*http.Request) (any, error) {
	if s.all == nil {
		return nil, errAlone
	}
	o := s.all.Overview()
	out := api.Nodes{Cluster: o.Cluster, Node: o.Node, Leader: o.Leader, Why: o.Why, Term: o.Term, Nodes: []api.Node{}}
	for _, m := range o.Nodes {
		heard := int64(-1)
		if m.Heard >= 0 {
			heard = m.Heard.Milliseconds()
		}
		out.Nodes = append(out.Nodes, api.Node{
			ID: m.ID, Clients: m.Client, Admin: m.Admin, Peers: m.Peer, MemoryBytes: m.Weight, Leader: m.ID == o.Leader, Voter: m.Votes,
			Session: uint64(m.Session), TTLMS: m.TTL.Milliseconds(), HeardMS: heard,
			Draining: m.Draining, Forgotten: m.Forgotten, Shards: int64(m.Shards),
		})
	}
	return out, nil
}

func (s *Server) move(r *http.Request) (any, error) {
	var req api.MoveRequest
	return s.agree(r, &req, &req.Node, func(ctx context.Context) error {
		if req.Shard >= shard.MaxCount {
			return badRequest("no cluster has a shard %d", req.Shard)
		}
		return s.all.Move(ctx, shard.ID(req.Shard), req.Node)
	})
}

func (s *Server) drain(r *http.Request) (any, error) {
	var req api.DrainRequest
	return s.agree(r, &req, &req.Node, func(ctx context.Context) error { return s.all.Drain(ctx, req.Node, !req.Undo) })
}

func (s *Server) forget(r *http.Request) (any, error) {
	var req api.ForgetRequest
	return s.agree(r, &req, &req.Node, func(ctx context.Context) error { return s.all.Forget(ctx, req.Node) })
}

// agree reads a request that names a node and has it done.
func (s *Server) agree(r *http.Request, req any, node *string, do func(context.Context) error) (any, error) {
	if err := readJSON(r, req); err != nil {
		return nil, err
	}
	switch {
	case s.all == nil:
		return nil, errAlone
	case *node == "":
		return nil, badRequest("name a node")
	}
	ctx, cancel := context.WithTimeout(r.Context(), agreeIn)
	defer cancel()
	if err := do(ctx); err != nil {
		var refused *control.Refusal
		var bad problem
		if errors.As(err, &refused) || errors.As(err, &bad) {
			return nil, err
		}
		return nil, problem{http.StatusServiceUnavailable, err.Error()} // nobody leads, or nobody knows
	}
	return api.Done{Done: true}, nil
}

// readJSON reads a request's body.
func readJSON(r *http.Request, into any) error {
	// A web page may have a browser post forms and plain text anywhere, this port
	// on loopback too, but not JSON: for that the browser asks first, and is refused.
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "application/json" {
		return badRequest("the request's Content-Type must be application/json")
	}
	dec := json.NewDecoder(http.MaxBytesReader(nil, r.Body, maxBody))
	dec.DisallowUnknownFields()
	if err := dec.Decode(into); err != nil {
		return badRequest("the request's body: %v", err)
	}
	return nil
}
