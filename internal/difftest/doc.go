// Package difftest sends the same streams of memcached commands to memcached and
// to leasecached and compares every byte of the replies.
//
// A stream is generated from a seed: random and adversarial lines over a few keys,
// so that they collide. It is sent step by step, each step followed by a barrier,
// and both replies are read up to it. Three things are compared by their meaning
// and not by their bytes: versions (the servers number differently, so a version of
// one stands for one version of the other), times to live and ages (a second's
// tolerance, as memcached's clock ticks in seconds).
//
// What differs on purpose stands in the table Deliberate, each entry with its
// reason. What differs between the memcached that is the reference here and the
// version that the contract names stands in Versions. Everything else is an error,
// and is shrunk to the few steps that show it, in the script form of
// internal/apptest/wire.
//
// The package knows sockets and text; its tests start the processes.
package difftest
