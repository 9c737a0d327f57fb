// Package pgtest starts a PostgreSQL server for tests: the machine's own
// binaries, an empty directory, a free port, gone when the test process is gone,
// however that ends. It speaks through the driver "pgx", which the tests that use
// it import.
package pgtest

import (
	"context"
	"database/sql"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// NoPostgres is the variable that, set to 1, says that this machine has no
// PostgreSQL and that tests are to do without.
const NoPostgres = "LEASECACHE_NO_POSTGRES"

// BinDir is the variable that names the directory of PostgreSQL's binaries.
const BinDir = "LEASECACHE_PG_BIN"

// Run is for TestMain: it runs the tests and then stops the server, if one was
// started. It returns the exit code.
func Run(m interface{ Run() int }) int {
	code := m.Run()
	shared.mu.Lock()
	defer shared.mu.Unlock()
	if shared.server != nil {
		if err := shared.server.Stop(); err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
	}
	return code
}

var shared struct {
	mu     sync.Mutex
	server *Server
	err    error
	names  atomic.Int64
}

// TB is the part of testing.TB that is needed here.
type TB interface {
	Helper()
	Logf(format string, args ...any)
	Fatalf(format string, args ...any)
}

// DSN returns the address of a new, empty database on the server of this test
// process, for the driver "pgx". Without PostgreSQL's binaries the test fails,
// unless NoPostgres is set: then ok is false, and the test has nothing to do.
func DSN(t TB) (dsn string, ok bool) {
	t.Helper()
	if os.Getenv(NoPostgres) == "1" {
		t.Logf("%s is set: nothing is tested against PostgreSQL", NoPostgres)
		return "", false
	}
	shared.mu.Lock()
	defer shared.mu.Unlock()
	if shared.server == nil && shared.err == nil {
		shared.server, shared.err = Start()
	}
	if shared.err != nil {
		t.Fatalf("%v (a machine without PostgreSQL sets %s=1)", shared.err, NoPostgres)
	}
	name := "test" + strconv.FormatInt(shared.names.Add(1), 10)
	db, err := sql.Open("pgx", shared.server.DSN("postgres"))
	if err != nil {
		t.Fatalf("pgtest: %v", err)
	}
	defer db.Close()
	if _, err := db.Exec("CREATE DATABASE " + name); err != nil {
		t.Fatalf("pgtest: %v", err)
	}
	return shared.server.DSN(name), true
}

// Server is a running PostgreSQL.
type Server struct {
	dir   string
	port  int
	cmd   *exec.Cmd
	stdin io.Closer
	log   string
}

// DSN returns the address of a database of the server.
func (s *Server) DSN(database string) string {
	return fmt.Sprintf("postgres://postgres@127.0.0.1:%d/%s?sslmode=disable", s.port, database)
}

// guard starts the server and stops it when its own standard input ends, which
// it does at the latest with the test process.
const guard = `"$@" & pid=$!; read -r line; kill -INT $pid; wait $pid`

// Start makes a server in a new directory. Stop ends it.
func Start() (_ *Server, err error) {
	bin, err := findBin()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "leasecache-pg-")
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			_ = os.RemoveAll(dir)
		}
	}()
	if err := handOver(dir); err != nil {
		return nil, err
	}
	data := filepath.Join(dir, "data")
	initdb := exec.Command(filepath.Join(bin, "initdb"), "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync")
	initdb.Dir, initdb.SysProcAttr = dir, asOther()
	if out, err := initdb.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("pgtest: initdb: %w: %s", err, out)
	}
	s := &Server{dir: dir, log: filepath.Join(dir, "log")}
	if s.port, err = freePort(); err != nil {
		return nil, err
	}
	if err := s.start(bin, data); err != nil {
		return nil, err
	}
	if err := s.wait(); err != nil {
		_ = s.Stop()
		return nil, err
	}
	return s, nil
}

func (s *Server) start(bin, data string) error {
	log, err := os.Create(s.log)
	if err != nil {
		return err
	}
	defer log.Close()
	s.cmd = exec.Command("/bin/sh", "-c", guard, "sh", filepath.Join(bin, "postgres"), "-D", data,
		"-p", strconv.Itoa(s.port), "-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=",
		"-c", "max_connections=200", "-c", "shared_buffers=32MB", "-c", "fsync=off")
	s.cmd.Dir, s.cmd.SysProcAttr = s.dir, asOther()
	s.cmd.Stdout, s.cmd.Stderr = log, log
	if s.stdin, err = s.cmd.StdinPipe(); err != nil {
		return err
	}
	return s.cmd.Start()
}

// wait returns when the server answers.
func (s *Server) wait() error {
	db, err := sql.Open("pgx", s.DSN("postgres"))
	if err != nil {
		return err
	}
	defer db.Close()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	for {
		if err = db.PingContext(ctx); err == nil {
			return nil
		}
		select {
		case <-time.After(20 * time.Millisecond):
		case <-ctx.Done():
			out, _ := os.ReadFile(s.log)
			return fmt.Errorf("pgtest: the server does not answer: %w: %s", err, out)
		}
	}
}

// Stop ends the server at once and removes its directory.
func (s *Server) Stop() error {
	_ = s.stdin.Close()
	_ = s.cmd.Wait() // the exit code of an interrupted server is of no interest
	return os.RemoveAll(s.dir)
}

func findBin() (string, error) {
	if dir := os.Getenv(BinDir); dir != "" {
		return dir, nil
	}
	if path, err := exec.LookPath("initdb"); err == nil {
		return filepath.Dir(path), nil
	}
	for _, pattern := range []string{"/usr/lib/postgresql/*/bin/initdb", "/usr/pgsql-*/bin/initdb", "/opt/homebrew/opt/postgresql@*/bin/initdb"} {
		found, _ := filepath.Glob(pattern)
		if len(found) > 0 {
			slices.SortFunc(found, func(a, b string) int { return version(a) - version(b) })
			return filepath.Dir(found[len(found)-1]), nil
		}
	}
	return "", fmt.Errorf("pgtest: no initdb in the path; %s names the directory of PostgreSQL's binaries", BinDir)
}

// version is the first number in a path.
func version(path string) int {
	digits := strings.FieldsFunc(path, func(r rune) bool { return r < '0' || r > '9' })
	n := 0
	if len(digits) > 0 {
		n, _ = strconv.Atoi(digits[0])
	}
	return n
}

func freePort() (int, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer ln.Close()
	return ln.Addr().(*net.TCPAddr).Port, nil
}
