package corsim

import (
	"cmp"
	"fmt"
	"net/url"
	"strings"
	"time"
)

// issuedPrefix begins every token the simulator makes, so that one it no longer knows is not taken for somebody else's.
const issuedPrefix = "corsim-"

// tokens are those that the simulator knows. Their owner guards them.
type tokens struct {
	made    int
	expires map[string]time.Time // of access tokens; zero for one that a script has revoked
	refresh map[string]bool
}

type tokenReply struct {
	AccessToken  string `json:"access_token"`
	TokenType    string `json:"token_type"`
	ExpiresIn    int    `json:"expires_in"`
	RefreshToken string `json:"refresh_token,omitempty"`
}

func (t *tokens) issue(s settings, now time.Time) tokenReply {
	t.made++
	reply := tokenReply{AccessToken: fmt.Sprintf("%saccess-%d", issuedPrefix, t.made), TokenType: "Bearer", ExpiresIn: cmp.Or(s.number("tokens"), 3600)}
	t.expires[reply.AccessToken] = now.Add(time.Duration(reply.ExpiresIn) * time.Second)
	if s["tokens"] != "no-refresh" {
		reply.RefreshToken = fmt.Sprintf("%srefresh-%d", issuedPrefix, t.made)
		t.refresh[reply.RefreshToken] = true
	}
	return reply
}

// token answers a request for a token: Basic key and secret, the grant in the query, no body.
func (t *tokens) token(s settings, x *exchange, now time.Time) (reply any, no *refusal) {
	key, secret, _ := x.request.BasicAuth()
	switch {
	case key == "", secret == "", !s.accepts(secret):
		return nil, unauthorized()
	case x.request.URL.Query().Get("grant_type") != "client_credentials":
		return nil, badRequest("the query has no grant_type=client_credentials")
	case len(x.body) > 0:
		return nil, badRequest("a request for a token has no body")
	}
	return t.issue(s, now), nil
}

// renew answers a request that has a refresh token, which is good once, in its form.
func (t *tokens) renew(s settings, x *exchange, now time.Time) (reply any, no *refusal) {
	form, err := url.ParseQuery(string(x.body))
	kind, _, _ := strings.Cut(x.request.Header.Get("Content-Type"), ";")
	token := form.Get("refresh_token")
	switch {
	case err != nil, kind != "application/x-www-form-urlencoded", token == "":
		return nil, badRequest("the form field refresh_token is missing")
	case !t.refresh[token]:
		return nil, unauthorized()
	}
	delete(t.refresh, token)
	return t.issue(s, now), nil
}

// bearer is the token that the request carries, "" for none.
func (x *exchange) bearer() string {
	if token, ok := strings.CutPrefix(x.request.Header.Get("Authorization"), "Bearer "); ok {
		return token
	}
	return ""
}

// authorize says whether a token is good for a request now, and uses it up where it is good once only.
func (t *tokens) authorize(s settings, token string, now time.Time) bool {
	expires, known := t.expires[token]
	if !known {
		return token != "" && !strings.HasPrefix(token, issuedPrefix) && s.accepts(token)
	}
	if s["tokens"] == "once" {
		delete(t.expires, token)
	}
	return now.Before(expires)
}
