// Package cor is one exchange with the COR Integrations API. It sends a request
// over HTTP, keeps the access token fresh, and turns whatever comes back into an
// Answer or a Fault that holds no secret.
//
// It never repeats a request, never follows a redirect and waits for nothing but
// its own exchange and token. Where COR's public pages leave something open, the
// code that decides says "Choice:".
package cor

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"corattach/pipeline"
)

// The production endpoints, from COR's page on the Integrations API.
const (
	DefaultBaseURL = "https://integrations.projectcor.com"
	DefaultAuthURL = "https://api.projectcor.com/v1"
)

// Config is what a [Client] needs.
type Config struct {
	BaseURL     string // of the Integrations API, as [CheckURL] accepts it; "" is [DefaultBaseURL]
	AuthURL     string // of the token and account endpoints, as [CheckURL] accepts it; "" is [DefaultAuthURL]
	Credentials Credentials
	UserAgent   string // "" is corattach

	// Transport makes the connections. By default https takes its proxy from the
	// environment; plain http uses none and reaches loopback addresses alone. A given
	// one must follow no redirect, and its failures may all have left.
	Transport http.RoundTripper
}

// maxAnswer bounds an answer in bytes. Choice: COR names no limit; about ten
// thousand workspaces fit.
const maxAnswer = 8 << 20

// Client makes exchanges with COR. It may be used from several goroutines.
type Client struct {
	base      string
	auth      string
	agent     string
	transport http.RoundTripper
	own       []*http.Transport // what the transport is made of, where it is the client's own; else nil
	tokens    *tokens
}

// New returns a client for config. It sends nothing.
func New(config Config) *Client {
	c := &Client{
		base:      cmp.Or(config.BaseURL, DefaultBaseURL),
		auth:      strings.TrimRight(cmp.Or(config.AuthURL, DefaultAuthURL), "/"),
		agent:     cmp.Or(config.UserAgent, "corattach"),
		transport: config.Transport,
	}
	if c.transport == nil {
		c.own = newTransports()
		c.transport = c.own[0]
	}
	c.tokens = &tokens{credentials: config.Credentials, client: c, token: token{secrets: newRedactor(config.Credentials.secrets()...)}}
	if visible(config.Credentials.AccessToken) { // any other is refused when one is asked for
		c.tokens.access = config.Credentials.AccessToken
	}
	return c
}

// Close ends a token renewal that is under way, waits for it, and closes the
// idle connections of the client's own transport. The client stays usable.
func (c *Client) Close() {
	c.tokens.mu.Lock()
	flight := c.tokens.flight
	c.tokens.mu.Unlock()
	if flight != nil {
		flight.cancel()
		<-flight.done
	}
	for _, transport := range c.own {
		transport.CloseIdleConnections()
	}
}

// Format writes the client's target and no secret, whatever the verb.
func (c *Client) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, "cor client of "+c.base) }

// Do makes one HTTP request, first making or renewing the token if need be. It
// returns either an Answer or a Fault. ctx bounds all of it: when it ends
// before a connection was made, the fault is NotConnected, after that NoAnswer.
//
// r must have at least one share, and its user must be neither "." nor "..",
// which no URL path carries. A panic in a token renewal panics here, with a
// *pipeline.PanicError, as it does in Ready and Me.
func (c *Client) Do(ctx context.Context, op pipeline.Op, r pipeline.Request) (*pipeline.Answer, *pipeline.Fault) {
	got, fault := c.authorized(ctx, http.MethodPut, URL(c.base, op, r.User), Body(op, r), r)
	if fault != nil {
		return nil, fault
	}
	answer, problem := decodeAnswer(got)
	return answer, faultOf(got, problem)
}

// Ready waits until an exchange could leave at once. Its fault says why none
// can: NoToken, TokenDown or Untrusted, also when ctx ends first.
func (c *Client) Ready(ctx context.Context) *pipeline.Fault {
	_, fault := c.tokens.get(ctx)
	if fault != nil && fault.Kind == pipeline.NotConnected {
		fault.Kind = pipeline.TokenDown
	}
	return fault
}

// Account is whom a token belongs to, as far as COR says, each field on one
// line of bounded length. At least one field is set.
type Account struct {
	ID    string `json:"id"`
	Name  string `json:"name"`
	Email string `json:"email"`
}

// Me asks COR whom the credentials belong to (GET /v1/me). The fault is one of
// those of Do. Choice: the shape of the answer is not public; the fields are those of
// the object, or of its user or data, and the name is also taken from first_name and
// last_name, as in COR's v1 users.
func (c *Client) Me(ctx context.Context) (Account, *pipeline.Fault) {
	got, fault := c.authorized(ctx, http.MethodGet, c.auth+"/me", nil, pipeline.Request{})
	if fault != nil {
		return Account{}, fault
	}
	shown := func(text string) string { return pipeline.Cut(tidy(got.secrets.hide(text)), maxText) }
	top := decode[fields](raw(got.body))
	for _, of := range [...]fields{top, decode[fields](top["user"]), decode[fields](top["data"])} {
		full := strings.TrimSpace(of["first_name"].text() + " " + of["last_name"].text())
		account := Account{ID: shown(of["id"].text()), Name: shown(cmp.Or(of["name"].text(), full)), Email: shown(of["email"].text())}
		if account != (Account{}) {
			return account, nil
		}
	}
	return Account{}, faultOf(got, "no account")
}

// authorized sends one request with the token and returns its whole 2xx
// answer. asked is zero for what attaches and detaches nothing.
func (c *Client) authorized(ctx context.Context, method, target string, body []byte, asked pipeline.Request) (reply, *pipeline.Fault) {
	token, fault := c.tokens.get(ctx)
	if fault != nil {
		return reply{}, fault
	}
	header := http.Header{"Authorization": {"Bearer " + token.access}}
	if body != nil {
		header.Set("Content-Type", "application/json")
	}
	got, fault := c.send(ctx, method, target, header, body, reply{asked: asked, ids: idsOf(asked), secrets: token.secrets})
	if fault != nil && fault.Kind == pipeline.Unauthorized {
		c.tokens.forget(token.access)
	}
	return got, fault
}

// send makes one HTTP exchange by the transport's RoundTrip, because an
// [http.Client] follows redirects, and fills in its answer.
func (c *Client) send(ctx context.Context, method, target string, header http.Header, body []byte, got reply) (reply, *pipeline.Fault) {
	var connected atomic.Bool // set by goroutines of the transport
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GotConn: func(httptrace.GotConnInfo) { connected.Store(true) }})
	request, err := http.NewRequestWithContext(ctx, method, target, bytes.NewReader(body))
	if err != nil {
		return got, transportFault(err, false, got.secrets)
	}
	header.Set("Accept", "application/json")
	header.Set("User-Agent", c.agent)
	request.Header = header
	request.GetBody = nil // else the transport may repeat a request that left (RFC 9113, section 8.7), and one Do is one request
	response, err := c.transport.RoundTrip(request)
	if err != nil {
		return got, transportFault(err, connected.Load() || c.own == nil, got.secrets)
	}
	got.status, got.header = response.StatusCode, response.Header
	got.body, got.cut = read(response)
	return got, faultOf(got, "")
}

// read reads an answer's body up to maxAnswer and closes it, so that its
// connection serves again. cut says why the body is not whole. A byte order mark
// before a JSON text may be ignored (RFC 8259, section 8.1).
func read(response *http.Response) (body []byte, cut string) {
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode/100 == 1 { // then it has no end (RFC 9110, section 15.2.2)
		return nil, "the answer switches protocols"
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer+1))
	switch {
	case len(body) > maxAnswer:
		cut = fmt.Sprintf("the answer is longer than %d MiB", maxAnswer>>20)
	case err != nil:
		cut = "the answer was cut: " + describe(err, "an answer came")
	}
	return bytes.TrimPrefix(body, []byte("\ufeff")), cut
}

// CheckURL says whether raw can be a base URL: https, or http to loopback
// (127.0.0.0/8, ::1, or localhost, whose address is compared when it is dialled),
// with a host, without user, query and fragment, its path percent-encoded as it is
// to be sent. The error quotes raw unless a secret may stand in it: before an @, in a
// query or in a fragment.
func CheckURL(raw string) error {
	u, err := url.Parse(raw)
	shown := strconv.Quote(raw)
	if strings.ContainsAny(raw, "@?#") {
		shown = "what is given"
	}
	switch {
	case err == nil && u.Scheme != "https" && u.Scheme != "http":
		return fmt.Errorf("%s must begin with https://", shown)
	case err != nil || u.Hostname() == "" || raw[len(u.Scheme):] != "://"+u.Host+u.EscapedPath(): // the parser's words may quote a password
		return fmt.Errorf("%s must be a URL with a host, percent-encoded, without user, query and fragment", shown)
	case u.Scheme == "http" && !IsLoopback(raw):
		return fmt.Errorf("%s must begin with https://: plain http goes to loopback only", shown)
	}
	return nil
}

// IsLoopback reports whether a base URL is one of this machine: at an address of
// its own, or localhost. It must be one that [url.Parse] reads.
func IsLoopback(base string) bool {
	u, _ := url.Parse(base)
	address, _ := netip.ParseAddr(u.Hostname()) // a name is the zero address
	return strings.EqualFold(u.Hostname(), "localhost") || address.Unmap().IsLoopback()
}

// newTransports returns a transport for https, through the proxy of the
// environment if there is one, and the one that it hands requests of plain http
// to: without a proxy, to loopback addresses alone. They ask for no compression,
// so that maxAnswer bounds what crosses the wire. Choice: idle connections live
// 30 s, below the 60 s after which common load balancers drop theirs.
func newTransports() []*http.Transport {
	secure := http.DefaultTransport.(*http.Transport).Clone()
	secure.MaxIdleConns, secure.MaxIdleConnsPerHost = 0, 1024 // for any number of workers
	secure.IdleConnTimeout = 30 * time.Second
	secure.MaxResponseHeaderBytes = 1 << 20
	secure.DisableCompression = true
	plain := secure.Clone()
	plain.Proxy = nil
	plain.DialContext = (&net.Dialer{Timeout: 30 * time.Second, Control: loopbackOnly}).DialContext
	secure.RegisterProtocol("http", plain)
	return []*http.Transport{secure, plain}
}

// errElsewhere: a name stands for an address that plain http must not go to. The
// dialer's error around it names the address.
var errElsewhere = errors.New("plain http goes to a loopback address only")

// loopbackOnly is the Control of a [net.Dialer]: it refuses, before a connection
// is made, an address that is not this machine's own.
func loopbackOnly(_, address string, _ syscall.RawConn) error {
	to, err := netip.ParseAddrPort(address)
	if err != nil || !to.Addr().Unmap().IsLoopback() {
		return errElsewhere
	}
	return nil
}
