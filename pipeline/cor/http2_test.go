package cor

import (
	"io"
	"log"
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
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
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

// A transport may not repeat a request that left: it gets no second body.
func TestNoBodyForARepeat(t *testing.T) {
	c := client(t, Config{Credentials: Credentials{AccessToken: testToken}, Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
		if r.GetBody != nil || r.ContentLength == 0 {
			t.Errorf("a body of %d bytes that can be had again: %t", r.ContentLength, r.GetBody != nil)
		}
		return answers(200, `{"id":7,"workspaces":[]}`).RoundTrip(r)
	})})
	if kind := do(t, c); kind != "" {
		t.Error(kind)
	}
}
