package peer

import (
	"context"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestBothSidesHearTheSentence: over a real connection, the dialer's error and
// the listener's log are the same words.
func TestBothSidesHearTheSentence(t *testing.T) {
	for name, c := range refusalCases {
		t.Run(name, func(t *testing.T) {
			said := &sayings{}
			l := serve(t, Config{Hello: func() Hello { return c.n2 }, Known: knows, Log: said.logger()}, by(echo))
			cfg := Config{Hello: func() Hello { return c.n1 }, Known: knows}.withDefaults()
			taken := make(chan struct{})
			go func() {
				defer close(taken)
				if nc, err := l.Raft().Accept(); err == nil {
					_ = nc.Close()
				}
			}()
			nc, _, err := cfg.connect(t.Context(), l.Addr().String(), c.stream, "", line{})
			if c.reason == accepted {
				require.NoError(t, err)
				_ = nc.Close()
			} else {
				var no *Refusal
				require.ErrorAs(t, err, &no)
				require.Equal(t, c.reason, no.Reason)
				require.Contains(t, no.Text, c.text)
				require.Eventually(t, func() bool { return strings.Contains(said.String(), c.text) }, 5*time.Second, time.Millisecond)
			}
			require.NoError(t, l.Close())
			<-taken
		})
	}
}

func TestAnotherVersion(t *testing.T) {
	said := &sayings{}
	l := serve(t, Config{Hello: hello("n2"), Log: said.logger()}, by(echo))
	nc, err := net.Dial("tcp", l.Addr().String())
	require.NoError(t, err)
	defer func() { _ = nc.Close() }()
	_, err = nc.Write([]byte("P" + magic + "\x00\x09\x00\x05later"))
	require.NoError(t, err)
	theirs, v, err := readHello(nc)
	require.NoError(t, err)
	require.Equal(t, uint16(version), v)
	require.Equal(t, "n2", theirs.Node)
	no, err := readVerdict(nc)
	require.NoError(t, err)
	require.Equal(t, OtherVersion, no.Reason)
	want := "n2 speaks version 1 of the protocol between nodes and " + nc.LocalAddr().String() + " version 9: run the same release on both"
	require.Equal(t, want, no.Text)
	_, err = nc.Write(appendVerdict(nil, nil))
	require.NoError(t, err)
	_, err = nc.Read(make([]byte, 1))
	require.Equal(t, io.EOF, err)
	require.Eventually(t, func() bool { return strings.Contains(said.String(), "version 9") }, 5*time.Second, time.Millisecond)
}

func TestTheWrongPort(t *testing.T) {
	l := serve(t, Config{Hello: hello("n2")}, by(echo))
	for _, first := range []string{"get a\r\n", "POST / HTTP/1.1\r\n", "Rubbish and more", "\x16\x03\x01\x02\x00"} {
		nc, err := net.Dial("tcp", l.Addr().String())
		require.NoError(t, err)
		_, err = io.WriteString(nc, first)
		require.NoError(t, err)
		b, err := io.ReadAll(nc)
		require.NoError(t, err)
		require.Equal(t, wrongPort, string(b))
		_ = nc.Close()
	}

	// The other way round: a client port was given for a cluster port.
	ln := listenTCP(t)
	defer func() { _ = ln.Close() }()
	go func() {
		if nc, err := ln.Accept(); err == nil {
			_, _ = io.WriteString(nc, "ERROR\r\nERROR\r\n")
			_, _ = io.Copy(io.Discard, nc)
			_ = nc.Close()
		}
	}()
	_, err := DialRaft(t.Context(), Config{Hello: hello("n1")}, ln.Addr().String(), "n2")
	require.EqualError(t, err, ln.Addr().String()+" is not the cluster port of a node: give the address of its --cluster")
}

func TestRaftStreams(t *testing.T) {
	l := serve(t, quick(Config{Hello: hello("n2")}), by(echo))
	go func() {
		nc, err := l.Raft().Accept()
		if err == nil {
			_, _ = io.Copy(nc, nc)
			_ = nc.Close()
		}
	}()
	nc, err := DialRaft(t.Context(), Config{Hello: hello("n1")}, l.Addr().String(), "n2")
	require.NoError(t, err)
	defer func() { _ = nc.Close() }()
	time.Sleep(400 * time.Millisecond) // longer than the handshake may last
	for _, text := range []string{"hello", "raft"} {
		_, err = io.WriteString(nc, text)
		require.NoError(t, err)
		b := make([]byte, len(text))
		_, err = io.ReadFull(nc, b)
		require.NoError(t, err)
		require.Equal(t, text, string(b))
	}

	// One that raft does not take is closed; so is one after raft closed.
	for range 2 {
		nc, err = DialRaft(t.Context(), Config{Hello: hello("n1")}, l.Addr().String(), "n2")
		require.NoError(t, err)
		_, err = nc.Read(make([]byte, 1))
		require.Equal(t, io.EOF, err)
		_ = nc.Close()
		require.NoError(t, l.Raft().Close())
	}
	_, err = l.Raft().Accept()
	require.ErrorIs(t, err, net.ErrClosed)
	p := pool(t, Config{Hello: hello("n1"), Address: at(l)})
	require.Equal(t, "re a", ask(t, p, "a").reply, "frames go on without raft")
}

func TestExchange(t *testing.T) {
	l := serve(t, Config{Hello: hello("n2")}, func(from Hello) Conversation {
		return &script{serve: func(q Request, r Reply) {
			switch string(q.Payload) {
			case "who":
				r.Send([]byte(from.Node))
			case "no":
				r.Fail("no leader")
			case "moved":
				r.Moved()
			}
		}}
	})
	joining := Config{Hello: func() Hello { return Hello{Node: "n7", Birth: "b"} }}
	addr := l.Addr().String()
	reply, from, err := Exchange(t.Context(), joining, addr, KindJoin, []byte("who"))
	require.NoError(t, err)
	require.Equal(t, "n7", string(reply))
	from.clock = 0
	require.Equal(t, member("n2"), from)

	_, _, err = Exchange(t.Context(), joining, addr, KindJoin, []byte("no"))
	require.EqualError(t, err, "ask n2 at "+addr+": no leader")
	_, _, err = Exchange(t.Context(), joining, addr, KindJoin, []byte("moved"))
	require.ErrorIs(t, err, ErrMoved)
	_, _, err = Exchange(t.Context(), joining, addr, KindRequest, []byte("who"))
	require.ErrorContains(t, err, "n7 has not joined the cluster yet")

	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, _, err = Exchange(ctx, joining, addr, KindJoin, []byte("silence"))
	require.ErrorIs(t, err, context.DeadlineExceeded)
}

// TestAStopInTheMiddle: hellos that never come, frames that never end.
func TestAStopInTheMiddle(t *testing.T) {
	l := serve(t, quick(Config{Hello: hello("n2")}), by(echo))
	for _, begin := range []string{"", "P", "R" + magic} {
		nc, err := net.Dial("tcp", l.Addr().String())
		require.NoError(t, err)
		_, _ = io.WriteString(nc, begin)
		_ = nc.SetDeadline(time.Now().Add(5 * time.Second))
		_, err = nc.Read(make([]byte, 1))
		require.Equal(t, io.EOF, err, begin)
		_ = nc.Close()
	}
	nc := stranger(t, l, member("n1"))
	_, err := nc.Write(appendFrame(nil, KindRequest, 1, 0, 100, make([]byte, 99)))
	require.NoError(t, err)
	_ = nc.SetDeadline(time.Now().Add(5 * time.Second))
	_, err = nc.Read(make([]byte, 1))
	require.Equal(t, io.EOF, err)
}

func TestGarbageEndsTheConversation(t *testing.T) {
	for name, b := range map[string][]byte{
		"too long":   {0xff, 0xff, 0xff, 0xff},
		"too short":  {0, 0, 0, 8},
		"an answer":  appendFrame(nil, KindRequest|answer, 1, 0, 0),
		"half frame": appendFrame(nil, KindRequest, 1, 0, 10, make([]byte, 5)),
	} {
		t.Run(name, func(t *testing.T) {
			gone := make(chan struct{})
			l := serve(t, quick(Config{Hello: hello("n2")}), func(Hello) Conversation { return &script{echo, gone} })
			nc := stranger(t, l, member("n1"))
			_, err := nc.Write(b)
			require.NoError(t, err)
			_ = nc.(*net.TCPConn).CloseWrite()
			<-gone
			_ = nc.SetDeadline(time.Now().Add(5 * time.Second))
			_, err = io.ReadAll(nc)
			require.NoError(t, err)
		})
	}
}

// TestAPeerThatTakesNoAnswers costs a bounded lot of them, and then its
// connection.
func TestAPeerThatTakesNoAnswers(t *testing.T) {
	value := make([]byte, 1<<20)
	gone := make(chan struct{})
	served := 0
	l := serve(t, quick(Config{Hello: hello("n2")}), func(Hello) Conversation {
		return &script{func(_ Request, r Reply) { served++; r.Send(value) }, gone}
	})
	nc := stranger(t, l, member("n1"))
	var b []byte
	for i := range 1000 {
		b = appendFrame(b, KindRequest, uint64(i+1), 0, 0)
	}
	_, err := nc.Write(b)
	require.NoError(t, err)
	<-gone
	require.Less(t, served, 100)
}

func TestCloseWithWorkOutstanding(t *testing.T) {
	kept := make(chan Reply, 1)
	gone := make(chan struct{})
	l := Listen(listenTCP(t), Config{Hello: hello("n2")})
	ended := make(chan error, 1)
	go func() {
		ended <- l.Serve(func(Hello) Conversation { return &script{func(_ Request, r Reply) { kept <- r }, gone} })
	}()
	p := pool(t, Config{Hello: hello("n1"), Address: at(l)})
	w, err := call(p, "n2", "a", 5*time.Second)
	require.NoError(t, err)
	r := <-kept
	require.NoError(t, l.Close())
	require.NoError(t, <-ended)
	<-gone
	r.Send([]byte("to nobody"))
	o := w.get(t)
	require.Error(t, o.err)
	require.True(t, o.sent)
	require.NoError(t, l.Close())
	require.NoError(t, l.Serve(by(echo)), "closed is closed")
}

func TestACrowdedPort(t *testing.T) {
	said := &sayings{}
	l := serve(t, Config{Hello: hello("n2"), MaxConns: 1, Log: said.logger()}, by(echo))
	first := stranger(t, l, member("n1"))
	cfg := Config{Hello: hello("n3")}.withDefaults()
	_, _, err := cfg.connect(t.Context(), l.Addr().String(), peerFrames, "", line{})
	require.Error(t, err)
	require.Contains(t, said.String(), errCrowded.Error())
	_ = first.Close()
	require.Eventually(t, func() bool {
		nc, _, err := cfg.connect(t.Context(), l.Addr().String(), peerFrames, "", line{})
		if err == nil {
			_ = nc.Close()
		}
		return err == nil
	}, 5*time.Second, 10*time.Millisecond)
}

// TestTheWrongNode: an address that another node has now is not spoken to.
func TestTheWrongNode(t *testing.T) {
	l := serve(t, Config{Hello: hello("n5")}, by(echo))
	p := pool(t, Config{Hello: hello("n1"), Address: at(l)})
	o := ask(t, p, "a")
	var no *Refusal
	require.ErrorAs(t, o.err, &no)
	require.Equal(t, OtherNode, no.Reason)
	require.False(t, o.sent)
}
