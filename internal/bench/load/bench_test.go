package load

import "testing"

// What the generator itself costs a key, without the kernel: composing requests,
// and checking replies to the byte.
func BenchmarkComposeAndCheck(b *testing.B) {
	const multi = 32
	for _, d := range []Dialect{Classic, RESP} {
		b.Run(d.String(), func(b *testing.B) {
			var c checker
			var out, reply []byte
			p := picker{keys: 200_000}
			var keys [multi]uint32
			b.ReportAllocs()
			for range b.N/multi + 1 {
				for i := range keys {
					keys[i] = p.next()
				}
				c.begin()
				out, c.steps = appendGet(out[:0], c.steps, d, keys[:], 0, 100)
				b.StopTimer()
				reply = reply[:0]
				for i := range c.steps {
					s := &c.steps[i]
					reply = append(reply, c.expected(s)...)
					if s.kind == classicValue || s.kind == respValue {
						reply = append(append(reply, Value(s.key, 0, 100)...), "\r\n"...)
					}
				}
				b.StartTimer()
				if used, err := c.consume(reply); err != nil || used != len(reply) {
					b.Fatal(used, err)
				}
			}
		})
	}
}
