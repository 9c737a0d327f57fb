package consensus_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/leasecache/leasecache/shard/control"
)

// play has clients at work while faults come and go, then heals everything: all must be
// served again.
func (s *sim) play() {
	for i := range 5 {
		s.client(i)
	}
	end := time.Now().Add(time.Duration(10+s.rng.IntN(8)) * time.Second)
	for time.Now().Before(end) && !s.failed() {
		s.sleep(1500 * time.Millisecond)
		s.disturb()
	}
	s.settle()
}

func (s *sim) sleep(d time.Duration) { time.Sleep(time.Duration(s.rng.Int64N(int64(d)))) }

// settle heals everything and waits until all is well.
func (s *sim) settle() {
	s.heal()
	for _, n := range s.nodes {
		n.rest.end()
		if n.proc == nil || n.proc.over() {
			s.restart(n)
		}
	}
	s.say("everything is healed")
	s.wait("all is served again", 20*time.Second, s.allServed)
	for _, n := range s.nodes {
		if n.proc == nil {
			continue
		}
		n.proc.node.View(func(st *control.State) {
			if err := st.Check(); err != nil {
				s.fail("%s: %v", n, err)
			}
		})
	}
}

func (s *sim) restart(n *simNode) {
	if n.proc != nil {
		n.proc.kill(false)
	}
	s.say("%s starts", n.name)
	n.start()
}

// disturb has one thing go wrong, or become right.
func (s *sim) disturb() {
	n := s.nodes[s.rng.IntN(len(s.nodes))]
	if n.proc == nil || n.proc.over() {
		if s.rng.IntN(2) == 0 {
			s.restart(n)
		}
		return
	}
	of := s.of
	if of == nil {
		of = faultsOf()
	}
	of[s.rng.IntN(len(of))](s, n)
}

// fault is something that goes wrong with a node that runs.
type fault func(*sim, *simNode)

var allFaults = map[string]fault{
	"cut off": cutOffFault, "deaf": deafFault, "mute": muteFault, "parted": partedFault, "half parted": halfPartedFault,
	"slow": slowFault, "reset": resetFault, "late": lateFault, "stepped": steppedFault, "stalled": stalledFault,
	"killed": killedFault, "zombie": zombieFault, "stopped": stoppedFault, "drained": drainedFault,
	"healed": healed, "healed too": healed, "healed also": healed, "healed again": healed, // as often
}

// faultsOf are those of the map, in an order.
func faultsOf() (all []fault) {
	for _, name := range slices.Sorted(maps.Keys(allFaults)) {
		all = append(all, allFaults[name])
	}
	return all
}

func cutOffFault(s *sim, n *simNode) {
	s.note("%s is cut off", n)
	s.cutOff(n.name, true, true)
}

func deafFault(s *sim, n *simNode) {
	s.note("%s hears nobody", n)
	s.cutOff(n.name, true, false)
}

func muteFault(s *sim, n *simNode) {
	s.note("nobody hears %s", n)
	s.cutOff(n.name, false, true)
}

func partedFault(s *sim, n *simNode) {
	other := s.another(n)
	s.note("%s and %s do not hear each other", n, other)
	s.net.set(n.name, other.name, true)
	s.net.set(other.name, n.name, true)
}

func halfPartedFault(s *sim, n *simNode) {
	other := s.another(n)
	s.note("%s does not hear %s", n, other)
	s.net.set(other.name, n.name, true)
}

func slowFault(s *sim, n *simNode) {
	other := s.another(n)
	s.note("what %s says to %s is slow", n, other)
	s.net.slow(n.name, other.name, time.Duration(s.rng.IntN(400))*time.Millisecond)
}

func resetFault(s *sim, n *simNode) {
	s.note("connections of %s break", n)
	s.net.reset(n.name, "")
}

// lateFault: what the node is granted it hears of late; then of nothing any more.
func lateFault(s *sim, n *simNode) {
	s.note("%s hears late, and is cut off", n)
	by := time.Duration(200+s.rng.IntN(1000)) * time.Millisecond
	for _, from := range s.nodes {
		s.net.slow(from.name, n.name, by)
	}
	s.sleep(3 * time.Second)
	s.cutOff(n.name, true, true)
}

func steppedFault(s *sim, n *simNode) {
	by := time.Duration(s.rng.Int64N(int64(20 * time.Second)))
	if s.rng.IntN(2) == 0 {
		by = -by
	}
	s.note("the wall clock of %s is stepped", n)
	s.say("by %v", by)
	n.clock.step(by)
}

func stalledFault(s *sim, n *simNode) {
	d := time.Duration(s.rng.Int64N(int64(5 * time.Second)))
	s.note("%s stands still", n)
	s.say("for %v", d)
	s.stall(n, d)
}

func killedFault(s *sim, n *simNode) {
	s.note("%s is killed", n)
	n.proc.kill(false)
	s.mayRestart(n)
}

func zombieFault(s *sim, n *simNode) {
	s.note("%s lives on as a zombie", n)
	n.proc.kill(true)
	s.mayRestart(n)
}

func stoppedFault(s *sim, n *simNode) {
	s.note("%s is stopped", n)
	n.proc.stop()
	s.mayRestart(n)
}

func drainedFault(s *sim, n *simNode) { s.drain(n) }

func healed(s *sim, _ *simNode) {
	s.say("links are healed")
	s.heal()
}

func (s *sim) another(n *simNode) *simNode {
	for {
		if other := s.nodes[s.rng.IntN(len(s.nodes))]; other != n {
			return other
		}
	}
}

func (s *sim) mayRestart(n *simNode) {
	if s.rng.IntN(2) == 0 {
		s.restart(n)
	}
}

func (s *sim) note(format string, n ...*simNode) {
	a := make([]any, len(n))
	for i := range n {
		a[i] = n[i].name
	}
	s.say(format, a...)
	for i := range a {
		a[i] = "a node"
	}
	s.saw(fmt.Sprintf(format, a...))
}

// stall has a machine stand still, but for its clocks.
func (s *sim) stall(n *simNode, d time.Duration) {
	n.rest.hold(d)
	s.cutOff(n.name, true, true)
	s.tasks.Go(func() {
		select {
		case <-time.After(d):
		case <-s.over:
		}
		for _, other := range s.nodes {
			s.net.set(other.name, n.name, false)
			s.net.set(n.name, other.name, false)
		}
	})
}

// drain moves a node's shards to others, as planned, and lets it have some again.
func (s *sim) drain(n *simNode) {
	s.note("%s is drained", n)
	p := n.proc
	s.tasks.Go(func() {
		for _, on := range []bool{true, false} {
			ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
			_, err := p.node.Propose(ctx, control.Drain{Node: n.name, On: on})
			cancel()
			if err == nil && on {
				s.saw("a drain is agreed on")
			}
			select {
			case <-time.After(2 * time.Second):
			case <-s.over:
			}
		}
	})
}
