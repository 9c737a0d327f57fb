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
)

// serving finds the addresses in the line that the daemon logs when it serves,
// written as text or as JSON.
func serving(log string) (listen, admin string, ok bool) {
	if line := servingLine.FindString(log); line != "" {
		l, a := listenAttr.FindStringSubmatch(line), adminAttr.FindStringSubmatch(line)
		if l != nil && a != nil {
			return l[1], a[1], true
		}
	}
	for _, line := range strings.Split(log, "\n") {
		var entry struct{ Msg, Listen, Admin string }
		if json.Unmarshal([]byte(line), &entry) == nil && entry.Msg == "serving" {
			return entry.Listen, entry.Admin, true
		}
	}
	return "", "", false
}
