package shard

import (
	"errors"
	"fmt"
)

// ErrName is the reason for refusing the id of a node or of a cluster.
var ErrName = errors.New("is not an id")

// MaxName is the longest id of a node or of a cluster, in bytes.
const MaxName = 64

// CheckName returns ErrName, wrapped in a sentence that quotes the name, unless
// the name is 1 to MaxName letters, digits, dots, dashes or underscores. Ids
// stand in log lines, file names and rows of the fence table, where anything
// else would have to be quoted.
func CheckName(name string) error {
	ok := len(name) >= 1 && len(name) <= MaxName
	for i := 0; ok && i < len(name); i++ {
		c := name[i]
		ok = c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' ||
			c == '.' || c == '-' || c == '_'
	}
	if !ok {
		return fmt.Errorf("%.80q %w: 1 to %d letters, digits, dots, dashes and underscores make one",
			name, ErrName, MaxName)
	}
	return nil
}
