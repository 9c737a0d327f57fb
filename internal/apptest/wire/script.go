package wire

import (
	"fmt"
	"regexp"
	"strings"
)

// Script is a parsed script.
type Script struct {
	name  string
	steps []step
}

// step is one line: a verb with its argument, on a connection or on the server.
type step struct {
	line int
	text string // as written, for messages
	conn string // empty for steps of the server
	verb string
	arg  string
}

var (
	connStep   = regexp.MustCompile(`^([A-Z][A-Za-z0-9]*)(>>|>|<|~)(?: (.*))?$`)
	connVerb   = regexp.MustCompile(`^([A-Z][A-Za-z0-9]*) (silent|bare|closed|ends|hangup|until|has)(?: (.*))?$`)
	serverVerb = regexp.MustCompile(`^(server|stop|kill|start|restart|sleep|logged|let|expect)(?: (.*))?$`)
)

// Parse reads a script. name stands in front of line numbers in messages.
func Parse(name, text string) (*Script, error) {
	s := &Script{name: name}
	for i, line := range strings.Split(text, "\n") {
		line = strings.TrimRight(line, " \r\t")
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		st := step{line: i + 1, text: line}
		if m := connStep.FindStringSubmatch(line); m != nil {
			st.conn, st.verb, st.arg = m[1], m[2], m[3]
		} else if m := connVerb.FindStringSubmatch(line); m != nil {
			st.conn, st.verb, st.arg = m[1], m[2], m[3]
		} else if m := serverVerb.FindStringSubmatch(line); m != nil {
			st.verb, st.arg = m[1], m[2]
		} else {
			return nil, fmt.Errorf("%s:%d: not a step: %s", name, i+1, line)
		}
		if err := st.check(len(s.steps) == 0); err != nil {
			return nil, fmt.Errorf("%s:%d: %w", name, i+1, err)
		}
		s.steps = append(s.steps, st)
	}
	if len(s.steps) == 0 {
		return nil, fmt.Errorf("%s: no steps", name)
	}
	return s, nil
}

// check finds mistakes of the script's author before anything runs.
func (s step) check(first bool) error {
	switch s.verb {
	case "server":
		if !first {
			return fmt.Errorf("server is the first step or none")
		}
	case "kill":
		if s.arg != "-9" {
			return fmt.Errorf("only kill -9 is known")
		}
	case "<", "has":
		_, err := match(s.arg, "", nil)
		return badPattern(err)
	case "~", "bare":
		_, err := regexp.Compile(s.arg)
		return err
	case "until", "logged", "let", "expect", "sleep", "silent":
		if s.arg == "" {
			return fmt.Errorf("%s wants an argument", s.verb)
		}
	case "closed", "ends", "hangup", "stop":
		if s.arg != "" {
			return fmt.Errorf("%s takes no argument", s.verb)
		}
	}
	return nil
}

// badPattern lets through that an empty line does not match, which is no fault
// of the pattern.
func badPattern(err error) error {
	if err == nil || strings.HasPrefix(err.Error(), "want ") {
		return nil
	}
	return err
}
