package apptest

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// clusterMap is the JSON of lm as the contract writes it down.
type clusterMap struct {
	Version      *uint64 `json:"version"`
	Cluster      string  `json:"cluster"`
	Shards       int     `json:"shards"`
	Hash         string  `json:"hash"`
	SessionTTLMs int     `json:"session_ttl_ms"`
	Nodes        []struct {
		ID    string `json:"id"`
		Addr  string `json:"addr"`
		State string `json:"state"`
	} `json:"nodes"`
	Owners []int    `json:"owners"`
	Epochs []uint64 `json:"epochs"`
}

func TestMap(t *testing.T) {
	dir := DataDir(t)
	p := Start(t, Options{Flags: []string{"--shards", "16", "--node-id", "n7"}, DataDir: dir})
	first, line := readMap(t, p.Listen)
	require.NotNil(t, first.Version)
	require.Contains(t, line, fmt.Sprintf(" m%d", *first.Version))
	require.NotEmpty(t, first.Cluster)
	require.Equal(t, 16, first.Shards)
	require.Equal(t, "xxh64", first.Hash)
	require.Equal(t, 3000, first.SessionTTLMs)
	require.Len(t, first.Nodes, 1)
	require.Equal(t, "n7", first.Nodes[0].ID)
	require.Equal(t, p.Listen, first.Nodes[0].Addr)
	require.Equal(t, "alive", first.Nodes[0].State)
	require.Len(t, first.Owners, 16)
	require.Len(t, first.Epochs, 16)
	for shard := range 16 {
		require.Zero(t, first.Owners[shard], "the one node owns every shard")
		require.Positive(t, first.Epochs[shard])
	}

	require.NoError(t, p.Stop())
	p = Start(t, Options{Flags: []string{"--node-id", "n7", "--shards", "16"}, DataDir: dir})
	second, _ := readMap(t, p.Listen)
	require.Equal(t, first.Cluster, second.Cluster, "the cluster's id is minted once")
	for shard := range 16 {
		require.Greater(t, second.Epochs[shard], first.Epochs[shard], "every start raises every epoch")
	}
}

// readMap asks for the map and returns it with the reply line.
func readMap(t *testing.T, addr string) (clusterMap, string) {
	t.Helper()
	c := dial(t, addr)
	_, err := io.WriteString(c, "lm\r\n")
	require.NoError(t, err)
	r := bufio.NewReader(c)
	line, err := r.ReadString('\n')
	require.NoError(t, err)
	var size int
	_, err = fmt.Sscanf(line, "VA %d ", &size)
	require.NoError(t, err, line)
	body := make([]byte, size+2)
	_, err = io.ReadFull(r, body)
	require.NoError(t, err)
	require.Equal(t, "\r\n", string(body[size:]))
	var m clusterMap
	require.NoError(t, json.Unmarshal(body[:size], &m))
	return m, strings.TrimSpace(line)
}

// dial connects and gives the connection ten seconds, after which a test that hangs
// fails instead.
func dial(t *testing.T, addr string) net.Conn {
	t.Helper()
	c, err := net.DialTimeout("tcp", addr, 5*time.Second)
	require.NoError(t, err)
	t.Cleanup(func() { c.Close() })
	require.NoError(t, c.SetDeadline(time.Now().Add(10*time.Second)))
	return c
}

// ask sends lines and returns as many reply lines as are wanted.
func ask(t *testing.T, c net.Conn, request string, replies int) []string {
	t.Helper()
	_, err := io.WriteString(c, request)
	require.NoError(t, err)
	r := bufio.NewReader(c)
	var out []string
	for range replies {
		line, err := r.ReadString('\n')
		require.NoError(t, err, "so far: %q", out)
		out = append(out, strings.TrimRight(line, "\r\n"))
	}
	return out
}
