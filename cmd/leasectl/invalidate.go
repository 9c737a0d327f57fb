package main

import (
	"fmt"
	"io"
	"net/http"

	"github.com/leasecache/leasecache/server/admin/api"
	"github.com/spf13/cobra"
)

func newInvalidate(o *options) *cobra.Command {
	var keys keyFlags
	var tag string
	c := &cobra.Command{
		Use:   "invalidate KEY... | --tag TAG",
		Short: "Drop values and void the leases of their keys, as a writer does after its commit",
		Long: `Drop values and void the leases of their keys, as a writer does after its commit.

It succeeds once every reader gets the new value or none. Repeating it is always safe.`,
		Args: cobra.ArbitraryArgs,
		RunE: func(c *cobra.Command, args []string) error {
			req, err := invalidateRequest(keys, args, tag, c.Flags().Changed("tag"))
			if err != nil {
				return err
			}
			var done api.Invalidated
			answer, err := o.ask(c.Context(), http.MethodPost, api.PathInvalidate, nil, req, &done)
			if err != nil {
				return err
			}
			if len(done.Keys) != len(args) || (done.Tag == "") != (tag == "") {
				// A script goes by the exit code: it must not be 0 for what nobody has done.
				return fmt.Errorf("%s does not say that it invalidated what was asked for: --server wants the admin port of a leasecached of this version", o.server)
			}
			return o.show(c.OutOrStdout(), answer, func(w io.Writer) error { return invalidatedText(w, &done) })
		},
	}
	keys.register(c)
	c.Flags().StringVar(&tag, "tag", "", "invalidate every value with this tag instead of keys")
	return c
}

func invalidateRequest(keys keyFlags, args []string, tag string, byTag bool) (api.InvalidateRequest, error) {
	var req api.InvalidateRequest
	switch {
	case byTag && len(args) > 0:
		return req, fmt.Errorf("%w: keys or --tag, not both", errUsage)
	case byTag && (tag == "" || len(tag) > maxTag):
		return req, fmt.Errorf("%w: a tag has 1 to %d bytes", errUsage, maxTag)
	case !byTag && len(args) == 0:
		return req, fmt.Errorf("%w: name the keys to invalidate, or a --tag", errUsage)
	}
	req.Tag = tag
	for _, arg := range args {
		n, err := keys.name(arg)
		if err != nil {
			return req, err
		}
		if n.Key64 != "" {
			req.Keys64 = append(req.Keys64, n.Key64)
		} else {
			req.Keys = append(req.Keys, n.Key)
		}
	}
	return req, nil
}

const maxTag = 64

func invalidatedText(w io.Writer, d *api.Invalidated) error {
	if d.Tag != "" {
		_, err := fmt.Fprintf(w, "tag %q is invalidated in every shard\n", d.Tag)
		return err
	}
	t := newTable("LEASES VOID BELOW#", "KEY")
	for _, k := range d.Keys {
		t.add(uint64(k.Token), k.Name)
	}
	return t.write(w, "no key was invalidated")
}
