package main

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/leasecache/leasecache/shard/consensus"
	"github.com/spf13/cobra"
)

func newRecover(o *options) *cobra.Command {
	var dir string
	var sure bool
	c := &cobra.Command{
		Use:   "recover --data-dir DIR --i-lost-the-majority",
		Short: "Go on with one node after most voters are lost for good",
		Long: `Go on with one node after most voters are lost for good.

It works on the data directory of a node that is stopped, on its machine, and asks no server. Without --i-lost-the-majority it changes
nothing and says what it would do. Wait for the others if they can come back: then nothing is lost and this is not needed.

What it costs:
  - What the lost nodes agreed on and this one did not hear of is lost: which nodes joined or were drained, changed settings, and which
    writers are outstanding. So every shard is in doubt: readers go to the database until it was fenced.
  - Nothing is served for about 36 seconds after the start, because a node that was cut off may serve so long yet.
  - The other nodes are out, those that still run, too. Stop them all first. None of them comes back with its data directory: wipe it
    and have the node join again. Under its old id it joins after "leasectl forget" for that id.
  - Run it on one node only, the one whose log is longest ("entries"). Two nodes that are recovered are two clusters.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if dir == "" {
				return fmt.Errorf("%w: --data-dir is required: the directory that leasecached was started with", errUsage)
			}
			r, err := consensus.Recover(dir, sure)
			if err != nil {
				return err
			}
			if o.json() {
				return recoveryJSON(c.OutOrStdout(), &r, sure)
			}
			return recoveryText(c.OutOrStdout(), &r, dir, sure)
		},
	}
	c.Flags().StringVar(&dir, "data-dir", "", "data directory of the stopped node")
	c.Flags().BoolVar(&sure, "i-lost-the-majority", false, "do it")
	return c
}

func recoveryText(w io.Writer, r *consensus.Recovery, dir string, done bool) error {
	out := slices.DeleteFunc(slices.Clone(r.Members), func(id string) bool { return id == r.Node })
	others := "there are none"
	if len(out) > 0 {
		others = strings.Join(out, ", ") + ": stop them; wipe their data directories and have them join again"
		others += fmt.Sprintf(" under other ids, or under their own after `leasectl forget %s`", out[0])
	}
	will, first := "will be", "add --i-lost-the-majority, if the others cannot come back; nothing was changed"
	if done {
		will, first = "are", "start leasecached on "+dir
	}
	return facts(w,
		"node", fmt.Sprintf("%s, which knows %d entries of the log", r.Node, r.Entries),
		"cluster", fmt.Sprintf("%s, %d shards, voters until now: %s", r.Cluster, r.Shards, strings.Join(r.Voters, ", ")),
		"other nodes", others,
		"shards", fmt.Sprintf("%s served %s after the start; all are in doubt until the database was fenced, and readers are sent there for %s in any case",
			will, seconds(r.Wait), seconds(r.Closed)),
		"next", first,
	)
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.0fs", d.Seconds()) }

// recoveryJSON has the same facts for programs.
func recoveryJSON(w io.Writer, r *consensus.Recovery, done bool) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(struct {
		Done     bool     `json:"done"`
		Node     string   `json:"node"`
		Cluster  string   `json:"cluster"`
		Voters   []string `json:"voters"`
		Members  []string `json:"members"`
		Shards   int      `json:"shards"`
		Entries  uint64   `json:"entries"`
		WaitMS   int64    `json:"wait_ms"`
		ClosedMS int64    `json:"closed_ms"`
	}{done, r.Node, r.Cluster, r.Voters, r.Members, r.Shards, r.Entries, r.Wait.Milliseconds(), r.Closed.Milliseconds()})
}
