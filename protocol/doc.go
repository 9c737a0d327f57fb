// Package protocol turns bytes into values and values into bytes: the requests
// a server reads and the replies it writes, and for clients the other way
// round. It knows every limit of the wire and no state but that of a half-read
// request; it does no I/O, reads no clock and imports only the standard
// library.
//
// A server keeps one Parser for each connection and calls Next on what it has
// read; replies are composed with the Append functions. A client composes
// requests with AppendRequest and keeps one ReplyParser for each connection.
//
// A verb is one row in the table of verb.go and one parse function in the file
// of its family.
package protocol
