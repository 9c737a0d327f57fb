package target

import (
	"bufio"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"
)

// Items asks the server how many it holds.
func (s *Server) Items() (int64, error) {
	if s.Kind.Family == Redis {
		return s.number("DBSIZE\r\n", ":")
	}
	return s.number("stats\r\n", "STAT curr_items ")
}

// number sends a command and returns the number behind a prefix in its reply.
func (s *Server) number(command, prefix string) (int64, error) {
	nc, err := net.Dial("tcp", s.Addr)
	if err != nil {
		return 0, err
	}
	defer nc.Close()
	if err := nc.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		return 0, err
	}
	if _, err := nc.Write([]byte(command)); err != nil {
		return 0, err
	}
	for in := bufio.NewScanner(nc); in.Scan() && in.Text() != "END"; {
		if text, ok := strings.CutPrefix(in.Text(), prefix); ok {
			return strconv.ParseInt(strings.TrimSpace(text), 10, 64)
		}
	}
	return 0, fmt.Errorf("%s answered %q with no %q", s.Kind.Name, command, prefix)
}
