package netlab

import (
	"bufio"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// asNode is the variable that makes this program a node: it says back what it is told, and
// what it is told on its standard input goes to the address named there.
const asNode = "NETLAB_TEST_ADDRESS"

func TestMain(m *testing.M) {
	if addr := os.Getenv(asNode); addr != "" {
		serve(addr)
		return
	}
	os.Exit(m.Run())
}

func serve(addr string) {
	nc, err := net.ListenPacket("udp", addr)
	if err != nil {
		panic(err)
	}
	_, _ = os.Stdout.WriteString("ready\n") // the test waits for it
	var b [64]byte
	for {
		n, from, err := nc.ReadFrom(b[:])
		if err != nil {
			panic(err)
		}
		// "to ADDRESS" is passed on as "hello"; the rest is what arrived.
		if to, ok := strings.CutPrefix(string(b[:n]), "to "); ok {
			to, err := net.ResolveUDPAddr("udp", to)
			if err != nil {
				panic(err)
			}
			_, _ = nc.WriteTo([]byte("hello"), to) // a cut may show here
			continue
		}
		if string(b[:n]) == "hello" {
			_, _ = os.Stdout.WriteString("hello from " + from.String() + "\n")
		} else {
			_, _ = nc.WriteTo(b[:n], from)
		}
	}
}

func TestCuts(t *testing.T) {
	l := New(t, 3)
	heard := make([]chan string, 3)
	for i := range heard {
		heard[i] = node(t, l, i)
		require.Equal(t, "ready", <-heard[i])
	}
	test, err := net.ListenPacket("udp", ":0")
	require.NoError(t, err)
	defer test.Close()
	tell := func(i int, what string) {
		to, err := net.ResolveUDPAddr("udp", l.Addr(i)+":1000")
		require.NoError(t, err)
		_, err = test.WriteTo([]byte(what), to)
		require.NoError(t, err)
	}
	reaches := func(from, to int) bool {
		tell(from, "to "+l.Addr(to)+":1000")
		select {
		case said := <-heard[to]:
			require.Equal(t, "hello from "+l.Addr(from)+":1000", said)
			return true
		case <-time.After(100 * time.Millisecond):
			return false
		}
	}
	check := func(cut ...[2]int) {
		t.Helper()
		for from := range heard {
			for to := range heard {
				if from == to {
					continue
				}
				want := true
				for _, c := range cut {
					want = want && c != [2]int{from, to}
				}
				require.Equal(t, want, reaches(from, to), "from %d to %d", from, to)
			}
			tell(from, "echo")
			require.NoError(t, test.SetReadDeadline(time.Now().Add(5*time.Second)))
			var b [64]byte
			n, _, err := test.ReadFrom(b[:])
			require.NoError(t, err, "the test reaches %d at all times", from)
			require.Equal(t, "echo", string(b[:n]))
		}
	}
	check()
	l.Cut(0, 1)
	check([2]int{0, 1})
	l.CutBoth(0, 1)
	l.Cut(2, 0)
	check([2]int{0, 1}, [2]int{1, 0}, [2]int{2, 0})
	l.Heal()
	check()
}

// node runs this program at a node and returns the lines that it writes.
func node(t *testing.T, l *Lab, i int) chan string {
	under := append(l.Under(i), os.Args[0])
	cmd := exec.Command(under[0], under[1:]...)
	cmd.Env = append(os.Environ(), asNode+"="+l.Addr(i)+":1000")
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait() // it says that it was killed
	})
	lines := make(chan string, 16)
	go func() {
		for r := bufio.NewScanner(out); r.Scan(); {
			lines <- r.Text()
		}
	}()
	return lines
}

// TestLeavesNothing: what a lab has made is gone with it, and so is what a process left
// that was killed.
func TestLeavesNothing(t *testing.T) {
	var name, link string
	t.Run("lab", func(t *testing.T) {
		l := New(t, 2)
		name, link = l.name, l.link
		require.NotEmpty(t, spaces(t, name))
		require.NoError(t, ip("link", "show", link))
	})
	if name == "" {
		t.Skip("no network of one's own here")
	}
	require.Empty(t, spaces(t, name))
	require.Error(t, ip("link", "show", link))

	// No process has so large an id.
	left := "lcl4194305-1-0"
	require.NoError(t, ip("netns", "add", left))
	t.Run("next", func(t *testing.T) { New(t, 1) })
	require.Empty(t, spaces(t, left))
}

func spaces(t *testing.T, name string) (found []string) {
	out, err := exec.Command("ip", "netns", "list").Output()
	require.NoError(t, err)
	for line := range strings.Lines(string(out)) {
		if strings.HasPrefix(line, name) {
			found = append(found, line)
		}
	}
	return found
}
