package load

import (
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

// Habit is how the connections of a crowd behave.
type Habit uint8

const (
	Idle       Habit = iota // connect and say nothing
	HalfAsked               // send half a request and fall silent
	OneByte                 // send requests a byte at a time
	SlowReader              // ask for much and read little
	ComeAndGo               // connect, ask once, hang up; and the next one does
)

func (h Habit) String() string {
	return [...]string{"idle", "half a request", "one byte at a time", "slow readers", "come and go"}[h]
}

const (
	tick      = time.Millisecond
	turn      = 100 // ticks after which each connection of a crowd acts again
	sip       = 1000
	slowQueue = 4 << 10 // receive buffer of slow readers
	asked     = 100     // requests of each slow reader
)

// Crowd is a number of connections that are served by a generator beside its
// own, and not measured: what counts is what they do to the others.
type Crowd struct {
	habit Habit
	addr  string
	fds   []int
	said  []int // bytes of the request that were sent
	next  int
	text  []byte // the request
	in    [sip]byte

	Closed int // by the server
}

// Annoy connects a crowd of n. Slow readers ask for key, which should be large.
func (g *Generator) Annoy(addr string, h Habit, n int, key uint32) (*Crowd, error) {
	c := &Crowd{habit: h, addr: addr, said: make([]int, n)}
	c.text, _ = appendGet(nil, nil, g.w.Dialect, []uint32{key}, 0, 0)
	g.crowds = append(g.crowds, c)
	buffer := 0
	if h == SlowReader {
		buffer = slowQueue
	}
	for range n {
		fd, err := dial(addr, buffer)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", h, err)
		}
		c.fds = append(c.fds, fd)
		// An error here is the server closing the connection, which is its right.
		switch h {
		case HalfAsked:
			_, _ = write(fd, c.text[:len(c.text)/2])
		case SlowReader:
			for i := 0; i < asked; i++ {
				if n, err := write(fd, c.text); err != nil || n < len(c.text) {
					break
				}
			}
		}
	}
	return c, nil
}

// Close hangs up on all of them.
func (c *Crowd) Close() {
	for _, fd := range c.fds {
		if fd >= 0 {
			hangUp(fd)
		}
	}
	c.fds = nil
}

// tick lets the next few connections act.
func (c *Crowd) tick() {
	if c.habit == Idle || c.habit == HalfAsked || len(c.fds) == 0 {
		return
	}
	for range max(1, len(c.fds)/turn) {
		i := c.next
		c.next = (c.next + 1) % len(c.fds)
		if c.fds[i] >= 0 && !c.act(i) {
			_ = unix.Close(c.fds[i]) // the server did it first
			c.fds[i] = -1
			c.Closed++
		}
	}
}

// act is false when the server has closed the connection.
func (c *Crowd) act(i int) bool {
	fd := c.fds[i]
	if c.habit == ComeAndGo {
		return c.replace(i)
	}
	if c.habit == OneByte {
		at := c.said[i] % len(c.text)
		n, err := write(fd, c.text[at:at+1])
		if err != nil {
			return false
		}
		c.said[i] += max(n, 0)
	}
	n, err := read(fd, c.in[:])
	return err == nil && n != 0
}

// replace hangs up and connects anew; it is false when that fails.
func (c *Crowd) replace(i int) bool {
	fd, err := dial(c.addr, 0)
	if err != nil {
		return false
	}
	hangUp(c.fds[i])
	c.fds[i] = fd
	_, err = write(fd, c.text)
	return err == nil
}
