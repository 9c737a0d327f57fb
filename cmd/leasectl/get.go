package main

import (
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/leasecache/leasecache/server/admin/api"
	"github.com/spf13/cobra"
)

func newGet(o *options) *cobra.Command {
	var keys keyFlags
	c := &cobra.Command{
		Use:   "get KEY",
		Short: "Print a cached value, byte for byte; exit code 1 if there is none",
		Args:  cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			name, err := keys.name(args[0])
			if err != nil {
				return err
			}
			var g api.Get
			answer, err := o.ask(c.Context(), http.MethodGet, api.PathGet, query(name), nil, &g)
			if err != nil {
				return err
			}
			err = o.show(c.OutOrStdout(), answer, func(w io.Writer) error {
				_, err := w.Write(g.Data)
				return err
			})
			switch {
			case err != nil || g.Found:
				return err
			case o.json():
				return errSilent // the answer says so
			case g.Answer == api.AnswerHit || g.Answer == "":
				return errors.New("no value is cached under " + name.String())
			default:
				return fmt.Errorf("no value is cached under %s (%s)", name, answerText(g.Answer))
			}
		},
	}
	keys.register(c)
	return c
}
