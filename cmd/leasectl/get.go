package main

import (
	"fmt"
	"io"
	"net/http"

	"github.com/leasecache/leasecache/server/admin/api"
	"github.com/spf13/cobra"
)

// absences say why there is no value, where there is more to say than that nobody filled it.
var absences = map[string]string{
	api.AnswerWait:        ": a reader is loading it",
	api.AnswerQuarantined: ": a writer's intent is open",
	api.AnswerDoubt:       ": it is in doubt until the database was fenced",
	api.AnswerClosed:      ": its shard is closed for bounded intents of a former life",
}

func newGet(o *options) *cobra.Command {
	var keys keyFlags
	c := &cobra.Command{
		Use:   "get KEY",
		Short: "Print a cached value, byte for byte; exit code 1 if there is none",
		Args:  oneKey,
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
			default:
				return fmt.Errorf("no value is cached under %s%s", name, absences[g.Answer])
			}
		},
	}
	keys.register(c)
	return c
}
