package cor

import (
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
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

// Credentials are either an API key with its client secret, from which tokens
// are made and renewed, or one static access token, which can't be renewed.
// Every fmt verb and encoding/json print a fixed word in place of them, unless
// they stand in an unexported field, where fmt calls no methods.
type Credentials struct {
	APIKey       string
	ClientSecret string
	AccessToken  string
}

const hiddenCredentials = "credentials (hidden)"

// MarshalJSON returns a fixed word.
func (Credentials) MarshalJSON() ([]byte, error) { return []byte(`"` + hiddenCredentials + `"`), nil }

// Format writes a fixed word, whatever the verb.
func (Credentials) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, hiddenCredentials) }

// basic is the base64 of key and secret as they are (RFC 7617): COR's page has
// no escaping in between, unlike RFC 6749.
func (c Credentials) basic() string {
	return base64.StdEncoding.EncodeToString([]byte(c.APIKey + ":" + c.ClientSecret))
}

// CheckURL says whether raw can be a base URL: https, or http to loopback
// (127.0.0.0/8, ::1, or localhost, whose address is compared when it is dialled),
// with a host, without user, query and fragment, its path percent-encoded as it is
// to be sent. The error quotes raw unless a password may stand in it: before an @,
// or in a query.
func CheckURL(raw string) error {
	u, err := url.Parse(raw)
	shown := strconv.Quote(raw)
	if strings.ContainsAny(raw, "@?") {
		shown = "what is given"
	}
	switch {
	case err != nil: // the parser's words may quote a password
		return fmt.Errorf("%s is no valid URL", shown)
	case u.User != nil:
		return fmt.Errorf("the URL of %q must not hold a user or password", u.Host)
	case u.Scheme != "https" && u.Scheme != "http":
		return fmt.Errorf("%s must begin with https://", shown)
	case u.Hostname() == "" || u.Opaque != "":
		return fmt.Errorf("%s names no host", shown)
	case strings.ContainsAny(raw, "?#"):
		return fmt.Errorf("the URL of %q must have no query and no fragment", u.Host)
	case u.Scheme == "http" && !IsLoopback(raw):
		return fmt.Errorf("%s must begin with https://: plain http goes to loopback only", shown)
	case !strings.HasSuffix(raw, u.Host+u.EscapedPath()):
		return fmt.Errorf("%s has characters that must be percent-encoded", shown)
	}
	return nil
}

// IsLoopback reports whether a base URL is one of this machine: at an address of
// its own, or localhost.
func IsLoopback(base string) bool {
	u, err := url.Parse(base)
	if err != nil {
		return false
	}
	address, _ := netip.ParseAddr(u.Hostname()) // a name is the zero address
	return strings.EqualFold(u.Hostname(), "localhost") || address.Unmap().IsLoopback()
}
