package main

import (
	"net"
	"strconv"
	"strings"
)

// addresses are the ones that -l and -p name, as host:port. Without -l it is
// every address of the machine, as memcached has it.
func (s *standIn) addresses() ([]string, error) {
	if s.port == 0 || s.socket != "" { // a Unix socket takes the place of the network
		return nil, nil
	}
	if s.listen == "" {
		return []string{hostPort("", s.port)}, nil
	}
	var all []string
	for _, text := range strings.FieldsFunc(s.listen, func(r rune) bool { return r == ',' || r == ';' }) {
		a, err := s.address(text)
		if err != nil {
			return nil, err
		}
		all = append(all, a)
	}
	if len(all) == 0 {
		return nil, refuse(exitUsage, "-l names no address")
	}
	return all, nil
}

// address reads one part of -l: perhaps a protocol and a tag, then a host, with
// its own port or without.
func (s *standIn) address(text string) (string, error) {
	for _, tls := range []string{"notls", "btls", "mtls"} {
		if strings.HasPrefix(text, tls) {
			return "", refuse(exitOS, "'%s' option is valid only when SSL is enabled", tls)
		}
	}
	if rest, ok := strings.CutPrefix(text, "proto["); ok {
		protocol, rest, ok := strings.Cut(rest, "]")
		switch {
		case !ok:
			return "", refuse(exitOS, "Invalid protocol spec: \"%s\"", text)
		case protocol == "proxy":
			return "", refuse(exitOS, "Server not built with proxy: \"%s\"", s.listen)
		case protocol == "binary":
			return "", s.refused('B', protocol)
		}
		text = strings.TrimPrefix(rest, ":")
	}
	for _, end := range []string{"[]", "__"} {
		if rest, ok := strings.CutPrefix(text, "tag"+end[:1]); ok {
			_, rest, ok := strings.Cut(rest, end[1:])
			if !ok {
				return "", refuse(exitOS, "Invalid tag in socket config: \"%s\"", text)
			}
			text = strings.TrimPrefix(rest, ":") // a tag is for memcached's proxy
		}
	}
	host, port, given := text, "", false
	switch {
	case strings.HasPrefix(text, "["):
		var ok bool
		if host, port, ok = strings.Cut(text[1:], "]"); !ok {
			return "", refuse(exitOS, "Invalid IPV6 address: \"%s\"", text)
		}
		port, given = strings.CutPrefix(port, ":")
	case strings.Count(text, ":") == 1: // with more it is an IPv6 address
		host, port, given = strings.Cut(text, ":")
	}
	if host == "*" {
		host = ""
	}
	if !given {
		return hostPort(host, s.port), nil
	}
	n, err := strconv.ParseInt(port, 10, 32)
	if err != nil || n > 65535 {
		return "", refuse(exitOS, "Invalid port number: \"%s\"", port)
	}
	return hostPort(host, int(n)), nil
}

func hostPort(host string, port int) string {
	return net.JoinHostPort(host, strconv.Itoa(max(0, port))) // -1 is any, which is 0 to the system
}
