package corsim

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// issuedPrefix begins every token the simulator makes, so that one it no longer knows is not taken for a static one.
const issuedPrefix = "corsim-"

// vault knows the tokens that are alive. Its owner guards it.
type vault struct {
	made    int
	access  map[string]time.Time
	refresh map[string]struct{}
	revoked map[string]struct{}
}

func newVault() vault {
	return vault{
		access: make(map[string]time.Time), refresh: make(map[string]struct{}), revoked: make(map[string]struct{}),
	}
}

type tokenReply struct {
	AccessToken  string `json:"access_token"`
	TokenType    string `json:"token_type"`
	ExpiresIn    int    `json:"expires_in"`
	RefreshToken string `json:"refresh_token,omitempty"`
}

func (v *vault) issue(s *settings, now time.Time) tokenReply {
	for token, expires := range v.access {
		if s.tokenReuse == "rotated" || !now.Before(expires) {
			delete(v.access, token)
		}
	}
	v.made++
	reply := tokenReply{AccessToken: fmt.Sprintf("%saccess-%d", issuedPrefix, v.made), TokenType: "Bearer", ExpiresIn: s.tokenLife}
	v.access[reply.AccessToken] = now.Add(time.Duration(s.tokenLife) * time.Second)
	if s.refreshToken == "yes" {
		reply.RefreshToken = fmt.Sprintf("%srefresh-%d", issuedPrefix, v.made)
		v.refresh[reply.RefreshToken] = struct{}{}
	}
	return reply
}

// rotate exchanges a refresh token, which is good once.
func (v *vault) rotate(s *settings, token string, now time.Time) (tokenReply, bool) {
	if _, ok := v.refresh[token]; !ok {
		return tokenReply{}, false
	}
	delete(v.refresh, token)
	return v.issue(s, now), true
}

// admit answers whether a token is good for a request now, and uses it up where it is good once only.
func (v *vault) admit(s *settings, token string, now time.Time) bool {
	if _, ok := v.revoked[token]; ok || token == "" {
		return false
	}
	if !strings.HasPrefix(token, issuedPrefix) {
		return s.staticToken == "any" || s.staticToken == token && token != "refused"
	}
	expires, ok := v.access[token]
	if !ok || !now.Before(expires) {
		return false
	}
	if s.tokenReuse == "401" {
		delete(v.access, token)
	}
	return true
}

func (v *vault) revoke(token string) {
	if token != "" {
		v.revoked[token] = struct{}{}
	}
}

func bearer(authorization string) string {
	token, ok := strings.CutPrefix(authorization, "Bearer ")
	if !ok {
		return ""
	}
	return token
}

// grant checks a request for a token: Basic key and secret, the grant in the query, no body.
func (x *exchange) grant(s *settings) (answer, bool) {
	key, secret, ok := (&http.Request{Header: http.Header{"Authorization": {x.authorization}}}).BasicAuth()
	if !ok || key == "" || secret == "" || s.key != "" && (key != s.key || secret != s.secret) {
		return plainRefusal(http.StatusUnauthorized), false
	}
	query, err := url.ParseQuery(x.query)
	if err != nil || query.Get("grant_type") != "client_credentials" {
		return badRequest("the query has no grant_type=client_credentials").answer(s), false
	}
	if len(x.body) > 0 {
		return badRequest("a request for a token has no body").answer(s), false
	}
	return answer{}, true
}

// refreshTokenOf reads the form of a refresh.
func (x *exchange) refreshTokenOf(s *settings) (string, answer, bool) {
	form, err := url.ParseQuery(string(x.body))
	kind, _, _ := strings.Cut(x.contentType, ";")
	if err != nil || kind != "application/x-www-form-urlencoded" || form.Get("refresh_token") == "" {
		return "", badRequest("the form field refresh_token is missing").answer(s), false
	}
	return form.Get("refresh_token"), answer{}, true
}
