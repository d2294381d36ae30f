package cor

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"corattach/pipeline"
)

// waiting is a transport for bubbles of synctest: the token endpoint answers
// when it is let, COR at once.
type waiting struct {
	asked   chan struct{}
	release chan struct{}
}

func (w waiting) RoundTrip(r *http.Request) (*http.Response, error) {
	text := `{"id":7,"workspaces":[]}`
	if strings.Contains(r.URL.Path, "oauth") {
		w.asked <- struct{}{}
		select {
		case <-w.release:
		case <-r.Context().Done():
			return nil, r.Context().Err()
		}
		text = `{"access_token":"T","expires_in":60}`
	}
	return &http.Response{StatusCode: 200, Body: io.NopCloser(strings.NewReader(text)), Header: http.Header{}, ContentLength: -1}, nil
}

// roundTrip is a transport that is a function.
type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// Who caused the renewal may leave; it goes on for the others.
func TestRenewalOutlivesItsCaller(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := waiting{asked: make(chan struct{}, 9), release: make(chan struct{})}
		c := client(t, Config{Transport: w, Credentials: keyed()})
		ctx, cancel := context.WithCancel(t.Context())
		first := make(chan *pipeline.Fault)
		go func() {
			_, fault := c.Do(ctx, pipeline.Attach, sample())
			first <- fault
		}()
		synctest.Wait()
		others := make(chan *pipeline.Fault)
		for range 3 {
			go func() {
				_, fault := c.Do(t.Context(), pipeline.Attach, sample())
				others <- fault
			}()
		}
		synctest.Wait()
		cancel()
		if fault := <-first; fault == nil || fault.Kind != pipeline.NotConnected {
			t.Errorf("the first: %+v", fault)
		}
		close(w.release)
		for range 3 {
			if fault := <-others; fault != nil {
				t.Errorf("another: %+v", fault)
			}
		}
		if len(w.asked) != 1 {
			t.Errorf("%d token requests", len(w.asked))
		}
		time.Sleep(54 * time.Second) // virtual: six seconds before its end a token of 60 s is renewed
		kind := do(t, c)
		if synctest.Wait(); kind != 0 || len(w.asked) != 2 {
			t.Errorf("near its end: %v, %d token requests", kind, len(w.asked))
		}
	})
}

// A renewal ahead of time holds nobody up: who waited for it would leave with
// all others in the same moment, whatever the rate. Once the token has ended,
// they wait.
func TestRenewalAheadOfTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := waiting{asked: make(chan struct{}, 9), release: make(chan struct{}, 1)}
		c := client(t, Config{Transport: w, Credentials: keyed()})
		w.release <- struct{}{}
		if kind := do(t, c); kind != 0 {
			t.Fatal(kind)
		}
		time.Sleep(54 * time.Second)
		begun := time.Now()
		for range 3 {
			if kind := do(t, c); kind != 0 {
				t.Error(kind)
			}
			synctest.Wait()
		}
		if took := time.Since(begun); took != 0 || len(w.asked) != 2 {
			t.Errorf("took %v, %d token requests", took, len(w.asked))
		}
		time.Sleep(6 * time.Second)
		go func() {
			time.Sleep(time.Second)
			w.release <- struct{}{}
		}()
		if kind := do(t, c); kind != 0 || time.Since(begun) != 7*time.Second || len(w.asked) != 2 {
			t.Errorf("after its end: %v after %v, %d token requests", kind, time.Since(begun), len(w.asked))
		}
	})
}

func TestRenewalTimesOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := waiting{asked: make(chan struct{}, 9), release: make(chan struct{})}
		c := client(t, Config{Transport: w, Credentials: keyed()})
		begun := time.Now()
		want := pipeline.Fault{Kind: pipeline.TokenDown, Message: "token endpoint: time ran out before an answer came"}
		if diff := cmp.Diff(want, fails(t, c)); diff != "" {
			t.Error(diff)
		}
		if took := time.Since(begun); took != tokenTimeout {
			t.Errorf("took %v", took)
		}
	})
}

func TestCloseEndsTheRenewal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := waiting{asked: make(chan struct{}, 9), release: make(chan struct{})}
		c := client(t, Config{Transport: w, Credentials: keyed()})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, fault := c.Do(ctx, pipeline.Attach, sample())
		if fault == nil || fault.Kind != pipeline.NotConnected {
			t.Errorf("got %+v", fault)
		}
		c.Close()
		if c.tokens.flight != nil {
			t.Error("the renewal is still under way")
		}
	})
}

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
		{404, "<title>Not here</title><html>", pipeline.Fault{Kind: pipeline.NoToken, Message: "token endpoint: an HTML page: Not here"}, false},
		{408, "x", pipeline.Fault{Kind: pipeline.TokenDown, Message: "token endpoint: x", After: 2 * time.Second}, true},
		{429, "x", pipeline.Fault{Kind: pipeline.TokenDown, Message: "token endpoint: x", After: 2 * time.Second}, true},
		{500, "x", pipeline.Fault{Kind: pipeline.TokenDown, Message: "token endpoint: x", After: 2 * time.Second}, true},
		{503, "x", pipeline.Fault{Kind: pipeline.TokenDown, Message: "token endpoint: x", After: 2 * time.Second}, true},
		{302, "x", pipeline.Fault{Kind: pipeline.TokenDown, Message: "token endpoint: redirect without a location", After: 2 * time.Second}, true},
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
			c := atDesk(t, d, nil)
			test.want.Status = test.status
			if diff := cmp.Diff(test.want, fails(t, c)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if kind := do(t, c); (kind == 0) != test.askedAgain {
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
			if kind := do(t, c); kind != 0 {
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
