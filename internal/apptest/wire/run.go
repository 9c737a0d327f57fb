package wire

import (
	"fmt"
	"regexp"
	"sort"
	"strings"
	"time"
)

// patience is how long a reply, an end of a connection or the write of a request
// may take before the script fails.
const patience = 5 * time.Second

// Target is the server that a script talks to.
type Target interface {
	// Start starts the server, on what an earlier run of it left behind, and
	// returns the address of its clients' port when it serves.
	Start(flags []string) (addr string, err error)
	// Stop ends it in order; an error if it did not end well.
	Stop() error
	// Kill ends it without any warning.
	Kill() error
	// Logged says whether the text stands in its log.
	Logged(text string) bool
}

// Run runs the script. The error says where it failed, what was wanted, what
// came, and what went over the wire before.
func (s *Script) Run(t Target) error {
	r := &run{script: s, target: t, conns: map[string]*conn{}, vars: map[string]uint64{}}
	defer r.hangUpAll()
	if s.steps[0].verb != "server" {
		if err := r.start(nil); err != nil {
			return fmt.Errorf("%s: start: %w", s.name, err)
		}
	}
	for _, st := range s.steps {
		if err := r.do(st); err != nil {
			return fmt.Errorf("%s:%d: %s\n%w\n%s", s.name, st.line, st.text, err, r.history())
		}
	}
	if err := r.nothingLeft(); err != nil {
		return fmt.Errorf("%s: at the end: %w\n%s", s.name, err, r.history())
	}
	return nil
}

type run struct {
	script *Script
	target Target
	flags  []string
	addr   string
	conns  map[string]*conn
	vars   map[string]uint64
	lines  []string // what went over the wire last
}

func (r *run) do(st step) error {
	if st.conn != "" {
		return r.onConn(st)
	}
	switch st.verb {
	case "server":
		return r.start(strings.Fields(st.arg))
	case "start":
		return r.startAgain(st.arg)
	case "stop":
		r.hangUpAll()
		return r.target.Stop()
	case "kill":
		err := r.target.Kill()
		r.hangUpAll()
		return err
	case "restart":
		r.hangUpAll()
		if err := r.target.Stop(); err != nil {
			return err
		}
		return r.startAgain(st.arg)
	case "sleep":
		d, err := r.duration(st.arg)
		time.Sleep(d)
		return err
	case "logged":
		return r.logged(st.arg)
	case "let":
		return r.let(st.arg)
	case "expect":
		return compare(st.arg, r.vars)
	}
	return fmt.Errorf("unknown step")
}

func (r *run) start(flags []string) error {
	addr, err := r.target.Start(flags)
	r.flags, r.addr = flags, addr
	return err
}

func (r *run) startAgain(arg string) error {
	if arg == "" {
		return r.start(r.flags)
	}
	return r.start(strings.Fields(arg))
}

func (r *run) onConn(st step) error {
	c, ok := r.conns[st.conn]
	if !ok {
		var err error
		if c, err = dial(r.addr); err != nil {
			return err
		}
		r.conns[st.conn] = c
	}
	switch st.verb {
	case ">", ">>":
		text, err := sendable(st.arg, r.vars)
		if err != nil {
			return err
		}
		if st.verb == ">" {
			text += "\r\n"
		}
		r.note(st.conn+st.verb, text)
		return c.send(text)
	case "<", "~", "bare":
		end := "\r\n"
		if st.verb == "bare" {
			end = "\n"
		}
		line, err := c.upTo(end, patience)
		if err != nil {
			return err
		}
		r.note(st.conn+"<", line)
		return r.judge(st, line)
	case "until":
		c.kept = nil
		for {
			line, err := c.line(patience)
			if err != nil {
				return err
			}
			r.note(st.conn+"<", line)
			if line == st.arg {
				return nil
			}
			c.kept = append(c.kept, line)
		}
	case "has":
		for _, line := range c.kept {
			if bound, err := match(st.arg, line, r.vars); err == nil {
				r.bind(bound)
				return nil
			}
		}
		return fmt.Errorf("none of %d lines matches", len(c.kept))
	case "silent":
		d, err := r.duration(st.arg)
		if err != nil {
			return err
		}
		return c.silent(d)
	case "closed":
		if err := c.closed(patience); err != nil {
			return err
		}
		r.hangUp(st.conn)
		return nil
	case "ends":
		for {
			if err := c.closed(patience); err == nil {
				r.hangUp(st.conn)
				return nil
			} else if len(c.buf) == 0 {
				return err
			}
			r.note(st.conn+"<", string(c.buf))
			c.buf = nil
		}
	case "hangup":
		r.hangUp(st.conn)
		return nil
	}
	return fmt.Errorf("unknown step")
}

func (r *run) judge(st step, line string) error {
	if st.verb != "<" {
		re, err := regexp.Compile(`(?s)\A(?:` + st.arg + `)\z`)
		if err != nil {
			return err
		}
		if !re.MatchString(line) {
			return fmt.Errorf("want %s\n got %s", st.arg, shown(line))
		}
		return nil
	}
	bound, err := match(st.arg, line, r.vars)
	if err != nil {
		return err
	}
	r.bind(bound)
	return nil
}

func (r *run) bind(bound map[string]uint64) {
	for name, v := range bound {
		r.vars[name] = v
	}
}

func (r *run) let(arg string) error {
	name, expr, ok := strings.Cut(arg, " = ")
	if !ok || !strings.HasPrefix(name, "$") {
		return fmt.Errorf("let wants $name = expression")
	}
	v, err := eval(strings.Fields(expr), r.vars)
	if err != nil {
		return err
	}
	r.vars[name[1:]] = v
	return nil
}

func (r *run) duration(arg string) (time.Duration, error) {
	text, err := sendable(arg, r.vars)
	if err != nil {
		return 0, err
	}
	return time.ParseDuration(text)
}

func (r *run) logged(text string) error {
	for deadline := time.Now().Add(2 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		if r.target.Logged(text) {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("the log does not say so")
		}
	}
}

// nothingLeft makes sure that no connection has a reply that the script did not
// ask for.
func (r *run) nothingLeft() error {
	names := make([]string, 0, len(r.conns))
	for name := range r.conns {
		names = append(names, name)
	}
	sort.Strings(names)
	for _, name := range names {
		c := r.conns[name]
		if err := c.send("mn\r\n"); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		line, err := c.line(patience)
		if err != nil {
			return fmt.Errorf("%s: waiting for MN: %w", name, err)
		}
		if line != "MN" {
			return fmt.Errorf("%s: a reply nobody asked for: %s", name, shown(line))
		}
		if len(c.buf) > 0 {
			return fmt.Errorf("%s: bytes after MN: %s", name, shown(string(c.buf)))
		}
	}
	return nil
}

func (r *run) hangUp(name string) {
	if c, ok := r.conns[name]; ok {
		_ = c.Close() // the peer may be gone already
		delete(r.conns, name)
	}
}

func (r *run) hangUpAll() {
	for name := range r.conns {
		r.hangUp(name)
	}
}

func (r *run) note(who, text string) {
	const most = 16
	r.lines = append(r.lines, who+" "+shown(text))
	if len(r.lines) > most {
		r.lines = r.lines[1:]
	}
}

func (r *run) history() string {
	return "  before:\n    " + strings.Join(r.lines, "\n    ")
}
