package server

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// shutdown ends its connection without an answer, and what was sent behind it is
// not executed.
func TestShutdown(t *testing.T) {
	s := start(t, func(c *Config) { c.AllowShutdown = true })
	f := fed{newSession(s, &newBlocking(nil, 0, maxHeld, nil, s.budget).replies), t}
	for _, how := range []string{"shutdown", "shutdown graceful", "shutdown g noreply"} {
		f.over = false
		request := []byte(how + "\r\nset late 0 0 1\r\nx\r\n")
		used, state := f.feed(request, s.read())
		if how == "shutdown g noreply" { // one word too many, and nobody hears of it
			require.Equal(t, feedMore, state)
			require.Equal(t, "STORED\r\n", string(f.taken()))
			continue
		}
		require.Equal(t, feedClose, state)
		require.Equal(t, len(how)+2, used)
		require.Empty(t, f.taken())
		select {
		case <-s.ShutdownAsked():
		default:
			require.Fail(t, "nobody was told")
		}
	}
}

func TestShutdownIsNotAllowed(t *testing.T) {
	f := newFed(t)
	require.Equal(t, "SERVER_ERROR: shutdown not enabled\r\n", string(f.do([]byte("shutdown\r\n"))))
	select {
	case <-f.srv.ShutdownAsked():
		require.Fail(t, "it would have ended")
	default:
	}
}

// Every beginning of a word is the word, in memcached's order; numbers are those
// that it reads.
func TestAdminWords(t *testing.T) {
	f := newFed(t)
	for request, want := range map[string]string{
		"lru t 1 1 1 1":            "OK",
		"lru t 1 1 1 1 more":       "OK",
		"lru t 1 1 1 1_0":          "ERROR",
		"lru t 1 1 1 1.5e0":        "OK",
		"lru t 1 1 1 -0":           "ERROR hot/warm age factors must be greater than 0",
		"lru t 4294967295 1 1 1":   "OK", // the sum wraps, as there
		"lru t 4294967296 1 1 1":   "ERROR",
		"lru m s":                  "OK",
		"lru te 2147483648":        "ERROR",
		"slabs r -1 1":             "BADCLASS invalid src or dst class id",
		"slabs r -2147483649 1":    "CLIENT_ERROR bad command line format",
		"slabs r 39 1":             "NOSPARE source class has no spare pages",
		"slabs r 40 1":             "BADCLASS invalid src or dst class id",
		"slabs a r 0.5":            "OK",
		"slabs a w 3":              "OK",
		"slabs a w 2":              "CLIENT_ERROR automove window too low or too high",
		"slabs a 4294967296":       "CLIENT_ERROR bad command line format",
		"lru_crawler c 1,2,63":     "OK",
		"lru_crawler c 1,64":       "BADCLASS invalid class id",
		"lru_crawler s 1000000":    "OK",
		"lru_crawler t 4294967295": "OK",
		"lru_crawler crawl 1 more": "ERROR",
		"extstore i 5":             "OK",
		"extstore m x":             "ERROR",
		"extstore m 5":             "OK", // max_sleep
		"extstore m 0.5":           "ERROR",
		"extstore max_f 0.5":       "OK",
		"extstore f 63 1":          "OK",
		"extstore f 63 x":          "ERROR",
		"extstore drop_ 1":         "OK",
	} {
		require.Equal(t, want+"\r\n", string(f.do([]byte(request+"\r\n"))), request)
		require.Empty(t, string(f.do([]byte(request+" noreply\r\n"))), request)
	}
}
