package difftest

import (
	"bytes"
	"cmp"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/leasecache/leasecache/internal/apptest"
)

// A memcached is a started one.
type memcached struct {
	addr  string
	patch int // 1.6.this
}

// findMemcached gives the path of the reference: MEMCACHED, or what is installed.
// "" if there is none.
func findMemcached(t testing.TB) string {
	t.Helper()
	path, err := exec.LookPath(cmp.Or(os.Getenv("MEMCACHED"), "memcached"))
	if err == nil {
		return path
	}
	if os.Getenv("LEASECACHE_REQUIRE_MEMCACHED") == "1" || os.Getenv("MEMCACHED") != "" {
		t.Fatalf("memcached is required here: %v", err)
	}
	t.Log("no memcached here: nothing is compared with it")
	return ""
}

// startMemcached starts one whose replies are determined by what it is sent: with
// memory for everything that a test stores, so that it never evicts; with one thread,
// so that its versions grow; without the thread that moves items between its lists,
// because incr replaces a value in place only while nobody else looks at it. It ends
// with the test.
func startMemcached(t testing.TB, path string) *memcached {
	t.Helper()
	m := &memcached{}
	said, err := exec.Command(path, "-V").Output()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := fmt.Sscanf(string(said), "memcached 1.6.%d", &m.patch); err != nil {
		t.Fatalf("which version is this? %q", said)
	}
	ports := filepath.Join(t.TempDir(), "ports")
	args := []string{"-l", "127.0.0.1", "-p", "-1", "-U", "0", "-m", "1024", "-t", "1", "-o", "no_lru_maintainer"}
	if os.Geteuid() == 0 {
		args = append(args, "-u", "root")
	}
	cmd := exec.Command(path, args...)
	cmd.Env = append(os.Environ(), "MEMCACHED_PORT_FILENAME="+ports)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	t.Cleanup(func() {
		select {
		case err := <-ended:
			t.Errorf("%s ended by itself: %v", path, err)
		default:
			_ = cmd.Process.Kill() // it may just have ended
			<-ended
		}
	})
	for deadline := time.Now().Add(apptest.StartTimeout); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		text, err := os.ReadFile(ports)
		if err != nil || !bytes.Contains(text, []byte("\n")) {
			continue
		}
		if _, port, ok := strings.Cut(strings.TrimSpace(string(text)), "TCP INET: "); ok {
			port, _, _ = strings.Cut(port, "\n")
			m.addr = "127.0.0.1:" + port
			m.raise(t)
			return m
		}
	}
	t.Fatalf("%s did not start", path)
	return nil
}

// raise lets versions grow beyond those that clients choose in the tests.
func (m *memcached) raise(t testing.TB) {
	t.Helper()
	c := conn{addr: m.addr}
	defer c.close()
	r, err := c.exchange(strings.Repeat("set raise 0 0 1 noreply\r\n1\r\n", 1000)+"delete raise noreply\r\n", &Step{})
	if err != nil || r.closed || r.silent {
		t.Fatalf("memcached does not answer: %v %q", err, r.bytes)
	}
}

// startLeasecached starts ours.
func startLeasecached(t testing.TB) string {
	t.Helper()
	return apptest.Start(t, apptest.Options{Flags: []string{"--memory", "512MiB", "--shards", "16"}}).Listen
}
