package corsim

import (
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// issuedPrefix begins every token the simulator makes, so that one it no longer knows is not taken for a static one.
const issuedPrefix = "corsim-"

// tokens are those that are alive. Their owner guards them.
type tokens struct {
	made    int
	access  map[string]time.Time // when they expire
	refresh map[string]bool
	revoked map[string]bool
}

type tokenReply struct {
	AccessToken  string `json:"access_token"`
	TokenType    string `json:"token_type"`
	ExpiresIn    int    `json:"expires_in"`
	RefreshToken string `json:"refresh_token,omitempty"`
}

// meReply says whom a token belongs to.
type meReply struct {
	ID    int    `json:"id"`
	Name  string `json:"name"`
	Email string `json:"email"`
}

func (t *tokens) issue(s settings, now time.Time) answer {
	maps.DeleteFunc(t.access, func(_ string, expires time.Time) bool { return !now.Before(expires) })
	t.made++
	reply := tokenReply{AccessToken: fmt.Sprintf("%saccess-%d", issuedPrefix, t.made), TokenType: "Bearer", ExpiresIn: s.number("token-life")}
	t.access[reply.AccessToken] = now.Add(time.Duration(reply.ExpiresIn) * time.Second)
	if s["refresh-token"] == "yes" {
		reply.RefreshToken = fmt.Sprintf("%srefresh-%d", issuedPrefix, t.made)
		t.refresh[reply.RefreshToken] = true
	}
	return jsonAnswer(http.StatusOK, reply)
}

// token answers a request for a token: Basic key and secret, the grant in the query, no body.
func (s *Simulator) token(x *exchange, now time.Time) answer {
	key, secret, _ := x.request.BasicAuth()
	query, err := url.ParseQuery(x.request.URL.RawQuery)
	switch want := s.set["credentials"]; {
	case key == "", secret == "", want != "any" && want != key+":"+secret:
		return plainRefusal(http.StatusUnauthorized)
	case err != nil, query.Get("grant_type") != "client_credentials":
		return s.set.answer(badRequest("the query has no grant_type=client_credentials"))
	case len(x.body) > 0:
		return s.set.answer(badRequest("a request for a token has no body"))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.tokens.issue(s.set, now)
}

// refresh answers a request that has a refresh token, which is good once, in its form.
func (s *Simulator) refresh(x *exchange, now time.Time) answer {
	form, err := url.ParseQuery(string(x.body))
	kind, _, _ := strings.Cut(x.request.Header.Get("Content-Type"), ";")
	token := form.Get("refresh_token")
	if err != nil || kind != "application/x-www-form-urlencoded" || token == "" {
		return s.set.answer(badRequest("the form field refresh_token is missing"))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.tokens.refresh[token] {
		return plainRefusal(http.StatusUnauthorized)
	}
	delete(s.tokens.refresh, token)
	return s.tokens.issue(s.set, now)
}

// authorized says whether the token is good for a request now, and uses it up where it is good once only.
func (s *Simulator) authorized(x *exchange, now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	token, static := x.bearer(), s.set["static-token"]
	switch {
	case token == "", s.tokens.revoked[token]:
		return false
	case !strings.HasPrefix(token, issuedPrefix):
		return static == "any" || static == token && static != "refused"
	case !now.Before(s.tokens.access[token]):
		return false
	case s.set["token-reuse"] == "401":
		delete(s.tokens.access, token)
	}
	return true
}
