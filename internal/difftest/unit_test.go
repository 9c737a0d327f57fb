package difftest

import (
	"testing"
	"time"

	"github.com/leasecache/leasecache/internal/apptest/wire"
	"github.com/stretchr/testify/require"
)

func TestUnitsBelieveNothing(t *testing.T) {
	got := units([]byte("VALUE k 0 3\r\nabc\r\nVALUE k 0 9\r\nabc\r\nVA 0 t1\r\n\r\nEND\r\nrest"))
	require.Equal(t, []unit{
		{line: "VALUE k 0 3", data: "abc", hasData: true},
		{line: "VALUE k 0 9"}, {line: "abc"}, // the block does not fit
		{line: "VA 0 t1", hasData: true},
		{line: "END"},
		{line: "rest", torn: true},
	}, got)
}

func TestCompare(t *testing.T) {
	agree := func(ref, ours string) bool {
		at, _ := compare(units([]byte(ref)), units([]byte(ours)), newNaming(), func(string) int { return 0 })
		return at < 0
	}
	require.True(t, agree("STORED\r\n", "STORED\r\n"))
	require.False(t, agree("STORED\r\n", "stored\r\n"))
	require.False(t, agree("STORED\r\n", "STORED\n"))
	require.False(t, agree("END\r\n", "END\r\nEND\r\n"))
	require.True(t, agree("HD c5 t100 l0\r\n", "HD c777 t99 l1\r\n"))
	require.False(t, agree("HD t100\r\n", "HD t98\r\n"))
	require.False(t, agree("HD t-1\r\n", "HD t0\r\n"), "never is no time")
	require.False(t, agree("HD O1\r\n", "HD O2\r\n"))
	require.True(t, agree("HD c5\r\nHD c6\r\nHD c5\r\n", "HD c7\r\nHD c3\r\nHD c7\r\n"))
	require.False(t, agree("HD c5\r\nHD c6\r\n", "HD c7\r\nHD c7\r\n"))
	require.False(t, agree("HD c5\r\nHD c5\r\n", "HD c7\r\nHD c8\r\n"))
	require.False(t, agree("HD c0\r\n", "HD c8\r\n"))
	require.True(t, agree("VALUE k 0 1 5\r\nx\r\nEND\r\n", "VALUE k 0 1 900\r\nx\r\nEND\r\n"))
	require.False(t, agree("VALUE k 5 1\r\nx\r\nEND\r\n", "VALUE k 6 1\r\nx\r\nEND\r\n"))
}

func TestRender(t *testing.T) {
	e := env{prefix: "00001:", now: time.Unix(1000, 0)}
	require.Equal(t, "get 00001:a aaa 1100 77 995", e.render("get ${k0} ${a*3} ${now+100} ${c0} ${now-5}"))
	e.saw(0, 500)
	require.Equal(t, "500 501 499", e.render("${c0} ${c0+1} ${c0-1}"))
	e.fresh[0] = false
	require.Equal(t, "500 77", e.render("${c0} ${c0+1}"), "a neighbour means something at once only")
}

func TestGenerateIsDetermined(t *testing.T) {
	require.Equal(t, Generate(7, 3), Generate(7, 3))
	require.NotEqual(t, Generate(7, 3), Generate(7, 4))
}

// TestScriptsCanBePasted: what is printed is a script that internal/apptest/wire
// understands.
func TestScriptsCanBePasted(t *testing.T) {
	p := NewPair(startFake(t, 1, nil), startFake(t, 1, func(words []string, right string) string {
		if words[0] == "version" {
			return "no\r\n"
		}
		return right
	}), nil)
	defer p.Close()
	for round := range 20 {
		f, r, err := p.play(append(Generate(2, round), lines("version")))
		require.NoError(t, err)
		require.NotNil(t, f)
		_, err = wire.Parse("printed", r.script(f))
		require.NoError(t, err)
	}
}
