package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/leasecache/leasecache/server"
)

// runStandIn is the program in memcached's place: its result is the exit code.
func runStandIn(args []string, stdout, stderr io.Writer) int {
	err := standInMain(args, stdout, stderr)
	var r refusal
	switch {
	case err == nil:
		return 0
	case errors.As(err, &r):
		if r.text != "" {
			fmt.Fprintln(stderr, r.text)
		}
		return r.code
	}
	fmt.Fprintln(stderr, sentence(err))
	return exitCode(err)
}

func standInMain(args []string, stdout, stderr io.Writer) error {
	s, err := readStandIn(args)
	if err != nil {
		return err
	}
	if s.answer != "" {
		_, err := io.WriteString(stdout, s.answer)
		return err
	}
	if err := s.absolute(); err != nil {
		return err
	}
	cfg, err := s.config(stderr)
	if err != nil {
		return err
	}
	me, err := s.identity()
	if err != nil {
		return err
	}
	if s.detach && !detached() {
		return detach(args)
	}
	// As in main.go; and memcached ends in order after SIGUSR1, too.
	signal.Ignore(syscall.SIGPIPE)
	ctx, restore := signal.NotifyContext(context.Background(), standInSignals...)
	context.AfterFunc(ctx, restore)

	c := NewCommand(nil, stdout, stderr, listen)
	signal.Notify(c.hangup, syscall.SIGHUP) // the file of -Y is read again, as in memcached
	c.use(cfg)
	c.bound = func(n node) error { return s.bound(c, n, me) }
	err = s.explain(c.serve(ctx))
	if s.pidFile != "" && s.detach {
		err = errors.Join(err, removeFile(s.pidFile))
	}
	return err
}

// absolute makes the paths ones that hold when -d has left the directory.
func (s *standIn) absolute() (err error) {
	for _, path := range []*string{&s.socket, &s.pidFile, &s.authFile} {
		if *path != "" && s.detach && err == nil {
			*path, err = filepath.Abs(*path)
		}
	}
	return err
}

// config is the node that memcached's flags ask for; -vv shows on stderr what clients
// do.
func (s *standIn) config(stderr io.Writer) (Config, error) {
	cfg, err := settle(nil)
	if err != nil {
		return cfg, err
	}
	addresses, err := s.addresses()
	if err != nil {
		return cfg, err
	}
	cfg.Listen = server.NoPort
	if len(addresses) > 0 {
		cfg.Listen, cfg.MoreListen = addresses[0], addresses[1:]
	}
	cfg.Admin, cfg.Ephemeral, cfg.Insecure = server.NoPort, true, true
	cfg.MaxConnections, cfg.Threads = s.conns, s.cores
	cfg.MaxItemSize = int(s.maxItem)
	// memcached takes values of up to half its memory.
	cfg.Memory = max(s.memory, itemsInMemory*s.maxItem)
	cfg.Denied, cfg.AllowShutdown = s.denied, s.shutdown
	cfg.UnixSocket, cfg.UnixMode, cfg.AuthFile = s.socket, s.mode, s.authFile
	cfg.RequestsPerEvent, cfg.IdleTimeout = s.turn, time.Duration(s.idle)*time.Second
	switch s.verbose {
	case 0:
		cfg.LogLevel = slog.LevelWarn
	case 1:
		cfg.LogLevel = slog.LevelInfo
	default:
		cfg.LogLevel, cfg.trace = slog.LevelDebug, stderr
	}
	return cfg, nil
}

// bound is what comes between the opening of the ports and the serving of
// clients. The order counts:
//
//  1. the ports are open, which may have taken root's rights;
//  2. the rights are given up, before the first byte of a client is read;
//  3. the files are written, with the rights with which they are to be removed;
//  4. who started this hears of it, and finds all of that done.
func (s *standIn) bound(c *Command, n node, me identity) error {
	if s.socket != "" {
		if err := me.owns(s.socket); err != nil {
			return err
		}
	}
	if err := me.become(c.log); err != nil {
		return err
	}
	if path := os.Getenv(portFileVariable); path != "" && s.socket == "" {
		if err := writePorts(path, append([]string{c.Config.Listen}, c.Config.MoreListen...), n.Addrs()); err != nil {
			c.log.Warn("the port is not written", "variable", portFileVariable, "error", err)
		}
	}
	if s.pidFile != "" {
		if err := writePID(s.pidFile, c.log); err != nil {
			c.log.Warn("the process id is not written", "error", err)
		}
	}
	s.warn(c.log, n.Addrs())
	if s.detach && detached() {
		return letGo(s.verbose > 0)
	}
	return nil
}

// warn says what may surprise those who know memcached, or who do not.
func (s *standIn) warn(log *slog.Logger, addrs []net.Addr) {
	if len(s.unused) > 0 {
		log.Warn("options of memcached without an effect here", "options", strings.Join(s.unused, " "))
	}
	if s.socket != "" && (s.listen != "" || s.tcpGiven && s.port != 0) {
		log.Warn("no port is opened: -s takes the place of -p and -l, as in memcached", "unix", s.socket)
	}
	if s.udp != 0 {
		log.Warn("UDP is not spoken here", "option", fmt.Sprintf("-U %d", s.udp))
	}
	if s.memory < itemsInMemory*s.maxItem {
		log.Warn("more memory is used than -m says: values of this size need it",
			"m", formatSize(s.memory), "I", formatSize(s.maxItem), "memory", formatSize(itemsInMemory*s.maxItem))
	}
	if s.threads > 64 {
		log.Warn("so many threads are of no use: there are fewer cores", "t", s.threads)
	}
	for _, a := range addrs {
		if tcp, ok := a.(*net.TCPAddr); ok && !tcp.IP.IsLoopback() {
			log.Info("other machines can reach this address, as they can memcached; -l 127.0.0.1 keeps them out", "address", a.String())
		}
	}
}

// explain puts an error of the start as memcached does.
func (s *standIn) explain(err error) error {
	if !errors.Is(err, server.ErrListen) {
		return err
	}
	why := strings.TrimPrefix(err.Error(), server.ErrListen.Error()+": ")
	var op *net.OpError
	var no syscall.Errno
	if errors.As(err, &op) && errors.As(op.Err, &no) {
		why = strings.ToUpper(no.Error()[:1]) + no.Error()[1:]
		if no == syscall.EADDRINUSE {
			why += "\n-p takes another port, and -l another address" // memcached's line stays as it is
		}
	}
	switch {
	case s.socket != "":
		return refuse(exitOS, "failed to listen on UNIX socket: %s: %s", s.socket, why)
	case s.listen != "":
		return refuse(exitOS, "failed to listen on one of interface(s) %s: %s", s.listen, why)
	}
	return refuse(exitOS, "failed to listen on TCP port %d: %s", s.port, why)
}
