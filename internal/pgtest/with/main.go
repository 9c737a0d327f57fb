// Command with runs a command beside a PostgreSQL of its own, which is gone
// when the command ends: in its arguments {dsn} becomes the database's address.
//
//	go run ./internal/pgtest/with bin/leasectl demo --postgres {dsn}
package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"

	_ "github.com/jackc/pgx/v5/stdlib" // registers the driver "pgx"

	"github.com/leasecache/leasecache/internal/pgtest"
)

func main() {
	code, err := run(os.Args[1:])
	if err != nil {
		fmt.Fprintln(os.Stderr, "with:", err)
	}
	os.Exit(code)
}

func run(args []string) (code int, err error) {
	if len(args) == 0 {
		return 2, errors.New("name a command")
	}
	server, err := pgtest.Start()
	if err != nil {
		return 1, err
	}
	defer func() { err = errors.Join(err, server.Stop()) }()
	for i := range args {
		args[i] = strings.ReplaceAll(args[i], "{dsn}", server.DSN("postgres"))
	}
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	err = cmd.Run()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return exit.ExitCode(), nil // the command has said what is wrong
	}
	if err != nil {
		return 1, err
	}
	return 0, nil
}
