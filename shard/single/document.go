package single

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"time"

	"github.com/leasecache/leasecache/shard"
)

// The state file is a line "leasecache-state 1 <sha256 of the rest>" and the
// rest, JSON. It is replaced as a whole; with 1024 shards it has about 15 KiB.
const (
	formatName    = "leasecache-state"
	formatVersion = 1
)

type document struct {
	Cluster       string         `json:"cluster"`
	Node          string         `json:"node"`
	Shards        uint32         `json:"shards"`
	SessionTTL    int64          `json:"session_ttl_ms"`
	LongestIntent int64          `json:"longest_intent_ms"`
	MapVersion    uint64         `json:"map_version"`
	Session       shard.Session  `json:"session"`
	States        []documentLine `json:"states"`
}

type documentLine struct {
	Epoch      shard.Epoch `json:"epoch"`
	DoubtBelow uint64      `json:"doubt_below,omitempty"`
	Fenced     bool        `json:"fenced,omitempty"`
	Bounded    int64       `json:"bounded_ms,omitempty"`
}

func encode(st *state) []byte {
	doc := document{
		Cluster: st.cluster, Node: st.node, Shards: st.settings.shards,
		SessionTTL: st.sessionTTL.Milliseconds(), LongestIntent: st.longest.Milliseconds(),
		MapVersion: st.version, Session: st.session,
		States: make([]documentLine, len(st.shards)),
	}
	for i, s := range st.shards {
		doc.States[i] = documentLine{s.Epoch, s.DoubtBelow, s.Noted.Fenced, s.Noted.Bounded.Milliseconds()}
	}
	body, err := json.Marshal(doc)
	if err != nil {
		panic(err) // numbers and checked names: there is nothing JSON cannot say
	}
	head := fmt.Sprintf("%s %d %x\n", formatName, formatVersion, sha256.Sum256(body))
	return append([]byte(head), body...)
}

// decode reads what encode wrote. Everything is checked again: a start that
// goes by a wrong number would give tokens twice. Closed is not in the file,
// it follows from the notes at the next restart.
func decode(data []byte) (*state, error) {
	head, body, _ := bytes.Cut(data, []byte("\n"))
	var name, sum string
	var version int
	if n, _ := fmt.Sscanf(string(head), "%s %d %s", &name, &version, &sum); n != 3 || name != formatName {
		return nil, fmt.Errorf("%w: it does not begin like a state file", ErrDamaged)
	}
	if version != formatVersion {
		return nil, fmt.Errorf("%w: format %d, this one knows %d", ErrTooNew, version, formatVersion)
	}
	if sum != fmt.Sprintf("%x", sha256.Sum256(body)) {
		return nil, fmt.Errorf("%w: its checksum does not match", ErrDamaged)
	}
	var doc document
	if err := json.Unmarshal(body, &doc); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	st := &state{
		settings: settings{
			cluster: doc.Cluster, node: doc.Node, shards: doc.Shards,
			sessionTTL: time.Duration(doc.SessionTTL) * time.Millisecond,
			longest:    time.Duration(doc.LongestIntent) * time.Millisecond,
		},
		version: doc.MapVersion, session: doc.Session,
		shards: make([]State, len(doc.States)),
	}
	for i, l := range doc.States {
		st.shards[i] = State{
			Epoch: l.Epoch, DoubtBelow: l.DoubtBelow,
			Noted: Note{Fenced: l.Fenced, Bounded: time.Duration(l.Bounded) * time.Millisecond},
		}
	}
	if err := st.check(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	return st, nil
}

// check states what holds for every state between two batches.
func (st *state) check() error {
	if err := st.settings.check(); err != nil {
		return err
	}
	if len(st.shards) != int(st.settings.shards) {
		return fmt.Errorf("%d states for %d shards", len(st.shards), st.settings.shards)
	}
	for i, s := range st.shards {
		switch {
		case s.Epoch < 1 || s.Epoch > shard.MaxEpoch:
			return fmt.Errorf("shard %d has epoch %d", i, s.Epoch)
		case s.DoubtBelow > s.Epoch.Base():
			return fmt.Errorf("shard %d doubts the tokens of its own epoch", i)
		case s.Noted.Bounded < 0 || s.Noted.Bounded > st.longest:
			return fmt.Errorf("shard %d notes an intent of %v", i, s.Noted.Bounded)
		}
	}
	return nil
}
