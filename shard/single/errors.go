package single

import (
	"errors"

	"github.com/leasecache/leasecache/shard"
)

// What Open and Ephemeral refuse. Each comes wrapped in one plain sentence
// that names the directory or the setting.
var (
	ErrLocked   = errors.New("in use by another process")
	ErrDamaged  = errors.New("damaged")
	ErrTooNew   = errors.New("written by a newer program")
	ErrMismatch = errors.New("differs from what the cluster was made with")
	ErrSettings = errors.New("bad settings")
	ErrEpochs   = errors.New("no epochs left")
)

// What the calls of a Keeper refuse. Nothing was changed, unless the comment
// says otherwise.
var (
	ErrStale = shard.ErrStale
	// ErrTooLong says that a bounded intent is longer than LongestIntent.
	ErrTooLong = errors.New("intent too long")
	// ErrNotWritten says that the directory did not take the change. The next
	// call may succeed, as after a full disk was cleared.
	ErrNotWritten = errors.New("epochs were not written")
	// ErrUnknown says that a change may or may not have reached the disk, so
	// that nothing more can be promised until the next start. What was noted
	// before still is; after a failed Quiet, take nothing as noted.
	ErrUnknown = errors.New("state of the data directory is unknown until a restart")
	// ErrNoIntents says that this node remembers nothing and may therefore
	// give no intents. It names no flag: not every mode of the program has them.
	ErrNoIntents = errors.New("this node keeps nothing on disk and gives no write intents; leasecached with a data directory does")
	// ErrClosed says that the Keeper was closed.
	ErrClosed = errors.New("epochs are closed")
)
