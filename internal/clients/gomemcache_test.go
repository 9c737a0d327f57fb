package clients

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/bradfitz/gomemcache/memcache"
	"github.com/stretchr/testify/require"
)

// TestGomemcachesOwnTests runs the tests that gomemcache brings along. They expect a
// server on memcached's port, which may be taken here, and start another one as
// "memcached" on a Unix socket, for which they wait a second, which is short for a
// server built with the race detector: so they run from a copy that is told the
// address and waits longer, with a program of that name first on the PATH. They also
// flush without a look at the answer, and it may reach what they store next; the copy
// waits for it. And they touch each second what lives for two, of which memcached's
// clock, which ticks once a second, may take one away.
func TestGomemcachesOwnTests(t *testing.T) {
	t.Parallel()
	tests := compileGomemcachesTests(t)
	against(t, func(t *testing.T, s server) {
		cmd := command(t, time.Minute, tests, "-test.v")
		cmd.Dir = filepath.Dir(tests)
		cmd.Env = append(os.Environ(), "TEST_SERVER="+s.address(), "PATH="+wrapper(t, s.standIn)+string(os.PathListSeparator)+os.Getenv("PATH"))
		said, err := cmd.CombinedOutput()
		require.NoError(t, err, "%s", said)
		for _, test := range []string{"TestLocalhost", "TestUnixSocket"} { // without a server they skip
			require.Contains(t, string(said), "--- PASS: "+test)
		}
	})
}

// compileGomemcachesTests makes a program of the tests of the version in go.mod.
func compileGomemcachesTests(t *testing.T) string {
	t.Helper()
	out, err := command(t, time.Minute, "go", "list", "-m", "-f", "{{.Dir}}", "github.com/bradfitz/gomemcache").Output()
	require.NoError(t, err)
	dir := t.TempDir()
	require.NoError(t, os.CopyFS(dir, os.DirFS(strings.TrimSpace(string(out)))))
	file := filepath.Join(dir, "memcache", "memcache_test.go")
	content, err := os.ReadFile(file)
	require.NoError(t, err)
	text := string(content)
	for old, instead := range map[string]string{
		`const localhostTCPAddr = "localhost:11211"`: `var localhostTCPAddr = os.Getenv("TEST_SERVER")`,
		`const secondsToExpiry = int32(2)`:           `const secondsToExpiry = int32(4)`,
		`for s := 0; s < 3; s++`:                     `for s := 0; s < 6; s++`,
		`time.Duration(25*i)`:                        `time.Duration(100*i)`,
		`io.WriteString(c, "flush_all\r\n")`:         `io.WriteString(c, "flush_all\r\n"); io.ReadFull(c, make([]byte, 4))`,
	} {
		require.Contains(t, text, old, "this version's tests are different")
		text = strings.ReplaceAll(text, old, instead)
	}
	require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
	cmd := command(t, 2*time.Minute, "go", "test", "-c", "-o", "gomemcache.test", "./memcache")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOFLAGS=-mod=mod")
	said, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", said)
	return filepath.Join(dir, "gomemcache.test")
}

// TestGomemcache is what its own tests do not do: many keys, large values, and cas
// between two clients.
func TestGomemcache(t *testing.T) {
	t.Parallel()
	against(t, func(t *testing.T, s server) {
		c, other := memcache.New(s.address()), memcache.New(s.address())
		c.Timeout, other.Timeout = 10*time.Second, 10*time.Second

		var keys []string
		for i := range 700 {
			keys = append(keys, fmt.Sprintf("%s:%d", strings.Repeat("k", 200), i))
			require.NoError(t, c.Set(&memcache.Item{Key: keys[i], Value: []byte{byte(i), '\r', '\n'}, Flags: uint32(i) << 20}))
		}
		found, err := c.GetMulti(append(keys, "absent"))
		require.NoError(t, err)
		require.Len(t, found, 700)
		for i, key := range keys {
			require.Equal(t, []byte{byte(i), '\r', '\n'}, found[key].Value)
			require.Equal(t, uint32(i)<<20, found[key].Flags)
		}

		large := bytes.Repeat([]byte("\r\n\x00x"), 256*1024-128)
		require.NoError(t, c.Set(&memcache.Item{Key: "large", Value: large}))
		item, err := c.Get("large")
		require.NoError(t, err)
		require.True(t, bytes.Equal(large, item.Value))
		require.Error(t, c.Set(&memcache.Item{Key: "large", Value: make([]byte, 1024*1024+1)}))
		_, err = c.Get("large")
		require.ErrorIs(t, err, memcache.ErrCacheMiss, "what was too large took the old value along")

		mine, err := c.Get(keys[0])
		require.NoError(t, err)
		theirs, err := other.Get(keys[0])
		require.NoError(t, err)
		require.NoError(t, other.CompareAndSwap(theirs))
		require.ErrorIs(t, c.CompareAndSwap(mine), memcache.ErrCASConflict)
		require.NoError(t, other.Delete(keys[0]))
		err = c.CompareAndSwap(mine)
		require.True(t, errors.Is(err, memcache.ErrNotStored) || errors.Is(err, memcache.ErrCacheMiss), "%v", err)

		require.NoError(t, c.Set(&memcache.Item{Key: "short", Value: []byte("v"), Expiration: 1}))
		require.Eventually(t, func() bool {
			_, err := c.Get("short")
			return errors.Is(err, memcache.ErrCacheMiss)
		}, 5*time.Second, 50*time.Millisecond)
	})
}
