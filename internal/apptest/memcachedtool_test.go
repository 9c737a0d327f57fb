package apptest

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestMemcachedTool has memcached's own tool show its tables of our server, where
// it is installed.
func TestMemcachedTool(t *testing.T) {
	tool := ""
	for _, path := range []string{"/usr/share/memcached/scripts/memcached-tool", "/usr/bin/memcached-tool"} {
		if _, err := os.Stat(path); err == nil {
			tool = path
		}
	}
	perl, err := exec.LookPath("perl")
	if tool == "" || err != nil {
		t.Log("no memcached-tool here: what it reads is checked by the stats scripts alone")
		return
	}
	p, err := Launch(t, Options{DataDir: DataDir(t)})
	require.NoError(t, err)
	nc, err := net.Dial("tcp", p.Listen)
	require.NoError(t, err)
	defer nc.Close()
	var sets strings.Builder
	for i := range 1000 {
		fmt.Fprintf(&sets, "set key%03d 0 0 170 noreply\r\n%0170d\r\n", i, i)
	}
	_, err = nc.Write([]byte(sets.String() + "mn\r\n"))
	require.NoError(t, err)
	var reply [4]byte
	_, err = nc.Read(reply[:])
	require.NoError(t, err)
	require.Equal(t, "MN\r\n", string(reply[:]))

	show := func(mode string) string {
		out, err := exec.Command(perl, tool, p.Listen, mode).CombinedOutput()
		require.NoError(t, err, "%s", out)
		return string(out)
	}
	//   #  Item_Size  Max_age   Pages   Count   Full?  Evicted Evict_Time OOM
	require.Regexp(t, `\n +1 +192B +[0-9]+s +[0-9]+ +1000 +no +0 +0 +0\n`, show("display"))
	require.Regexp(t, `\n +curr_items +1000\s`, show("stats"))
	require.Regexp(t, `\n +maxbytes +67108864\s`, show("settings"))
	require.Regexp(t, `\n +192 +1000\s`, show("sizes"))
}
