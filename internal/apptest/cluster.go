package apptest

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// Cluster is some leasecached processes that are the nodes of one cluster: n1, n2 and so
// on. A node has the same addresses and the same data directory in each of its lives.
type Cluster struct {
	Nodes []*Process // the newest process of each

	t    testing.TB
	with []Options
}

// ClusterTimeout bounds how long a cluster may take until all is where it is to be.
const ClusterTimeout = 30 * time.Second

// StartCluster starts a node with each of the options. It waits until each of them serves;
// what they own see AwaitEven for, and who votes AwaitVoters. Flags that are not given are
// added: --node-id, free addresses on loopback, 64 MiB, a data directory, and --join.
func StartCluster(t testing.TB, nodes ...Options) *Cluster {
	t.Helper()
	c := &Cluster{t: t, Nodes: make([]*Process, len(nodes))}
	for i, o := range nodes {
		flags := slices.Clone(o.Flags)
		for _, name := range []string{"--listen", "--admin", "--cluster"} {
			if flagIn(flags, name) == "" {
				addr, err := lastingAddr()
				if err != nil {
					t.Fatal(err)
				}
				flags = append(flags, name, addr)
			}
		}
		flags = append(flags, "--node-id", fmt.Sprintf("n%d", i+1))
		if i > 0 {
			flags = append(flags, "--join", flagIn(c.with[0].Flags, "--cluster"))
		}
		if o.Flags = flags; o.DataDir == "" {
			o.DataDir = DataDir(t)
		}
		c.with = append(c.with, o)
		c.Start(i)
	}
	return c
}

// flagIn returns the value of a flag that was given as two words.
func flagIn(flags []string, name string) string {
	if i := slices.Index(flags, name); i >= 0 && i+1 < len(flags) {
		return flags[i+1]
	}
	return ""
}

// lastingAddr returns a loopback address that was free a moment ago, and that nobody is
// given who asks for any: a node that is started again finds it free.
func lastingAddr() (string, error) {
	var errs []error
	for range 100 {
		ln, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", 12000+rand.IntN(18000)))
		if err == nil {
			return ln.Addr().String(), ln.Close()
		}
		errs = append(errs, err)
	}
	return "", errors.Join(errs...)
}

// Start starts a node that is not running and waits until it serves.
func (c *Cluster) Start(i int) {
	c.t.Helper()
	c.Spawn(i)
	if err := c.Nodes[i].awaitReady(); err != nil {
		c.t.Fatalf("n%d: %v\n%s", i+1, err, c.Nodes[i].Log())
	}
}

// Spawn starts a node that is not running and does not wait.
func (c *Cluster) Spawn(i int) {
	c.t.Helper()
	p, err := Spawn(c.t, c.with[i])
	if err != nil {
		c.t.Fatal(err)
	}
	c.Nodes[i] = p
}

// AwaitReady waits until a node that was spawned serves.
func (c *Cluster) AwaitReady(i int) {
	c.t.Helper()
	if err := c.Nodes[i].awaitReady(); err != nil {
		c.t.Fatalf("n%d: %v\n%s", i+1, err, c.Nodes[i].Log())
	}
}

// DataDir is where a node keeps its data.
func (c *Cluster) DataDir(i int) string { return c.with[i].DataDir }

// Listen is the address of a node's clients, whether it runs or not.
func (c *Cluster) Listen(i int) string { return flagIn(c.with[i].Flags, "--listen") }

// Owned is which shards a node owns, as another, or itself, says.
func (c *Cluster) Owned(i, by int) ([]int, error) {
	m, err := mapAt(c.Listen(by))
	if err != nil {
		return nil, err
	}
	var owned []int
	for s, o := range m.Owners {
		if o >= 0 && m.Nodes[o].ID == fmt.Sprintf("n%d", i+1) {
			owned = append(owned, s)
		}
	}
	return owned, nil
}

// AwaitEven waits until, as all nodes say, each of them owns some shards, about as many
// as the others, and no shard is nobody's.
func (c *Cluster) AwaitEven() {
	c.t.Helper()
	c.await("all nodes own shards", func() error {
		for by := range c.Nodes {
			m, err := mapAt(c.Listen(by))
			if err != nil {
				return err
			}
			part := len(m.Owners) / len(c.Nodes)
			for i := range c.Nodes {
				owned, err := c.Owned(i, by)
				if err != nil {
					return err
				}
				if len(owned) < part || len(owned) > part+1 {
					return fmt.Errorf("n%d says that n%d owns %v", by+1, i+1, owned)
				}
			}
		}
		return nil
	})
}

var promoted = regexp.MustCompile(`(?m)^.*msg="another node votes.* votes=true`)

// AwaitVoters waits until all three nodes of a new cluster vote, which takes some ten
// seconds.
func (c *Cluster) AwaitVoters() {
	c.t.Helper()
	c.await("all nodes vote", func() error {
		if n := len(promoted.FindAllString(c.Nodes[0].Log(), -1)); n < len(c.Nodes)-1 {
			return fmt.Errorf("%d were promoted", n)
		}
		return nil
	})
}

var leadsLine = regexp.MustCompile(`(?m)^time=(\S+) .*\bmsg="this node leads" term=(\d+)`)

// Leader is the running node that led last.
func (c *Cluster) Leader() int {
	c.t.Helper()
	leader := -1
	c.await("a node leads", func() error {
		newest := ""
		for i, p := range c.Nodes {
			for _, m := range leadsLine.FindAllStringSubmatch(p.Log(), -1) {
				if p.Alive() && m[1] > newest {
					leader, newest = i, m[1]
				}
			}
		}
		if newest == "" {
			return errors.New("none of those that run has led")
		}
		return nil
	})
	return leader
}

func (c *Cluster) await(what string, done func() error) {
	c.t.Helper()
	var err error
	for deadline := time.Now().Add(ClusterTimeout); time.Now().Before(deadline); time.Sleep(25 * time.Millisecond) {
		if err = done(); err == nil {
			return
		}
	}
	c.t.Fatalf("within %v it did not come so far that %s: %v", ClusterTimeout, what, err)
}

// mapLimit bounds how long a node may take to say who owns what.
const mapLimit = 2 * time.Second

// mapAt asks a node who owns what.
func mapAt(addr string) (m ownersMap, err error) {
	nc, err := net.DialTimeout("tcp", addr, mapLimit)
	if err != nil {
		return m, err
	}
	defer nc.Close()
	_ = nc.SetDeadline(time.Now().Add(mapLimit)) // if it cannot be set the next call fails
	if _, err := io.WriteString(nc, "lm\r\n"); err != nil {
		return m, err
	}
	r := bufio.NewReader(nc)
	line, err := r.ReadString('\n')
	if err != nil {
		return m, err
	}
	var size int
	if _, err := fmt.Sscanf(line, "VA %d ", &size); err != nil {
		return m, fmt.Errorf("lm was answered %q", strings.TrimSpace(line))
	}
	body := make([]byte, size)
	if _, err := io.ReadFull(r, body); err != nil {
		return m, err
	}
	return m, json.Unmarshal(body, &m)
}

// ownersMap is what is needed here of the JSON of lm.
type ownersMap struct {
	Nodes  []struct{ ID, Addr, State string }
	Owners []int
	Epochs []uint64
}
