package cor

import (
	"context"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"corattach/pipeline"
)

func TestRedirectsAreNotFollowed(t *testing.T) {
	var elsewhere atomic.Int32
	other := serve(t, func(http.ResponseWriter, *http.Request) { elsewhere.Add(1) })
	host := strings.TrimPrefix(other.URL, "http://")
	for _, status := range []int{301, 302, 303, 307, 308, 300, 304} {
		var seen atomic.Int32
		server := serve(t, func(w http.ResponseWriter, _ *http.Request) {
			seen.Add(1)
			w.Header().Set("Location", other.URL+"/login?token=hush")
			w.WriteHeader(status)
		})
		fault := fails(t, static(t, server.URL))
		want := pipeline.Fault{Kind: pipeline.Refused, Status: status, Message: "a redirect to " + host + ", not followed", Foreign: true}
		if diff := cmp.Diff(want, fault); diff != "" {
			t.Errorf("%d (-want +got):\n%s", status, diff)
		}
		if seen.Load() != 1 {
			t.Errorf("%d: %d requests", status, seen.Load())
		}
	}
	if elsewhere.Load() != 0 {
		t.Errorf("the other host got %d requests", elsewhere.Load())
	}
	for _, location := range []string{"", "/else", "http://%%"} {
		got := faultOf(reply{status: 302, header: http.Header{"Location": {location}}, secrets: newRedactor()}, "").Message
		if got != "a redirect, not followed" {
			t.Errorf("%q: %q", location, got)
		}
	}
}

// hijack takes the connection over after the request was read, writes text and
// closes it.
func hijack(w http.ResponseWriter, r *http.Request, text string) {
	_, _ = io.Copy(io.Discard, r.Body)
	conn, out, err := w.(http.Hijacker).Hijack()
	if err != nil {
		return
	}
	_, _ = out.WriteString(text)
	_ = out.Flush()
	_ = conn.Close()
}

func TestCutConnections(t *testing.T) {
	tests := []struct {
		name, text string
		kind       pipeline.FaultKind
		status     int
		message    string
	}{
		{"before the answer", "", pipeline.NoAnswer, 0, "the connection was closed"},
		{"in the headers", "HTTP/1.1 200 OK\r\nContent-Le", pipeline.NoAnswer, 0, "connection broken"},
		{"no HTTP", "SSH-2.0-OpenSSH_9.6\r\n", pipeline.NoAnswer, 0, "malformed HTTP"},
		{"in the body", "HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{\"id\":1", pipeline.Unreadable, 200, "the answer was cut: the connection was closed"},
		{"in a chunk", "HTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\n\r\nff\r\n{\"id\":1", pipeline.Unreadable, 201, "the answer was cut: the connection was closed"},
		{"in a refusal", "HTTP/1.1 400 Bad\r\nContent-Length: 500\r\n\r\n{\"code\":\"ZC0", pipeline.Refused, 400, "the answer was cut: the connection was closed"},
		{"before a refusal's body", "HTTP/1.1 404 Bad\r\nContent-Length: 500\r\n\r\n", pipeline.Refused, 404, "the answer was cut: the connection was closed"},
		{"in a 5xx", "HTTP/1.1 502 Bad\r\nContent-Length: 500\r\n\r\n<html><title>Bad &amp; broken</title>", pipeline.ServerError, 502, "an HTML page"},
		{"switching protocols", "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n", pipeline.Unreadable, 101, "the answer switches protocols"},
		{"status 600", "HTTP/1.1 600 Odd\r\nContent-Length: 0\r\n\r\n", pipeline.Unreadable, 600, "an empty body"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var seen atomic.Int32
			server := serve(t, func(w http.ResponseWriter, r *http.Request) { seen.Add(1); hijack(w, r, test.text) })
			fault := fails(t, static(t, server.URL))
			if fault.Kind != test.kind || fault.Status != test.status || !strings.Contains(fault.Message, test.message) {
				t.Errorf("got %+v", fault)
			}
			if seen.Load() != 1 {
				t.Errorf("%d requests", seen.Load())
			}
		})
	}
}

// A connection that served once and is cut on its second request brings
// NoAnswer: the transport does not send that request again by itself.
func TestReusedConnectionIsCut(t *testing.T) {
	var seen atomic.Int32
	server := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if seen.Add(1) == 2 {
			hijack(w, r, "")
			return
		}
		_, _ = w.Write(exampleResponse(t))
	})
	c := static(t, server.URL)
	if _, fault := c.Do(t.Context(), pipeline.Attach, sample()); fault != nil {
		t.Fatal(*fault)
	}
	if fault := fails(t, c); fault.Kind != pipeline.NoAnswer {
		t.Errorf("got %+v", fault)
	}
	if seen.Load() != 2 {
		t.Errorf("%d requests", seen.Load())
	}
}

func TestNotConnected(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	_ = listener.Close()
	plain := serve(t, func(http.ResponseWriter, *http.Request) { t.Error("a request arrived") })
	untrusted := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("a request arrived") }))
	untrusted.Config.ErrorLog = log.New(io.Discard, "", 0)
	untrusted.StartTLS()
	t.Cleanup(untrusted.Close)

	for base, message := range map[string]string{
		"http://" + address: "connection refused",
		strings.Replace(plain.URL, "http:", "https:", 1): "does not look like a TLS handshake",
		untrusted.URL: "tls: failed to verify certificate: ",
	} {
		fault := fails(t, static(t, base))
		kind := pipeline.NotConnected
		if base == untrusted.URL {
			kind = pipeline.Untrusted
		}
		if fault.Kind != kind || fault.Status != 0 || !strings.Contains(fault.Message, message) {
			t.Errorf("%s: got %+v", base, fault)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, fault := static(t, plain.URL).Do(ctx, pipeline.Attach, sample())
	if fault == nil || fault.Kind != pipeline.NotConnected || fault.Message != "given up before a connection was made" {
		t.Errorf("ended context: got %+v", fault)
	}
}

func TestNameIsNotFound(t *testing.T) {
	c := client(t, Config{BaseURL: "https://cor.invalid", Credentials: Credentials{AccessToken: testToken}})
	c.own[0].DialContext = func(context.Context, string, string) (net.Conn, error) {
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: &net.DNSError{Err: "no such host", Name: "cor.invalid", IsNotFound: true}}
	}
	if fault := fails(t, c); fault.Kind != pipeline.NotConnected || !strings.Contains(fault.Message, "no such host") {
		t.Errorf("got %+v", fault)
	}
}

type silent struct{}

func (silent) RoundTrip(*http.Request) (*http.Response, error) { return nil, errors.New("broken") }

// Of a transport that tells nothing, a failure may have left.
func TestUntracedTransport(t *testing.T) {
	c := client(t, Config{Transport: silent{}, Credentials: Credentials{AccessToken: testToken}})
	if diff := cmp.Diff(pipeline.Fault{Kind: pipeline.NoAnswer, Message: "broken"}, fails(t, c)); diff != "" {
		t.Error(diff)
	}
}

func TestTimeRunsOut(t *testing.T) {
	release := make(chan struct{})
	header := make(chan bool, 1)
	server := serve(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		if <-header {
			_, _ = io.WriteString(w, `{"id":1,`)
			_ = http.NewResponseController(w).Flush()
		}
		<-release
	})
	defer close(release)
	c := static(t, server.URL)
	for _, test := range []struct {
		header bool
		want   pipeline.Fault
	}{
		{false, pipeline.Fault{Kind: pipeline.NoAnswer, Message: "time ran out before an answer came"}},
		{true, pipeline.Fault{Kind: pipeline.Unreadable, Status: 200, Message: "the answer was cut: time ran out before an answer came", Foreign: true}},
	} {
		header <- test.header
		ctx, cancel := context.WithTimeout(t.Context(), 400*time.Millisecond)
		_, fault := c.Do(ctx, pipeline.Attach, sample())
		cancel()
		if fault == nil {
			t.Fatal("no fault")
		}
		if diff := cmp.Diff(test.want, *fault); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}
}

func TestOversizeAnswers(t *testing.T) {
	for _, test := range []struct {
		status int
		kind   pipeline.FaultKind
	}{{200, pipeline.Unreadable}, {400, pipeline.Refused}, {500, pipeline.ServerError}} {
		server := serve(t, func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(test.status)
			block := []byte(strings.Repeat(" ", 1<<20))
			for range 64 {
				if _, err := w.Write(block); err != nil {
					return
				}
			}
		})
		fault := fails(t, static(t, server.URL))
		want := pipeline.Fault{Kind: test.kind, Status: test.status, Message: "the answer is longer than 8 MiB", Foreign: true}
		if diff := cmp.Diff(want, fault); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}
}

// Answers of all sorts leave their connection to the next exchange.
func TestConnectionsAreReused(t *testing.T) {
	var connections, requests atomic.Int32
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader([]int{200, 400, 500, 404, 302}[requests.Add(1)%5])
		_, _ = io.WriteString(w, strings.Repeat("<p>", 40_000))
	}))
	server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			connections.Add(1)
		}
	}
	server.Start()
	t.Cleanup(server.Close)
	c := static(t, server.URL)
	for range 10 {
		fails(t, c)
	}
	if connections.Load() != 1 {
		t.Errorf("%d connections for %d requests", connections.Load(), requests.Load())
	}
}
