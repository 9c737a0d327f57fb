package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/leasecache/leasecache/server"
	"github.com/leasecache/leasecache/shard/consensus"
	"github.com/leasecache/leasecache/shard/single"
)

// errAnswered ends the program well after --help or --version.
var errAnswered = errors.New("answered")

// usageError is a mistake in a flag, the environment or the configuration
// file: to start again without changing it is no use.
type usageError struct{ err error }

func (e usageError) Error() string { return e.err.Error() }
func (e usageError) Unwrap() error { return e.err }

func usagef(format string, args ...any) error {
	return usageError{fmt.Errorf(format, args...)}
}

// exitCode is 2 for what the user has to change, 1 for what the machine
// refused, 0 for the rest.
func exitCode(err error) int {
	var usage usageError
	var mismatch *consensus.Mismatch
	switch {
	case err == nil, errors.Is(err, errAnswered):
		return 0
	case errors.As(err, &usage), errors.As(err, &mismatch), errors.Is(err, single.ErrSettings), errors.Is(err, server.ErrMemory):
		return 2
	}
	return 1
}

// sentence is what stderr gets for the error: one line, or nothing.
func sentence(err error) string {
	if err == nil || errors.Is(err, errAnswered) {
		return ""
	}
	return strings.ReplaceAll(err.Error(), "\n", "; ")
}
