package difftest

import (
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// keyCount is how many keys a round has. Few, so that commands meet.
const keyCount = 8

// prefixLen is the length of what makes the keys of one run of a round differ from
// those of all others. Six bytes are eight of base64, so that a prefix can be found
// again in both forms.
const prefixLen = 6

// keyName gives a round's i-th key: short ones, one of the greatest length, one with
// bytes that only base64 can carry.
func keyName(prefix string, i int) string {
	switch i {
	case keyCount - 1:
		return prefix + strings.Repeat("L", 250-len(prefix))
	case keyCount - 2:
		return prefix + "\x00\x01 \xff"
	}
	return prefix + string(rune('a'+i))
}

// env is what the placeholders of a template stand for on one server:
//
//	${k3}            the key number 3
//	${b3}            the same in base64
//	${q186}          a key of 186 bytes in base64
//	${p} ${bp}       the prefix of all keys, and in base64
//	${c3}            the version of key 3 that this server showed last
//	${c3+1} ${c3-1}  its neighbours, if the step before showed it: later, other
//	                 numbers may have been given out, and which is the server's affair
//	${now+100}       a Unix time
//	${x*1000}        a thousand times x
//
// A version that was not shown is unknownVersion.
type env struct {
	prefix   string
	now      time.Time
	versions [keyCount]uint64
	known    [keyCount]bool
	fresh    [keyCount]bool
}

// unknownVersion is no version of any server: the reference counts from 1 and is
// far above it when a test begins, and the other's numbers are large.
const unknownVersion = 77

func (e *env) render(template string) string {
	if !strings.Contains(template, "${") {
		return template
	}
	var b strings.Builder
	for {
		before, rest, ok := strings.Cut(template, "${")
		b.WriteString(before)
		if !ok {
			return b.String()
		}
		name, after, ok := strings.Cut(rest, "}")
		if !ok {
			panic("difftest: ${ without } in " + strconv.Quote(template))
		}
		b.WriteString(e.value(name))
		template = after
	}
}

func (e *env) value(name string) string {
	if what, count, ok := strings.Cut(name, "*"); ok {
		return strings.Repeat(what, atoi(count))
	}
	switch name[0] {
	case 'p':
		return e.prefix
	case 'k':
		return keyName(e.prefix, atoi(name[1:]))
	case 'q':
		long := e.prefix + strings.Repeat("Q", atoi(name[1:])-prefixLen)
		return base64.StdEncoding.EncodeToString([]byte(long))
	case 'b':
		if name == "bp" {
			return base64.StdEncoding.EncodeToString([]byte(e.prefix))
		}
		return base64.StdEncoding.EncodeToString([]byte(keyName(e.prefix, atoi(name[1:]))))
	case 'n':
		return strconv.FormatInt(e.now.Unix()+int64(atoi(strings.TrimPrefix(name, "now"))), 10)
	case 'c':
		v, _ := e.version(name)
		return strconv.FormatUint(v, 10)
	}
	panic("difftest: what is ${" + name + "}?")
}

// version gives what a ${c…} stands for, and how far that is from a version that
// was shown.
func (e *env) version(name string) (v uint64, off int) {
	key := int(name[1] - '0')
	off = 0
	if len(name) > 2 {
		off = atoi(name[2:])
	}
	if !e.known[key] || (off != 0 && !e.fresh[key]) {
		return unknownVersion, 0
	}
	return e.versions[key] + uint64(off), off
}

// saw notes the version of a key.
func (e *env) saw(key int, version uint64) {
	e.versions[key], e.known[key], e.fresh[key] = version, true, true
}

func atoi(s string) int {
	n, err := strconv.Atoi(s)
	if err != nil {
		panic(fmt.Sprintf("difftest: template: %v", err))
	}
	return n
}
