package cor

import (
	"context"
	"encoding/base64"
	"net/http"
	"net/url"
	"strconv"
	"sync"
	"time"

	"corattach/pipeline"
)

// tokenTimeout bounds one request to the token endpoint. A renewal makes two
// at most, so that it ends before the default --timeout of those who wait.
const tokenTimeout = 10 * time.Second

// renewAgain is how soon a renewal ahead of time is tried again that has failed,
// unless the token endpoint asks for more. Choice: COR does not say.
const renewAgain = 5 * time.Second

// tokens keeps one access token for all exchanges of a client.
//
// One renewal at a time: whoever needs a token while one is under way waits
// for that one, as long as its own context lasts, but goes on with the token at
// hand until that has ended. The renewal has a goroutine of its own, since the
// exchange that caused it may be given up while others wait; close joins it.
type tokens struct {
	credentials Credentials
	client      *Client

	mu      sync.Mutex
	access  string          // "" when there is none
	renewAt time.Time       // when access is to be renewed; zero when COR did not say: then a 401 tells
	expires time.Time       // when access ends; zero when COR did not say
	refresh string          // the latest refresh token; "" when there is none
	refused *pipeline.Fault // NoToken, for good; nil while the credentials hold
	flight  *renewal        // nil when none is under way
}

// renewal is one making of a token. access and fault are set before done is
// closed.
type renewal struct {
	done   chan struct{}
	cancel context.CancelFunc
	access string
	fault  *pipeline.Fault
}

func newTokens(credentials Credentials, client *Client) *tokens {
	t := &tokens{credentials: credentials, client: client}
	if static := credentials.AccessToken; static != "" {
		t.access = static
		if !visible(static, -1) {
			t.refused = illegalToken()
		}
	}
	return t
}

// illegalToken is the fault of a token that no header carries. Choice: visible
// ASCII is let through, which is more than the token syntax of RFC 6750.
func illegalToken() *pipeline.Fault {
	return &pipeline.Fault{Kind: pipeline.NoToken, Message: "the access token has characters that no header carries"}
}

// get returns a token, first making or renewing it if need be. Its fault is
// NoToken, TokenDown, or NotConnected when ctx ends first. Credentials that
// were refused stay refused: they are not tried again.
func (t *tokens) get(ctx context.Context) (string, *pipeline.Fault) {
	if ctx.Err() != nil {
		return "", transportFault(context.Cause(ctx), false, t.credentials.secrets())
	}
	t.mu.Lock()
	if t.refused != nil {
		defer t.mu.Unlock()
		fault := *t.refused
		return "", &fault
	}
	now := t.client.now()
	due := t.access == "" || !t.renewAt.IsZero() && !now.Before(t.renewAt)
	if due && t.flight == nil {
		t.start(ctx)
	}
	access, flight := t.access, t.flight
	ended := due && !now.Before(t.expires)
	t.mu.Unlock()
	if access != "" && !ended {
		return access, nil
	}

	select {
	case <-flight.done:
	case <-ctx.Done():
		return "", transportFault(context.Cause(ctx), false, t.credentials.secrets())
	}
	if flight.fault != nil {
		fault := *flight.fault
		return "", &fault
	}
	return flight.access, nil
}

// forget drops a token that COR answered with 401, unless it has been renewed
// since. A static token is then refused for good.
func (t *tokens) forget(token string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if token != t.access {
		return
	}
	if t.credentials.AccessToken != "" {
		t.refused = &pipeline.Fault{Kind: pipeline.NoToken, Status: http.StatusUnauthorized, Message: "COR refused the access token, which can't be renewed"}
		return
	}
	t.access = ""
}

func (t *tokens) close() {
	t.mu.Lock()
	flight := t.flight
	t.mu.Unlock()
	if flight != nil {
		flight.cancel()
		<-flight.done
	}
}

// start begins a renewal. t.mu is held.
func (t *tokens) start(ctx context.Context) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	flight := &renewal{done: make(chan struct{}), cancel: cancel}
	refresh := t.refresh
	t.flight = flight
	go func() {
		defer cancel()
		got, fault := t.renew(ctx, refresh)
		t.settle(flight, got, fault)
	}()
}

func (t *tokens) settle(flight *renewal, got granted, fault *pipeline.Fault) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.flight = nil
	flight.access, flight.fault = got.access, fault
	defer close(flight.done)
	now := t.client.now()
	if fault != nil && fault.Kind == pipeline.TokenDown && t.access != "" && now.Before(t.expires) {
		// The token at hand is as good as before.
		t.renewAt, t.refresh = now.Add(min(max(fault.After, renewAgain), t.expires.Sub(now))), ""
		return
	}
	t.access, t.renewAt, t.expires, t.refresh = got.access, got.renewAt, got.expires, got.refresh
	if fault != nil && fault.Kind == pipeline.NoToken {
		t.refused = fault
	}
}

// granted is what the token endpoint gave.
type granted struct {
	access  string
	renewAt time.Time
	expires time.Time
	refresh string
}

// renew uses the refresh token if there is one, and when that fails in any way
// the key and secret, as COR's page on tokens has it. A refresh token is used
// once.
func (t *tokens) renew(ctx context.Context, refresh string) (granted, *pipeline.Fault) {
	if refresh != "" {
		header := http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}
		form := url.Values{"refresh_token": {refresh}}.Encode()
		secrets := append(t.credentials.secrets(), refresh, url.QueryEscape(refresh))
		if got, fault := t.ask(ctx, "/oauth/refreshtoken", header, []byte(form), secrets); fault == nil {
			return got, nil
		}
	}
	header := http.Header{"Authorization": {"Basic " + t.credentials.basic()}}
	return t.ask(ctx, "/oauth/token?grant_type=client_credentials", header, nil, t.credentials.secrets())
}

// basic is the base64 of key and secret as they are (RFC 7617): COR's page has
// no escaping in between, unlike RFC 6749.
func (c Credentials) basic() string {
	return base64.StdEncoding.EncodeToString([]byte(c.APIKey + ":" + c.ClientSecret))
}

// ask makes one request to the token endpoint. Its fault is NoToken or
// TokenDown.
func (t *tokens) ask(ctx context.Context, path string, header http.Header, body []byte, secrets veil) (granted, *pipeline.Fault) {
	ctx, cancel := context.WithTimeout(ctx, tokenTimeout)
	defer cancel()
	asked := t.client.now()
	got, fault := t.client.send(ctx, http.MethodPost, join(t.client.auth, path), header, body, secrets)
	if fault == nil {
		fault = judge(got)
	}
	if fault != nil {
		return granted{}, tokenFault(fault)
	}
	return readToken(got, asked)
}

// readToken reads a 2xx answer of the token endpoint, asked for at the given
// time.
func readToken(r reply, asked time.Time) (granted, *pipeline.Fault) {
	var wire struct {
		Access  raw `json:"access_token"`
		Refresh raw `json:"refresh_token"`
		Expires raw `json:"expires_in"`
	}
	err := decode(r.body, &wire)
	access := wire.Access.text()
	switch {
	case err != nil || access == "":
		return granted{}, tokenFault(r.fault(pipeline.Unreadable, "", "an answer without an access token")) // the body is not quoted: it may hold a token
	case !visible(access, -1):
		return granted{}, illegalToken()
	}
	renewAt, expires := tokenLife(asked, wire.Expires.text())
	return granted{access: access, renewAt: renewAt, expires: expires, refresh: wire.Refresh.text()}, nil
}

// tokenLife is when a token that was asked for at the given time is to be
// renewed, and when it ends. The first is a tenth of its life before the second,
// at most a minute. Both are zero, for unknown, when expiresIn is no positive
// number of seconds.
//
// Choice: the life counts from the asking, the cautious side; COR's page gives
// expires_in as a number, a numeric string is read too; a life is capped at a
// year.
func tokenLife(asked time.Time, expiresIn string) (renewAt, expires time.Time) {
	seconds, err := strconv.ParseFloat(expiresIn, 64)
	if err != nil || !(seconds > 0) {
		return time.Time{}, time.Time{}
	}
	const year = 365 * 24 * time.Hour
	life := time.Duration(min(seconds, year.Seconds()) * float64(time.Second))
	expires = asked.Add(life)
	return expires.Add(-min(time.Minute, life/10)), expires
}
