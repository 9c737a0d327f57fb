//go:build !linux

package server

import "errors"

// transport is the event loops; there are none here.
type transport struct{}

func newTransport(*Server, int) (*transport, error) {
	return nil, errors.New("event loops need Linux")
}

func (*transport) serve()  {}
func (*transport) refuse() {}
func (*transport) stop()   {}
