package apptest

import (
	"bytes"
	"encoding/json"
	"regexp"
	"strings"
	"sync"
)

// journal collects what a process writes to stderr.
type journal struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.Write(p)
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.String()
}

var (
	servingLine = regexp.MustCompile(`(?m)^.*\bmsg="?serving"?(?: .*)?$`)
	listenAttr  = regexp.MustCompile(`\blisten="?([^ "]+)`)
	adminAttr   = regexp.MustCompile(`\badmin="?([^ "]+)`)
	portAttr    = regexp.MustCompile(`\bpeers="?([^ "]+)`)
)

// ports are the addresses of a process, as it logs them.
type ports struct{ Listen, Admin, Peers string }

// serving finds the addresses in the line that the daemon logs when it serves,
// written as text or as JSON.
func serving(log string) (at ports, ok bool) {
	if line := servingLine.FindString(log); line != "" {
		l, a, p := listenAttr.FindStringSubmatch(line), adminAttr.FindStringSubmatch(line), portAttr.FindStringSubmatch(line)
		if l != nil && a != nil && p != nil {
			return ports{l[1], a[1], p[1]}, true
		}
	}
	for _, line := range strings.Split(log, "\n") {
		var entry struct {
			Msg string
			ports
		}
		if json.Unmarshal([]byte(line), &entry) == nil && entry.Msg == "serving" {
			return entry.ports, true
		}
	}
	return ports{}, false
}
