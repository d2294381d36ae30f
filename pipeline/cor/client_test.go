package cor

import (
	"context"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"corattach/pipeline"
)

const (
	testKey    = "the-api-key-0001"
	testSecret = "the/client+secret=0002"
	testToken  = "the.access-token_0003"
)

// sample is the request of COR's documented example.
func sample() pipeline.Request {
	return pipeline.Request{
		Key: pipeline.Key{User: "OKTA-USER-12345", Source: "MICROSOFT_DYNAMICS"},
		Op:  pipeline.Attach,
		Shares: []pipeline.Share{
			{Workspace: "Workspaces-example-5", Percent: 10 * 10_000},
			{Workspace: "Workspaces-example-6", Percent: 20 * 10_000},
		},
	}
}

func exampleResponse(t testing.TB) []byte {
	t.Helper()
	body, err := os.ReadFile("testdata/attach-response.json")
	if err != nil {
		t.Fatal(err)
	}
	return body
}

func serve(t testing.TB, handler http.HandlerFunc) *httptest.Server {
	t.Helper()
	server := httptest.NewUnstartedServer(handler)
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.Start()
	t.Cleanup(server.Close)
	return server
}

// static returns a client with a static token for a server.
func static(t testing.TB, base string) *Client {
	t.Helper()
	return client(t, Config{BaseURL: base, AuthURL: base, Credentials: Credentials{AccessToken: testToken}})
}

func client(t testing.TB, config Config) *Client {
	t.Helper()
	c := New(config)
	t.Cleanup(c.Close)
	return c
}

// fails makes one exchange and returns its fault.
func fails(t testing.TB, c *Client) pipeline.Fault {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	answer, fault := c.Do(ctx, pipeline.Attach, sample())
	if fault == nil {
		t.Fatalf("no fault but the answer %+v", answer)
	}
	if answer != nil {
		t.Errorf("a fault came with an answer: %+v", answer)
	}
	return *fault
}

func TestRequestAsItArrives(t *testing.T) {
	type arrived struct {
		Method, URI, Body, Host string
		Header                  http.Header
	}
	var got arrived
	server := serve(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got = arrived{Method: r.Method, URI: r.RequestURI, Body: string(body), Host: r.Host, Header: r.Header}
		_, _ = w.Write(exampleResponse(t))
	})
	users := []struct{ user, segment string }{
		{"OKTA-USER-12345", "OKTA-USER-12345"},
		{"a/../b", "a%2F..%2Fb"},
		{"50% ?#;+&=", "50%25%20%3F%23%3B%2B%26%3D"},
		{"Zoë", "Zo%C3%AB"},
		{"%2F", "%252F"},
		{"a//b\\c", "a%2F%2Fb%5Cc"},
		{"ana@example.com", "ana%40example.com"},
		{"~._-", "~._-"},
		{"*", "%2A"},
		{"(x)!$',:", "%28x%29%21%24%27%2C%3A"},
	}
	for _, prefix := range []string{"", "/", "/proxy/cor", "/pro%2Fxy/"} {
		c := client(t, Config{BaseURL: server.URL + prefix, Credentials: Credentials{AccessToken: testToken}, UserAgent: "corattach/1.2 (test)"})
		for _, u := range users {
			r := sample()
			r.User = pipeline.UserID(u.user)
			if _, fault := c.Do(t.Context(), pipeline.Attach, r); fault != nil {
				t.Fatalf("%q: %+v", u.user, *fault)
			}
			want := arrived{
				Method: "PUT",
				URI:    strings.TrimRight(prefix, "/") + "/v2/integrations/users/" + u.segment + "/attach",
				Body:   `{"workspaces":[{"workspaceId":"Workspaces-example-5","percentage":10},{"workspaceId":"Workspaces-example-6","percentage":20}],"metadata":{"source":"MICROSOFT_DYNAMICS"}}`,
				Host:   strings.TrimPrefix(server.URL, "http://"),
				Header: http.Header{
					"Accept":         {"application/json"},
					"Authorization":  {"Bearer " + testToken},
					"Content-Length": {"169"},
					"Content-Type":   {"application/json"},
					"User-Agent":     {"corattach/1.2 (test)"},
				},
			}
			want.Header.Set("Content-Length", fmt.Sprint(len(want.Body)))
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%q (-want +got):\n%s", u.user, diff)
			}
			if url := URL(server.URL+prefix, pipeline.Attach, r.User); url != server.URL+got.URI {
				t.Errorf("URL says %s, %s arrived", url, got.URI)
			}
		}
	}
}

func TestDetachAsItArrives(t *testing.T) {
	var uri, body string
	server := serve(t, func(w http.ResponseWriter, r *http.Request) {
		content, _ := io.ReadAll(r.Body)
		uri, body = r.RequestURI, string(content)
		_, _ = io.WriteString(w, `{"id":7,"workspaces":[]}`)
	})
	answer, fault := static(t, server.URL).Do(t.Context(), pipeline.Detach, sample())
	if fault != nil {
		t.Fatal(*fault)
	}
	if diff := cmp.Diff(&pipeline.Answer{Status: 200, UserID: 7, Pivots: []pipeline.Pivot{}}, answer); diff != "" {
		t.Error(diff)
	}
	if want := "/v2/integrations/users/OKTA-USER-12345/detach"; uri != want {
		t.Errorf("URI %s, want %s", uri, want)
	}
	if want := `{"workspaces":["Workspaces-example-5","Workspaces-example-6"],"metadata":{"source":"MICROSOFT_DYNAMICS"}}`; body != want {
		t.Errorf("body %s, want %s", body, want)
	}
}

func TestMe(t *testing.T) {
	var body, uri, authorization string
	status := 200
	server := serve(t, func(w http.ResponseWriter, r *http.Request) {
		uri, authorization = r.Method+" "+r.RequestURI, r.Header.Get("Authorization")
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	})
	c := client(t, Config{BaseURL: server.URL, AuthURL: server.URL + "/v1/", Credentials: Credentials{AccessToken: testToken}})
	for text, want := range map[string]Account{
		`{"id":12,"name":"Ana","email":"ana@example.com","more":{}}`:  {ID: "12", Name: "Ana", Email: "ana@example.com"},
		`{"user":{"id":"u1","first_name":"Ana","last_name":"Perez"}}`: {ID: "u1", Name: "Ana Perez"},
		`{"data":{"email":"ana@example.com"}}`:                        {Email: "ana@example.com"},
	} {
		body = text
		got, fault := c.Me(t.Context())
		if fault != nil || got != want {
			t.Errorf("%s: got %+v, %+v", text, got, fault)
		}
	}
	if uri != "GET /v1/me" || authorization != "Bearer "+testToken {
		t.Errorf("got %s with %s", uri, authorization)
	}
	for _, text := range []string{"", "[]", "null", "{}", `{"id":[]}`, "<html>"} {
		body = text
		if got, fault := c.Me(t.Context()); fault == nil || fault.Kind != pipeline.Unreadable {
			t.Errorf("%q: got %+v, %+v", text, got, fault)
		}
	}
	status = 401
	if _, fault := c.Me(t.Context()); fault == nil || fault.Kind != pipeline.Unauthorized {
		t.Errorf("401: got %+v", fault)
	}
	if _, fault := c.Me(t.Context()); fault == nil || fault.Kind != pipeline.NoToken {
		t.Errorf("after 401: got %+v", fault)
	}
}

func TestParallelExchanges(t *testing.T) {
	server := serve(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(exampleResponse(t)) })
	c := static(t, server.URL)
	var group sync.WaitGroup
	for range 16 {
		group.Go(func() {
			for range 20 {
				if answer, fault := c.Do(t.Context(), pipeline.Attach, sample()); fault != nil || len(answer.Pivots) != 2 {
					t.Errorf("got %+v, %+v", answer, fault)
				}
			}
		})
	}
	group.Wait()
}

func BenchmarkDo(b *testing.B) {
	body := exampleResponse(b)
	server := serve(b, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(body) })
	c := static(b, server.URL)
	b.ReportAllocs()
	b.RunParallel(func(p *testing.PB) {
		for p.Next() {
			if _, fault := c.Do(b.Context(), pipeline.Attach, sample()); fault != nil {
				b.Error(*fault)
			}
		}
	})
}
