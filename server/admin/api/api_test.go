package api

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestNameKeepsEveryByte(t *testing.T) {
	for _, key := range []string{"product:1", "größe", "a b", "\x00\xff", "tab\t", "\u200b", `quote"d`} {
		n := NameOf([]byte(key))
		b, err := json.Marshal(n)
		require.NoError(t, err)
		var back Name
		require.NoError(t, json.Unmarshal(b, &back))
		got, err := back.Bytes()
		require.NoError(t, err)
		require.Equal(t, key, string(got))
	}
	require.Equal(t, "product:1", NameOf([]byte("product:1")).String())
	require.Equal(t, `"\x00\xff"`, NameOf([]byte("\x00\xff")).String())
}

func TestNameRefusesWhatIsNoKey(t *testing.T) {
	for _, n := range []Name{{}, {Key: "a", Key64: "YQ=="}, {Key64: "!"}} {
		_, err := n.Bytes()
		require.ErrorIs(t, err, ErrName)
	}
}

func TestNameInAnObject(t *testing.T) {
	b, err := json.Marshal(InvalidatedKey{Name: NameOf([]byte("\x01")), Token: 1<<62 + 1})
	require.NoError(t, err)
	require.JSONEq(t, `{"key64":"AQ==","token":"4611686018427387905"}`, string(b))
}

func TestTokenIsAStringAndReadsBoth(t *testing.T) {
	var got []Token
	require.NoError(t, json.Unmarshal([]byte(`["4611686018427387905", 7]`), &got))
	require.Equal(t, []Token{1<<62 + 1, 7}, got)
	require.Equal(t, uint64(1<<22), Token(1<<62).Epoch())
	for _, bad := range []string{`"x"`, `-1`, `1.5`, `"99999999999999999999"`, `{}`} {
		require.Error(t, json.Unmarshal([]byte(bad), new(Token)), bad)
	}
}

func TestInvalidateRequestNames(t *testing.T) {
	r := InvalidateRequest{Keys: []string{"a"}, Keys64: []string{"AQ=="}}
	require.Equal(t, []Name{{Key: "a"}, {Key64: "AQ=="}}, r.Names())
}
