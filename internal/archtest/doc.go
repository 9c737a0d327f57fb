// Package archtest holds the import rules of the module as a test: which package may
// not reach what, each with its reason. The rules keep the parts that must be right
// small enough to be shown right, and the client light enough to be taken in.
//
// A package reaches what it imports and what other packages outside the standard
// library import for it. The standard library's own imports do not count: fmt needs
// os, and who formats a number does no I/O.
package archtest
