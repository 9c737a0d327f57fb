package server

import (
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"sync/atomic"

	"github.com/leasecache/leasecache/protocol"
)

// users are those who may come in: the file of memcached's ASCII authentication.
// Passwords are kept as digests, which also makes them all of one length.
type users struct {
	path string
	list atomic.Pointer[[]digest]
}

type digest [sha256.Size]byte

const (
	maxUsers    = 8
	maxUserLine = 254 // bytes without the line end
	maxUserFile = 64 << 10
)

// loadUsers reads the file for the first time; without a path everybody may come in.
func loadUsers(path string, log *slog.Logger) (*users, error) {
	if path == "" {
		return nil, nil
	}
	u := &users{path: path}
	return u, u.load(log)
}

// load reads the file. After an error those may come in who could before.
func (u *users) load(log *slog.Logger) error {
	text, err := readSome(u.path)
	if err != nil {
		return fmt.Errorf("cannot read the authentication file %s: %w", u.path, plain(err))
	}
	var list []digest
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	for i, line := range lines {
		if i == maxUsers {
			log.Warn("authentication file: more lines than are read", "file", u.path, "read", maxUsers, "lines", len(lines))
			break
		}
		line, _, _ = strings.Cut(line, "\r")
		user, password, ok := strings.Cut(line, ":")
		switch {
		case len(line) > maxUserLine:
			return fmt.Errorf("authentication file %s: line %d is longer than %d bytes", u.path, i+1, maxUserLine)
		case !ok || strings.IndexByte(line, 0) >= 0:
			return fmt.Errorf("authentication file %s: line %d is not user:password", u.path, i+1)
		}
		list = append(list, digestOf([]byte(user), []byte(password)))
	}
	u.list.Store(&list)
	return nil
}

func readSome(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxUserFile+1))
	if err == nil && len(text) > maxUserFile {
		err = errors.New("it is too large to be one")
	}
	return string(text), err
}

// digestOf parts the two by a line end, which is in no password of the file: one
// pair is not taken for another.
func digestOf(user, password []byte) (d digest) {
	h := sha256.New()
	h.Write(user)
	h.Write([]byte{'\n'})
	h.Write(password)
	h.Sum(d[:0])
	return d
}

// know reports whether that is the password of a user. How long it takes says
// nothing of who there is, nor of how much of a password is right.
func (u *users) know(user, password []byte) bool {
	d, found := digestOf(user, password), 0
	for _, known := range *u.list.Load() {
		found |= subtle.ConstantTimeCompare(d[:], known[:])
	}
	return found == 1
}

// ReloadUsers reads the authentication file again, if there is one. Who is connected
// stays. After an error those may come in who could before.
func (s *Server) ReloadUsers() error {
	if s.users == nil {
		return nil
	}
	err := s.users.load(s.log)
	if err == nil {
		s.log.Info("authentication file read again", "file", s.users.path)
	}
	return err
}

// maxFailures is after how many wrong passwords a connection is closed, with a line
// in the log: whoever guesses has to connect again and again, and is noticed.
// memcached has no such bound. A delay would be no obstacle: it costs nothing to
// wait on many connections at a time, and here it would cost memory.
const maxFailures = 10

// logIn does the attempts to log in that buf begins with, until one is good: then
// the session's login is over.
func (s *session) logIn(buf []byte) (used int, state feedState) {
	for {
		n, status := s.login.Next(buf[used:])
		used += n
		switch status {
		case protocol.NeedMore:
			return used, feedMore
		case protocol.Close:
			s.refuse(s.login.Reason)
			return used, feedClose
		case protocol.Bad:
			s.out = protocol.AppendError(s.out, s.login.Err)
		case protocol.Ready:
			s.srv.stats.authCmds.Add(1)
			if s.srv.users.know(s.login.User, s.login.Password) {
				s.login = nil
				s.out = append(s.out, protocol.LineStored...)
				return used, feedMore
			}
			s.srv.stats.authFails.Add(1)
			s.out = protocol.AppendClientError(s.out, "authentication failure")
			if s.failures++; s.failures == maxFailures {
				s.refuse(protocol.CloseNoLogin)
				return used, feedClose
			}
		}
	}
}
