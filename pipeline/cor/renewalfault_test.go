package cor

import (
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"corattach/pipeline"
)

func TestTokenEndpointFaults(t *testing.T) {
	for _, test := range []struct {
		status     int
		body       string
		want       pipeline.Fault
		askedAgain bool
	}{
		{400, `{"error":"invalid_request"}`, pipeline.Fault{Kind: pipeline.NoToken, Code: "invalid_request", Message: "token endpoint: invalid_request"}, false},
		{401, `{"error":401,"message":"Unauthorized"}`, pipeline.Fault{Kind: pipeline.NoToken, Message: "token endpoint: Unauthorized"}, false},
		{403, "", pipeline.Fault{Kind: pipeline.NoToken, Message: "token endpoint: an empty body"}, false},
		{401, "<title>Log in</title><html>", pipeline.Fault{Kind: pipeline.NoToken, Message: "token endpoint: an HTML page"}, false},
		{403, "<title>Blocked</title><html>", pipeline.Fault{Kind: pipeline.TokenDown, Message: "token endpoint: an HTML page", Foreign: true}, true},
		{404, "<title>Not here</title><html>", pipeline.Fault{Kind: pipeline.TokenDown, Message: "token endpoint: an HTML page", Foreign: true}, true},
		{404, `{"code":"ZC001","message":"no"}`, pipeline.Fault{Kind: pipeline.TokenDown, Code: "ZC001", Message: "token endpoint: no", Foreign: true}, true},
		{405, "", pipeline.Fault{Kind: pipeline.TokenDown, Message: "token endpoint: an empty body", Foreign: true}, true},
		{408, "x", pipeline.Fault{Kind: pipeline.TokenDown, Message: "token endpoint: x", After: 2 * time.Second}, true},
		{429, "x", pipeline.Fault{Kind: pipeline.TokenDown, Message: "token endpoint: x", After: 2 * time.Second}, true},
		{500, "x", pipeline.Fault{Kind: pipeline.TokenDown, Message: "token endpoint: x", After: 2 * time.Second}, true},
		{503, "x", pipeline.Fault{Kind: pipeline.TokenDown, Message: "token endpoint: x", After: 2 * time.Second}, true},
		{302, "x", pipeline.Fault{Kind: pipeline.TokenDown, Message: "token endpoint: a redirect, not followed", After: 2 * time.Second, Foreign: true}, true},
		{500, "<title>Oops</title><html>", pipeline.Fault{Kind: pipeline.TokenDown, Message: "token endpoint: an HTML page"}, true},
		{200, "<title>Log in</title><html>", pipeline.Fault{Kind: pipeline.TokenDown, Message: "token endpoint: an answer without an access token", Foreign: true}, true},
		{200, "", pipeline.Fault{Kind: pipeline.TokenDown, Message: "token endpoint: an answer without an access token", After: 2 * time.Second}, true},
		{200, `{"access_token":null,"refresh_token":"` + testSecret + `"}`, pipeline.Fault{Kind: pipeline.TokenDown, Message: "token endpoint: an answer without an access token", After: 2 * time.Second}, true},
		{200, `{"access_token":"T"`, pipeline.Fault{Kind: pipeline.TokenDown, Message: "token endpoint: an answer without an access token", After: 2 * time.Second}, true},
	} {
		t.Run(fmt.Sprint(test.status, test.body), func(t *testing.T) {
			d := &desk{token: func(w http.ResponseWriter, n int) {
				if n > 1 {
					_, _ = io.WriteString(w, `{"access_token":"T"}`)
					return
				}
				if test.want.After > 0 {
					w.Header().Set("Retry-After", "2")
				}
				w.WriteHeader(test.status)
				_, _ = io.WriteString(w, test.body)
			}}
			c := atDesk(t, d)
			test.want.Status = test.status
			if diff := cmp.Diff(test.want, fails(t, c)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if kind := do(t, c); (kind == "") != test.askedAgain {
				t.Errorf("the second exchange: %v", kind)
			}
		})
	}
	dead := serve(t, nil)
	dead.Close()
	c := client(t, Config{BaseURL: dead.URL, AuthURL: dead.URL, Credentials: keyed()})
	if fault := fails(t, c); fault.Kind != pipeline.TokenDown || !strings.Contains(fault.Message, "refused") {
		t.Errorf("down: %+v", fault)
	}
}

// A renewal ahead of time that fails costs the token at hand nothing, and is tried
// again when that ends, whatever the token endpoint asks for.
func TestRenewalAheadOfTimeFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		answers := []string{`{"access_token":"T1","expires_in":60}`, "", `{"access_token":"T2","expires_in":60}`}
		asked := 0
		var sent []string
		c := client(t, Config{Credentials: keyed(), Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
			answer := &http.Response{StatusCode: 200, Header: http.Header{}, ContentLength: -1}
			text := `{"id":7,"workspaces":[]}`
			if strings.Contains(r.URL.Path, "oauth") {
				text = answers[asked]
				if asked++; text == "" {
					answer.StatusCode, answer.Header = 429, http.Header{"Retry-After": {"600"}}
				}
			} else {
				sent = append(sent, r.Header.Get("Authorization"))
			}
			answer.Body = io.NopCloser(strings.NewReader(text))
			return answer, nil
		})})
		for range 8 { // at 0, 9, … 63 s; the token ends at 60 s and is renewed from 54 s on
			if kind := do(t, c); kind != "" {
				t.Error(kind)
			}
			synctest.Wait()
			time.Sleep(9 * time.Second)
		}
		want := append(slices.Repeat([]string{"Bearer T1"}, 7), "Bearer T2")
		if diff := cmp.Diff(want, sent); diff != "" || asked != 3 {
			t.Errorf("%d token requests: %s", asked, diff)
		}
	})
}

// A panic in a renewal comes back to all who wait for it and to all who come
// later.
func TestRenewalPanics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := client(t, Config{Credentials: keyed(), Transport: roundTrip(func(*http.Request) (*http.Response, error) {
			time.Sleep(time.Second)
			panic("boom")
		})})
		panicked := func() (err error) {
			defer pipeline.Recover(&err)
			c.Do(t.Context(), pipeline.Attach, sample())
			return nil
		}
		met := make(chan error, 3)
		for range 3 {
			go func() { met <- panicked() }()
		}
		for i := range 4 {
			err := panicked()
			if i < 3 {
				err = <-met
			}
			var inner *pipeline.PanicError
			if !errors.As(err, &inner) || inner.Value != "boom" || !strings.Contains(string(inner.Stack), "TestRenewalPanics") {
				t.Errorf("got %v", err)
			}
		}
	})
}

// A panic in a renewal ahead of time is met by the exchange after it.
func TestRenewalAheadOfTimePanics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		asked := 0
		c := client(t, Config{Credentials: keyed(), Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
			text := `{"id":7,"workspaces":[]}`
			if strings.Contains(r.URL.Path, "oauth") {
				if asked++; asked == 2 {
					panic("boom")
				}
				text = `{"access_token":"T","expires_in":60}`
			}
			return &http.Response{StatusCode: 200, Body: io.NopCloser(strings.NewReader(text)), Header: http.Header{}, ContentLength: -1}, nil
		})})
		if kind := do(t, c); kind != "" {
			t.Fatal(kind)
		}
		time.Sleep(55 * time.Second)
		if kind := do(t, c); kind != "" {
			t.Fatal(kind)
		}
		synctest.Wait()
		defer func() {
			if _, ok := recover().(*pipeline.PanicError); !ok {
				t.Error("the panic was lost")
			}
		}()
		do(t, c)
	})
}

// The life of a token is measured by the monotonic clock, which no step of the
// wall clock moves.
func TestTokenLifeIsMonotonic(t *testing.T) {
	d := &desk{token: reply200(`{"access_token":"T#","expires_in":3600}`)}
	c := atDesk(t, d)
	do(t, c)
	for what, at := range map[string]time.Time{"renewal": c.tokens.renewAt, "end": c.tokens.expires} {
		if !strings.Contains(at.String(), " m=") {
			t.Errorf("the %s is at %s, of the wall clock alone", what, at)
		}
	}
}

// The certificate of the token endpoint ends a run as well as that of COR.
func TestUntrustedTokenEndpoint(t *testing.T) {
	server := httptest.NewUnstartedServer(http.NotFoundHandler())
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	t.Cleanup(server.Close)
	c := client(t, Config{BaseURL: server.URL, AuthURL: server.URL, Credentials: keyed()})
	for _, fault := range []pipeline.Fault{fails(t, c), *c.Ready(t.Context())} {
		if fault.Kind != pipeline.Untrusted || !strings.HasPrefix(fault.Message, "token endpoint: tls: failed to verify certificate: ") {
			t.Errorf("got %+v", fault)
		}
	}
}

// Names count as they are spelled, and one that stands twice is an error.
func TestTokenAnswerIsReadStrictly(t *testing.T) {
	for _, body := range []string{`{"Access_Token":"T"}`, `{"access_token":"T","access_token":"T"}`, `["access_token"]`, `{"access_token":["T"]}`} {
		if fault := fails(t, atDesk(t, &desk{token: reply200(body)})); fault.Kind != pipeline.TokenDown || fault.Message != "token endpoint: an answer without an access token" {
			t.Errorf("%s: %+v", body, fault)
		}
	}
}
