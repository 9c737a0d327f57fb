package server

import (
	"cmp"
	"net"
	"slices"
	"strconv"

	"github.com/leasecache/leasecache/protocol"
)

// maxConnsReply bounds the reply to stats conns, so that a peer that does not read
// it does not keep more than one that gets a large value.
const maxConnsReply = 1 << 20

// statsConns is stats conns: the listeners under the numbers from 0 on, then the
// connections in the order in which they came.
func (s *session) statsConns() {
	srv, now := s.srv, s.srv.clock.now()
	for i, a := range srv.Addrs() {
		s.connStat(int64(i), "addr", address(a))
		s.connStat(int64(i), "state", "conn_listening")
		s.connStat(int64(i), "secs_since_last_cmd", strconv.FormatInt((now-srv.started)/second, 10))
	}
	begin := len(s.out)
	conns := srv.sortedConns()
	for i, c := range conns {
		if len(s.out)-begin > maxConnsReply {
			s.stat("conns_not_shown", int64(len(conns)-i))
			return
		}
		l := c.about()
		at, state := l.activity.Load(), "conn_parse_cmd"
		if at < 0 {
			at, state = -at, "conn_read"
		}
		if c.watching {
			state = "conn_watch"
		}
		s.connStat(l.session.number, "addr", address(l.addr))
		s.connStat(l.session.number, "listen_addr", address(l.local))
		s.connStat(l.session.number, "state", state)
		if open, _ := c.load(); open > 0 {
			s.connStat(l.session.number, "resps_waiting", strconv.Itoa(open))
		}
		s.connStat(l.session.number, "secs_since_last_cmd", strconv.FormatInt(max(0, now-at)/second, 10))
	}
}

func (s *session) connStat(id int64, name, value string) {
	s.out = protocol.AppendStat(s.out, strconv.FormatInt(id, 10)+":"+name, value)
}

// listedConn is a connection with what the server's lock guards of it.
type listedConn struct {
	connection
	watching bool
}

// sortedConns are the connections there are, oldest first. Their lock is held
// only to copy their list.
func (srv *Server) sortedConns() []listedConn {
	srv.mu.Lock()
	conns := make([]listedConn, 0, len(srv.conns))
	for c := range srv.conns {
		conns = append(conns, listedConn{c, c.watches()})
	}
	srv.mu.Unlock()
	slices.SortFunc(conns, func(a, b listedConn) int { return cmp.Compare(a.about().session.number, b.about().session.number) })
	return conns
}

// address is how memcached shows one.
func address(a net.Addr) string {
	switch a := a.(type) {
	case *net.TCPAddr:
		if a.IP.To4() != nil {
			return "tcp:" + a.String()
		}
		return "tcp6:" + a.String()
	case *net.UnixAddr:
		return "unix:" + a.Name
	}
	return a.Network() + ":" + a.String()
}
