package main

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"strconv"
	"strings"
)

// portFileVariable names a file for the port, which test suites that start
// memcached on any port read it from.
const portFileVariable = "MEMCACHED_PORT_FILENAME"

// writePorts writes one line for each address family and address, as memcached
// does; asked are what the addresses were asked for as. Whoever waits for the file
// finds it complete.
func writePorts(path string, asked []string, addrs []net.Addr) error {
	var text strings.Builder
	for i, a := range addrs {
		tcp, ok := a.(*net.TCPAddr)
		if !ok {
			continue
		}
		v4 := tcp.IP.To4() != nil
		if v4 || strings.HasPrefix(asked[i], ":") { // without a host it takes both
			fmt.Fprintf(&text, "TCP INET: %d\n", tcp.Port)
		}
		if !v4 {
			fmt.Fprintf(&text, "TCP INET6: %d\n", tcp.Port)
		}
	}
	return replaceFile(path, path+".lck", text.String())
}

// writePID warns if the process that the file names is still there, as memcached
// does, and goes on: the number may have gone to somebody else.
func writePID(path string, log *slog.Logger) error {
	if old, err := os.ReadFile(path); err == nil {
		line, _, _ := strings.Cut(string(old), "\n")
		if pid, err := strconv.Atoi(line); err == nil && pid > 0 && running(pid) {
			log.Warn("the pid file names a process that runs", "file", path, "pid", pid)
		}
	}
	return replaceFile(path, path+".tmp", strconv.Itoa(os.Getpid())+"\n")
}

func replaceFile(path, temporary, text string) error {
	if err := os.WriteFile(temporary, []byte(text), 0o644); err != nil {
		return err
	}
	return os.Rename(temporary, path)
}

// removeFile is no error if somebody else did it.
func removeFile(path string) error {
	if err := os.Remove(path); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
