package apptest

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// H7: a copy in a client must not outlive the server's memory of it.
//
//	1 C holds a copy of k under a near session. 2 The server is killed and is back
//	within half a second, and remembers no holders. 3 W invalidates: acknowledged at
//	once. 4 C reads its old copy.
//
// While there are no near sessions, no life of the server lets a client hold one:
// it gives no session, and registers no copy, before a restart or after it.
func TestSchedule_H7_NoNearCopyOutlivesARestart(t *testing.T) {
	dir := DataDir(t)
	for range 2 {
		p := Start(t, Options{DataDir: dir})
		c := dial(t, p.Listen)
		require.Contains(t, ask(t, c, "ln client-1 e3000\r\n", 1)[0], "SERVER_ERROR unavailable")
		require.Equal(t, "STORED", ask(t, c, "set k 0 0 2\r\nv0\r\n", 1)[0])
		hit := ask(t, c, "lg k v N\r\n", 2)
		require.Equal(t, []string{"VA 2", "v0"}, hit, "N comes back only where a copy is registered")
		require.True(t, strings.HasPrefix(ask(t, c, "ld k\r\n", 1)[0], "HD L"))
		require.NotContains(t, ask(t, c, "lg k v N\r\n", 1)[0], " N")
		require.NoError(t, p.Kill())
	}
}
