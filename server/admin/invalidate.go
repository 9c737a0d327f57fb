package admin

import (
	"encoding/json"
	"mime"
	"net/http"

	"github.com/leasecache/leasecache/server/admin/api"
)

// What a request may name at most, in bytes.
const (
	maxKey  = 250
	maxTag  = 64
	maxBody = 4 << 20
)

func (s *Server) invalidate(r *http.Request) (any, error) {
	// A web page may have a browser post forms and plain text anywhere, this port
	// on loopback too, but not JSON: for that the browser asks first, and is refused.
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "application/json" {
		return nil, badRequest("the request's Content-Type must be application/json")
	}
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
