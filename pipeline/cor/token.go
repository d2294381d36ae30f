package cor

import (
	"context"
	"encoding/base64"
	"fmt"
	"io"
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

// Credentials are either an API key with its client secret, from which tokens
// are made and renewed, or one static access token, which can't be renewed.
// They are left out of JSON, and every fmt verb prints a fixed word in place of them,
// unless they stand in an unexported field, where fmt calls no methods.
type Credentials struct {
	APIKey       string `json:"-"`
	ClientSecret string `json:"-"`
	AccessToken  string `json:"-"`
}

// Format writes a fixed word, whatever the verb.
func (Credentials) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, "credentials (hidden)") }

// basic is the base64 of key and secret as they are (RFC 7617): COR's page has
// no escaping in between, unlike RFC 6749.
func (c Credentials) basic() string {
	return base64.StdEncoding.EncodeToString([]byte(c.APIKey + ":" + c.ClientSecret))
}

// secrets are what must not be shown, whatever token there is.
func (c Credentials) secrets() []string {
	if c.AccessToken != "" {
		return []string{c.AccessToken}
	}
	return []string{c.APIKey, c.ClientSecret, c.basic()}
}

// token is an access token and what COR said of it. A step of the wall clock
// neither ends it nor prolongs it: the times have a monotonic clock reading.
type token struct {
	access  string    // "" when there is none
	refresh string    // the refresh token; "" when there is none
	renewAt time.Time // when it is to be renewed; zero when COR did not say: then a 401 tells
	expires time.Time // when it ends; zero when COR did not say
	secrets *redactor // of all that must not be shown while it is used; never nil
}

// tokens keeps one access token for all exchanges of a client. Whoever needs a
// token while one is made waits for that one, as long as its own context lasts,
// but goes on with the token at hand until that has ended. A renewal has a
// goroutine of its own, since the exchange that caused it may be given up while
// others wait; Close joins it.
type tokens struct {
	credentials Credentials
	client      *Client

	mu     sync.Mutex
	token           // the one at hand
	flight *renewal // nil when none is under way; one that refused the credentials or panicked stays for good
}

// renewal is one making of a token. Its results are set before done is closed.
type renewal struct {
	done   chan struct{}
	cancel context.CancelFunc
	token  token
	fault  *pipeline.Fault
	broken error // its panic
}

// get returns a token, first making or renewing it if need be. Its fault is
// NoToken (for good), TokenDown, Untrusted, or NotConnected when ctx ends first.
// It panics when a renewal did.
func (t *tokens) get(ctx context.Context) (token, *pipeline.Fault) {
	t.mu.Lock()
	now := time.Now()
	due := t.access == "" || !t.renewAt.IsZero() && !now.Before(t.renewAt)
	if due && t.flight == nil && ctx.Err() == nil {
		t.renew(ctx)
	}
	held, flight := t.token, t.flight
	t.mu.Unlock()
	usable := !due || held.access != "" && now.Before(held.expires)
	if !usable && ctx.Err() == nil {
		select {
		case <-flight.done:
		case <-ctx.Done():
		}
	}
	switch {
	case ctx.Err() != nil:
		return token{}, transportFault(context.Cause(ctx), false, held.secrets)
	case usable:
		return held, nil
	case flight.broken != nil:
		panic(flight.broken)
	case flight.fault != nil:
		return token{}, new(*flight.fault) // each caller has its own
	}
	return flight.token, nil
}

// forget drops a token that COR answered with 401, unless it has been renewed since.
func (t *tokens) forget(access string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if access == t.access {
		t.access = ""
	}
}

// renew begins a renewal. t.mu is held.
func (t *tokens) renew(ctx context.Context) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	flight, former := &renewal{done: make(chan struct{}), cancel: cancel}, t.token
	t.flight = flight
	go func() {
		defer cancel()
		next, fault, broken := t.obtain(ctx, former)
		t.mu.Lock()
		defer t.mu.Unlock()
		defer close(flight.done)
		flight.token, flight.fault, flight.broken = next, fault, broken
		now := time.Now()
		switch {
		case broken != nil || fault != nil && fault.Kind == pipeline.NoToken:
			t.access = ""
			return
		case fault == nil:
			t.token = next
		case t.access != "" && now.Before(t.expires): // the token at hand is as good as before
			t.renewAt, t.refresh = now.Add(min(max(fault.After, renewAgain), t.expires.Sub(now))), ""
		default:
			t.token = token{secrets: t.secrets}
		}
		t.flight = nil
	}()
}

// obtain uses the refresh token if there is one, and when that fails in any way
// the key and secret, as COR's page on tokens has it. A refresh token is used
// once. The error is a panic.
func (t *tokens) obtain(ctx context.Context, former token) (next token, fault *pipeline.Fault, err error) {
	defer pipeline.Recover(&err)
	switch static := t.credentials.AccessToken; {
	case !visible(static):
		return next, illegalToken(), nil
	case static != "":
		const message = "COR refused the access token, which can't be renewed"
		return next, &pipeline.Fault{Kind: pipeline.NoToken, Status: http.StatusUnauthorized, Message: message}, nil
	}
	if former.refresh != "" {
		form := url.Values{"refresh_token": {former.refresh}}.Encode()
		next, fault = t.ask(ctx, former, "/oauth/refreshtoken", "Content-Type", "application/x-www-form-urlencoded", form)
	}
	if next.access == "" {
		next, fault = t.ask(ctx, former, "/oauth/token?grant_type=client_credentials", "Authorization", "Basic "+t.credentials.basic(), "")
	}
	return next, fault, nil
}

// ask makes one request to the token endpoint. Its fault is NoToken, TokenDown
// or Untrusted. The token's secrets are the former ones too: that token may be
// valid, and echoed, for a while. A 2xx answer is quoted nowhere: it may hold a
// token.
func (t *tokens) ask(ctx context.Context, former token, path, header, value, body string) (token, *pipeline.Fault) {
	ctx, cancel := context.WithTimeout(ctx, tokenTimeout)
	defer cancel()
	asked := time.Now()
	got, fault := t.client.send(ctx, http.MethodPost, t.client.auth+path, http.Header{header: {value}}, []byte(body), reply{secrets: former.secrets})
	given := decode[fields](raw(got.body))
	next := token{access: given["access_token"].text(), refresh: given["refresh_token"].text()}
	if fault == nil && next.access == "" {
		fault = got.fault(pipeline.Unreadable, "", "an answer without an access token")
	}
	switch {
	case fault != nil:
		return token{}, tokenFault(fault, isPage(got))
	case !visible(next.access):
		return token{}, illegalToken()
	}
	next.renewAt, next.expires = tokenLife(asked, given["expires_in"].text())
	next.secrets = newRedactor(append(t.credentials.secrets(), next.access, next.refresh, former.access, former.refresh)...)
	return next, nil
}

// illegalToken is the fault of a token that no header carries. Choice: visible
// ASCII is let through, which is more than the token syntax of RFC 6750.
func illegalToken() *pipeline.Fault {
	return &pipeline.Fault{Kind: pipeline.NoToken, Message: "the access token has characters that no header carries"}
}

// tokenLife is when a token that was asked for at the given time is to be
// renewed, a tenth of its life ahead but at most a minute, and when it ends. Both
// are zero, for unknown, when expiresIn is no positive number of seconds. Choice:
// the life counts from the asking, the cautious side, and is capped at a year.
func tokenLife(asked time.Time, expiresIn string) (renewAt, expires time.Time) {
	seconds, err := strconv.ParseFloat(expiresIn, 64)
	if err != nil || !(seconds > 0) {
		return time.Time{}, time.Time{}
	}
	life := time.Duration(min(seconds, 365*24*3600) * float64(time.Second))
	expires = asked.Add(life)
	return expires.Add(-min(time.Minute, life/10)), expires
}
