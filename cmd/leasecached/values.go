package main

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"math"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/leasecache/leasecache/server"
	"github.com/leasecache/leasecache/shard"
)

// The functions below make the set function of a setting: it parses the text
// of one value into its field. Their errors end the sentence that the name of
// the flag, variable or key begins.

type setter func(c *Config, text string) error

func text(field func(*Config) *string) setter {
	return func(c *Config, s string) error {
		if s == "" {
			return errors.New("is empty")
		}
		*field(c) = s
		return nil
	}
}

func oneOf(field func(*Config) *string, choices ...string) setter {
	return func(c *Config, s string) error {
		for _, choice := range choices {
			if s == choice {
				*field(c) = s
				return nil
			}
		}
		return fmt.Errorf("%.40q is not one of %s", s, strings.Join(choices, ", "))
	}
}

func name(field func(*Config) *string) setter {
	return func(c *Config, s string) error {
		*field(c) = s
		return shard.CheckName(s)
	}
}

// addresses are some, separated by commas.
func addresses(field func(*Config) *[]string) setter {
	return func(c *Config, s string) error {
		for one := range strings.SplitSeq(s, ",") {
			var a string
			if err := address(func(*Config) *string { return &a })(c, one); err != nil {
				return err
			}
			*field(c) = append(*field(c), a)
		}
		return nil
	}
}

// optional is a value of that kind, or nothing.
func optional(kind func(func(*Config) *string) setter, field func(*Config) *string) setter {
	set := kind(field)
	return func(c *Config, s string) error {
		if s == "" {
			*field(c) = s
			return nil
		}
		return set(c, s)
	}
}

// orNone is a value of that kind, or server.NoPort. Nothing is no port too.
func orNone(kind func(func(*Config) *string) setter, field func(*Config) *string) setter {
	set := kind(field)
	return func(c *Config, s string) error {
		if s == "" || s == server.NoPort {
			*field(c) = server.NoPort
			return nil
		}
		return set(c, s)
	}
}

// orZero lets a duration be 0, which stands for never, though the least is more.
func orZero(set setter) setter {
	return func(c *Config, s string) error {
		err := set(c, s)
		if d, bad := time.ParseDuration(s); err != nil && bad == nil && d == 0 {
			return nil // the field is as it was: 0
		}
		return err
	}
}

// mode is the permissions of a file, in octal.
func mode(field func(*Config) *fs.FileMode) setter {
	return func(c *Config, s string) error {
		n, err := strconv.ParseUint(s, 8, 32)
		if err != nil || n > 0o777 {
			return fmt.Errorf("%.40q is not a mode in octal such as 0700", s)
		}
		*field(c) = fs.FileMode(n)
		return nil
	}
}

func boolean(field func(*Config) *bool) setter {
	return func(c *Config, s string) error {
		b, err := strconv.ParseBool(s)
		if err != nil {
			return fmt.Errorf("%.40q is neither true nor false", s)
		}
		*field(c) = b
		return nil
	}
}

func number[N int | uint32](field func(*Config) *N, least, most N) setter {
	return func(c *Config, s string) error {
		n, err := strconv.ParseInt(s, 10, 64)
		if err != nil || n < int64(least) || n > int64(most) {
			return fmt.Errorf("%.40q is not a number from %d to %d", s, least, most)
		}
		*field(c) = N(n)
		return nil
	}
}

func duration(field func(*Config) *time.Duration, least, most time.Duration) setter {
	return func(c *Config, s string) error {
		d, err := time.ParseDuration(s)
		if err != nil || d < least || d > most {
			return fmt.Errorf("%.40q is not a duration from %v to %v", s, least, most)
		}
		*field(c) = d
		return nil
	}
}

func bytes[N int | int64](field func(*Config) *N, least, most N) setter {
	return func(c *Config, s string) error {
		n, err := parseSize(s)
		if err != nil {
			return err
		}
		if n < int64(least) || n > int64(most) {
			hint := ""
			if _, err := strconv.ParseUint(s, 10, 63); err == nil {
				hint = "; a number alone is bytes" // memcached's -m 64 is mebibytes
			}
			return fmt.Errorf("%.40q is not from %s to %s%s", s, formatSize(int64(least)), formatSize(int64(most)), hint)
		}
		*field(c) = N(n)
		return nil
	}
}

var units = []struct {
	name string
	size int64
}{{"TiB", 1 << 40}, {"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}}

// parseSize reads a number of bytes: 1048576, 1024KiB, 1MiB, 1M. Every unit is
// a power of 1024; MB and its like are refused, as half of the world means
// something else by them.
func parseSize(s string) (int64, error) {
	digits, factor := s, int64(1)
	for _, u := range units {
		for _, suffix := range []string{u.name, u.name[:1]} {
			if len(s) > len(suffix) && strings.EqualFold(s[len(s)-len(suffix):], suffix) {
				digits, factor = s[:len(s)-len(suffix)], u.size
			}
		}
	}
	n, err := strconv.ParseUint(digits, 10, 63)
	if err != nil || n > uint64(math.MaxInt64/factor) {
		return 0, fmt.Errorf("%.40q is not a size such as 64MiB or 1GiB", s)
	}
	return int64(n) * factor, nil
}

func formatSize(n int64) string {
	for _, u := range units {
		if n >= u.size && n%u.size == 0 {
			return strconv.FormatInt(n/u.size, 10) + u.name
		}
	}
	return strconv.FormatInt(n, 10) + " bytes"
}

func address(field func(*Config) *string) setter {
	return func(c *Config, s string) error {
		_, port, err := net.SplitHostPort(s)
		if err == nil {
			_, err = strconv.ParseUint(port, 10, 16)
		}
		if err != nil {
			return fmt.Errorf("%.80q is not an address such as 127.0.0.1:11211", s)
		}
		*field(c) = s
		return nil
	}
}

// loopback says whether only this machine can reach the address. A name other
// than localhost may be anything by the time it is looked up.
func loopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return false
	}
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// anywhere tells an address of all of the machine's, which is none that others could use.
func anywhere(address string) bool {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return false
	}
	ip := net.ParseIP(host)
	return host == "" || ip != nil && ip.IsUnspecified()
}

// maxKey is the longest key of the protocol, in bytes.
const maxKey = 250

func prefixes(field func(*Config) *[]string) setter {
	return func(c *Config, s string) error {
		ok := len(s) >= 1 && len(s) <= maxKey
		for i := 0; ok && i < len(s); i++ {
			ok = s[i] > ' ' && s[i] != 0x7f
		}
		if !ok {
			return fmt.Errorf("%.40q is not the beginning of a key: 1 to %d bytes without spaces", s, maxKey)
		}
		*field(c) = append(*field(c), s)
		return nil
	}
}

func level(field func(*Config) *slog.Level) setter {
	return func(c *Config, s string) error {
		var l string
		if err := oneOf(func(*Config) *string { return &l }, "debug", "info", "warn", "error")(c, s); err != nil {
			return err
		}
		return field(c).UnmarshalText([]byte(l))
	}
}
