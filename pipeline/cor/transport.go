package cor

import (
	"errors"
	"net"
	"net/http"
	"net/url"
	"syscall"
	"time"
)

// newTransports returns a transport for https, through the proxy of the
// environment if there is one, and the one that it hands requests of plain http
// to: without a proxy, to loopback addresses alone.
func newTransports() []*http.Transport {
	secure, plain := newTransport(http.ProxyFromEnvironment, nil), newTransport(nil, loopbackOnly)
	secure.RegisterProtocol("http", plain)
	return []*http.Transport{secure, plain}
}

// newTransport returns a transport for any number of workers against one host.
// It asks for no compression, so that the bound on an answer is the bound on
// what crosses the wire.
//
// Choice: idle connections live 30 s, below the 60 s after which common load
// balancers drop theirs, so that few requests meet a connection closed by the
// other side.
func newTransport(proxy func(*http.Request) (*url.URL, error), control func(network, address string, _ syscall.RawConn) error) *http.Transport {
	dialer := &net.Dialer{Timeout: 30 * time.Second, KeepAlive: 30 * time.Second, Control: control}
	return &http.Transport{
		Proxy:                  proxy,
		DialContext:            dialer.DialContext,
		ForceAttemptHTTP2:      true,
		TLSHandshakeTimeout:    10 * time.Second,
		MaxIdleConnsPerHost:    1024,
		IdleConnTimeout:        30 * time.Second,
		MaxResponseHeaderBytes: 1 << 20,
		DisableCompression:     true,
	}
}

// errElsewhere is that a name stands for an address that plain http must not go
// to. The dialer's error around it names the address.
var errElsewhere = errors.New("plain http goes to a loopback address only")

// loopbackOnly refuses, before the connection is made, an address that is not
// this machine's own. It is a [net.Dialer]'s Control: address is what the name
// was resolved to.
func loopbackOnly(_, address string, _ syscall.RawConn) error {
	host, _, err := net.SplitHostPort(address)
	if err != nil || !isLoopback(host) {
		return errElsewhere
	}
	return nil
}
