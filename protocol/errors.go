package protocol

// ErrorKind is the first word of an error line.
type ErrorKind uint8

const (
	NoError       ErrorKind = iota
	ErrorCommand            // ERROR: no such command
	ErrorOfClient           // CLIENT_ERROR: the request is wrong
	ErrorOfServer           // SERVER_ERROR: the request cannot be served
)

// Cause says what a server must do besides answering.
type Cause uint8

const (
	CauseLine     Cause = iota // the line is malformed; nothing else is to be done
	CauseChunk                 // the data block did not end where announced: the lease of an ls ends
	CauseTooLarge              // the data block is too large: the lease of an ls ends, the old value of a set goes
)

// Error is the reply to a request that could not be parsed.
type Error struct {
	Kind   ErrorKind
	Cause  Cause
	Text   string // what is wrong, one line
	Flag   byte   // the flag that is wrong, shown behind Text; 0 for none
	Hidden bool   // the request said noreply: the line is not sent
}

// Error returns the line without its end, shown or hidden.
func (e Error) Error() string {
	e.Hidden = false
	b := AppendError(nil, e)
	if len(b) < 2 {
		return ""
	}
	return string(b[:len(b)-2])
}

// AppendError appends the error's line; nothing if it is hidden or no error.
func AppendError(dst []byte, e Error) []byte {
	if e.Hidden {
		return dst
	}
	switch e.Kind {
	case NoError:
		return dst
	case ErrorCommand:
		return append(dst, "ERROR\r\n"...)
	case ErrorOfClient:
		dst = append(dst, "CLIENT_ERROR "...)
	case ErrorOfServer:
		dst = append(dst, "SERVER_ERROR "...)
	}
	dst = appendText(dst, e.Text)
	if e.Flag > ' ' && e.Flag < 0x7f {
		dst = append(dst, ' ', e.Flag)
	}
	return append(dst, '\r', '\n')
}

// AppendClientError appends CLIENT_ERROR with what is wrong.
func AppendClientError(dst []byte, text string) []byte {
	return AppendError(dst, Error{Kind: ErrorOfClient, Text: text})
}

// AppendServerError appends SERVER_ERROR with what is wrong.
func AppendServerError(dst []byte, text string) []byte {
	return AppendError(dst, Error{Kind: ErrorOfServer, Text: text})
}

// AppendUnavailable appends the SERVER_ERROR of a request that no valid owner
// could serve, with the reason.
func AppendUnavailable(dst []byte, reason string) []byte {
	dst = append(dst, "SERVER_ERROR unavailable: "...)
	return append(appendText(dst, reason), '\r', '\n')
}

// maxText bounds the text of an error line, so that a client's line limit
// holds whatever an error of ours wraps.
const maxText = 1024

// appendText appends text as one line: a reason may hold what somebody else
// wrote, and a line end in it would be read as the next reply.
func appendText(dst []byte, text string) []byte {
	if len(text) > maxText {
		text = text[:maxText]
	}
	for i := range len(text) {
		c := text[i]
		if c < ' ' || c == 0x7f {
			c = ' '
		}
		dst = append(dst, c)
	}
	return dst
}
