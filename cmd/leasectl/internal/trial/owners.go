package trial

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/leasecache/leasecache/shard"
)

// askLimit is how long a node may take to say who has what.
const askLimit = time.Second

// Map asks the nodes in turn who owns what. Of several that answer the newest counts.
func (c *Cluster) Map(ctx context.Context) (newest shard.Map, ok bool) {
	for _, n := range c.Nodes {
		if gone, _ := n.Gone(); gone {
			continue
		}
		if m, err := ask(ctx, n.Client); err == nil && (!ok || m.Version > newest.Version) {
			newest, ok = m, true
		}
	}
	return newest, ok
}

func ask(ctx context.Context, addr string) (shard.Map, error) {
	ctx, cancel := context.WithTimeout(ctx, askLimit)
	defer cancel()
	var d net.Dialer
	conn, err := d.DialContext(ctx, "tcp", addr)
	if err != nil {
		return shard.Map{}, err
	}
	defer conn.Close()
	if until, ok := ctx.Deadline(); ok {
		_ = conn.SetDeadline(until)
	}
	if _, err := io.WriteString(conn, "lm\r\n"); err != nil {
		return shard.Map{}, err
	}
	r := bufio.NewReader(conn)
	head, err := r.ReadString('\n')
	if err != nil {
		return shard.Map{}, err
	}
	var size int
	if _, err := fmt.Sscanf(head, "VA %d", &size); err != nil || size < 0 || size > 16<<20 {
		return shard.Map{}, fmt.Errorf("%s answers %q to lm", addr, head)
	}
	text := make([]byte, size)
	if _, err := io.ReadFull(r, text); err != nil {
		return shard.Map{}, err
	}
	return shard.ParseMap(text)
}
