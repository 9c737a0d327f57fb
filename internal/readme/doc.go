// Package readme keeps the program of README.md true: its test runs the program
// against a real server and an SQLite database, and compares it with the text.
// It has nothing that anybody may import.
package readme
