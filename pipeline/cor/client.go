package cor

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"sync/atomic"
	"time"

	"corattach/pipeline"
)

// maxAnswer bounds an answer in bytes. Choice: COR names no limit; about ten
// thousand workspaces fit.
const maxAnswer = 8 << 20

// Client makes exchanges with COR. It may be used from several goroutines. No
// fmt verb shows its secrets.
type Client struct {
	base      string
	auth      string
	agent     string
	transport http.RoundTripper
	own       bool // the transport is the client's own
	secrets   veil
	now       func() time.Time
	tokens    *tokens
}

var _ pipeline.COR = (*Client)(nil)

// New returns a client for config, or an error that says which setting is
// wrong. It sends nothing.
func New(config Config) (*Client, error) {
	c := &Client{
		base:      or(config.BaseURL, DefaultBaseURL),
		auth:      or(config.AuthURL, DefaultAuthURL),
		agent:     or(config.UserAgent, defaultUserAgent),
		transport: config.Transport,
		secrets:   config.Credentials.secrets(),
		now:       config.Now,
	}
	if err := CheckURL(c.base); err != nil {
		return nil, fmt.Errorf("base URL: %w", err)
	}
	if err := CheckURL(c.auth); err != nil {
		return nil, fmt.Errorf("auth URL: %w", err)
	}
	if err := config.Credentials.check(); err != nil {
		return nil, err
	}
	if !visible(c.agent, ' ') {
		return nil, fmt.Errorf("user agent %q has characters that no header carries", c.agent)
	}
	if c.transport == nil {
		c.transport, c.own = ownTransport(), true
	}
	if c.now == nil {
		c.now = time.Now
	}
	c.tokens = newTokens(config.Credentials, c)
	return c, nil
}

func or(value, standard string) string {
	if value == "" {
		return standard
	}
	return value
}

// Close ends a token renewal that is under way, waits for it, and closes the
// idle connections of the client's own transport. Exchanges under way go on;
// the client stays usable.
func (c *Client) Close() {
	c.tokens.close()
	if own, ok := c.transport.(*http.Transport); ok && c.own {
		own.CloseIdleConnections()
	}
}

// Format writes the client's target and no secret, whatever the verb.
func (c *Client) Format(s fmt.State, _ rune) { _, _ = fmt.Fprintf(s, "cor client of %s", c.base) }

// Do makes one exchange as [pipeline.COR] describes it, first making or
// renewing the token if need be. ctx bounds all of it, the wait for the token
// too.
//
// r must have at least one share, and its user must be neither "." nor "..",
// which no URL path carries.
func (c *Client) Do(ctx context.Context, op pipeline.Op, r pipeline.Request) (pipeline.Answer, *pipeline.Fault) {
	got, fault := c.authorized(ctx, http.MethodPut, URL(c.base, op, r.User), Body(op, r))
	if fault != nil {
		return pipeline.Answer{}, fault
	}
	answer, problem := decodeAnswer(got.veil.clean(got.body), r, got.veil)
	if problem != "" {
		return pipeline.Answer{}, unreadable(got, problem)
	}
	answer.Status, answer.RequestID = got.status, got.requestID()
	return answer, nil
}

// Ready makes or renews the token if need be, as [pipeline.COR] describes it.
func (c *Client) Ready(ctx context.Context) *pipeline.Fault {
	_, fault := c.tokens.get(ctx)
	if fault != nil && fault.Kind == pipeline.NotConnected {
		fault.Kind = pipeline.TokenDown
	}
	return fault
}

// Account is whom a token belongs to, as far as COR says. At least one field
// is set.
type Account struct {
	ID    string
	Name  string
	Email string
}

// Me asks COR whom the credentials belong to (GET /v1/me). The fault is one of
// those of Do.
func (c *Client) Me(ctx context.Context) (Account, *pipeline.Fault) {
	got, fault := c.authorized(ctx, http.MethodGet, join(c.auth, "/me"), nil)
	if fault != nil {
		return Account{}, fault
	}
	account, ok := decodeAccount(got.veil.clean(got.body))
	if !ok {
		return Account{}, unreadable(got, "no account")
	}
	return account, nil
}

// TokenExpires is when the token at hand ends, as COR said when it made it; zero
// for one that was given as it is, before the first exchange, and when COR did
// not say.
func (c *Client) TokenExpires() time.Time {
	c.tokens.mu.Lock()
	defer c.tokens.mu.Unlock()
	return c.tokens.expires
}

// authorized sends one request with the token and returns its whole 2xx
// answer. A token that COR refuses is forgotten.
func (c *Client) authorized(ctx context.Context, method, target string, body []byte) (reply, *pipeline.Fault) {
	token, fault := c.tokens.get(ctx)
	if fault != nil {
		return reply{}, fault
	}
	header := http.Header{"Authorization": {"Bearer " + token}}
	if body != nil {
		header.Set("Content-Type", "application/json")
	}
	got, fault := c.send(ctx, method, target, header, body, append(c.secrets[:len(c.secrets):len(c.secrets)], token))
	if fault == nil {
		fault = judge(got)
	}
	if fault != nil && fault.Kind == pipeline.Unauthorized {
		c.tokens.forget(token)
	}
	return got, fault
}

// send makes one HTTP exchange. Its fault is NotConnected or NoAnswer: no
// answer's headers came. secrets are kept out of every message about it.
//
// The transport's RoundTrip is called as it is, for a [http.Client] would
// follow redirects.
func (c *Client) send(ctx context.Context, method, target string, header http.Header, body []byte, secrets veil) (reply, *pipeline.Fault) {
	var way passage
	ctx = httptrace.WithClientTrace(ctx, way.trace())
	var content io.Reader
	if body != nil {
		content = bytes.NewReader(body)
	}
	request, err := http.NewRequestWithContext(ctx, method, target, content)
	if err != nil {
		return reply{}, transportFault(err, false, secrets)
	}
	header.Set("Accept", "application/json")
	header.Set("User-Agent", c.agent)
	request.Header = header
	if rewind := request.GetBody; rewind != nil {
		request.GetBody = func() (io.ReadCloser, error) { return way.again(rewind) }
	}
	response, err := c.transport.RoundTrip(request)
	if err != nil {
		return reply{}, transportFault(err, way.left(c.own), secrets)
	}
	got := reply{status: response.StatusCode, header: response.Header, at: c.now(), veil: secrets}
	got.body, got.cut = read(response)
	return got, nil
}

// read reads an answer's body up to maxAnswer and closes it, so that the
// connection serves again when the body was read whole. The second result says
// why the body is not whole.
func read(response *http.Response) (body []byte, cut string) {
	defer func() { _ = response.Body.Close() }()
	if switches(response.StatusCode) {
		return nil, "the answer switches protocols"
	}
	var buffer bytes.Buffer
	if size := response.ContentLength; size > 0 && size <= maxAnswer {
		buffer.Grow(int(size) + bytes.MinRead)
	}
	_, err := buffer.ReadFrom(io.LimitReader(response.Body, maxAnswer+1))
	switch {
	case buffer.Len() > maxAnswer:
		return buffer.Bytes()[:maxAnswer], fmt.Sprintf("the answer is longer than %d MiB", maxAnswer>>20)
	case err != nil:
		return buffer.Bytes(), "the answer was cut: " + describe(err, true)
	}
	return buffer.Bytes(), ""
}

// errRepeat keeps the transport from sending a request a second time.
var errRepeat = errors.New("the connection was closed after the request had left")

// passage is how far one request came. Its fields are written by the
// transport's goroutines.
type passage struct {
	asked atomic.Bool              // a connection was looked for
	conn  atomic.Pointer[net.Conn] // the last one got; nil when none was
	wrote atomic.Bool              // the request's headers were written
}

func (p *passage) trace() *httptrace.ClientTrace {
	return &httptrace.ClientTrace{
		GetConn:      func(string) { p.asked.Store(true) },
		GotConn:      func(info httptrace.GotConnInfo) { p.conn.Store(&info.Conn) },
		WroteHeaders: func() { p.wrote.Store(true) },
	}
}

// left says whether the request may have reached the other side: a connection
// was got, or the transport, being none of ours, reports nothing.
func (p *passage) left(own bool) bool {
	return p.conn.Load() != nil || !own && !p.asked.Load()
}

// again returns the body for the transport's own second try. Over HTTP/1 it
// makes one only while not a byte was written. Over HTTP/2 it also makes one
// for requests that left (RFC 9113, section 8.7): those are denied, for one Do
// is one request, which the caller paces and records.
func (p *passage) again(rewind func() (io.ReadCloser, error)) (io.ReadCloser, error) {
	if conn := p.conn.Load(); conn != nil && p.wrote.Load() {
		secure, ok := (*conn).(*tls.Conn)
		if ok && secure.ConnectionState().NegotiatedProtocol == "h2" {
			return nil, errRepeat
		}
	}
	return rewind()
}
