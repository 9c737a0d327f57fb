package protocol

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestMoreClassicRequests(t *testing.T) {
	key, x := []byte("a"), []byte("x")
	longToken := strings.Repeat("x ", maxWords-6)
	for in, want := range map[string]Request{
		"append a 1 2 1\r\nx\r\n":                           {Verb: VerbAppend, Key: key, ClientFlags: 1, Exptime: 2, Body: x},
		"prepend a 0 0 1 noreply\r\nx\r\n":                  {Verb: VerbPrepend, Key: key, Body: x, NoReply: true},
		"cas a 1 2 1 5\r\nx\r\n":                            {Verb: VerbCAS, Key: key, ClientFlags: 1, Exptime: 2, Body: x, CompareCAS: 5, HasCompareCAS: true},
		"cas a 0 0 1 18446744073709551615 noreply\r\nx\r\n": {Verb: VerbCAS, Key: key, Body: x, CompareCAS: 1<<64 - 1, HasCompareCAS: true, NoReply: true},
		// The older numbers are the C library's.
		"set a 4294967297 4294967298 1\r\nx\r\n":    {Verb: VerbSet, Key: key, ClientFlags: 1, Exptime: 2, Body: x},
		"set a -18446744073709551615 +5 1\r\nx\r\n": {Verb: VerbSet, Key: key, ClientFlags: 1, Exptime: 5, Body: x},
		"set a 18446744073709551615 -5 1\r\nx\r\n":  {Verb: VerbSet, Key: key, ClientFlags: 1<<32 - 1, Exptime: -5, Body: x},
		"set a 1\tz 2\x00z 1\r\nx\r\n":              {Verb: VerbSet, Key: key, ClientFlags: 1, Exptime: 2, Body: x},
		"set a \t 7 1\r\nx\r\n":                     {Verb: VerbSet, Key: key, ClientFlags: 7, Exptime: 7, Body: x},
		"set a 0 -9223372036854775808 1\r\nx\r\n":   {Verb: VerbSet, Key: key, Body: x},
		"set a 0 9223372036854775807 1\r\nx\r\n":    {Verb: VerbSet, Key: key, Exptime: -1, Body: x},
		"set a 0 0 -\r\n\r\n":                       {Verb: VerbSet, Key: key, Body: []byte{}},
		"set a 0 0 -0\r\n\r\n":                      {Verb: VerbSet, Key: key, Body: []byte{}},
		"set a 0 0 00000000001\r\nx\r\n":            {Verb: VerbSet, Key: key, Body: x},
		// The twenty-third word is the last.
		"set a 0 0 1 " + longToken + "noreply\r\nx\r\n":   {Verb: VerbSet, Key: key, Body: x, NoReply: true},
		"set a 0 0 1 " + longToken + "noreply y\r\nx\r\n": {Verb: VerbSet, Key: key, Body: x, NoReply: true},
		"set a 0 0 1 x " + longToken + "noreply\r\nx\r\n": {Verb: VerbSet, Key: key, Body: x},
		"incr a 5\r\n":                      {Verb: VerbIncr, Key: key, Delta: 5},
		"decr a 18446744073709551615 \r\n":  {Verb: VerbDecr, Key: key, Delta: 1<<64 - 1},
		"incr a 0000000000000000000005\r\n": {Verb: VerbIncr, Key: key, Delta: 5},
		"incr a 5 noreply\r\n":              {Verb: VerbIncr, Key: key, Delta: 5, NoReply: true},
		"incr noreply 5\r\n":                {Verb: VerbIncr, Key: []byte("noreply"), Delta: 5},
		"touch a -\r\n":                     {Verb: VerbTouch, Key: key},
		"gat 10 a b\r\n":                    {Verb: VerbGat, Exptime: 10, Key: key, Keys: list("a", "b")},
		"gats -1 a noreply\r\n":             {Verb: VerbGats, Exptime: -1, Key: key, Keys: list("a", "noreply")},
		"lease-get a b\r\n":                 {Verb: VerbLeaseGet, Key: key, Keys: list("a", "b")},
		"lease-set a 7 1 -1 1\r\nx\r\n":     {Verb: VerbLeaseSet, Key: key, Token: 7, HasToken: true, ClientFlags: 1, Exptime: -1, Body: x},
		"lease-set a 18446744073709551615 0 0 0 noreply\n\r\n": {Verb: VerbLeaseSet, Key: key, Token: 1<<64 - 1, HasToken: true,
			Body: []byte{}, NoReply: true},
		"cache_memlimit 64\r\n":         {Verb: VerbCacheMemlimit, Args: list("64")},
		"cache_memlimit 64 noreply\r\n": {Verb: VerbCacheMemlimit, Args: list("64", "noreply"), NoReply: true},
		"  cache_memlimit\r\n":          {Verb: VerbCacheMemlimit},
		" lru tune 10 25 0.1 2.0\r\n":   {Verb: VerbLRU, Args: list("tune", "10", "25", "0.1", "2.0")},
		"lru_crawler metadump all\r\n":  {Verb: VerbLRUCrawler, Args: list("metadump", "all")},
		" lru_crawler enable noreply\n": {Verb: VerbLRUCrawler, Args: list("enable", "noreply"), NoReply: true},
		" slabs automove 1\r\n":         {Verb: VerbSlabs, Args: list("automove", "1")},
		"watch\r\n":                     {Verb: VerbWatch},
		"watch fetchers noreply\r\n":    {Verb: VerbWatch, Args: list("fetchers", "noreply")},
		" extstore item_age 5\r\n":      {Verb: VerbExtstore, Args: list("item_age", "5")},
		"shutdown\r\n":                  {Verb: VerbShutdown},
		" shutdown graceful\r\n":        {Verb: VerbShutdown, Args: list("graceful")},
		"stats detail on\r\n":           {Verb: VerbStats, Args: list("detail", "on")},
		"stats settings noreply\r\n":    {Verb: VerbStats, Args: list("settings", "noreply")},
		"verbosity 00000000001\r\n":     {Verb: VerbVerbosity, Level: 1},
	} {
		require.Equal(t, want, ready(t, in), "%q", in)
	}
}

func TestMoreClassicErrors(t *testing.T) {
	const (
		format = "CLIENT_ERROR bad command line format\r\n"
		delta  = "CLIENT_ERROR invalid numeric delta argument\r\n"
		expiry = "CLIENT_ERROR invalid exptime argument\r\n"
	)
	for in, want := range map[string]string{
		"append a 0 0\r\n": format, "cas a 0 0 1\r\nx\r\n": format, "cas a 0 0 1 x\r\nx\r\n": format, "cas a 0 0 1 noreply\r\nx\r\n": "",
		"cas a 0 0 1 -1\r\nx\r\n": format, "cas a 0 0 1 18446744073709551616\r\nx\r\n": format, "cas a 0 0\r\n": format,
		"append " + longKey + "k 0 0 1\r\nx\r\n": format, "prepend a x 0 1\r\nx\r\n": format,
		"set a \xa0 0 1\r\nx\r\n": format, "set a - 0 1\r\nx\r\n": format, "set a 0 0x1 1\r\nx\r\n": format, "set a 1- 0 1\r\nx\r\n": format,
		"set a 0 -9223372036854775809 1\r\nx\r\n": format, "set a -9223372036854775808 0 1\r\nx\r\n": format,
		"set a 0 0 000000000001\r\n": format, "set a 0 0 +1\r\n": format,
		"incr\r\n": format, "incr a\r\n": format, "incr a x\r\n": delta, "incr a -1\r\n": delta, "incr a 18446744073709551616\r\n": delta,
		"decr a 00000000000000000000005\r\n": delta, "incr a noreply\r\n": "", "decr a x noreply\r\n": "", "incr " + longKey + "k 1\r\n": format,
		"touch a 000000000005\r\n": expiry, "touch a +1\r\n": expiry,
		"gat\r\n": format, "gat 1\r\n": format, "gat x\r\n": format, "gat x a\r\n": expiry, "gat x noreply\r\n": expiry, "gats 2147483648 a\r\n": expiry,
		"gat 1 " + longKey + "k\r\n": format, "gat 1 a b\x01\r\n": format,
		"lease-get\r\n": format, "lease-get " + longKey + "k\r\n": format, "lease-set a 1 0 0\r\n": format, "lease-set a 1 0 0 x\r\n": format,
		"lease-set a x 0 0 1\r\nx\r\n": "CLIENT_ERROR bad lease_id\r\n", "lease-set a -1 0 0 1\r\nx\r\n": "CLIENT_ERROR bad lease_id\r\n",
		"lease-set a 1 x 0 1\r\nx\r\n": format, "lease-set a 1 0 x 1\r\nx\r\n": format, "lease-set a 1 x 0 1 noreply\r\nx\r\n": "",
		"lease-set " + longKey + "k 1 0 0 1\r\nx\r\n": format, "lease-set a 1 0 0 1\r\nxyz": "CLIENT_ERROR bad data chunk\r\n",
		"verbosity 000000000001\r\n": format, "verbosity -1\r\n": format,
		" append a 0 0 1\r\n": "ERROR\r\n", " stats\r\n": "ERROR\r\n", " watch\r\n": "ERROR\r\n", " mg a\r\n": "ERROR\r\n", " shutdownx\r\n": "ERROR\r\n",
		"watch a\x01\r\n": "ERROR\r\n", "slabs \x7f noreply\r\n": "",
		"refresh_certs\r\n": "ERROR\r\n", "misbehave\r\n": "ERROR\r\n", "debugtime 1\r\n": "ERROR\r\n",
	} {
		_, line := bad(t, in)
		require.Equal(t, want, line, "%q", in)
	}
}

func TestBlocksOfAllStoresAreSwallowed(t *testing.T) {
	for _, line := range []string{
		"append a x 0 4", "prepend a x 0 4", "cas a 0 0 4", "ms a 4 z", "lease-set a 1 x 0 4", "set a x 0 4",
		"append a 0 0 4 " + longKey[:20], // is stored, though, and reads the same
	} {
		out, left := whole(t, Limits{}, line+"\r\nmn\r\n\r\nversion\r\n")
		require.Zero(t, left)
		require.Len(t, out, 2, line)
		require.Equal(t, VerbVersion, out[1].req.Verb)
	}
	long := strings.Repeat("x", 2049)
	for _, line := range []string{"append " + long + " 0 0 1\r\n", "ms " + long + " 1\r\n", "lease-set " + long + " 1 0 0 1\r\n"} {
		out, _ := stream(t, Limits{}, []byte(line))
		require.Equal(t, Close, out[len(out)-1].st)
	}
}

func TestLongKeyListsOfAllGets(t *testing.T) {
	for _, verb := range []string{"get", "gets", "gat 5", "gats 5", "lease-get"} {
		out, _ := stream(t, Limits{}, []byte(verb+strings.Repeat(" key", 2000)+"\r\n"))
		require.Len(t, out, 1, verb)
		require.Equal(t, Ready, out[0].st, verb)
		require.Len(t, out[0].req.Keys, 2000)
	}
}

func TestCounter(t *testing.T) {
	for in, want := range map[string]uint64{"0": 0, "10": 10, "9 ": 9, "  7": 7, "5 apples": 5, "5\r\n": 5, "+5": 5, "-0": 0,
		"18446744073709551615": 1<<64 - 1, "-18446744073709551615": 1, "00000000000000000000000000005": 5} {
		got, ok := Counter([]byte(in))
		require.True(t, ok, "%q", in)
		require.Equal(t, want, got, "%q", in)
	}
	for _, in := range []string{"", " ", "x", "5x", "-5", "-", "18446744073709551616", "1.5", "0x1"} {
		_, ok := Counter([]byte(in))
		require.False(t, ok, "%q", in)
	}
}

func TestIsWord(t *testing.T) {
	require.True(t, IsWord([]byte("fetchers"), "fetchers"))
	require.True(t, IsWord([]byte("f"), "fetchers"))
	require.False(t, IsWord([]byte("fetchersx"), "fetchers"))
	require.False(t, IsWord([]byte("x"), "fetchers"))
	require.False(t, IsWord(nil, "fetchers"))
}
