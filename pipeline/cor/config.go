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
// No encoding of JSON has them, and every fmt verb prints a fixed word in place of
// them, unless they stand in an unexported field, where fmt calls no methods.
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
