package memory

import (
	"encoding/binary"
	"fmt"
	"testing"

	"github.com/leasecache/leasecache/shard"
)

// FuzzOps runs a script of operations, five bytes each, against the model:
// operation, key, two bytes of size, and what the item has.
func FuzzOps(f *testing.F) {
	f.Add([]byte("\x00a\x10\x00\x00\x01a\x00\x00\x00\x02a\x00\x00\x00"))
	f.Add([]byte("\x00a\xff\xff\xff\x00b\xff\xef\x0f\x03a\x00\x00\x07\x04a\x00\x00\xff\x05a\x00\x00\x00"))
	var churn []byte
	for i := range 400 {
		churn = append(churn, 0, byte(i*7), byte(i), byte(i*31), byte(i))
	}
	f.Add(churn)
	f.Fuzz(func(t *testing.T, script []byte) {
		const largest = 60_000
		m := newModel(t, Options{Bytes: 600 * kib, MaxItem: largest})
		if len(script) > 0 && script[0]&0x80 != 0 {
			m.p.hashOf = func(k []byte) uint64 { return shard.Hash(k) % 3 << 62 }
		}
		for serial := uint64(1); len(script) >= 5; serial++ {
			op, key, has := script[0]&0x7f%8, fmt.Sprint("k", script[1]), script[4]
			it := Item{Version: serial, Stored: m.now, Accessed: m.now}
			if has&8 != 0 {
				it.StaleUntil = m.now + 5
			}
			if has&1 != 0 {
				it.CAS = serial << 32
			}
			if has&2 != 0 {
				it.Expires = m.now + int64(script[2])
			}
			if has&4 != 0 {
				it.Flags = uint32(serial)
			}
			if has&16 != 0 {
				it.Tags = fmt.Append(nil, "tags of ", serial)
			}
			var err error
			switch op {
			case 0, 1:
				it.Value = make([]byte, binary.LittleEndian.Uint16(script[2:]))
				for i := range it.Value {
					it.Value[i] = byte(serial)
				}
				err = m.put(key, it)
			case 2:
				err = m.get(key, true)
			case 3:
				err = m.get(key, false)
			case 4:
				err = m.update(key, it)
			case 5:
				err = m.delete(key)
			case 6:
				m.now += int64(script[2])
			case 7:
				err = m.each()
			}
			if err != nil {
				t.Fatalf("step %d: %v", serial, err)
			}
			script = script[5:]
		}
		if err := m.check(); err != nil {
			t.Fatal(err)
		}
	})
}
