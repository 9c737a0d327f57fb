package client

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"time"
)

// Options configure a Client. The zero value is a client of the server on this
// machine; what zero means stands in brackets.
type Options struct {
	// Addr is the server's address, HOST:PORT [127.0.0.1:11211]. In a cluster any
	// node's will do: the client learns of the others from it.
	Addr string
	// Addrs are more addresses of nodes of the same cluster, to begin with where
	// Addr cannot be reached [none]. They must not be of servers that are each by
	// themselves: those of another cluster than the first that answered are refused,
	// with ErrOtherCluster.
	Addrs []string
	// MapEvery is how often a client that is in use looks whether the cluster has
	// changed, apart from when it is told so or loses a connection [30 s; negative:
	// never, and a client with one address then does not look for more nodes at all,
	// but leaves it to the one there to ask the others].
	MapEvery time.Duration

	// Username and Password are shown to a server that was started with --auth-file,
	// on every new connection, before anything else [none]. They cross the network
	// as they are.
	Username, Password string

	// PoolSize is how many connections to a node carry requests that are answered
	// at once [4]. They are shared: hundreds of goroutines on each are fine.
	PoolSize int
	// WaitConns is how many connections to a node carry requests that it parks
	// [16]. They are opened as they are needed.
	WaitConns int

	// DialTimeout bounds the making of a connection [1 s].
	DialTimeout time.Duration
	// Dial replaces the dialer, for TLS and tests.
	Dial func(ctx context.Context, addr string) (net.Conn, error)
	// RequestTimeout bounds a request whose context has no deadline [1 s]. Get,
	// GetMulti and Update hold every single request of theirs to it, so that a
	// cache that hangs leaves time for the source.
	RequestTimeout time.Duration
	// StallTimeout is how long a connection may be silent while an answer is due
	// until it is given up with all that is outstanding on it [5 s].
	StallTimeout time.Duration
	// RetryFor bounds how long commands that are safe to repeat (invalidations,
	// the start and the end of intents) are repeated when the context has no
	// deadline [10 s].
	RetryFor time.Duration
	// SettleTimeout bounds how long Update goes on telling the cache how its
	// write ended, after the write [2 s].
	SettleTimeout time.Duration

	// MaxWait is how long Get waits for a value that somebody else loads before
	// it goes to the source itself [5 s, at most 60 s; negative: it does not wait].
	MaxWait time.Duration
	// Lease is the length asked for a lease: how long a load may take before
	// another reader is let in [0: the server's default, 10 s].
	Lease time.Duration
	// Intent is the length asked for a write intent [5 s, at most 60 s].
	Intent time.Duration
	// Attempts is how often Update runs its write function if it is fenced off [3].
	Attempts int

	// TTL is how long a value without a TTL of its own is kept [0: no limit].
	TTL time.Duration
	// NegativeTTL is how long "not there" is remembered [0: it is not].
	NegativeTTL time.Duration

	// MaxValue is the largest value accepted from the server, in bytes [64 MiB, at
	// least 1 MiB].
	MaxValue int

	// RequireCache makes Get and GetMulti fail when the cache cannot be reached,
	// instead of reading from the source, which is always correct.
	RequireCache bool

	// Fencer fences the source, so that keys in doubt can be cached again [none:
	// such keys are read from the source until another client has fenced it].
	Fencer Fencer

	// Logger gets what an operator should know [nothing is logged].
	Logger *slog.Logger
}

// A Fencer shuts old writers out of the source of truth.
type Fencer interface {
	// Fence raises the fence of a shard of a cluster to at least token. It
	// returns nil only after the source has acknowledged the commit of that: an
	// unknown outcome is an error. It is called from many goroutines, and never
	// twice at a time for one shard by one Client.
	Fence(ctx context.Context, cluster string, shard uint32, token uint64) error
}

const (
	maxLength = time.Minute         // of a lease, a wait and an intent on the wire
	maxTTL    = 30 * 24 * time.Hour // longer ones would be read as a date
)

// filled returns the options with defaults, or an error that names what is wrong.
func (o Options) filled() (Options, error) {
	if err := o.fillAddrs(); err != nil {
		return o, err
	}
	if err := checkLogin(o.Username, o.Password); err != nil {
		return o, err
	}
	setDefault(&o.PoolSize, 4)
	setDefault(&o.WaitConns, 16)
	setDefault(&o.Attempts, 3)
	setDefault(&o.MapEvery, 30*time.Second)
	setDefault(&o.MaxValue, 64<<20)
	setDefault(&o.DialTimeout, time.Second)
	setDefault(&o.RequestTimeout, time.Second)
	setDefault(&o.StallTimeout, 5*time.Second)
	setDefault(&o.RetryFor, 10*time.Second)
	setDefault(&o.SettleTimeout, 2*time.Second)
	setDefault(&o.MaxWait, 5*time.Second)
	setDefault(&o.Intent, 5*time.Second)
	for name, n := range map[string]int{
		"PoolSize": o.PoolSize, "WaitConns": o.WaitConns, "Attempts": o.Attempts, "MaxValue": o.MaxValue,
	} {
		if n < 0 {
			return o, fmt.Errorf("%w: %s is negative", ErrInvalid, name)
		}
	}
	for name, d := range map[string]time.Duration{
		"DialTimeout": o.DialTimeout, "RequestTimeout": o.RequestTimeout, "StallTimeout": o.StallTimeout,
		"RetryFor": o.RetryFor, "SettleTimeout": o.SettleTimeout, "Lease": o.Lease, "Intent": o.Intent,
		"TTL": o.TTL, "NegativeTTL": o.NegativeTTL,
	} {
		if d < 0 {
			return o, fmt.Errorf("%w: %s is negative", ErrInvalid, name)
		}
	}
	for name, d := range map[string]time.Duration{"Lease": o.Lease, "Intent": o.Intent, "MaxWait": o.MaxWait} {
		if d > maxLength {
			return o, fmt.Errorf("%w: %s is longer than %v", ErrInvalid, name, maxLength)
		}
	}
	o.MaxValue = max(o.MaxValue, 1<<20)
	if o.Dial == nil {
		o.Dial = func(ctx context.Context, addr string) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, "tcp", addr)
		}
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return o, nil
}

// fillAddrs puts all addresses into Addrs, each once.
func (o *Options) fillAddrs() error {
	list := o.Addrs
	if o.Addr != "" || len(list) == 0 {
		list = append([]string{cmp.Or(o.Addr, "127.0.0.1:11211")}, list...)
	}
	o.Addrs = nil
	for _, addr := range list {
		if _, _, err := net.SplitHostPort(addr); err != nil {
			return fmt.Errorf("%w: address %q is not HOST:PORT: %w", ErrInvalid, addr, err)
		}
		if !slices.Contains(o.Addrs, addr) {
			o.Addrs = append(o.Addrs, addr)
		}
	}
	return nil
}

func setDefault[T int | time.Duration](v *T, def T) {
	if *v == 0 {
		*v = def
	}
}
