package control

import "time"

// Mono is a reading of a process's monotonic clock and Wall one of its wall
// clock, both in nanoseconds. They are types of their own because two questions
// are asked of them, and the wrong clock under the second one makes two owners.
type (
	Mono int64
	Wall int64
)

// Reading is both clocks of a process at one moment.
type Reading struct {
	Mono Mono
	Wall Wall
}

// Deadline is when something that is held ends, by both clocks.
type Deadline Reading

// deadline is so long after a reading.
func deadline(sent Reading, length time.Duration) Deadline {
	return Deadline{sent.Mono + Mono(length), sent.Wall + Wall(length)}
}

// Held is the question of who holds something: may it still be used? Either
// clock ends it. The monotonic one stands still while a machine sleeps, the wall
// clock may be stepped; to stop too early is safe.
func (d Deadline) Held(now Reading) bool { return now.Mono < d.Mono && now.Wall < d.Wall }

// SurelyOver is the question of who waits for something to be over: have so long
// passed since? Only the monotonic clock is asked. Were the wall clock too, a step
// of it at the one who waits would end what others hold (schedule R2).
func SurelyOver(since Mono, wait time.Duration, now Mono) bool { return now-since >= Mono(wait) }
