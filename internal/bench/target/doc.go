// Package target runs the servers that are measured: each on the server core,
// with nothing on disk, and gone when the bench is gone.
package target
