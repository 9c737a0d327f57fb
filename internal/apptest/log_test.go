package apptest

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestServing(t *testing.T) {
	for _, line := range []string{
		`time=2026-01-01T00:00:00Z level=INFO msg=serving listen=127.0.0.1:5 admin=127.0.0.1:6 peers=127.0.0.1:7`,
		`level=INFO msg="serving" node=n1 listen="127.0.0.1:5" admin=127.0.0.1:6 peers="127.0.0.1:7" shards=4`,
		`{"level":"INFO","msg":"serving","listen":"127.0.0.1:5","admin":"127.0.0.1:6","peers":"127.0.0.1:7"}`,
	} {
		at, ok := serving("level=INFO msg=opened\n" + line + "\nlevel=WARN msg=later\n")
		require.True(t, ok, line)
		require.Equal(t, ports{"127.0.0.1:5", "127.0.0.1:6", "127.0.0.1:7"}, at)
	}
	for _, line := range []string{"", "msg=observing listen=1 admin=2", "msg=serving listen=1", "msg=serving listen=1 admin=2", `{"msg":"starting","listen":"1"}`} {
		_, ok := serving(line)
		require.False(t, ok, line)
	}
}

func TestWithDefaults(t *testing.T) {
	require.Equal(t,
		[]string{"--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--memory", "64MiB", "--data-dir", "d", "--cluster", "127.0.0.1:0"},
		withDefaults(nil, "d"))
	require.Equal(t,
		[]string{"--listen=:1", "--ephemeral", "--admin", "127.0.0.1:0", "--memory", "64MiB"},
		withDefaults([]string{"--listen=:1", "--ephemeral"}, "d"))
}
