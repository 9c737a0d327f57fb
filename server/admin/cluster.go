package admin

import (
	"context"
	"encoding/json"
	"fmt"
	"mime"
	"net/http"
	"time"

	"github.com/leasecache/leasecache/server/admin/api"
	"github.com/leasecache/leasecache/shard"
)

// Cluster is what the admin port shows of several nodes, and has them do. Errors are
// sentences for people.
type Cluster interface {
	Nodes() api.Nodes
	Owners() []api.Owner // of all shards, in their order
	Gauges() Gauges
	Move(ctx context.Context, id shard.ID, to string) error
	Drain(ctx context.Context, node string, on bool) error
	Forget(ctx context.Context, node string) error
}

// Gauges are this node's part in the cluster, as numbers.
type Gauges struct {
	Leads            bool
	Term             uint64
	SessionLeft      time.Duration
	Owned            int
	Moved, CalledOff uint64 // planned moves of its shards
}

// agreeIn is how long the nodes may take to agree on what an operator asks for.
const agreeIn = 10 * time.Second

// ready is what /readyz says: with a reason, and with what the cluster misses.
func (s *Server) ready() error {
	err := s.srv.Ready()
	if err == nil || s.cluster == nil {
		return err
	}
	if n := s.cluster.Nodes(); n.Leader == "" {
		return fmt.Errorf("%w; no leader: %s", err, n.NoLeader)
	}
	return err
}

func (s *Server) nodes(*http.Request) (any, error) {
	if s.cluster == nil {
		return nil, alone()
	}
	return s.cluster.Nodes(), nil
}

func (s *Server) owners(*http.Request) (any, error) {
	if s.cluster == nil {
		return nil, alone()
	}
	_, cluster, _ := s.srv.Node()
	return api.Owners{Cluster: cluster, Shards: s.cluster.Owners()}, nil
}

func alone() error {
	return problem{http.StatusConflict, "this node keeps nothing on disk, and so is in no cluster: start it with --data-dir"}
}

// asked reads what is to be done, and does it. Its error is the asker's to mend.
func asked[T any](s *Server, do func(context.Context, Cluster, T) error) func(*http.Request) (any, error) {
	return func(r *http.Request) (any, error) {
		var req T
		if err := body(r, &req); err != nil {
			return nil, err
		}
		if s.cluster == nil {
			return nil, alone()
		}
		ctx, cancel := context.WithTimeout(r.Context(), agreeIn)
		defer cancel()
		if err := do(ctx, s.cluster, req); err != nil {
			return nil, problem{http.StatusConflict, err.Error()}
		}
		return api.Done{OK: true}, nil
	}
}

func move(ctx context.Context, c Cluster, req api.MoveRequest) error {
	return c.Move(ctx, shard.ID(req.Shard), req.Node)
}

func drain(ctx context.Context, c Cluster, req api.DrainRequest) error {
	return c.Drain(ctx, req.Node, !req.Undo)
}

func forget(ctx context.Context, c Cluster, req api.ForgetRequest) error {
	return c.Forget(ctx, req.Node)
}

// body reads the JSON of a POST.
//
// A web page may have a browser post forms and plain text anywhere, this port on loopback
// too, but not JSON: for that the browser asks first, and is refused.
func body(r *http.Request, into any) error {
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
