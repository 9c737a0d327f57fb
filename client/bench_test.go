package client_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"
)

// BenchmarkGetHit is a hit of 100 bytes against a server in the same process, by
// so many goroutines for each processor.
func BenchmarkGetHit(b *testing.B) {
	for name, each := range map[string]int{"1": 1, "64": 64} {
		b.Run("goroutines="+name, func(b *testing.B) {
			c := newNode(b).client(b)
			ctx := context.Background()
			_, err := c.Get(ctx, "k", constant(string(make([]byte, 100))))
			require.NoError(b, err)
			b.ReportAllocs()
			b.SetParallelism(each)
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					if _, err := c.Get(ctx, "k", fail); err != nil {
						b.Error(err)
					}
				}
			})
		})
	}
}

// BenchmarkMiss is a miss with its load and fill, each of another key.
func BenchmarkMiss(b *testing.B) {
	c := newNode(b).client(b)
	ctx := context.Background()
	load := constant(string(make([]byte, 100)))
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if _, err := c.Get(ctx, product(i), load); err != nil {
			b.Fatal(err)
		}
	}
}
