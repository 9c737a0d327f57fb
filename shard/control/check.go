package control

import (
	"fmt"

	"github.com/leasecache/leasecache/shard"
)

// Check states what holds between any two entries.
func (st *State) Check() error {
	if st.Cluster == "" {
		if len(st.Shards)+len(st.Members)+len(st.Sessions) > 0 {
			return fmt.Errorf("a cluster without an id has members or shards")
		}
		return nil
	}
	if err := shard.CheckName(st.Cluster); err != nil {
		return err
	}
	if err := st.Settings.Check(); err != nil {
		return err
	}
	if n := len(st.Shards); n < 1 || n > shard.MaxCount {
		return fmt.Errorf("%d shards", n)
	}
	for id, m := range st.Members {
		if err := st.checkMember(id, m); err != nil {
			return fmt.Errorf("member %q: %w", id, err)
		}
	}
	for id, s := range st.Sessions {
		if err := st.checkSession(id, s); err != nil {
			return fmt.Errorf("session %d: %w", id, err)
		}
	}
	for id := range st.Shards {
		if err := st.checkShard(&st.Shards[id]); err != nil {
			return fmt.Errorf("shard %d: %w", id, err)
		}
	}
	return nil
}

func (st *State) checkMember(id string, m Member) error {
	if err := shard.CheckName(id); err != nil {
		return err
	}
	switch s, ok := st.Sessions[m.Session]; {
	case m.Weight > maxWeight:
		return fmt.Errorf("weighs %d", m.Weight)
	case m.Session != 0 && (!ok || s.Node != id):
		return fmt.Errorf("session %d is not its own", m.Session)
	case m.Forgotten && m.Session == 0:
		return fmt.Errorf("is forgotten and still there")
	}
	return nil
}

func (st *State) checkSession(id shard.Session, s Session) error {
	m, ok := st.Members[s.Node]
	switch {
	case id == 0 || uint64(id) > st.Index:
		return fmt.Errorf("there was no such entry")
	case s.TTL <= 0 || s.Wait < s.TTL || s.Wait > 4*maxSetting:
		return fmt.Errorf("lasts %v, is waited for %v", s.TTL, s.Wait)
	case s.Node != "" && (!ok || m.Session < id):
		return fmt.Errorf("node %q does not know of it", s.Node)
	}
	return nil
}

func (st *State) checkShard(s *Shard) error {
	_, ok := st.Sessions[s.Session]
	switch {
	case s.Session != 0 && !ok:
		return fmt.Errorf("its owner's session %d is over", s.Session)
	case s.Epoch < 1 || s.Epoch > shard.MaxEpoch || s.Since < 1 || s.Since > s.Epoch:
		return fmt.Errorf("epoch %d since %d", s.Epoch, s.Since)
	case s.DoubtBelow > s.Epoch.Base():
		return fmt.Errorf("doubts the tokens of its own epoch")
	case s.TagFloor > s.Epoch.Base():
		return fmt.Errorf("the tag floor is among the tokens of its own epoch")
	case s.Noted.Bounded < 0 || s.Noted.Bounded > MaxIntent:
		return fmt.Errorf("notes an intent of %v", s.Noted.Bounded)
	case s.NearWait < 0 || s.NearWait > maxSetting:
		return fmt.Errorf("waits for near sessions of %v", s.NearWait)
	case s.Transfer.ID > st.Index || s.Via > st.Index:
		return fmt.Errorf("transfers %d and %d were never planned", s.Transfer.ID, s.Via)
	case (s.Transfer.ID == 0) != (s.Transfer.To == 0), s.Transfer.ID != 0 && s.Session == 0:
		return fmt.Errorf("half a transfer")
	}
	return nil
}
