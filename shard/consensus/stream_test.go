package consensus

import (
	"net"
	"testing"
	"time"

	"github.com/hashicorp/raft"
	"github.com/stretchr/testify/require"

	"github.com/leasecache/leasecache/internal/peer"
)

func TestAStreamGoesToWhomItIsMeantFor(t *testing.T) {
	hello := func(node string) func() peer.Hello {
		return func() peer.Hello { return peer.Hello{Cluster: "c1", Node: node, Birth: "b-" + node} }
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	port := peer.Listen(ln, peer.Config{Hello: hello("n3")})
	served := make(chan error, 1)
	go func() { served <- port.Serve(nil) }()
	theirs := &stream{Listener: port.Raft(), conns: make(map[*accepted]struct{})}
	t.Cleanup(func() { require.NoError(t, port.Close()); require.NoError(t, <-served) })

	ours := &stream{self: raftAddress("n1", "h:1"), cfg: peer.Config{Hello: hello("n1")}}
	require.Equal(t, "n1@h:1", ours.Addr().String())
	_, err = ours.Dial(raftAddress("n2", ln.Addr().String()), time.Second)
	require.ErrorContains(t, err, "n3 answers at the address of n2")
	_, err = ours.Dial(raft.ServerAddress(ln.Addr().String()), time.Second)
	require.Error(t, err)

	nc, err := ours.Dial(raftAddress("n3", ln.Addr().String()), time.Second)
	require.NoError(t, err)
	_, err = theirs.Accept()
	require.NoError(t, err)
	require.NoError(t, theirs.Close()) // and what it accepted
	require.NoError(t, nc.SetDeadline(time.Now().Add(5*time.Second)))
	_, err = nc.Read(make([]byte, 1))
	require.Error(t, err)
	require.NotErrorIs(t, err, net.ErrClosed)
	require.NoError(t, nc.Close())
}
