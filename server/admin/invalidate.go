package admin

import (
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
	var req api.InvalidateRequest
	if err := body(r, &req); err != nil {
		return nil, err
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
		token, err := s.srv.InvalidateTag(r.Context(), []byte(req.Tag))
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
		token, err := s.srv.Invalidate(r.Context(), key)
		if err != nil {
			return nil, err
		}
		out.Keys = append(out.Keys, api.InvalidatedKey{Name: names[i], Token: api.Token(token)})
	}
	return out, nil
}
