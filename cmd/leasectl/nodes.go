package main

import (
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"

	"github.com/leasecache/leasecache/server/admin/api"
	"github.com/spf13/cobra"
)

func newNodes(o *options) *cobra.Command {
	return &cobra.Command{
		Use:   "nodes",
		Short: "The nodes of the cluster: where they are, who leads, votes, serves, and what they own",
		Long: `The nodes of the cluster, as the node that is asked knows it. Any node can be asked.

ROLE     leader, voter, or - for one that does not vote; of up to five voters a majority has to be alive
SESSION  the node's right to serve; "none": it serves nothing
HEARD    how long ago the node that answers saw that renewed; it is renewed twice a second
STATE    drained: is to own nothing; forgotten: leaves when its session is over; late: was not heard of for the length of a session`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			var n api.Nodes
			answer, err := o.ask(c.Context(), http.MethodGet, api.PathNodes, nil, nil, &n)
			if err != nil {
				return err
			}
			return o.show(c.OutOrStdout(), answer, func(w io.Writer) error { return nodesText(w, &n) })
		},
	}
}

func nodesText(w io.Writer, n *api.Nodes) error {
	t := newTable("NODE", "CLIENTS", "ADMIN", "PEERS", "ROLE", "SESSION", "HEARD#", "SHARDS#", "STATE")
	for _, m := range n.Nodes {
		role := "-"
		switch {
		case m.Leader:
			role = "leader"
		case m.Voter:
			role = "voter"
		}
		session, heard := "none", "-"
		if m.Session != 0 {
			session = strconv.FormatUint(m.Session, 10)
		}
		if m.HeardMS >= 0 {
			heard = millis(m.HeardMS)
		}
		t.add(m.ID, dash(m.Clients), dash(m.Admin), dash(m.Peers), role, session, heard, m.Shards, nodeState(&m))
	}
	if err := t.write(w, "no node is known yet"); err != nil {
		return err
	}
	if n.Leader == "" {
		_, err := fmt.Fprintf(w, "no leader: %s\n", n.Why)
		return err
	}
	return nil
}

func nodeState(m *api.Node) string {
	var words []string
	if m.Draining {
		words = append(words, "drained")
	}
	if m.Forgotten {
		words = append(words, "forgotten")
	}
	if m.Session != 0 && m.HeardMS > m.TTLMS {
		words = append(words, "late")
	}
	if len(words) == 0 {
		return "-"
	}
	return strings.Join(words, ", ")
}

func dash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}
