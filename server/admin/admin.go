// Package admin is the HTTP side of a node: health, metrics and the API that
// leasectl speaks. It looks at the server through its exported methods only and
// is on the path of no client's command.
package admin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/leasecache/leasecache/server"
	"github.com/leasecache/leasecache/server/admin/api"
	"github.com/leasecache/leasecache/server/owner"
)

// Server serves a node's admin port.
type Server struct {
	srv     *server.Server
	cluster Cluster // nil for a node that is in none
	log     *slog.Logger
	ln      net.Listener
	http    *http.Server
}

// New listens on addr (host:port, port 0 is any) and serves nothing yet. cluster is nil for
// a node that is in none.
func New(addr string, srv *server.Server, cluster Cluster, log *slog.Logger) (*Server, error) {
	ln, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("cannot listen for the admin interface: %w", err)
	}
	s := &Server{srv: srv, cluster: cluster, log: log, ln: ln}
	s.http = &http.Server{
		Handler: fatal(s.routes()),
		// Somebody's half request must not hold a connection for ever.
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       30 * time.Second,
		WriteTimeout:      60 * time.Second,
		IdleTimeout:       2 * time.Minute,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
	return s, nil
}

// Addr is where the admin port is.
func (s *Server) Addr() net.Addr { return s.ln.Addr() }

// Serve answers until Stop, and returns nil then.
func (s *Server) Serve() error {
	if err := s.http.Serve(s.ln); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// lastWords is how long what is being asked and answered is waited for.
const lastWords = time.Second

// Stop ends the port once what is being answered is. It does not wait for long:
// to HTTP a connection on which nothing was asked yet, as browsers and health
// checks hold them ready, is at work.
func (s *Server) Stop(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, lastWords)
	defer cancel()
	err := s.http.Shutdown(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		return s.http.Close()
	}
	return err
}

func (s *Server) routes() http.Handler {
	registry := prometheus.NewRegistry()
	registry.MustRegister(collector{s.srv, s.cluster}, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = fmt.Fprintln(w, "ok")
	})
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		if err := s.ready(); err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		_, _ = fmt.Fprintln(w, "ready")
	})
	mux.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	mux.HandleFunc("GET "+api.PathStatus, s.json(s.status))
	mux.HandleFunc("GET "+api.PathShards, s.json(s.shards))
	mux.HandleFunc("GET "+api.PathLeases, s.json(s.leases))
	mux.HandleFunc("GET "+api.PathIntents, s.json(s.intents))
	mux.HandleFunc("GET "+api.PathDoubts, s.json(s.doubts))
	mux.HandleFunc("GET "+api.PathInspect, s.json(s.inspect))
	mux.HandleFunc("GET "+api.PathGet, s.json(s.get))
	mux.HandleFunc("POST "+api.PathInvalidate, s.json(s.invalidate))
	mux.HandleFunc("GET "+api.PathNodes, s.json(s.nodes))
	mux.HandleFunc("GET "+api.PathOwners, s.json(s.owners))
	mux.HandleFunc("POST "+api.PathMove, s.json(asked(s, move)))
	mux.HandleFunc("POST "+api.PathDrain, s.json(asked(s, drain)))
	mux.HandleFunc("POST "+api.PathForget, s.json(asked(s, forget)))
	mux.HandleFunc("/", s.json(func(r *http.Request) (any, error) {
		return nil, problem{http.StatusNotFound, "there is nothing at " + r.URL.Path}
	}))
	return mux
}

// problem is an error with the HTTP status that tells it.
type problem struct {
	status int
	text   string
}

func (p problem) Error() string { return p.text }

func badRequest(format string, args ...any) error {
	return problem{http.StatusBadRequest, fmt.Sprintf(format, args...)}
}

// json makes a handler of a function that returns what to answer.
func (s *Server) json(f func(*http.Request) (any, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		body, err := f(r)
		status := http.StatusOK
		if err != nil {
			status = http.StatusInternalServerError
			var p problem
			switch {
			case errors.As(err, &p):
				status = p.status
			case isUnavailable(err):
				status = http.StatusServiceUnavailable
			}
			body = api.Error{Error: err.Error()}
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		if err := json.NewEncoder(w).Encode(body); err != nil {
			s.log.Debug("an admin answer was not delivered", "path", r.URL.Path, "error", err)
		}
	}
}

func isUnavailable(err error) bool { return errors.Is(err, owner.ErrUnavailable) }

func millis(ns int64) int64 { return (ns + int64(time.Millisecond) - 1) / int64(time.Millisecond) }
