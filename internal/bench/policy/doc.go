// Package policy replays traces against ways to choose what a cache keeps: the
// store itself, two textbook ones to compare it with, and what no cache can beat.
package policy
