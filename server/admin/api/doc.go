// Package api holds the JSON of the admin HTTP interface: what a server answers under /api/v1 and what leasectl, dashboards and
// scripts read. It holds types only, imports the standard library alone, and knows neither the server nor the client, so that
// a tool of anybody's may import it without dragging in a cache.
//
// # Conventions
//
//   - Field names are lower_case; durations are whole milliseconds and end in _ms; sizes are bytes.
//   - A [Token] is a decimal string, because it needs up to 63 bits and many JSON readers (jq, JavaScript) keep only 53.
//   - A key is given by exactly one of "key" (text) and "key64" (base64, when it is not printable UTF-8): see [Name].
//   - Every list says how many there are ("total") and whether it was cut to the "limit" of the request ("truncated").
//   - Anything but status 200 comes with an [Error].
//
// New fields may be added; a field is never given another meaning.
package api

// Paths of the interface, all GET but [PathInvalidate], [PathMove], [PathDrain] and [PathForget], which are POST with a request of
// that name.
// Lists take ?limit=N (default [DefaultLimit], at most [MaxLimit]); inspect and get take ?key=TEXT or ?key64=BASE64
// (standard alphabet, padded).
const (
	PathStatus     = "/api/v1/status"
	PathShards     = "/api/v1/shards"
	PathLeases     = "/api/v1/leases"
	PathIntents    = "/api/v1/intents"
	PathDoubts     = "/api/v1/doubts"
	PathInspect    = "/api/v1/inspect"
	PathGet        = "/api/v1/get"
	PathInvalidate = "/api/v1/invalidate"
	PathNodes      = "/api/v1/nodes"
	PathOwners     = "/api/v1/owners"
	PathMove       = "/api/v1/move"
	PathDrain      = "/api/v1/drain"
	PathForget     = "/api/v1/forget"
)

// Limits of the lists. They are there for the server: a list is made under the locks of the shards it walks.
const (
	DefaultLimit = 1000
	MaxLimit     = 100000
)

// Error is the body of every answer that is not 200: 400 for a request that makes no sense, 404 for a path that is not there,
// 503 when the node may not serve the key now, 500 for the rest.
type Error struct {
	Error string `json:"error"` // one sentence for a person
}
