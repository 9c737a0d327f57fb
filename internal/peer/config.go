package peer

import (
	"context"
	"log/slog"
	"net"
	"time"
)

// Config is what a node's Listener, Pool, Exchange and DialRaft have in common.
type Config struct {
	// Hello says who this node is, at this moment. Required.
	Hello func() Hello
	// Known gives the birth under which a node is known here; nil knows nobody.
	Known func(node string) (birth string, ok bool)
	// Address says where a node's cluster port is now. A Pool needs it.
	Address func(node string) (addr string, ok bool)
	// Dial makes connections; nil is TCP. A Listener is given its counterpart.
	Dial func(ctx context.Context, addr string) (net.Conn, error)
	// MaxPayload is the longest payload of a frame, 1 MiB + 64 KiB if 0. It
	// must be the same on all nodes.
	MaxPayload int
	// Lanes is how many connections a Pool keeps to one node, 2 if 0.
	Lanes int
	// MaxCalls and MaxWaiting bound one lane: calls without an answer (4096 if
	// 0, at most 65536) and bytes that are not yet with the kernel (16 MiB if 0).
	MaxCalls, MaxWaiting int
	// MaxConns is how many connections a Listener keeps, 4096 if 0.
	MaxConns int
	// Log hears of refusals and of nodes that come and go; nil is nowhere.
	Log *slog.Logger

	times times
}

// times are not for operators; tests make them shorter.
type times struct {
	dial      time.Duration // until a connection stands
	handshake time.Duration // until the hellos and verdicts are said
	write     time.Duration // without 256 KiB taken by the other side
	ping      time.Duration // without a word while we wait for one: ask
	silence   time.Duration // the same: give the connection up
	idle      time.Duration // without a call: close
	frame     time.Duration // without a byte within a frame: the listener closes
	backoff   time.Duration // after a first failure
	backoffTo time.Duration // after many
	tick      time.Duration // how often ping, silence, idle and frame are looked at
}

func (cfg Config) withDefaults() Config {
	def := func(v *int, d int) {
		if *v == 0 {
			*v = d
		}
	}
	def(&cfg.MaxPayload, 1<<20+64<<10)
	def(&cfg.Lanes, 2)
	def(&cfg.MaxCalls, 4096)
	cfg.MaxCalls = min(cfg.MaxCalls, maxSlots)
	def(&cfg.MaxWaiting, 16<<20)
	def(&cfg.MaxConns, 4096)
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	late := func(v *time.Duration, d time.Duration) {
		if *v == 0 {
			*v = d
		}
	}
	t := &cfg.times
	late(&t.dial, 2*time.Second)
	late(&t.handshake, 5*time.Second)
	late(&t.write, 5*time.Second)
	late(&t.ping, time.Second)
	late(&t.silence, 3*time.Second)
	late(&t.idle, time.Minute)
	late(&t.frame, 30*time.Second)
	late(&t.backoff, 50*time.Millisecond)
	late(&t.backoffTo, time.Second)
	late(&t.tick, 250*time.Millisecond)
	return cfg
}

func (cfg *Config) dial(ctx context.Context, addr string) (net.Conn, error) {
	if cfg.Dial != nil {
		return cfg.Dial(ctx, addr)
	}
	var d net.Dialer
	return d.DialContext(ctx, "tcp", addr)
}

// connect dials and says hello.
func (cfg *Config) connect(ctx context.Context, addr string, stream byte, want string, of line) (net.Conn, Hello, error) {
	ctx, cancel := context.WithTimeout(ctx, cfg.times.dial)
	defer cancel()
	nc, err := cfg.dial(ctx, addr)
	if err != nil {
		return nil, Hello{}, err
	}
	// A hello has its own deadline; a context that ends sooner ends it sooner.
	done := context.AfterFunc(ctx, func() { _ = nc.SetDeadline(time.Unix(1, 0)) })
	theirs, err := greet(nc, cfg, stream, want, of)
	if !done() && err == nil {
		err = ctx.Err()
	}
	if err != nil {
		_ = nc.Close()
		return nil, theirs, err
	}
	return nc, theirs, nil
}
