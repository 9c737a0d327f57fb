package server

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// An address that is written as a number opens nothing else.
func TestListenFamily(t *testing.T) {
	for address, want := range map[string]string{
		"0.0.0.0:0": "tcp4", "127.0.0.1:0": "tcp4", "[::]:0": "tcp6", "[::1]:0": "tcp6", ":0": "tcp", "localhost:0": "tcp",
	} {
		require.Equal(t, want, family(address), address)
	}
	list, err := listen(&Config{Listen: "0.0.0.0:0"})
	require.NoError(t, err)
	defer closeAll(list)
	require.Regexp(t, `^0\.0\.0\.0:`, list[0].Addr().String())
}
