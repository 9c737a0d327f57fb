//go:build !unix

package pgtest

import "syscall"

func asOther() *syscall.SysProcAttr { return nil }

func handOver(string) error { return nil }
