package cor

import (
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"testing"

	"corattach/pipeline"
)

// Plain http uses no proxy, however localhost is written. The environment of
// proxies is read once in a process, so the exchange is made in another one.
func TestPlainHTTPUsesNoProxy(t *testing.T) {
	const variable = "COR_TEST_BASE_URL"
	if base := os.Getenv(variable); base != "" {
		if _, fault := static(t, base).Do(t.Context(), pipeline.Attach, sample()); fault != nil {
			t.Errorf("%+v", *fault)
		}
		return
	}
	var proxied, arrived atomic.Int32
	proxy := serve(t, func(http.ResponseWriter, *http.Request) { proxied.Add(1) })
	server := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		arrived.Add(1)
		_, _ = w.Write(exampleResponse(t))
	})
	for _, host := range []string{"127.0.0.1", "localhost", "LOCALHOST", "LocalHost"} {
		child := exec.Command(os.Args[0], "-test.run=^TestPlainHTTPUsesNoProxy$")
		child.Env = append(os.Environ(), "HTTP_PROXY="+proxy.URL, "http_proxy="+proxy.URL, "NO_PROXY=", "no_proxy=",
			variable+"="+strings.Replace(server.URL, "127.0.0.1", host, 1))
		if out, err := child.CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", host, err, out)
		}
	}
	if proxied.Load() != 0 || arrived.Load() != 4 {
		t.Errorf("%d requests came to the proxy, %d to COR", proxied.Load(), arrived.Load())
	}
}

// A name that stands for another machine gets nothing over plain http: neither
// the token nor the key and secret.
func TestPlainHTTPGoesToLoopbackOnly(t *testing.T) {
	const elsewhere = "http://192.0.2.1:9" // as localhost may be mapped
	c := static(t, "http://localhost")
	c.base = elsewhere
	keyedClient := client(t, Config{BaseURL: "http://localhost", AuthURL: "http://localhost", Credentials: keyed()})
	keyedClient.auth = elsewhere
	for _, c := range []*Client{c, keyedClient} {
		if fault := fails(t, c); fault.Kind != pipeline.Untrusted || !strings.HasSuffix(fault.Message, "dial tcp 192.0.2.1:9: plain http goes to a loopback address only") {
			t.Errorf("got %+v", fault)
		}
	}
	if fault := keyedClient.Ready(t.Context()); fault == nil || fault.Kind != pipeline.Untrusted {
		t.Errorf("ready: %+v", fault)
	}
	for address, want := range map[string]bool{
		"127.0.0.1:80": true, "127.255.0.9:1": true, "[::1]:80": true, "[::ffff:127.0.0.1]:80": true,
		"10.0.0.1:80": false, "[::ffff:10.0.0.1]:80": false, "[fe80::1%lo]:80": false, "0.0.0.0:80": false, "[::]:80": false,
		"128.0.0.1:80": false, "localhost:80": false, "127.0.0.1": false, "": false,
	} {
		if err := loopbackOnly("tcp", address, nil); (err == nil) != want {
			t.Errorf("%q: %v", address, err)
		}
	}
}
