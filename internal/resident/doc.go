// Package resident keeps down what the system counts as a process's memory.
//
// It knows nothing of what the program does. Pages of the program are
// given back on Linux only.
package resident
