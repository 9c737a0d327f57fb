package resident

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func resident(t *testing.T) (bytes int64) {
	t.Helper()
	name, err := os.Readlink("/proc/self/exe")
	require.NoError(t, err)
	file, err := os.Open("/proc/self/smaps")
	require.NoError(t, err)
	defer file.Close()
	all, err := programs(file, name)
	require.NoError(t, err)
	require.NotEmpty(t, all)
	for _, m := range all {
		bytes += m.resident
	}
	return bytes
}

func TestProgramIsDroppedAndGoesOn(t *testing.T) {
	before := resident(t)
	dropped, err := DropProgram()
	require.NoError(t, err)
	require.GreaterOrEqual(t, dropped, before/2)
	require.Less(t, resident(t), before)
	require.Equal(t, "as before", strings.Join([]string{"as", "before"}, " "))
}

const smaps = `00400000-0089b000 r-xp 00000000 fe:00 11      /bin/prog
Size:               4716 kB
Rss:                4288 kB
Private_Dirty:      4288 kB
Anonymous:             0 kB
VmFlags: rd ex mr mw me sd
0089b000-00d99000 r--p 0049b000 fe:00 11      /bin/prog
Rss:                3924 kB
Private_Dirty:         4 kB
Anonymous:             4 kB
00d99000-00dfa000 rw-p 00999000 fe:00 11      /bin/prog
Rss:                 280 kB
Private_Dirty:       100 kB
Anonymous:           100 kB
00dfa000-00dfb000 r--p 00000000 fe:00 12      /lib/libc.so.6
Rss:                  12 kB
Anonymous:             0 kB
c000000000-c000400000 rw-p 00000000 00:00 0
Rss:                2000 kB
Anonymous:          2000 kB
00f00000-00f01000 r--p 0049b000 fe:00 11      /bin/prog
Rss:                   4 kB
Private_Dirty:         0 kB
Anonymous:             0 kB
`

// What was relocated, may be written to, or is another's stays.
func TestOnlyTheFilesOwnPagesAreDropped(t *testing.T) {
	all, err := programs(strings.NewReader(smaps), "/bin/prog")
	require.NoError(t, err)
	require.Equal(t, []mapping{
		{0x400000, 0x89b000, 4288 << 10},
		{0xf00000, 0xf01000, 4 << 10},
	}, all)
	_, err = programs(strings.NewReader("nonsense\n"), "/bin/prog")
	require.Error(t, err)
}
