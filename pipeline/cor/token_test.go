package cor

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"corattach/pipeline"
)

// desk is a token endpoint and a COR in one handler, with literal answers.
type desk struct {
	mu      sync.Mutex
	log     []string                                          // what arrived, in order
	token   func(w http.ResponseWriter, n int)                // answers the n-th token request, from 1
	refresh func(w http.ResponseWriter, n int, given string)  // answers the n-th refresh, from 1
	attach  func(w http.ResponseWriter, authorization string) // nil answers 200
	counts  [2]int
}

func (d *desk) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	d.mu.Lock()
	defer d.mu.Unlock()
	authorization := r.Header.Get("Authorization")
	switch r.URL.Path {
	case "/v1/oauth/token":
		d.log = append(d.log, "token")
		if want := "Basic dGhlLWFwaS1rZXktMDAwMTp0aGUvY2xpZW50K3NlY3JldD0wMDAy"; authorization != want {
			d.log = append(d.log, "wrong authorization "+authorization)
		}
		if r.Method != "POST" || r.RequestURI != "/v1/oauth/token?grant_type=client_credentials" || len(body) > 0 || r.ContentLength != 0 || r.Header.Get("Content-Type") != "" {
			d.log = append(d.log, fmt.Sprint("wrong request ", r.Method, r.RequestURI, string(body), r.Header))
		}
		d.counts[0]++
		d.token(w, d.counts[0])
	case "/v1/oauth/refreshtoken":
		d.log = append(d.log, "refresh "+string(body))
		if r.Method != "POST" || r.RequestURI != "/v1/oauth/refreshtoken" || authorization != "" || r.Header.Get("Content-Type") != "application/x-www-form-urlencoded" {
			d.log = append(d.log, fmt.Sprint("wrong request ", r.Method, r.RequestURI, r.Header))
		}
		d.counts[1]++
		d.refresh(w, d.counts[1], string(body))
	default:
		d.log = append(d.log, authorization)
		if d.attach != nil {
			d.attach(w, authorization)
			return
		}
		_, _ = io.WriteString(w, `{"id":7,"workspaces":[]}`)
	}
}

func (d *desk) seen() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return append([]string(nil), d.log...)
}

func keyed() Credentials { return Credentials{APIKey: testKey, ClientSecret: testSecret} }

// atDesk returns a client of d, whose exchanges take no time and no socket.
func atDesk(t *testing.T, d *desk) *Client {
	t.Helper()
	return client(t, Config{BaseURL: "http://127.0.0.1", AuthURL: "http://127.0.0.1/v1", Credentials: keyed(), Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
		r = r.Clone(r.Context())
		r.RequestURI = r.URL.RequestURI()
		if r.Body == nil {
			r.Body = http.NoBody
		}
		w := httptest.NewRecorder()
		d.ServeHTTP(w, r)
		return w.Result(), nil
	})})
}

// do makes one exchange and returns the kind of its fault, "" for an answer.
func do(t *testing.T, c *Client) pipeline.FaultKind {
	t.Helper()
	_, fault := c.Do(t.Context(), pipeline.Attach, sample())
	if fault == nil {
		return ""
	}
	return fault.Kind
}

func reply200(text string) func(http.ResponseWriter, int) {
	return func(w http.ResponseWriter, n int) {
		_, _ = io.WriteString(w, strings.ReplaceAll(text, "#", fmt.Sprint(n)))
	}
}

func TestTokenRotation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &desk{token: reply200(`{"access_token":"T#","token_type":"Bearer","expires_in":3600,"refresh_token":"R&0/#"}`)}
		d.refresh = func(w http.ResponseWriter, n int, _ string) {
			if n == 3 {
				w.WriteHeader(400)
				return
			}
			_, _ = fmt.Fprintf(w, `{"access_token":"F%d","expires_in":"3600","refresh_token":"R%d"}`, n, n)
		}
		c := atDesk(t, d)
		for range 5 {
			if kind := do(t, c); kind != "" {
				t.Fatal(kind)
			}
			time.Sleep(3539 * time.Second)
			if kind := do(t, c); kind != "" {
				t.Fatal(kind)
			}
			time.Sleep(61 * time.Second) // to the end of its life
		}
		want := []string{
			"token", "Bearer T1", "Bearer T1",
			"refresh refresh_token=R%260%2F1", "Bearer F1", "Bearer F1",
			"refresh refresh_token=R1", "Bearer F2", "Bearer F2",
			"refresh refresh_token=R2", "token", "Bearer T2", "Bearer T2",
			"refresh refresh_token=R%260%2F2", "Bearer F4", "Bearer F4",
		}
		if diff := cmp.Diff(want, d.seen()); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}

// A refreshed token that no header carries is a refresh that failed: the key and secret
// are used. Where there is nothing else, Ready tells it before anything is written down.
func TestIllegalRefreshedToken(t *testing.T) {
	d := &desk{token: reply200(`{"access_token":"T#","expires_in":3600,"refresh_token":"R#"}`)}
	d.refresh = func(w http.ResponseWriter, _ int, _ string) {
		_, _ = io.WriteString(w, `{"access_token":"F\n","expires_in":3600}`)
	}
	d.attach = func(w http.ResponseWriter, authorization string) {
		if authorization == "Bearer T1" {
			w.WriteHeader(401)
			return
		}
		_, _ = io.WriteString(w, `{"id":7,"workspaces":[]}`)
	}
	c := atDesk(t, d)
	first, second := do(t, c), do(t, c)
	want := []string{"token", "Bearer T1", "refresh refresh_token=R1", "token", "Bearer T2"}
	if diff := cmp.Diff(want, d.seen()); diff != "" || first != pipeline.Unauthorized || second != "" {
		t.Errorf("%s, %s: %s", first, second, diff)
	}
	d = &desk{token: reply200(`{"access_token":"T\n#"}`)}
	for _, c := range []*Client{atDesk(t, d), client(t, Config{Credentials: Credentials{AccessToken: "a token"}})} {
		if fault := c.Ready(t.Context()); fault == nil || fault.Kind != pipeline.NoToken || fault.Status != 0 {
			t.Errorf("ready: %+v", fault)
		}
	}
}

func TestTokenLife(t *testing.T) {
	asked := time.Unix(1_800_000_000, 0)
	for expires, want := range map[string]time.Duration{
		"3600": 3540 * time.Second, "10": 9 * time.Second, "0.5": 450 * time.Millisecond,
		"": -1, "0": -1, "-5": -1, "NaN": -1, "soon": -1,
		"1e300": 365*24*time.Hour - time.Minute, "Inf": 365*24*time.Hour - time.Minute,
	} {
		got, end := tokenLife(asked, expires)
		if want == -1 && !got.IsZero() || want != -1 && got.Sub(asked) != want || end.IsZero() != got.IsZero() || end.Before(got) {
			t.Errorf("%q: %v, %v", expires, got, end)
		}
	}
}

// A 401 costs the token, and the next exchange renews it; without expires_in
// nothing else does.
func TestUnauthorizedRenews(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &desk{token: reply200(`{"access_token":"T#"}`)}
		d.attach = func(w http.ResponseWriter, authorization string) {
			if authorization == "Bearer T1" && len(d.log) > 3 {
				w.WriteHeader(401)
			} else {
				_, _ = io.WriteString(w, `{"id":7,"workspaces":[]}`)
			}
		}
		c := atDesk(t, d)
		var kinds []pipeline.FaultKind
		for range 5 {
			kinds = append(kinds, do(t, c))
			time.Sleep(1000 * time.Hour)
		}
		if diff := cmp.Diff([]pipeline.FaultKind{"", "", pipeline.Unauthorized, "", ""}, kinds); diff != "" {
			t.Error(diff)
		}
		want := []string{"token", "Bearer T1", "Bearer T1", "Bearer T1", "token", "Bearer T2", "Bearer T2"}
		if diff := cmp.Diff(want, d.seen()); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}

// A late 401 for the old token leaves the new one alone.
func TestForgetsOnlyTheRefusedToken(t *testing.T) {
	d := &desk{token: reply200(`{"access_token":"T#"}`)}
	c := atDesk(t, d)
	do(t, c)
	c.tokens.forget("T1")
	do(t, c)
	c.tokens.forget("T1")
	do(t, c)
	if diff := cmp.Diff([]string{"token", "Bearer T1", "token", "Bearer T2", "Bearer T2"}, d.seen()); diff != "" {
		t.Error(diff)
	}
}

func TestOneRenewalForAll(t *testing.T) {
	d := &desk{token: reply200(`{"access_token":"T#","expires_in":3600}`)}
	refused := 0
	d.attach = func(w http.ResponseWriter, authorization string) {
		if authorization == "Bearer T1" {
			refused++
			w.WriteHeader(401)
			return
		}
		_, _ = io.WriteString(w, `{"id":7,"workspaces":[]}`)
	}
	c := atDesk(t, d)
	var group sync.WaitGroup
	for range 16 {
		group.Go(func() {
			for range 2 { // the token is refused once at most to each
				if kind := do(t, c); kind == "" {
					return
				} else if kind != pipeline.Unauthorized {
					t.Error(kind)
				}
			}
			t.Error("refused twice")
		})
	}
	group.Wait()
	if d.counts[0] != 2 || refused == 0 {
		t.Errorf("%d token requests, %d refused", d.counts[0], refused)
	}
}

func TestStaticToken(t *testing.T) {
	d := &desk{attach: func(w http.ResponseWriter, _ string) { w.WriteHeader(401) }}
	server := serve(t, d.ServeHTTP)
	c := static(t, server.URL)
	if kind := do(t, c); kind != pipeline.Unauthorized {
		t.Error(kind)
	}
	for range 3 {
		if kind := do(t, c); kind != pipeline.NoToken {
			t.Error(kind)
		}
	}
	if diff := cmp.Diff([]string{"Bearer " + testToken}, d.seen()); diff != "" {
		t.Error(diff)
	}
}

func TestIllegalTokens(t *testing.T) {
	for _, token := range []string{"a b", "a\nb", "tök", "a\x00", "a\x7f", "a\r\nX: y"} {
		c := client(t, Config{Transport: silent{}, Credentials: Credentials{AccessToken: token}})
		if kind := do(t, c); kind != pipeline.NoToken {
			t.Errorf("%q: %v", token, kind)
		}
		text, _ := json.Marshal(token)
		d := &desk{token: reply200(`{"access_token":` + string(text) + `}`)}
		if kind := do(t, atDesk(t, d)); kind != pipeline.NoToken {
			t.Errorf("%q given: %v", token, kind)
		}
	}
}
