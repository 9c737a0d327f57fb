// Package resident keeps down what the system counts as a process's memory.
//
// It knows nothing of what the program does. On systems other than Linux it does
// nothing.
package resident
