package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/leasecache/leasecache/cmd/leasectl/internal/demo"
	"github.com/spf13/cobra"
	"golang.org/x/term"
)

func newDemo(o *options) *cobra.Command {
	d := demo.Options{Delays: demo.UsualDelays()}
	var noColor, check bool
	c := &cobra.Command{
		Use:   "demo",
		Short: "See plain cache-aside go stale in front of a real database, and leases and intents not",
		Long: `See plain cache-aside go stale in front of a real database, and leases and intents not.

A throwaway server and a throwaway SQLite database (or a schema of its own in the PostgreSQL of --postgres) run in this process.
The same readers and writers use them in three ways, one after the other; every answer is judged against the database's own
versions. Nothing stays behind. Exit code 0: leases and intents kept their promises.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if !c.Flags().Changed("seed") {
				d.Seed = uint64(time.Now().UnixNano() % 1_000_000)
			}
			if !o.json() && isTerminal(c.ErrOrStderr()) {
				d.Progress = c.ErrOrStderr()
			}
			report, err := demo.Run(c.Context(), d)
			switch {
			case errors.Is(err, demo.ErrOptions):
				return fmt.Errorf("%w: %w", errUsage, err)
			case err != nil:
				return err
			}
			if o.json() {
				err = report.WriteJSON(c.OutOrStdout())
			} else {
				color := !noColor && os.Getenv("NO_COLOR") == "" && isTerminal(c.OutOrStdout())
				err = report.WriteText(c.OutOrStdout(), color)
			}
			switch {
			case err != nil:
				return err
			case !report.Kept:
				return errSilent // the verdict says it
			case check && !report.PlainStale():
				return errors.New("--check: plain cache-aside did not go stale, so the run shows nothing; let it run longer")
			}
			return nil
		},
	}
	f := c.Flags()
	f.StringVar(&d.Postgres, "postgres", "", "DSN of a PostgreSQL to use instead of SQLite; a schema is made in it and dropped")
	f.DurationVar(&d.Duration, "duration", 5*time.Second, "how long each of the three modes runs")
	f.IntVar(&d.Products, "products", 2000, "rows of the table")
	f.IntVar(&d.Readers, "readers", 32, "concurrent readers")
	f.IntVar(&d.Writers, "writers", 8, "concurrent writers")
	f.Uint64Var(&d.Seed, "seed", 0, "seed of the products' order; default: another one every time, and printed")
	f.BoolVar(&check, "check", false, "fail also if plain cache-aside did not go stale (for CI)")
	f.BoolVar(&noColor, "no-color", false, "no colours (also by NO_COLOR, or when the output is no terminal)")
	return c
}

// isTerminal tells whether w is a screen that a person looks at.
func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd())) && os.Getenv("TERM") != "dumb"
}
