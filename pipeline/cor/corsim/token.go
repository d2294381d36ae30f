package corsim

import (
	"cmp"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// issuedPrefix begins every token the simulator makes, so that one it no longer knows is not taken for somebody else's.
const issuedPrefix = "corsim-"

func (s *Simulator) issue(now time.Time) jsontext.Value {
	s.issued++
	access, seconds, refreshing := fmt.Sprint(issuedPrefix, "access-", s.issued), cmp.Or(s.set.number("tokens"), 3600), ""
	s.expires[access] = now.Add(time.Duration(seconds) * time.Second)
	if s.set["tokens"] != "no-refresh" {
		refresh := fmt.Sprint(issuedPrefix, "refresh-", s.issued)
		s.refresh[refresh] = true
		refreshing = fmt.Sprintf(`,"refresh_token":%q`, refresh)
	}
	return fmt.Appendf(nil, `{"access_token":%q,"token_type":"Bearer","expires_in":%d%s}`, access, seconds, refreshing)
}

// token answers a request for a token: Basic key and secret, the grant in the query, no body.
func (s *Simulator) token(x *exchange, now time.Time) (reply any, no *refusal) {
	key, secret, _ := x.request.BasicAuth()
	switch {
	case key == "", secret == "", !s.set.accepts(secret):
		return nil, unauthorized()
	case x.request.URL.Query().Get("grant_type") != "client_credentials":
		return nil, badRequest("the query has no grant_type=client_credentials")
	case len(x.body) > 0:
		return nil, badRequest("a request for a token has no body")
	}
	return s.issue(now), nil
}

// renew answers a request that has a refresh token, which is good once, in its form.
func (s *Simulator) renew(x *exchange, now time.Time) (reply any, no *refusal) {
	form, err := url.ParseQuery(string(x.body))
	kind, _, _ := strings.Cut(x.request.Header.Get("Content-Type"), ";")
	token := form.Get("refresh_token")
	switch {
	case err != nil, kind != "application/x-www-form-urlencoded", token == "":
		return nil, badRequest("the form field refresh_token is missing")
	case !s.refresh[token]:
		return nil, unauthorized()
	}
	delete(s.refresh, token)
	return s.issue(now), nil
}

// bearer is the token that the request carries, "" for none.
func (x *exchange) bearer() string {
	if token, ok := strings.CutPrefix(x.request.Header.Get("Authorization"), "Bearer "); ok {
		return token
	}
	return ""
}

// authorize says whether a token is good for a request now, and uses it up where it is good once only.
func (s *Simulator) authorize(token string, now time.Time) bool {
	expires, known := s.expires[token]
	if !known {
		return token != "" && !strings.HasPrefix(token, issuedPrefix) && s.set.accepts(token)
	}
	if s.set["tokens"] == "once" {
		delete(s.expires, token)
	}
	return now.Before(expires)
}
