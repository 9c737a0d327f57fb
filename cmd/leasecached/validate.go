package main

import "github.com/leasecache/leasecache/server"

// itemsInMemory of the largest size have to fit. With fewer there is no choice
// of what to evict.
const itemsInMemory = 16

// Validate looks at what the settings say together. Each was looked at by
// itself when it was parsed. The error is a usage error, one plain sentence.
func (c *Command) Validate() error {
	cfg := &c.Config
	switch {
	case cfg.Ephemeral && cfg.isGiven("data-dir"):
		return usagef("%s and %s exclude each other: one keeps nothing on disk, the other says where",
			cfg.given["ephemeral"], cfg.given["data-dir"])
	case cfg.Ephemeral && len(cfg.Join) > 0:
		return usagef("%s and %s exclude each other: a member of a cluster must remember what it voted for",
			cfg.given["ephemeral"], cfg.given["join"])
	case cfg.VolatileIntents && !cfg.Ephemeral:
		return usagef("%s means something only with --ephemeral: with a data directory intents are durable",
			cfg.given["volatile-intents"])
	case cfg.VolatileIntents && cfg.ClusterID == "":
		return usagef("%s needs --cluster-id: without a fixed id the fence rows of the source match no writer",
			cfg.given["volatile-intents"])
	case cfg.Memory/itemsInMemory < int64(cfg.MaxItemSize):
		return usagef("--memory %s is too small for values of up to %s: give %d times as much, or a smaller --max-item-size",
			formatSize(cfg.Memory), formatSize(int64(cfg.MaxItemSize)), itemsInMemory)
	case cfg.Listen == server.NoPort && cfg.UnixSocket == "":
		return usagef("--listen none leaves no way in for clients: give --unix-socket too")
	}
	if !cfg.Ephemeral && cfg.Advertise == "" && anywhere(cfg.Cluster) {
		return usagef("--cluster %s says not where other nodes reach this one: give --advertise HOST, or an address", cfg.Cluster)
	}
	if cfg.Insecure {
		return nil
	}
	open := []struct{ name, address string }{{"listen", cfg.Listen}, {"admin", cfg.Admin}}
	if !cfg.Ephemeral {
		open = append(open, struct{ name, address string }{"cluster", cfg.Cluster})
	}
	for _, a := range open {
		if a.address != server.NoPort && !loopback(a.address) {
			return usagef("--%s %s can be reached from other machines, and nothing is encrypted: "+
				"use a loopback address, or --insecure if you trust the network", a.name, a.address)
		}
	}
	return nil
}
