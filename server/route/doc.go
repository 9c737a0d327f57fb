// Package route says where a request is to be done when another node than the
// one that was asked owns its key, what one node tells another about it, and
// whether it may be asked for again. It does no I/O and reads no clock.
package route
