// Package netlab gives tests a network whose cables they can cut: some nodes, each with a
// network namespace and an address of its own, and a router between them. The test itself
// stays where it is, and reaches all of them at all times.
//
// Packets are dropped silently, in one direction or both, by rules of the router, so that
// nobody is told: a connection over a cut cable hangs, as it does in reality.
//
// It needs Linux, the command ip, and to be root.
package netlab

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// Required is the variable that makes a test fail that cannot have such a network; else
// it is skipped.
const Required = "LEASECACHE_REQUIRE_NETNS"

// Lab is such a network.
//
// Each node has a /30 with the router, and so has the test. All are in one /24 of
// 198.18.0.0/15, which is set aside for tests of networks (RFC 2544).
type Lab struct {
	t      testing.TB
	name   string // prefix of all names
	link   string // the test's end of its cable
	third  string // "198.18.7.", the beginning of all addresses
	nodes  int
	cuts   map[[2]int]bool
	remove []func()
}

var labs atomic.Int64 // of this process

// New makes a network of so many nodes. It is removed when the test ends.
func New(t testing.TB, nodes int) *Lab {
	t.Helper()
	if nodes < 1 || nodes > 60 {
		t.Fatalf("%d nodes do not fit into the network of a test", nodes)
	}
	l := &Lab{t: t, nodes: nodes, cuts: make(map[[2]int]bool)}
	number := labs.Add(1)
	l.name, l.link = fmt.Sprintf("lcl%d-%d", os.Getpid(), number), fmt.Sprintf("lcl%d-%d", os.Getpid(), number%1000)
	sweep()
	t.Cleanup(l.close)
	if err := l.build(); err != nil {
		l.close()
		if os.Getenv(Required) == "1" {
			t.Fatalf("no network of one's own here: %v", err)
		}
		t.Skipf("no network of one's own here: %v", err)
	}
	return l
}

// close removes whatever there is.
func (l *Lab) close() {
	for i := len(l.remove) - 1; i >= 0; i-- {
		l.remove[i]()
	}
	l.remove = nil
}

func (l *Lab) build() error {
	router, err := l.space("r")
	if err != nil {
		return err
	}
	if err := ip("netns", "exec", router, "sh", "-c", "echo 1 > /proc/sys/net/ipv4/ip_forward"); err != nil {
		return err
	}
	// The kernel takes 15 letters. With the router's namespace it goes, too, but later.
	l.remove = append(l.remove, func() { _ = ip("link", "del", l.link) })
	if err := ip("link", "add", l.link, "type", "veth", "peer", "name", "test", "netns", router); err != nil {
		return err
	}
	if err := l.subnet(); err != nil {
		return err
	}
	if err := l.up("", l.link, 0, 2); err != nil {
		return err
	}
	if err := l.up(router, "test", 0, 1); err != nil {
		return err
	}
	for i := range l.nodes {
		space, err := l.space(strconv.Itoa(i))
		if err != nil {
			return err
		}
		port := "node" + strconv.Itoa(i)
		if err := ip("link", "add", "eth0", "netns", space, "type", "veth", "peer", "name", port, "netns", router); err != nil {
			return err
		}
		if err := l.up(router, port, i+1, 1); err != nil {
			return err
		}
		if err := l.up(space, "eth0", i+1, 2); err != nil {
			return err
		}
		if err := ip("-n", space, "route", "add", "default", "via", l.addr(i+1, 1)); err != nil {
			return err
		}
	}
	return ip("route", "add", l.third+"0/24", "via", l.addr(0, 1))
}

// space makes a namespace.
func (l *Lab) space(suffix string) (string, error) {
	name := l.name + "-" + suffix
	l.remove = append(l.remove, func() { _ = ip("netns", "del", name) }) // what is in it goes too
	if err := ip("netns", "add", name); err != nil {
		return "", err
	}
	return name, ip("-n", name, "link", "set", "lo", "up")
}

// subnet takes a /24 that nobody else on this machine has: the address is what shows.
func (l *Lab) subnet() error {
	for try := range 512 {
		n := (os.Getpid() + int(labs.Load())*7 + try) % 512
		l.third = fmt.Sprintf("198.%d.%d.", 18+n/256, n%256)
		out, listed := exec.Command("ip", "-o", "address", "show", "to", l.third+"0/24").Output()
		if listed == nil && len(strings.TrimSpace(string(out))) > 0 {
			continue
		}
		return nil
	}
	return errors.New("all networks of 198.18.0.0/15 are taken")
}

// up gives an interface its address.
func (l *Lab) up(space, link string, cable, end int) error {
	in := []string{}
	if space != "" {
		in = []string{"-n", space}
	}
	if err := ip(append(in, "address", "add", l.addr(cable, end)+"/30", "dev", link)...); err != nil {
		return err
	}
	return ip(append(in, "link", "set", link, "up")...)
}

// addr is the address of an end of a cable: 1 is the router's. Cable 0 is the test's.
func (l *Lab) addr(cable, end int) string { return l.third + strconv.Itoa(4*cable+end) }

// Addr is the address of a node.
func (l *Lab) Addr(node int) string { return l.addr(node+1, 2) }

// Under is what to put before a command to have it run at a node. It becomes that
// command: the process has its id.
func (l *Lab) Under(node int) []string {
	return []string{"ip", "netns", "exec", l.name + "-" + strconv.Itoa(node)}
}

// Cut drops all that one node sends to another from now on. What the other one sends
// arrives.
func (l *Lab) Cut(from, to int) {
	l.t.Helper()
	if l.cuts[[2]int{from, to}] {
		return
	}
	if err := l.rule("add", from, to); err != nil {
		l.t.Fatal(err)
	}
	l.cuts[[2]int{from, to}] = true
}

// CutBoth drops all between two nodes.
func (l *Lab) CutBoth(a, b int) {
	l.t.Helper()
	l.Cut(a, b)
	l.Cut(b, a)
}

// Heal ends all cuts.
func (l *Lab) Heal() {
	l.t.Helper()
	for cut := range l.cuts {
		if err := l.rule("del", cut[0], cut[1]); err != nil {
			l.t.Fatal(err)
		}
		delete(l.cuts, cut)
	}
}

func (l *Lab) rule(verb string, from, to int) error {
	return ip("-n", l.name+"-r", "rule", verb, "from", l.Addr(from), "to", l.Addr(to), "blackhole")
}

// sweep removes what processes left here that were killed before they could.
func sweep() {
	left, err := filepath.Glob("/run/netns/lcl*-*")
	if err != nil {
		return
	}
	for _, path := range left {
		name := filepath.Base(path)
		pid, _, _ := strings.Cut(strings.TrimPrefix(name, "lcl"), "-")
		if _, err := os.Stat("/proc/" + pid); os.IsNotExist(err) {
			_ = ip("netns", "del", name) // somebody else may do it at the same time
		}
	}
}

// ipLimit bounds a command, which takes some milliseconds.
const ipLimit = 10 * time.Second

func ip(args ...string) error {
	ctx, cancel := context.WithTimeout(context.Background(), ipLimit)
	defer cancel()
	if out, err := exec.CommandContext(ctx, "ip", args...).CombinedOutput(); err != nil {
		return fmt.Errorf("ip %s: %w: %s", strings.Join(args, " "), err, strings.TrimSpace(string(out)))
	}
	return nil
}
