package monitor

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/cenkalti/backoff/v5"

	"corattach/pipeline"
)

// LimitStopped is how long a ping may take after a signal, all its tries together.
const LimitStopped = 3 * time.Second

const (
	pingLimit   = 10 * time.Second // of a ping, all its tries together
	pingTimeout = 4 * time.Second  // of one try
	pingTries   = 3
)

// pinger calls the URL of a check, in the way of healthchecks.io: URL/start, and
// then URL or URL/fail, with a POST whose body is a line or two for people. The
// two carry one rid, so that the service can tell runs that overlap apart. No
// error shows more of the URL than its host.
type pinger struct {
	base   *url.URL // with the rid
	agent  string   // the User-Agent
	client *http.Client
	began  chan error // what came of the start; nil when nothing was begun
}

// newPinger checks the URL. Plain http is good enough for it: services in one's
// own network are often reached so.
func newPinger(raw, agent string) (*pinger, error) {
	base, err := url.Parse(raw)
	switch {
	case err != nil:
		return nil, errors.New("it is no valid URL") // the parser's words would show it
	case base.Scheme != "https" && base.Scheme != "http" || base.Opaque != "":
		return nil, errors.New("it must begin with https:// or http://")
	case base.Hostname() == "":
		return nil, errors.New("it names no host")
	}
	base.Fragment, base.RawFragment = "", ""
	base.RawQuery = strings.TrimPrefix(base.RawQuery+"&rid="+newUUID(), "&")
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.DisableKeepAlives = true // two calls, hours apart
	return &pinger{
		base: base, agent: agent,
		client: &http.Client{
			Transport:     transport,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}, nil
}

// newUUID returns a random UUID, of version 4.
func newUUID() string {
	var b [16]byte
	_, _ = rand.Read(b[:])
	b[6] = b[6]&0x0f | 0x40
	b[8] = b[8]&0x3f | 0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

// start sends the first ping from a goroutine of its own, which end joins.
func (p *pinger) start(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, pingLimit)
	p.began = make(chan error, 1)
	go func() {
		defer cancel()
		var err error
		defer func() { p.began <- err }()
		defer pipeline.Recover(&err)
		err = p.send(ctx, "", "start")
	}()
}

// end sends the last ping and returns what went wrong with it and with the
// first, which it waits for: the order matters to the service. stopped ends at
// the first signal, cut at the second.
func (p *pinger) end(stopped, cut context.Context, code int, body string) []error {
	var failed []error
	if p.began != nil {
		if err := <-p.began; err != nil && stopped.Err() == nil {
			failed = append(failed, fmt.Errorf("the start was not heard: %w", err))
		}
	}
	limit := pingLimit
	if stopped.Err() != nil {
		limit = LimitStopped
	}
	ctx, cancel := context.WithTimeout(cut, limit)
	defer cancel()
	var below []string
	if code != pipeline.ExitDone {
		below = []string{"fail"}
	}
	if err := p.send(ctx, body, below...); err != nil {
		failed = append(failed, fmt.Errorf("the end was not heard: %w", err))
	}
	return failed
}

// send calls the URL, or what is below it, until the service has heard it, says
// that it never will, or ctx ends. The error is that of the last try.
func (p *pinger) send(ctx context.Context, body string, below ...string) error {
	address := p.base.JoinPath(below...).String()
	var last error
	_, _ = backoff.Retry(ctx, func() (struct{}, error) {
		last = p.try(ctx, address, body)
		return struct{}{}, last
	}, backoff.WithMaxTries(pingTries))
	return last
}

func (p *pinger) try(ctx context.Context, address, body string) error {
	ctx, cancel := context.WithTimeout(ctx, pingTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, address, strings.NewReader(body))
	if err != nil {
		return backoff.Permanent(errors.New("it is no valid URL"))
	}
	request.Header.Set("User-Agent", p.agent)
	request.Header.Set("Content-Type", "text/plain; charset=utf-8")
	response, err := p.client.Do(request)
	if err != nil {
		return fmt.Errorf("%s: %w", p.base.Host, errors.Unwrap(err)) // the error itself, a *url.Error, names the whole URL
	}
	defer response.Body.Close()
	answer, _ := io.ReadAll(io.LimitReader(response.Body, 1<<10))
	status := response.StatusCode
	err = fmt.Errorf("%s: HTTP %d %s", p.base.Host, status, http.StatusText(status))
	switch {
	case status/100 == 2 && strings.HasPrefix(string(answer), "OK (not found)"): // healthchecks.io answers 200
		return backoff.Permanent(fmt.Errorf("%s: it knows no such check", p.base.Host))
	case status/100 == 2:
		return nil
	case status/100 == 3:
		return backoff.Permanent(fmt.Errorf("%w: it redirects, which is not followed: give the URL that it leads to", err))
	case status/100 == 4 && status != http.StatusTooManyRequests:
		return backoff.Permanent(err)
	}
	return err
}
