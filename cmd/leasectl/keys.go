package main

import (
	"encoding/base64"
	"fmt"
	"net/url"

	"github.com/leasecache/leasecache/server/admin/api"
	"github.com/spf13/cobra"
)

// keyFlags says how keys stand on the command line.
type keyFlags struct{ base64 bool }

func (k *keyFlags) register(c *cobra.Command) {
	c.Flags().BoolVar(&k.base64, "base64", false, "the keys are given in base64, for those with bytes that cannot be typed")
}

// name turns an argument into a key.
func (k *keyFlags) name(arg string) (api.Name, error) {
	key := []byte(arg)
	if k.base64 {
		var err error
		if key, err = base64.StdEncoding.DecodeString(arg); err != nil {
			return api.Name{}, fmt.Errorf("%w: %q is no base64 (standard alphabet, padded): %w", errUsage, arg, err)
		}
	}
	if len(key) == 0 || len(key) > maxKey {
		return api.Name{}, fmt.Errorf("%w: a key has 1 to %d bytes, %q has %d", errUsage, maxKey, arg, len(key))
	}
	return api.NameOf(key), nil
}

const maxKey = 250

// oneKey is what verbs of a single key take.
func oneKey(_ *cobra.Command, args []string) error {
	if len(args) != 1 {
		return fmt.Errorf("%w: give one key, not %d", errUsage, len(args))
	}
	return nil
}

// query asks for one key.
func query(n api.Name) url.Values {
	if n.Key64 != "" {
		return url.Values{"key64": {n.Key64}}
	}
	return url.Values{"key": {n.Key}}
}

// limitFlag bounds a list.
type limitFlag struct{ n int }

func (l *limitFlag) register(c *cobra.Command) {
	c.Flags().IntVar(&l.n, "limit", api.DefaultLimit, fmt.Sprintf("show at most so many, up to %d", api.MaxLimit))
}

func (l *limitFlag) query() (url.Values, error) {
	if l.n < 1 || l.n > api.MaxLimit {
		return nil, fmt.Errorf("%w: --limit must be 1 to %d", errUsage, api.MaxLimit)
	}
	return url.Values{"limit": {fmt.Sprint(l.n)}}, nil
}
