package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/leasecache/leasecache/server/admin/api"
)

const (
	// answerWithin bounds a whole question. A server that needs longer for a list is in trouble, and whoever is on call wants to know it.
	answerWithin = 30 * time.Second
	connectIn    = 3 * time.Second
	// maxAnswer bounds what is read: the longest list with the longest keys.
	maxAnswer = 256 << 20
)

// ask sends one request to the admin port and decodes the answer into out. It returns the body too, for -o json. Errors are one
// sentence that says what to do.
func (o *options) ask(ctx context.Context, method, path string, query url.Values, in, out any) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	var body io.Reader
	if in != nil {
		b, err := json.Marshal(in)
		if err != nil {
			return nil, err
		}
		body = bytes.NewReader(b)
	}
	u := url.URL{Scheme: "http", Host: o.server, Path: path, RawQuery: query.Encode()}
	req, err := http.NewRequestWithContext(ctx, method, u.String(), body)
	if err != nil {
		return nil, fmt.Errorf("--server %s: %w", o.server, err)
	}
	if in != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	// Proxies of the environment are for the world outside, not for an admin port.
	c := http.Client{Transport: &http.Transport{DialContext: (&net.Dialer{Timeout: connectIn}).DialContext, DisableKeepAlives: true}}
	res, err := c.Do(req)
	if err != nil {
		return nil, o.unreachable(err)
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	if err != nil {
		return nil, o.unreachable(err)
	}
	if res.StatusCode != http.StatusOK {
		var e api.Error
		if json.Unmarshal(answer, &e) == nil && e.Error != "" {
			return nil, errors.New(e.Error)
		}
		return nil, fmt.Errorf("%s answers %q to %s: it is no leasecached of this version; --server wants the admin port of one", o.server, res.Status, path)
	}
	err = json.Unmarshal(answer, out)
	if err == nil && !bytes.HasPrefix(bytes.TrimSpace(answer), []byte("{")) {
		err = errors.New("no JSON object") // null would pass for one without anything in it
	}
	if err != nil {
		return nil, fmt.Errorf("%s answers, but not as a leasecached does: --server wants the admin port of one (%w)", o.server, err)
	}
	return answer, nil
}

// unreachable says in one sentence why there was no answer, and what to do about it.
func (o *options) unreachable(err error) error {
	var timeout net.Error
	var dns *net.DNSError
	var op *net.OpError
	switch {
	case errors.Is(err, context.Canceled):
		return errors.New("interrupted")
	case errors.Is(err, syscall.ECONNREFUSED):
		return fmt.Errorf("nothing listens on %s: start leasecached, or name the admin address of a running one with --server HOST:ADMINPORT; `leasecached memcached` and `--admin none` have none", o.server)
	case errors.As(err, &dns):
		return fmt.Errorf("the host of %s is not known (%s): check --server", o.server, dns.Err)
	case errors.As(err, &op) && op.Op == "dial":
		return fmt.Errorf("%s cannot be reached (%v): check --server and the network", o.server, op.Err)
	case errors.As(err, &timeout) && timeout.Timeout(), errors.Is(err, os.ErrDeadlineExceeded):
		return fmt.Errorf("%s took the connection but did not answer within %s: the server hangs, look at its log", o.server, answerWithin)
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.ECONNRESET), strings.Contains(err.Error(), "malformed HTTP"):
		return fmt.Errorf("%s does not speak HTTP: --server wants the admin port of a leasecached (11212), not its client port (11211)", o.server)
	default:
		return fmt.Errorf("no answer from %s: %w", o.server, err)
	}
}

// show prints the answer: as it is, indented, or as text makes it.
func (o *options) show(w io.Writer, answer []byte, text func(io.Writer) error) error {
	if !o.json() {
		return text(w)
	}
	var b bytes.Buffer
	if err := json.Indent(&b, bytes.TrimSpace(answer), "", "  "); err != nil {
		return err
	}
	b.WriteByte('\n')
	_, err := b.WriteTo(w)
	return err
}
