package consensus

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestNextVote(t *testing.T) {
	v := func(node string) standing { return standing{node: node, voter: true} }
	dead := func(node string) standing { return standing{node: node, voter: true, silent: 2 * deadFor} }
	ready := func(node string, well time.Duration) standing { return standing{node: node, well: well} }
	ill := func(node string) standing { return standing{node: node} }
	for name, c := range map[string]struct {
		members []standing
		want    vote
		ok      bool
	}{
		"alone":                          {[]standing{v("n1")}, vote{}, false},
		"of two one votes":               {[]standing{v("n1"), ready("n2", 20)}, vote{}, false},
		"two more make three":            {[]standing{v("n1"), ready("n2", 20), ready("n3", 30)}, vote{"n3", true}, true},
		"the second of them":             {[]standing{v("n1"), ready("n2", 20), v("n3")}, vote{"n2", true}, true},
		"the same of two that are alike": {[]standing{v("n1"), v("n2"), ready("n4", 20), ready("n3", 20)}, vote{"n3", true}, true},
		"not one that is not well":       {[]standing{v("n1"), v("n2"), ill("n3")}, vote{}, false},
		"five are enough":                {[]standing{v("n1"), v("n2"), v("n3"), v("n4"), v("n5"), ready("n6", 20), ready("n7", 20)}, vote{}, false},
		"a dead one leaves":              {[]standing{v("n1"), v("n2"), dead("n3"), ready("n4", 20)}, vote{"n3", false}, true},
		"and another votes":              {[]standing{v("n1"), v("n2"), ill("n3"), ready("n4", 20)}, vote{"n4", true}, true},
		"not without one to replace it":  {[]standing{v("n1"), v("n2"), dead("n3")}, vote{}, false},
		"not below a majority":           {[]standing{v("n1"), dead("n2"), dead("n3"), ready("n4", 20)}, vote{}, false},
		"the leader is not dead":         {[]standing{dead("n1"), v("n2"), v("n3"), ready("n4", 20)}, vote{}, false},
	} {
		t.Run(name, func(t *testing.T) {
			got, ok := nextVote("n1", c.members)
			require.Equal(t, c.ok, ok)
			require.Equal(t, c.want, got)
		})
	}
}
