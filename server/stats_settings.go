package server

import (
	"cmp"
	"net"
	"strconv"
	"strings"
	"time"
)

// statsSettings is stats settings: memcached's names for settings that exist
// here, or that could have one value only, and ours behind them.
func (s *session) statsSettings() {
	srv, cfg := s.srv, &s.srv.cfg
	s.stat("maxbytes", srv.memory.Load())
	s.stat("maxconns", int64(cfg.MaxConns))
	host, _, _ := net.SplitHostPort(cfg.Listen) // it was listened to
	_, port, _ := net.SplitHostPort(srv.Addr().String())
	s.statText("tcpport", cmp.Or(port, "0"))
	s.stat("udpport", 0)
	s.statText("inter", orNull(host))
	s.stat("verbosity", 0) // the command has no effect
	s.stat("oldest", srv.oldest())
	s.statText("evictions", "on")
	s.statText("domain_socket", orNull(cfg.UnixSocket))
	s.statText("umask", strconv.FormatUint(uint64(cfg.UnixMode), 8)) // memcached's name for the socket's mode
	s.statText("shutdown_command", yesOrNo(cfg.AllowShutdown))
	s.stat("num_threads", int64(srv.threads()))
	s.stat("reqs_per_event", int64(cfg.Turn))
	s.statText("stat_key_prefix", string(prefixEnd))
	s.statText("detail_enabled", yesOrNo(srv.prefixes.on()))
	s.statText("cas_enabled", "yes")
	s.statText("binding_protocol", "ascii")
	s.statText("auth_enabled_sasl", "no")
	s.statText("auth_enabled_ascii", cmp.Or(cfg.AuthFile, "no"))
	s.stat("item_size_max", int64(cfg.MaxItem))
	s.statText("maxconns_fast", "yes")
	s.statText("flush_enabled", yesOrNo(!cfg.Denied.Flush))
	s.statText("dump_enabled", yesOrNo(!cfg.Denied.Dump))
	s.statText("hash_algorithm", "xxh64")
	s.stat("idle_timeout", int64((cfg.IdleTimeout+time.Second-1)/time.Second))
	s.statText("track_sizes", "yes")
	s.stat("client_flags_size", 4)

	s.statText("node_id", cfg.Keeper.Node())
	s.statText("cluster_id", cfg.Keeper.Cluster())
	s.stat("shards", int64(cfg.Keeper.Shards()))
	s.stat("stall_timeout_ms", cfg.StallTimeout.Milliseconds())
	s.stat("lease_memory", cfg.Memory/leaseShareOf)
	s.stat("connection_memory", srv.budget.limit)
	s.statText("lease_only", orNull(strings.Join(cfg.LeaseOnly, " ")))
	s.statText("write_intents", yesOrNo(cfg.Keeper.Intents() == nil))
}

// oldest is memcached's bound: what was stored before that second after the start
// is flushed. 0 is none.
func (srv *Server) oldest() int64 {
	at := srv.flushedAt.Load()
	if at == 0 {
		return 0
	}
	return max(1, (at-srv.started)/second)
}

func yesOrNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

// orNull is memcached's way to say that a text is not set.
func orNull(text string) string {
	if text == "" {
		return "NULL"
	}
	return text
}
