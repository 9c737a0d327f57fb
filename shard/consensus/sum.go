package consensus

import (
	"encoding/binary"
	"fmt"

	"github.com/cespare/xxhash/v2"
	"github.com/hashicorp/raft"
)

// summedLog is a log store that tells an entry which the disk changed: bbolt checks its
// own pages' heads only. Were such an entry applied, this node's State would be another
// than that of all others.
type summedLog struct{ raft.LogStore }

func (s summedLog) StoreLog(l *raft.Log) error { return s.StoreLogs([]*raft.Log{l}) }

// StoreLogs writes copies: raft goes on using its own.
func (s summedLog) StoreLogs(logs []*raft.Log) error {
	summed := make([]*raft.Log, len(logs))
	for i, l := range logs {
		one := *l
		one.Extensions = binary.BigEndian.AppendUint64(nil, sumOf(l))
		summed[i] = &one
	}
	return s.LogStore.StoreLogs(summed)
}

func (s summedLog) GetLog(index uint64, l *raft.Log) error {
	if err := s.LogStore.GetLog(index, l); err != nil {
		return err
	}
	if len(l.Extensions) != 8 || l.Index != index || binary.BigEndian.Uint64(l.Extensions) != sumOf(l) {
		return fmt.Errorf("entry %d of the log is damaged", index)
	}
	l.Extensions = nil
	return nil
}

func sumOf(l *raft.Log) uint64 {
	var head [17]byte
	binary.BigEndian.PutUint64(head[:], l.Index)
	binary.BigEndian.PutUint64(head[8:], l.Term)
	head[16] = byte(l.Type)
	var d xxhash.Digest
	d.Reset()
	_, _ = d.Write(head[:])
	_, _ = d.Write(l.Data)
	return d.Sum64()
}

// check reads the whole log: raft would panic at an entry that cannot be read.
func (s summedLog) check() error {
	first, err := s.FirstIndex()
	if err != nil {
		return err
	}
	last, err := s.LastIndex()
	if err != nil {
		return err
	}
	for i := first; i != 0 && i <= last; i++ {
		var l raft.Log
		if err := s.GetLog(i, &l); err != nil {
			return err
		}
	}
	return nil
}
