package server

import (
	"errors"
	"fmt"

	"github.com/leasecache/leasecache/internal/storage/memory"
	"github.com/leasecache/leasecache/protocol"
)

// reserveTimes is by how much cache_memlimit can raise what the server was
// started with. It costs address space only.
const reserveTimes = 8

const (
	mebibyte = 1 << 20
	// leastMemlimit and mostMemlimit are memcached's, in mebibytes.
	leastMemlimit = 8
	mostMemlimit  = 1_000_000_000
)

// memLimit is cache_memlimit: another --memory. The reply comes when it is so:
// with less of it, when the items that had to go are gone.
func (s *session) memLimit(req *protocol.Request) {
	var n uint32
	ok := false
	if len(req.Args) > 0 {
		n, ok = protocol.Uint32(req.Args[0])
	}
	switch {
	case !ok:
		s.reply(req, wrongCommand)
		return
	case n < leastMemlimit:
		s.reply(req, "MEMLIMIT_TOO_SMALL cannot set maxbytes to less than 8m")
		return
	case n > mostMemlimit:
		s.reply(req, "MEMLIMIT_ADJUST_FAILED input value is megabytes not bytes")
		return
	}
	err := s.srv.setMemory(int64(n) * mebibyte)
	var refused *memory.BudgetError
	switch {
	case err == nil:
		s.reply(req, "OK")
	case errors.As(err, &refused) && refused.Least > 0:
		// memcached goes down to any size in its own time. This is another reply than
		// its own for too little, as its clients take that one for success.
		s.reply(req, fmt.Sprintf("SERVER_ERROR cannot set maxbytes to less than %dm", (refused.Least+mebibyte-1)/mebibyte))
	case refused != nil:
		s.reply(req, "MEMLIMIT_ADJUST_FAILED out of bounds or unable to adjust")
	default:
		s.fail(req, err)
	}
}

// setMemory changes Config.Memory at run time. The bounds for leases, and for
// what connections keep, stay as they were: the values have the rest. An error is
// a memory.BudgetError, whose Least counts that in, or the owner's.
func (srv *Server) setMemory(bytes int64) error {
	srv.resizing.Lock()
	defer srv.resizing.Unlock()
	other := notForValues(srv.cfg.Memory)
	err := srv.owner.Resize(bytes - other)
	var refused *memory.BudgetError
	if errors.As(err, &refused) {
		srv.log.Debug("the memory limit was not changed", "bytes", bytes, "error", err)
		if refused.Least > 0 {
			refused.Least += other
		}
	}
	if err != nil {
		return err
	}
	srv.memory.Store(bytes)
	srv.log.Info("the memory limit was changed", "bytes", bytes)
	return nil
}
