package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"runtime"
	"strings"

	"github.com/spf13/pflag"

	"github.com/leasecache/leasecache/internal/build"
	"github.com/leasecache/leasecache/internal/resident"
	"github.com/leasecache/leasecache/server"
)

// Command is one node, from its settings to its end. Call ParseFlags,
// Validate, Run and Close in this order.
type Command struct {
	Config Config

	environ        []string
	stdout, stderr io.Writer
	unknown        []string // environment variables that look like ours
	log            *slog.Logger
	listen         listenFunc
	bound          func(node) error // between the opening of the ports and the serving; nil for none

	hangup chan os.Signal // SIGHUP: read again what may change

	ready  chan struct{}
	keeper keeper
	member *member // nil if nothing is kept on disk
	node   node
	served chan error // the end of node.Serve
	closed bool
}

// NewCommand makes a command that reads that environment (NAME=value lines),
// writes what it is asked for to stdout and its log to stderr, and serves with
// what listen returns.
func NewCommand(environ []string, stdout, stderr io.Writer, listen listenFunc) *Command {
	return &Command{
		environ: environ, stdout: stdout, stderr: stderr,
		log:    slog.New(slog.DiscardHandler),
		listen: listen,
		hangup: make(chan os.Signal, 1),
		ready:  make(chan struct{}),
	}
}

// execute is the whole of the command, for those who have nothing to do between
// the steps.
func (c *Command) execute(ctx context.Context, args []string) error {
	if err := c.ParseFlags(args); err != nil {
		return err
	}
	return c.serve(ctx)
}

// serve is what comes after the settings are known.
func (c *Command) serve(ctx context.Context) error {
	if err := c.Validate(); err != nil {
		return err
	}
	if c.Config.Threads == 0 {
		c.Config.Threads = runtime.GOMAXPROCS(0)
	}
	runtime.GOMAXPROCS(c.Config.processors()) // the whole process's, so it is not Run's to set
	err := c.Run(ctx)
	if closed := c.Close(); err == nil {
		err = closed
	}
	return err
}

// ParseFlags gathers the settings from args (without the program's name), the
// environment and the configuration file. It returns a usage error, one plain
// sentence, or errAnswered after --help and --version.
func (c *Command) ParseFlags(args []string) error {
	cfg, unknown, err := gather(args, c.environ)
	if errors.Is(err, pflag.ErrHelp) {
		fmt.Fprint(c.stdout, help())
		return errAnswered
	}
	if err != nil {
		return err
	}
	if cfg.Version {
		fmt.Fprint(c.stdout, build.Line("leasecached"))
		return errAnswered
	}
	c.unknown = unknown
	c.use(cfg)
	return nil
}

func (c *Command) use(cfg Config) {
	c.Config = cfg
	c.log = slog.New(c.logHandler())
}

func (c *Command) logHandler() slog.Handler {
	o := &slog.HandlerOptions{Level: c.Config.LogLevel}
	if c.Config.LogFormat == "json" {
		return slog.NewJSONHandler(c.stderr, o)
	}
	return slog.NewTextHandler(c.stderr, o)
}

// Run serves until ctx ends or a client asks for the end, and then returns nil,
// or until something fails.
// Either way Close comes next. Ready tells when it has begun.
func (c *Command) Run(ctx context.Context) (err error) {
	if len(c.unknown) > 0 {
		c.log.Warn("environment variables without a meaning here", "names", c.unknown)
	}
	// The directory first: its lock shows that no other process serves it, and a node
	// must not be seen on its ports before that is sure, and before it knows its cluster.
	if err := c.openKeeper(ctx); err != nil {
		if ctx.Err() != nil {
			return nil // it waited for others to join, and was told to end
		}
		return err
	}
	// Then the ports, before anything is served: one in use is an error of the
	// start, and port 0 has a number by the time it is logged.
	if c.node, err = c.listen(c.Config, c.log, c.keeper, c.member); err != nil {
		return err
	}
	if c.bound != nil {
		if err := c.bound(c.node); err != nil {
			return err
		}
	}
	c.served = make(chan error, 1)
	go func() { c.served <- c.node.Serve() }()
	c.log.Info("serving", "listen", c.listening(), "admin", c.node.AdminAddr(), "peers", c.member.port(), "unix", c.Config.UnixSocket,
		"node", c.keeper.Node(), "cluster", c.keeper.Cluster(), "shards", c.keeper.Shards(), "version", build.Version())
	close(c.ready)
	if _, err := resident.DropProgram(); err != nil {
		c.log.Debug("what only the start needed stays in memory", "error", err)
	}

	for {
		select {
		case <-ctx.Done():
			return nil
		case <-c.node.ShutdownAsked():
			c.log.Info("a client has asked for the end")
			return nil
		case err := <-c.served:
			c.served <- nil // for Close
			if err == nil {
				err = errors.New("the server ended by itself")
			}
			return err
		case <-c.hangup:
			if err := c.node.Reload(); err != nil {
				c.log.Error("not read again, what was read before counts", "error", err)
			}
		}
	}
}

// Ready is closed when the node serves. Until then Addr and AdminAddr must not
// be called.
func (c *Command) Ready() <-chan struct{} { return c.ready }

// Addr is where clients find the node: host:port, or the path of the Unix socket if
// there is no port.
func (c *Command) Addr() string { return c.node.Addr() }

// listening is the addresses of all ports with the numbers that they were given.
func (c *Command) listening() string {
	var all []string
	for _, a := range c.node.Addrs() {
		if a.Network() != "unix" {
			all = append(all, a.String())
		}
	}
	if len(all) == 0 {
		return server.NoPort
	}
	return strings.Join(all, ",")
}

// AdminAddr is where the admin HTTP server listens, host:port.
func (c *Command) AdminAddr() string { return c.node.AdminAddr() }

// Close stops what Run began, in the reverse order, within the drain timeout.
// It does nothing to what was not begun, and nothing twice.
func (c *Command) Close() error {
	var errs []error
	if c.node != nil && !c.closed {
		c.closed = true // and the node stays: its addresses may be asked for meanwhile
		c.log.Info("stopping")
		ctx, cancel := context.WithTimeout(context.Background(), c.Config.DrainTimeout)
		defer cancel()
		// While clients are still served, others take over, if there are any.
		if c.member != nil {
			c.member.Drain(ctx)
		}
		// Then the server: clients get their answers, and under its closed
		// gate it asks the keeper to forget the notes of shards with nothing
		// outstanding. So the keeper is needed until the server is done.
		if err := c.node.Stop(ctx); err != nil {
			errs = append(errs, fmt.Errorf("stop: %w", err))
		}
		if c.served != nil {
			if err := <-c.served; err != nil {
				errs = append(errs, err)
			}
		}
		defer c.log.Info("stopped")
	}
	if c.keeper != nil {
		// The directory last: its lock tells the next process that this one
		// serves nobody any more.
		if err := c.keeper.Close(); err != nil {
			errs = append(errs, err)
		}
		c.keeper = nil
	}
	return errors.Join(errs...)
}
