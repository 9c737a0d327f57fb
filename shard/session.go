package shard

// Session numbers one node's right to serve. The number only grows and is
// never used again, so ownership is bound to one life of a node and not to its
// name. On a single node it counts the starts.
type Session uint64
