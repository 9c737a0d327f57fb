package single

import (
	"context"
	"sync"
	"testing"

	"github.com/leasecache/leasecache/shard"
)

// What the first intent of an epoch waits for.
func BenchmarkNote(b *testing.B) {
	dir := b.TempDir()
	for b.Loop() {
		b.StopTimer()
		k, err := Open(dir, Options{})
		if err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
		if err := k.Note(context.Background(), 7, k.State(7).Epoch, Note{Fenced: true}); err != nil {
			b.Fatal(err)
		}
		b.StopTimer()
		_ = k.Close()
		b.StartTimer()
	}
}

// The same for all 1024 shards at once.
func BenchmarkNoteEveryShard(b *testing.B) {
	dir := b.TempDir()
	for b.Loop() {
		b.StopTimer()
		k, err := Open(dir, Options{})
		if err != nil {
			b.Fatal(err)
		}
		var wg sync.WaitGroup
		b.StartTimer()
		for s := range shard.ID(k.Shards()) {
			wg.Go(func() {
				if err := k.Note(context.Background(), s, k.State(s).Epoch, Note{Fenced: true}); err != nil {
					b.Error(err)
				}
			})
		}
		wg.Wait()
		b.StopTimer()
		_ = k.Close()
		b.StartTimer()
	}
}
