package main

import "fmt"

// standInHelp begins as memcached's help does: the test suites of clients read the
// version there. What is not there is not named: memcached's own tests look for
// words in it to see what they can test.
func standInHelp() string {
	return fmt.Sprintf("memcached %s\n", memcachedVersion) + standInHelpText
}

const standInHelpText = `leasecached in the place of memcached: it takes memcached's options. Values are kept
in memory only, there is no admin port, and without -l every network can reach it.

-p, --port=<num>          TCP port (default: 11211); 0 is none, -1 any free one, which is
                          written to the file that MEMCACHED_PORT_FILENAME names
-l, --listen=<addr>       addresses to listen on, between commas, each with a :port if it
                          is to have another (default: all of the machine)
-s, --unix-socket=<file>  Unix socket to listen on, and no TCP port
-a, --unix-mask=<mask>    access mode of the Unix socket, in octal (default: 700)
-A, --enable-shutdown     clients may end the server with "shutdown"
-d, --daemon              go to the background once it serves
-u, --user=<user>         user to run as; root has to give it
-P, --pidfile=<file>      write the process's id there
-m, --memory-limit=<num>  memory in MiB (default: 64)
-I, --max-item-size=<num> largest value, with k or m behind it (default: 1m, from 1k to 1024m)
-c, --conn-limit=<num>    connections at a time (default: 1024)
-t, --threads=<num>       threads to use (default: one a core)
-R, --max-reqs-per-event  requests of one connection in a row (default: 20)
-F, --disable-flush-all   refuse flush_all
-X, --disable-dumping     refuse stats cachedump, stats detail and lru_crawler metadump
-W, --disable-watch       refuse watch
-Y, --auth-file=<file>    users who may come in: user:password, one a line
-v, --verbose             log what is worth knowing; -vv logs for debugging
-h, --help                print this and end
-i, --license             print the license and end
-V, --version             print the version and end
-o, --extended            options between commas:
   - idle_timeout:        seconds after which an idle connection is closed (default: 0, never)

Accepted without effect, and named in the log: -C -D -L -N -U -b -e -f -k -n -r, and what
-o takes in memcached for its allocator, its LRU, its hash table and its log.
Refused: -M, -S, -Z and -B binary.
`

const standInLicense = `This is leasecached, under the license in its LICENSE file. It has no code of
memcached in it.
`
