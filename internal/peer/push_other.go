//go:build !unix

package peer

import "net"

// rawWriter is for systems where a connection can be written without waiting for it.
type rawWriter struct{}

func directly(net.Conn) *rawWriter { return nil }

func (*rawWriter) write([]byte) int { return 0 }
