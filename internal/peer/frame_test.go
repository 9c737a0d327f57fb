package peer

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"
)

func TestFramesComeAsTheyWent(t *testing.T) {
	payloads := [][]byte{nil, []byte("a"), bytes.Repeat([]byte("b"), readBuffer-frameHead-untilLen), bytes.Repeat([]byte("c"), readBuffer), bytes.Repeat([]byte("d"), 1<<20)}
	for range 2 * shrinkAt {
		payloads = append(payloads, []byte("small"))
	}
	payloads = append(payloads, bytes.Repeat([]byte("e"), 3*readBuffer))
	var wire []byte
	for i, p := range payloads {
		wire = appendFrame(wire, KindRequest, uint64(i), int64(7*i), len(p), p[:len(p)/2], p[len(p)/2:])
	}
	for name, src := range map[string]io.Reader{
		"whole":    bytes.NewReader(wire),
		"halves":   iotest.HalfReader(bytes.NewReader(wire)),
		"with EOF": iotest.DataErrReader(bytes.NewReader(wire)),
		"bytes":    iotest.OneByteReader(bytes.NewReader(wire)),
	} {
		t.Run(name, func(t *testing.T) {
			in := frames{src: src, max: 1 << 20}
			for i, p := range payloads {
				f, err := in.next()
				require.NoError(t, err)
				require.Equal(t, KindRequest, f.kind)
				require.Equal(t, uint64(i), f.id)
				require.Equal(t, int64(7*i), f.until)
				require.True(t, bytes.Equal(p, f.payload), i)
			}
			_, err := in.next()
			require.Equal(t, io.EOF, err)
		})
	}
}

func TestWhichReadBroughtAFrame(t *testing.T) {
	one := appendFrame(nil, KindRequest, 1, 0, 0)
	first, second := io.Pipe()
	go func() {
		_, _ = second.Write(append(append(append([]byte(nil), one...), one...), one[:5]...))
		_, _ = second.Write(append(append([]byte(nil), one[5:]...), one...))
		_ = second.Close()
	}()
	in := frames{src: first, max: 100}
	var reads []uint64
	for {
		f, err := in.next()
		if err != nil {
			break
		}
		reads = append(reads, f.read)
	}
	require.Equal(t, []uint64{1, 1, 2, 2}, reads)
}

func TestFrameLengthsAreCheckedFirst(t *testing.T) {
	for name, n := range map[string]uint32{"none": 0, "below a head": minRest - 1, "one too long": minRest + untilLen + 101, "all ones": 1<<32 - 1} {
		in := frames{src: bytes.NewReader(binary.BigEndian.AppendUint32(nil, n)), max: 100}
		_, err := in.next()
		require.ErrorIs(t, err, errFrame, name)
	}
	in := frames{src: bytes.NewReader(appendFrame(nil, KindRequest, 1, 0, 100, make([]byte, 100))), max: 100}
	_, err := in.next()
	require.NoError(t, err, "the longest")
	short := appendFrame(nil, KindRequest|answer, 1, 0, untilLen-1, make([]byte, untilLen-1))
	short[lengthLen] = byte(KindRequest)
	in = frames{src: bytes.NewReader(short), max: 100}
	_, err = in.next()
	require.ErrorIs(t, err, errFrame, "a question without its time")
}

func TestACutWithinAFrameIsNoOrderlyEnd(t *testing.T) {
	wire := appendFrame(nil, KindRequest, 1, 0, 3, []byte("abc"))
	for n := 1; n < len(wire); n++ {
		in := frames{src: bytes.NewReader(wire[:n]), max: 100}
		_, err := in.next()
		require.ErrorIs(t, err, io.ErrUnexpectedEOF, n)
	}
}

// TestAClaimedLengthCostsNothing: the buffer follows what arrived.
func TestAClaimedLengthCostsNothing(t *testing.T) {
	const limit = 1 << 30
	wire := binary.BigEndian.AppendUint32(nil, limit)
	wire = append(wire, make([]byte, 300<<10)...)
	in := frames{src: bytes.NewReader(wire), max: limit}
	_, err := in.next()
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
	require.LessOrEqual(t, cap(in.buf), 1<<20)
}

func TestALongBufferIsGivenBack(t *testing.T) {
	wire := appendFrame(nil, KindRequest, 1, 0, 1<<20, make([]byte, 1<<20))
	for range 100 * shrinkAt {
		wire = appendFrame(wire, KindRequest, 1, 0, 100, make([]byte, 100))
	}
	in := frames{src: iotest.HalfReader(bytes.NewReader(wire)), max: 1 << 20}
	for {
		if _, err := in.next(); err != nil {
			require.Equal(t, io.EOF, err)
			break
		}
	}
	require.LessOrEqual(t, cap(in.buf), 2*readBuffer)
}

func FuzzFrames(f *testing.F) {
	f.Add(appendFrame(appendFrame(nil, KindRequest, 1, 0, 3, []byte("abc")), ping, 0, 0, 0), uint8(0))
	f.Add([]byte{0, 0, 0, 1}, uint8(1))
	f.Add(binary.BigEndian.AppendUint32(nil, 1<<31), uint8(2))
	f.Fuzz(func(t *testing.T, b []byte, how uint8) {
		const limit = 1 << 20
		var src io.Reader = bytes.NewReader(b)
		switch how % 3 {
		case 1:
			src = iotest.OneByteReader(src)
		case 2:
			src = iotest.HalfReader(src)
		}
		in := frames{src: src, max: limit}
		var again []byte
		for {
			fr, err := in.next()
			if err != nil {
				require.True(t, errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, errFrame), err)
				require.Equal(t, err == io.EOF, len(again) == len(b))
				break
			}
			again = appendFrame(again, fr.kind, fr.id, fr.until, len(fr.payload), fr.payload)
		}
		require.True(t, bytes.HasPrefix(b, again))
		require.LessOrEqual(t, cap(in.buf), 3*(readBuffer+len(b)))
	})
}
