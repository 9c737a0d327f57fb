package server

import (
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func writeUsers(t testing.TB, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "users")
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

func login(user, password string) string {
	return fmt.Sprintf("set auth 0 0 %d\n%s %s\n", len(user)+1+len(password), user, password)
}

func TestNothingIsDoneBeforeLogin(t *testing.T) {
	s := start(t, func(c *Config) { c.AuthFile = writeUsers(t, "ann:secret\nbob:two words\n") })
	p := dial(t, s)
	for _, request := range []string{"get foo", "version", "lg key v", "ld key", "lw key F", "lm now", "stats all", "flush_all", "mg key v", "verbosity 1"} {
		p.send(request + "\n")
		p.expect("CLIENT_ERROR unauthenticated")
	}
	p.send(login("ann", "secreT") + login("ann", "secre") + login("ann", "") + login("ann:secret", "") + login("bob", "two"))
	for range 5 {
		p.expect("CLIENT_ERROR authentication failure")
	}
	require.Zero(t, s.Snapshot().Commands)

	// Commands behind a good login may come with it.
	p.send(login("bob", "two words") + "set k 0 0 1\nx\nget k auth\n")
	p.expect("STORED", "STORED", "VALUE k 0 1", "x", "END")
	require.EqualValues(t, 6, s.Snapshot().Logins)
	require.EqualValues(t, 5, s.Snapshot().BadLogins)
	p.send("stats\n")
	seen := map[string]bool{}
	for line := p.line(); line != "END"; line = p.line() {
		seen[line] = true
	}
	require.True(t, seen["STAT auth_cmds 6"])
	require.True(t, seen["STAT auth_errors 5"])
}

// Whoever guesses has to come again, and is found in the log.
func TestGuessersAreClosed(t *testing.T) {
	s := start(t, func(c *Config) { c.AuthFile = writeUsers(t, "ann:secret") })
	p := dial(t, s)
	p.send(strings.Repeat(login("ann", "guess"), maxFailures-1) + login("ann", "secret") + "mn\n")
	for range maxFailures - 1 {
		p.expect("CLIENT_ERROR authentication failure")
	}
	p.expect("STORED", "MN")

	p = dial(t, s)
	p.send(strings.Repeat(login("ann", "guess"), maxFailures))
	for range maxFailures {
		p.expect("CLIENT_ERROR authentication failure")
	}
	p.closed()
	require.EqualValues(t, 1, s.Snapshot().Foreign["no login"])
}

func TestWhatIsNoLoginIsClosed(t *testing.T) {
	s := start(t, func(c *Config) { c.AuthFile = writeUsers(t, "ann:secret") })
	for wire, reason := range map[string]string{
		"mn\n": "no login", "\x80\x01\x00\x00": "binary", "GET / HTTP/1.1\nHost: here\n\n": "http", strings.Repeat("x", 2500): "no login",
	} {
		before := s.Snapshot().Foreign[reason]
		p := dial(t, s)
		p.send(wire)
		_, err := io.Copy(io.Discard, p.nc)
		if err != nil {
			require.ErrorContains(t, err, "reset") // it had sent more
		}
		require.Equal(t, before+1, s.Snapshot().Foreign[reason], reason)
	}
}

// The largest login fits into a buffer that grows with what arrives.
func TestLongLogin(t *testing.T) {
	s := start(t, func(c *Config) { c.AuthFile = writeUsers(t, "ann:secret") })
	p := dial(t, s)
	p.send(login("ann", strings.Repeat("x", 16384-4)))
	p.expect("CLIENT_ERROR authentication failure")
	p.send(login("ann", strings.Repeat("x", 16384-3)))
	p.expect("CLIENT_ERROR auth token too long")
}

// A fill that is cut off ends its lease: not one that nobody was let in to send.
func TestCutOffBytesBeforeLoginDoNothing(t *testing.T) {
	s := start(t, func(c *Config) { c.AuthFile = writeUsers(t, "ann:secret") })
	holder, stranger := dial(t, s), dial(t, s)
	holder.send(login("ann", "secret"))
	holder.expect("STORED")
	token := holder.lease("k")
	// An ls whose data block is to come is what an end of the connection leaves.
	stranger.send("ls k 100 L" + token)
	stranger.nc.(interface{ CloseWrite() error }).CloseWrite()
	stranger.closed()
	stranger = dial(t, s)
	stranger.send("set k 0 0 100\nls k 100 L" + token + "\nhalf")
	require.NoError(t, stranger.nc.(interface{ CloseWrite() error }).CloseWrite())
	stranger.closed()
	holder.send("ls k 1 L" + token + "\nx\n")
	holder.expect("HD")
}

func TestUsersAreReadAgain(t *testing.T) {
	path := writeUsers(t, "ann:old\n")
	s := start(t, func(c *Config) { c.AuthFile = path })
	in := dial(t, s)
	in.send(login("ann", "old"))
	in.expect("STORED")
	require.NoError(t, os.WriteFile(path, []byte("ann:new\n"), 0o600))
	require.NoError(t, s.ReloadUsers())
	p := dial(t, s)
	p.send(login("ann", "old") + login("ann", "new"))
	p.expect("CLIENT_ERROR authentication failure", "STORED")
	in.send("mn\n")
	in.expect("MN")

	require.NoError(t, os.WriteFile(path, []byte("broken"), 0o600))
	require.ErrorContains(t, s.ReloadUsers(), "line 1 is not user:password")
	p = dial(t, s)
	p.send(login("ann", "new"))
	p.expect("STORED")
	require.NoError(t, start(t, nil).ReloadUsers(), "there is nothing to read")
}

func TestUserFiles(t *testing.T) {
	quiet := slog.New(slog.DiscardHandler)
	for text, pair := range map[string][2]string{
		"ann:secret":                           {"ann", "secret"},
		"ann:secret\r\nbob:x\r\n":              {"bob", "x"},
		":\n":                                  {"", ""},
		"a:b:c\n":                              {"a", "b:c"},
		"a:" + strings.Repeat("x", 252) + "\n": {"a", strings.Repeat("x", 252)},
		strings.Repeat("a:b\n", 7) + "c:d\n":   {"c", "d"},
	} {
		u, err := loadUsers(writeUsers(t, text), quiet)
		require.NoError(t, err, text)
		require.True(t, u.know([]byte(pair[0]), []byte(pair[1])), text)
		require.False(t, u.know([]byte(pair[0]+"\n"+pair[1]), nil), text)
	}
	var said strings.Builder
	u, err := loadUsers(writeUsers(t, strings.Repeat("a:b\n", 8)+"c:d\n"), slog.New(slog.NewTextHandler(&said, nil)))
	require.NoError(t, err)
	require.False(t, u.know([]byte("c"), []byte("d")), "as memcached leaves it out")
	require.Contains(t, said.String(), "more lines than are read")

	for text, want := range map[string]string{
		"": "line 1 is not", "a:b\n\n": "line 2 is not", "a:b\nann\n": "line 2 is not", "a\x00b:c": "line 1 is not",
		"a:" + strings.Repeat("x", 253): "longer than 254 bytes", strings.Repeat("a", 70<<10): "too large",
	} {
		_, err := loadUsers(writeUsers(t, text), quiet)
		require.ErrorContains(t, err, want)
	}
	_, err = loadUsers("/nowhere/at/all", quiet)
	require.EqualError(t, err, "cannot read the authentication file /nowhere/at/all: no such file or directory")
	_, err = loadUsers(t.TempDir(), quiet)
	require.ErrorContains(t, err, "is a directory")
}
