package single

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// Legacy is what a directory of this package leaves to another keeper that goes on with
// it: the State of every shard as its last life left it, epochs that were served among it.
type Legacy struct {
	Cluster, Node             string
	Version                   uint64 // of the newest Map
	SessionTTL, LongestIntent time.Duration
	Shards                    []State
}

// importedName is what the state file is called when another keeper has taken it over.
const importedName = "state.imported"

// ReadLegacy returns what is in a directory, and false if no state is. Whoever calls holds
// the directory's lock, so that nobody goes on with it meanwhile.
func ReadLegacy(dir string) (Legacy, bool, error) {
	st, err := read(dir)
	if errors.Is(err, os.ErrNotExist) {
		return Legacy{}, false, nil
	}
	if err != nil {
		return Legacy{}, false, err
	}
	return Legacy{
		Cluster: st.cluster, Node: st.node, Version: st.version, SessionTTL: st.sessionTTL, LongestIntent: st.longest,
		Shards: slices.Clone(st.shards),
	}, true, nil
}

// EndLegacy says that another keeper has all of it: the state file gets another name, and
// is found no more. Without one it does nothing.
func EndLegacy(dir string) error {
	err := os.Rename(filepath.Join(dir, stateName), filepath.Join(dir, importedName))
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return syncDir(dir)
}
