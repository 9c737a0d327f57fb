// Package apptest starts real leasecached processes and talks to them from
// outside: it knows the command line, the log line that names the addresses, the
// admin interface's /readyz, and signals. It uses nothing of the server's code,
// so that what it shows holds for the binary that people run.
//
// Every process that it starts it ends by its own process id, when the test ends
// at the latest. What a failing test leaves behind is kept: the log is printed and
// the data directory stays.
package apptest
