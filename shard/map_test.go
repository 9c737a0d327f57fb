package shard

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const mapText = `{"version":7,"cluster":"6f1c","shards":3,"hash":"xxh64","session_ttl_ms":3000,` +
	`"nodes":[{"id":"n1","addr":"127.0.0.1:11211","state":"alive"}],"owners":[0,-1,0],"epochs":[3,3,4]}`

func testMap() Map {
	return Map{
		Version: 7, Cluster: "6f1c", Shards: 3, Hash: HashName, SessionTTL: 3000,
		Nodes:  []Node{{ID: "n1", Addr: "127.0.0.1:11211", State: Alive}},
		Owners: []Owner{0, NoOwner, 0},
		Epochs: []Epoch{3, 3, 4},
	}
}

func TestMapJSONIsTheWires(t *testing.T) {
	text, err := json.Marshal(testMap())
	require.NoError(t, err)
	require.Equal(t, mapText, string(text))

	back, err := ParseMap(text)
	require.NoError(t, err)
	require.Equal(t, testMap(), back)
}

func TestMapOwner(t *testing.T) {
	m := testMap()
	n, e, ok := m.Owner(2)
	require.True(t, ok)
	require.Equal(t, "n1", n.ID)
	require.Equal(t, Epoch(4), e)
	_, e, ok = m.Owner(1)
	require.False(t, ok)
	require.Equal(t, Epoch(3), e)
	require.Equal(t, Of([]byte("k"), 3), m.Of([]byte("k")))
}

func TestParseMapRefuses(t *testing.T) {
	for name, change := range map[string][2]string{
		"another hash":       {`"xxh64"`, `"crc32"`},
		"no shards":          {`"shards":3`, `"shards":0`},
		"too many shards":    {`"shards":3`, `"shards":65537`},
		"a missing owner":    {`[0,-1,0]`, `[0,-1]`},
		"a missing epoch":    {`[3,3,4]`, `[3,3]`},
		"an unknown node":    {`[0,-1,0]`, `[0,-1,1]`},
		"a negative node":    {`[0,-1,0]`, `[0,-2,0]`},
		"an epoch too large": {`[3,3,4]`, `[3,3,8388608]`},
		"no JSON":            {`{"version"`, `"version"`},
	} {
		_, err := ParseMap([]byte(strings.Replace(mapText, change[0], change[1], 1)))
		require.ErrorIs(t, err, ErrMap, name)
	}
}
