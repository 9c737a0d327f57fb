// Package clients holds no code, only tests: memcached clients that others wrote
// are run against a real leasecached, and against memcached beside it.
//
// Each client has a program under testdata that does what an application does with
// it, and asserts what memcached gives. That memcached gives it is shown by the same
// run: whatever fails against both is wrong in the program. A program is called with
// host and port, prints its failures and a last line with its counts, and exits
// with 0 if nothing failed.
//
// A client that is not installed is left out, and that is said in one line. With
// LEASECACHE_REQUIRE_CLIENTS=1, as in CI, its absence fails the test.
package clients
