package main

import (
	"strconv"
	"strings"
)

// extended reads the value of -o: names, some with a value, between commas.
func (s *standIn) extended(value string) error {
	for value != "" {
		var one string
		one, value, _ = strings.Cut(value, ",")
		if err := s.suboption(one); err != nil {
			return err
		}
	}
	return nil
}

func (s *standIn) suboption(one string) error {
	name, value, given := strings.Cut(one, "=")
	switch name {
	case "idle_timeout":
		if !given {
			return refuse(1, "Missing numeric argument for idle_timeout")
		}
		s.idle = max(0, atoi(value))
		return nil
	case "no_lru_maintainer", "no_modern":
		s.noMaint = true
	case "lru_maintainer":
		s.noMaint = false
	}
	for _, known := range strings.Fields(silentSuboptions) {
		if name == known {
			return nil
		}
	}
	for _, known := range strings.Fields(plainSuboptions) {
		if name == known {
			s.unused = append(s.unused, "-o "+one)
			return nil
		}
	}
	for i := range valueSuboptions {
		if o := &valueSuboptions[i]; o.name == name {
			s.unused = append(s.unused, "-o "+one)
			return o.check(s, value, given)
		}
	}
	// What memcached has only where it was built with it, extstore, TLS and its
	// proxy, is unknown here as it is there without.
	return refuse(1, "Illegal suboption \"%s\"", one)
}

// Suboptions without a value: those that ask for what is so anyway, and those that
// are about what does not exist here.
const (
	silentSuboptions = "maxconns_fast modern inline_ascii_resp no_inline_ascii_resp track_sizes " +
		"no_drop_privileges relaxed_privileges lru_crawler lru_maintainer slab_reassign resp_obj_mem_limit"
	plainSuboptions = "no_maxconns_fast no_modern no_hashexpand no_slab_reassign no_slab_automove no_chunked_items " +
		"no_lru_crawler no_lru_maintainer drop_privileges sock_cookie_id slab_sizes"
)

// valueSuboption is one with a value that memcached looks at.
type valueSuboption struct {
	name    string
	missing string // what is said without a value; "" if it may be left out
	wrong   func(s *standIn, value string) string
}

func (o *valueSuboption) check(s *standIn, value string, given bool) error {
	switch {
	case !given && o.missing == "":
		return nil
	case !given:
		return refuse(1, "%s", o.missing)
	}
	if wrong := o.wrong(s, value); wrong != "" {
		return refuse(1, "%s", wrong)
	}
	return nil
}

// within says that a number is not from least to most.
func within(least, most int, wrong string) func(*standIn, string) string {
	return func(_ *standIn, value string) string {
		if n := atoi(value); n < least || n > most {
			return wrong
		}
		return ""
	}
}

// percent keeps a share of the LRU, for the sum of two is looked at later.
func percent(field func(*standIn) *int, wrong string) func(*standIn, string) string {
	return func(s *standIn, value string) string {
		*field(s) = atoi(value)
		return within(1, 79, wrong)(s, value)
	}
}

// positive says that a fraction is not above 0, or above most.
func positive(most float64, wrong string) func(*standIn, string) string {
	return func(_ *standIn, value string) string {
		if f := atof(value); !(f > 0 && f <= most) {
			return wrong
		}
		return ""
	}
}

func unsigned(wrong string) func(*standIn, string) string {
	return func(_ *standIn, value string) string {
		if _, err := strconv.ParseUint(value, 10, 32); err != nil {
			return wrong
		}
		return ""
	}
}

const mostFactor = 1e300 // none

var valueSuboptions = []valueSuboption{
	{"hashpower", "Missing numeric argument for hashpower", func(_ *standIn, value string) string {
		switch n := atoi(value); {
		case n < 12:
			return "Initial hashtable multiplier of " + strconv.Itoa(n) + " is too low"
		case n > 32:
			return "Initial hashtable multiplier of " + strconv.Itoa(n) + " is too high\n" +
				"Choose a value based on \"STAT hash_power_level\" from a running instance"
		}
		return ""
	}},
	{"hash_algorithm", "Missing hash_algorithm argument", func(_ *standIn, value string) string {
		switch value {
		case "jenkins", "murmur3", "xxh3":
			return ""
		}
		return "Unknown hash_algorithm option (jenkins, murmur3, xxh3)"
	}},
	{"slab_automove", "", within(0, 2, "slab_automove must be between 0 and 2")},
	{"slab_automove_ratio", "Missing slab_automove_ratio argument", positive(1, "slab_automove_ratio must be > 0 and < 1")},
	{"slab_automove_window", "Missing slab_automove_window argument", within(3, 1800, "slab_automove_window must be > 2 and < 1800")},
	{"slab_chunk_max", "Missing slab_chunk_max argument", func(_ *standIn, value string) string {
		switch n, err := strconv.ParseInt(value, 10, 32); {
		case err != nil:
			return "could not parse argument to slab_chunk_max"
		case n <= 0:
			return "slab_chunk_max must be >= 0"
		case n > 1<<10:
			return "slab_chunk_max must be specified in kilobytes."
		}
		return ""
	}},
	{"tail_repair_time", "Missing numeric argument for tail_repair_time", within(10, 1<<31-1, "Cannot set tail_repair_time to less than 10 seconds")},
	{"lru_crawler_sleep", "Missing lru_crawler_sleep value", within(0, 1_000_000, "LRU crawler sleep must be between 0 and 1 second")},
	{"lru_crawler_tocrawl", "Missing lru_crawler_tocrawl value", unsigned("lru_crawler_tocrawl takes a numeric 32bit value")},
	{"hot_lru_pct", "Missing hot_lru_pct argument", percent(func(s *standIn) *int { return &s.hotPct }, "hot_lru_pct must be > 1 and < 80")},
	{"warm_lru_pct", "Missing warm_lru_pct argument", percent(func(s *standIn) *int { return &s.warmPct }, "warm_lru_pct must be > 1 and < 80")},
	{"hot_max_factor", "Missing hot_max_factor argument", positive(mostFactor, "hot_max_factor must be > 0")},
	{"warm_max_factor", "Missing warm_max_factor argument", positive(mostFactor, "warm_max_factor must be > 0")},
	{"temporary_ttl", "Missing temporary_ttl argument", func(s *standIn, _ string) string { s.tempTTL = true; return "" }},
	{"watcher_logbuf_size", "Missing watcher_logbuf_size argument", unsigned("could not parse argument to watcher_logbuf_size")},
	{"worker_logbuf_size", "Missing worker_logbuf_size argument", unsigned("could not parse argument to worker_logbuf_size")},
	{"read_buf_mem_limit", "Missing read_buf_mem_limit argument", unsigned("could not parse argument to read_buf_mem_limit")},
}
