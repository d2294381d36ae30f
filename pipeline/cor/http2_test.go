package cor

import (
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"

	"corattach/pipeline"
)

func TestHTTP2(t *testing.T) {
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ProtoMajor != 2 {
			t.Errorf("got %s", r.Proto)
		}
		if r.RequestURI != "/v2/integrations/users/a%2Fb/attach" {
			panic(http.ErrAbortHandler)
		}
		_, _ = w.Write(exampleResponse(t))
	}))
	server.EnableHTTP2 = true
	server.StartTLS()
	t.Cleanup(server.Close)
	c := client(t, Config{BaseURL: server.URL, Transport: server.Client().Transport, Credentials: Credentials{AccessToken: testToken}})
	r := sample()
	r.User = "a/b"
	if answer, fault := c.Do(t.Context(), pipeline.Attach, r); fault != nil || len(answer.Pivots) != 2 {
		t.Errorf("got %+v, %+v", answer, fault)
	}
	if fault := fails(t, c); fault.Kind != pipeline.NoAnswer {
		t.Errorf("reset stream: got %+v", fault)
	}
}

// Over HTTP/2 the transport may not repeat a request that left.
func TestNoRepeatOverHTTP2(t *testing.T) {
	server := httptest.NewUnstartedServer(http.NotFoundHandler())
	server.EnableHTTP2 = true
	server.StartTLS()
	t.Cleanup(server.Close)
	rewind := func() (io.ReadCloser, error) { return http.NoBody, nil }
	for _, protocol := range []string{"h2", "http/1.1"} {
		secure, err := tls.Dial("tcp", server.Listener.Addr().String(), &tls.Config{
			RootCAs:    server.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs,
			ServerName: "example.com", NextProtos: []string{protocol},
		})
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = secure.Close() }()
		var way passage
		conn := net.Conn(secure)
		way.conn.Store(&conn)
		if _, err := way.again(rewind); err != nil {
			t.Errorf("%s: nothing written: %v", protocol, err)
		}
		way.wrote.Store(true)
		if _, err := way.again(rewind); (err == nil) != (protocol != "h2") {
			t.Errorf("%s: written: %v", protocol, err)
		}
	}
}
