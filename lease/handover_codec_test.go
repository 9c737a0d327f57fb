package lease

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// everything is a handover with something in each field.
func everything() Handover {
	return Handover{
		DoubtBelow: FirstToken(3), Closed: second, TagFloor: 7, FlushIn: 1,
		Writers: []Writer{
			{Hash: 1 << 63, Key: []byte("open"), Token: 1<<63 - 1, Nonce: []byte("n0"), Kind: Fenced, Length: 5 * second, Left: 2 * second},
			{Hash: 2, Key: []byte("b"), Token: 9, Kind: Bounded, Length: second, Left: 1},
			{Hash: 3, Key: []byte("doubt"), Token: 8, Kind: Fenced, Length: second},
		},
		Tags: []Bump{{Tag: []byte("x"), Token: 300}, {Tag: make([]byte, 255), Token: 301}},
	}
}

func TestHandoverInBytes(t *testing.T) {
	h := everything()
	data := h.Append(nil)
	back, err := DecodeHandover(data)
	require.NoError(t, err)
	require.Equal(t, &h, back)
	for n := range data {
		_, err := DecodeHandover(data[:n])
		require.ErrorIs(t, err, ErrHandover, "cut to %d bytes", n)
	}
	_, err = DecodeHandover(append(data, 0))
	require.ErrorIs(t, err, ErrHandover)
	_, err = DecodeHandover(append([]byte{handoverForm + 1}, data[1:]...))
	require.ErrorIs(t, err, ErrHandover, "of a newer release")

	late := Handover{Writers: []Writer{{Key: []byte("k"), Token: 1, Left: -5 * second}}}
	back, err = DecodeHandover(late.Append(nil))
	require.NoError(t, err)
	require.Zero(t, back.Writers[0].Left, "it ran out")

	empty := Handover{}
	data = empty.Append(nil)
	require.NotEmpty(t, data, "none is not the same as nothing to hand over")
	back, err = DecodeHandover(data)
	require.NoError(t, err)
	require.Equal(t, &empty, back)
}

// FuzzDecodeHandover: whatever another node sends is refused, or is a handover that
// encodes to the same bytes and leaves a table in order.
func FuzzDecodeHandover(f *testing.F) {
	h := everything()
	f.Add(h.Append(nil))
	h = Handover{}
	f.Add(h.Append(nil))
	f.Fuzz(func(t *testing.T, data []byte) {
		h, err := DecodeHandover(data)
		if err != nil {
			require.ErrorIs(t, err, ErrHandover)
			return
		}
		require.Equal(t, data, h.Append(nil))
		to := New(NewSequence(0), newMapStore(), someLimits(4), Start{})
		to.Restart(1<<22, Start{})
		to.TakeOver(9*second, h)
		to.Advance(9 * second)
		to.Advance(60 * second)
	})
}
