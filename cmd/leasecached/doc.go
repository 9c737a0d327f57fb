// Command leasecached runs one node of a Leasecache cluster.
//
// The program is a value, Command, with four steps: ParseFlags gathers the
// settings, Validate looks at them together, Run serves until its context
// ends, Close stops in order. So a test can start several nodes in one
// process; what belongs to the process as a whole, signals and exit codes, is
// in main.go only.
//
// settings.go is the one source of every flag, environment variable and key of
// the configuration file, of --help and of docs/leasecached.toml.
package main
