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
)

// LimitStopped is how long a ping may take after a signal, all its tries together.
const LimitStopped = 3 * time.Second

const (
	pingLimit   = 10 * time.Second // of a ping, all its tries together
	pingTimeout = 4 * time.Second  // of one try
	pingTries   = 3
)

// setCheck takes the URL of a check. It is called in the way of healthchecks.io:
// URL/start, and then URL or URL/fail, with a POST whose body is a line or two for
// people. The two carry one rid, a random UUID, so that the service can tell runs that
// overlap apart. No error shows more of the URL than its host. Plain http is good
// enough: services in one's own network are often reached so.
func (m *Monitor) setCheck(raw string) error {
	check, err := url.Parse(raw)
	switch {
	case err != nil:
		return errors.New("it is no valid URL") // the parser's words would show it
	case check.Scheme != "https" && check.Scheme != "http" || check.Hostname() == "":
		return errors.New("it must begin with https:// or http:// and a host")
	}
	var id [16]byte
	_, _ = rand.Read(id[:])
	id[6] = id[6]&0x0f | 0x40 // version 4
	id[8] = id[8]&0x3f | 0x80
	check.Fragment, check.RawFragment = "", ""
	check.RawQuery = strings.TrimPrefix(fmt.Sprintf("%s&rid=%x-%x-%x-%x-%x", check.RawQuery, id[:4], id[4:6], id[6:8], id[8:10], id[10:]), "&")
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.DisableKeepAlives = true // two calls, hours apart
	m.check, m.client = check, &http.Client{
		Transport:     transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return nil
}

// ping calls the check, or what is below it, until the service has heard it, says
// that it never will, or ctx ends. The error is that of the last try.
func (m *Monitor) ping(ctx context.Context, body string, below ...string) error {
	address := m.check.JoinPath(below...).String()
	var last error
	_, _ = backoff.Retry(ctx, func() (struct{}, error) {
		last = m.try(ctx, address, body)
		return struct{}{}, last
	}, backoff.WithMaxTries(pingTries))
	return last
}

func (m *Monitor) try(ctx context.Context, address, body string) error {
	ctx, cancel := context.WithTimeout(ctx, pingTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, address, strings.NewReader(body))
	if err != nil {
		return backoff.Permanent(errors.New("it is no valid URL"))
	}
	request.Header.Set("User-Agent", m.agent)
	request.Header.Set("Content-Type", "text/plain; charset=utf-8")
	response, err := m.client.Do(request)
	if err != nil {
		return fmt.Errorf("%s: %w", m.check.Host, errors.Unwrap(err)) // the error itself, a *url.Error, names the whole URL
	}
	defer response.Body.Close()
	answer, _ := io.ReadAll(io.LimitReader(response.Body, 1<<10))
	status := response.StatusCode
	err = fmt.Errorf("%s: HTTP %d %s", m.check.Host, status, http.StatusText(status))
	switch {
	case status/100 == 2 && strings.HasPrefix(string(answer), "OK (not found)"): // healthchecks.io answers 200
		return backoff.Permanent(fmt.Errorf("%s: it knows no such check", m.check.Host))
	case status/100 == 2:
		return nil
	case status/100 == 3:
		return backoff.Permanent(fmt.Errorf("%w: it redirects, which is not followed: give the URL that it leads to", err))
	case status/100 == 4 && status != http.StatusTooManyRequests:
		return backoff.Permanent(err)
	}
	return err
}
