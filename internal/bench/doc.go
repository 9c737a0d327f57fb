// Command bench measures leasecached beside memcached and Redis, with one load
// generator, on two cores: one for the load and one for whoever is measured. It
// writes docs/benchmarks.md, its charts, and the figures they are made from.
//
// It runs on Linux. `make bench` is the door; -help says what else there is.
package main
