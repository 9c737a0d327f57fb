package api

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"unicode"
	"unicode/utf8"
)

// Name is a key, as text where it is printable UTF-8 and as base64 where it is not (keys may hold any byte). Embedded, it puts
// exactly one of "key" and "key64" into its JSON object.
type Name struct {
	Key   string `json:"key,omitempty"`
	Key64 string `json:"key64,omitempty"` // standard alphabet, padded
}

// ErrName says that a [Name] holds no key, two keys, or broken base64.
var ErrName = errors.New("not a key")

// NameOf gives the key its name.
func NameOf(key []byte) Name {
	if printable(key) {
		return Name{Key: string(key)}
	}
	return Name{Key64: base64.StdEncoding.EncodeToString(key)}
}

// Bytes gives the key itself, or an error that wraps [ErrName].
func (n Name) Bytes() ([]byte, error) {
	switch {
	case n.Key != "" && n.Key64 != "":
		return nil, fmt.Errorf("%w: both key and key64 are given", ErrName)
	case n.Key != "":
		return []byte(n.Key), nil
	case n.Key64 != "":
		key, err := base64.StdEncoding.DecodeString(n.Key64)
		if err != nil {
			return nil, fmt.Errorf("%w: key64: %w", ErrName, err)
		}
		return key, nil
	default:
		return nil, fmt.Errorf("%w: neither key nor key64 is given", ErrName)
	}
}

// String shows the key to a person: as it is, or in Go's quotes when it has bytes that do not print.
func (n Name) String() string {
	if n.Key != "" {
		return n.Key
	}
	key, err := n.Bytes()
	if err != nil {
		return strconv.Quote(n.Key64)
	}
	return strconv.Quote(string(key))
}

func printable(key []byte) bool {
	if len(key) == 0 || !utf8.Valid(key) {
		return false
	}
	for _, r := range string(key) {
		if !unicode.IsGraphic(r) || unicode.IsSpace(r) {
			return false
		}
	}
	return true
}

// Token is a fencing token, epoch<<40 | sequence. In JSON it is a decimal string; a plain number is understood too.
type Token uint64

// Epoch is the shard's epoch in which the token was given.
func (t Token) Epoch() uint64 { return uint64(t) >> 40 }

// MarshalJSON writes the token as a decimal string.
func (t Token) MarshalJSON() ([]byte, error) {
	return strconv.AppendQuote(nil, strconv.FormatUint(uint64(t), 10)), nil
}

// UnmarshalJSON reads a decimal string or a number.
func (t *Token) UnmarshalJSON(b []byte) error {
	var n json.Number
	if err := json.Unmarshal(b, &n); err != nil {
		return fmt.Errorf("token %s: %w", b, err)
	}
	v, err := strconv.ParseUint(n.String(), 10, 64)
	if err != nil {
		return fmt.Errorf("token %s: %w", b, err)
	}
	*t = Token(v)
	return nil
}
