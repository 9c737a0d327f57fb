package main

import (
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestStandInNamesThePortFlag(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer taken.Close()
	_, port, err := net.SplitHostPort(taken.Addr().String())
	require.NoError(t, err)
	var out, log strings.Builder
	code := runStandIn([]string{"-u", "root", "-l", "127.0.0.1", "-p", port}, &out, &log)
	require.Equal(t, exitOS, code, log.String())
	require.Contains(t, log.String(), "failed to listen on one of interface(s) 127.0.0.1: Address already in use\n-p takes another port, and -l another address\n")
}

func TestStandInSaysThatASocketTakesThePlaceOfThePort(t *testing.T) {
	for line, want := range map[string]bool{
		"-s /s": false, "-s /s -p 0": false, "-p 11": false, "-s /s -p 11": true, "-s /s -l 127.0.0.1": true,
	} {
		s, err := readStandIn(strings.Fields(line))
		require.NoError(t, err)
		var log lockedBuffer
		s.warn(slog.New(slog.NewTextHandler(&log, nil)), nil)
		require.Equal(t, want, strings.Contains(log.String(), "no port is opened: -s takes the place of -p and -l"), "%s: %s", line, log.String())
	}
}

// startStandIn runs memcached's flags in this process; end returns the log.
func startStandIn(t *testing.T, args ...string) (c *Command, end func() string) {
	t.Helper()
	var log lockedBuffer
	s, err := readStandIn(args)
	require.NoError(t, err)
	cfg, err := s.config(&log)
	require.NoError(t, err)
	c = NewCommand(nil, &log, &log, listen)
	c.use(cfg)
	failed := make(chan error, 1)
	go func() { failed <- c.Run(t.Context()) }()
	select {
	case <-c.Ready():
	case err := <-failed:
		require.NoError(t, err)
	}
	return c, func() string {
		require.NoError(t, c.Close())
		return log.String()
	}
}

func talk(t *testing.T, addr, send, until string) {
	t.Helper()
	nc, err := net.Dial("tcp", addr)
	require.NoError(t, err)
	defer nc.Close()
	require.NoError(t, nc.SetDeadline(time.Now().Add(10*time.Second)))
	_, err = nc.Write([]byte(send))
	require.NoError(t, err)
	got, buf := "", make([]byte, 4096)
	for !strings.Contains(got, until) {
		n, err := nc.Read(buf)
		got += string(buf[:n])
		require.NoError(t, err, got)
	}
}

func TestStandInLogsEveryAddress(t *testing.T) {
	c, end := startStandIn(t, "-v", "-p", "-1", "-l", "127.0.0.1,127.0.0.2")
	addrs := c.node.Addrs()
	require.Len(t, addrs, 2)
	require.Contains(t, end(), "listen="+addrs[0].String()+","+addrs[1].String()+" ")
}

// What there is none of in this mode is not named.
func TestStandInNamesNoFlagsOfTheOther(t *testing.T) {
	c, end := startStandIn(t, "-vv", "-p", "-1", "-l", "127.0.0.1")
	talk(t, c.Addr(), "lw k F\r\n", "this node keeps nothing on disk and gives no write intents")
	talk(t, c.Addr(), "mn\r\nGET / HTTP/1.1\r\n\r\n", "MN\r\n")
	require.NotContains(t, end(), "--")
}

// -vv shows connections and what their commands do.
func TestStandInShowsWhatClientsDo(t *testing.T) {
	for flag, want := range map[string]bool{"-v": false, "-vv": true} {
		c, end := startStandIn(t, flag, "-p", "-1", "-l", "127.0.0.1")
		talk(t, c.Addr(), "set key 0 0 1\r\nx\r\nget key\r\ndelete key\r\n", "DELETED")
		log := end()
		for _, line := range []string{"type=conn_new ", "type=item_store key=key status=stored cmd=set ", "type=item_get key=key status=found ", "type=deleted key=key ", "type=conn_close "} {
			require.Equal(t, want, strings.Contains(log, line), "%s %s: %s", flag, line, log)
		}
	}
}

// A log that nobody reads holds up neither clients nor the end.
func TestATraceThatNobodyReads(t *testing.T) {
	r, w, err := os.Pipe()
	require.NoError(t, err)
	defer r.Close()
	defer w.Close()
	s, err := readStandIn([]string{"-vv", "-s", filepath.Join(t.TempDir(), "s")})
	require.NoError(t, err)
	cfg, err := s.config(w)
	require.NoError(t, err)
	c := NewCommand(nil, w, &lockedBuffer{}, listen)
	c.use(cfg)
	go func() { _ = c.Run(t.Context()) }() // its end is Close's
	<-c.Ready()
	nc, err := net.Dial("unix", c.Addr())
	require.NoError(t, err)
	_, err = nc.Write([]byte(strings.Repeat("get key\r\n", 20_000) + "mn\r\n"))
	require.NoError(t, err)
	got, buf := "", make([]byte, 1<<16)
	for !strings.HasSuffix(got, "MN\r\n") {
		n, err := nc.Read(buf)
		require.NoError(t, err)
		got = (got + string(buf[:n]))[max(0, len(got)+n-8):]
	}
	require.NoError(t, nc.Close())
	require.NoError(t, c.Close())
}
