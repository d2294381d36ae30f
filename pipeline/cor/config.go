package cor

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// The production endpoints, from COR's page on the Integrations API.
const (
	DefaultBaseURL = "https://integrations.projectcor.com"
	DefaultAuthURL = "https://api.projectcor.com/v1"
)

const defaultUserAgent = "corattach"

// Config is what a [Client] needs. Only Credentials has no default.
type Config struct {
	BaseURL     string // of the Integrations API; "" is [DefaultBaseURL]
	AuthURL     string // of the token and account endpoints; "" is [DefaultAuthURL]
	Credentials Credentials
	UserAgent   string // "" is corattach

	// Transport makes the connections; nil is a transport of the client's
	// own, which takes its proxy from the environment. A given one must
	// follow no redirect and report net/http/httptrace's GetConn and GotConn
	// as [http.Transport] does: from one that reports neither, every failure
	// counts as a request that may have left.
	Transport http.RoundTripper

	Now func() time.Time // the clock for token expiry and Retry-After dates; nil is time.Now
}

// Credentials are either an API key with its client secret, from which tokens
// are made and renewed, or one static access token, which can't be renewed.
//
// Every fmt verb and encoding/json print a fixed word in place of them, unless
// they stand in an unexported field of a foreign struct, where fmt calls no
// methods.
type Credentials struct {
	APIKey       string
	ClientSecret string
	AccessToken  string
}

const hiddenCredentials = "credentials (hidden)"

// String returns a fixed word.
func (Credentials) String() string { return hiddenCredentials }

// GoString returns a fixed word.
func (Credentials) GoString() string { return hiddenCredentials }

// MarshalJSON returns a fixed word.
func (Credentials) MarshalJSON() ([]byte, error) { return []byte(`"` + hiddenCredentials + `"`), nil }

// Format writes a fixed word, whatever the verb.
func (Credentials) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, hiddenCredentials) }

// check says what is wrong with the credentials without showing any of them.
func (c Credentials) check() error {
	switch {
	case c.AccessToken != "" && (c.APIKey != "" || c.ClientSecret != ""):
		return errors.New("two credentials: an access token, and an API key or client secret")
	case c.AccessToken != "":
		return nil
	case c.APIKey == "" && c.ClientSecret == "":
		return errors.New("no credentials: neither an API key with its client secret nor an access token")
	case c.APIKey == "":
		return errors.New("a client secret without its API key")
	case c.ClientSecret == "":
		return errors.New("an API key without its client secret")
	}
	return nil
}

// secrets lists what no message may show.
func (c Credentials) secrets() veil {
	all := veil{c.AccessToken, c.APIKey, c.ClientSecret}
	if c.APIKey != "" {
		all = append(all, c.basic())
	}
	return all
}

// CheckURL says whether raw can be a base URL: https, or http to loopback
// (127.0.0.0/8, ::1, localhost), with a host, without user, query and
// fragment, its path percent-encoded as it is to be sent. A trailing slash is
// fine, a path prefix is kept. The error quotes raw unless a password may
// stand in it: before an @, or in a query.
func CheckURL(raw string) error {
	u, err := url.Parse(raw)
	shown, secret := strconv.Quote(raw), strings.ContainsAny(raw, "@?")
	if secret {
		shown = "the URL"
	}
	switch {
	case err != nil && secret:
		return errors.New("no valid URL") // nor are the parser's words shown
	case err != nil:
		return fmt.Errorf("%q is no valid URL: %w", raw, bare(err))
	case u.User != nil:
		return fmt.Errorf("the URL of %q must not hold a user or password", u.Host)
	case u.Scheme != "https" && u.Scheme != "http":
		return fmt.Errorf("%s must begin with https://", shown)
	case u.Hostname() == "" || u.Opaque != "":
		return fmt.Errorf("%s names no host", shown)
	case strings.ContainsAny(raw, "?#"):
		return fmt.Errorf("the URL of %q must have no query and no fragment", u.Host)
	case u.Scheme == "http" && !loopback(u.Hostname()):
		return fmt.Errorf("%s must begin with https://: plain http goes to loopback only", shown)
	case !strings.HasSuffix(raw, u.Host+u.EscapedPath()):
		return fmt.Errorf("%s has characters that must be percent-encoded", shown)
	}
	return nil
}

func loopback(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	address, err := netip.ParseAddr(host)
	return err == nil && address.IsLoopback()
}

// bare strips the wrapper that repeats a request's method and URL.
func bare(err error) error {
	var wrapped *url.Error
	for errors.As(err, &wrapped) {
		err = wrapped.Err
	}
	return err
}

// ownTransport returns a transport for any number of workers against one host.
// It asks for no compression, so that the bound on an answer is the bound on
// what crosses the wire.
//
// Choice: idle connections live 30 s, below the 60 s after which common load
// balancers drop theirs, so that few requests meet a connection closed by the
// other side.
func ownTransport() *http.Transport {
	dialer := &net.Dialer{Timeout: 30 * time.Second, KeepAlive: 30 * time.Second}
	return &http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		DialContext:            dialer.DialContext,
		ForceAttemptHTTP2:      true,
		TLSHandshakeTimeout:    10 * time.Second,
		MaxIdleConnsPerHost:    1024,
		IdleConnTimeout:        30 * time.Second,
		MaxResponseHeaderBytes: 1 << 20,
		DisableCompression:     true,
	}
}
