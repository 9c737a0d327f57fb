package server

import (
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// What a batch does after it waited for its peer, it does by the time it is
// then. By the time before, the intent here would be over before its writer
// hears of it.
func TestTimeGoesOnWhileABatchWaitsForItsPeer(t *testing.T) {
	s := start(t, func(c *Config) { c.StallTimeout = 10 * time.Second })
	p := dial(t, s)
	value := strings.Repeat("v", 1<<20)
	p.send(fmt.Sprintf("set big 0 0 %d\n%s\nlw k F\n", len(value), value))
	p.expect("STORED")
	p.send("lc k L" + tokenOf(t, p.line()) + "\n") // now such intents are noted
	p.expect("HD")
	const gets = 40
	p.send(strings.Repeat("get big\n", gets) + "lw k F e1000\n")
	time.Sleep(1500 * time.Millisecond)
	for range gets {
		p.expect(fmt.Sprintf("VALUE big 0 %d", len(value)))
		_, err := io.CopyN(io.Discard, p.r, int64(len(value)+2))
		require.NoError(t, err)
		p.expect("END")
	}
	token := tokenOf(t, p.line())
	p.send("lc k L" + token + "\n")
	p.expect("HD")
}
