// Command leasectl asks and tells a running leasecached through its admin port, and shows in a demo of a few seconds what Leasecache
// is for. It uses the admin HTTP interface alone ([api]); only the demo starts a server, in its own process.
//
// Exit codes: 0 done; 1 it could not be done, or a promise was broken, and standard error says why in one sentence;
// 2 the command line makes no sense.
//
// [api]: https://pkg.go.dev/github.com/leasecache/leasecache/server/admin/api
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"unicode"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// The first signal ends the command in order; a second one kills it, in case that hangs.
	context.AfterFunc(ctx, stop)
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// run is main without the process: it returns the exit code.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	root := newRoot()
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return 0
	}
	if !errors.Is(err, errSilent) {
		fmt.Fprintf(stderr, "leasectl: %s\n", oneLine(err))
	}
	if failed := (*failure)(nil); errors.As(err, &failed) {
		return 1
	}
	return 2
}

// oneLine folds errors of several lines, as drivers and joined errors have them.
// Their text may be a server's, which shall not steer the terminal.
func oneLine(err error) string {
	line := strings.NewReplacer(":\n\t", ": ", "\n\t", "; ", "\n", "; ").Replace(err.Error())
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return '?'
		}
		return r
	}, line)
}

// failure marks an error as one of doing it. All others are errors of the command line: that is how cobra's own are told apart.
type failure struct{ err error }

func (f *failure) Error() string { return f.err.Error() }
func (f *failure) Unwrap() error { return f.err }

// errSilent is a failure that the output has told already.
var errSilent = errors.New("exit code 1")

// errUsage marks an error found by a verb as one of the command line.
var errUsage = errors.New("bad usage")
