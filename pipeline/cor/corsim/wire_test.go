package corsim

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
)

// TestUserIDs sends user ids through a real connection: none is cleaned, redirected or decoded twice.
func TestUserIDs(t *testing.T) {
	var log records
	s := simulate(t, Config{Log: log.keep})
	server := httptest.NewServer(s)
	defer server.Close()
	transports := map[string]http.RoundTripper{server.URL: server.Client().Transport, "http://cor.test": s.Transport()}
	for path, user := range map[string]string{
		"U1": "U1", "a%2Fb": "a/b", "..%2F": "../", "%2E%2E": "..", "%2E": ".", "..": "..", "a%20b": "a b", "a+b": "a+b", "a%252Fb": "a%2Fb",
		"%C3%A9": "é", "%00": "\x00", "%FF": "\xff", "a;b=c": "a;b=c", "%3F%23": "?#", "attach": "attach", "%2e%2e%2fattach": "../attach",
	} {
		for base, transport := range transports {
			if got := askWith(t, transport, base, attach(path, oneSAP)); got[:3] != "200" {
				t.Errorf("%s: %s", path, got)
			}
			last := log[len(log)-1]
			if last.User != user || last.Path != "/v2/integrations/users/"+path+"/attach" {
				t.Errorf("%s arrived as user %q, path %s", path, last.User, last.Path)
			}
			if s.Holdings()[Pair{user, "SAP", "WS-1"}] != "60" {
				t.Errorf("nothing is held for %q", user)
			}
		}
	}
}

// TestBrokenConnections compares a real connection with Transport.
func TestBrokenConnections(t *testing.T) {
	faults := `{"faults": [{"user": "U1", "cut": "before"}, {"user": "U2", "cut": "after"}, {"user": "U3", "truncate": 6}, {"user": "U4", "status": 302, "headers": {"Location": "/x"}}]}`
	s := simulate(t, Config{Script: script(t, faults)})
	server := httptest.NewServer(s)
	defer server.Close()
	for user, want := range map[string]string{"U1": "cut", "U2": "cut", "U3": `200 {"id": … unexpected EOF`, "U4": "302", "U5": "200"} {
		real := askWith(t, server.Client().Transport, server.URL, attach(user, oneSAP))
		inside := ask(t, s, attach(user, oneSAP))
		if real != inside || !strings.HasPrefix(real, want) {
			t.Errorf("%s: over a connection %s, in process %s, want %s", user, real, inside, want)
		}
	}
}

func TestCutError(t *testing.T) {
	s := simulate(t, Config{Script: script(t, `{"faults": [{"cut": "after"}]}`)})
	client := http.Client{Transport: s.Transport()}
	_, err := client.Do(attach("U1", oneSAP).request(t, t.Context(), "http://user:hush@cor.test"))
	if !errors.Is(err, io.ErrUnexpectedEOF) || !strings.Contains(err.Error(), `PUT http://user:xxxxx@cor.test/v2/integrations/users/U1/attach: the simulator cut the connection`) {
		t.Errorf("error %v", err)
	}
}

func TestTransportHonoursContexts(t *testing.T) {
	var log records
	s := simulate(t, Config{Log: log.keep})
	ctx, cancel := context.WithCancelCause(t.Context())
	cause := errors.New("enough")
	cancel(cause)
	if _, err := s.Transport().RoundTrip(attach("U1", oneSAP).request(t, ctx, "http://cor.test")); !errors.Is(err, cause) {
		t.Errorf("error %v", err)
	}
	if len(log) != 0 {
		t.Error("a request arrived under an ended context")
	}
}

// failing breaks off in the middle of a request's body.
type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, errors.New("the client went away") }

func TestBodiesThatDoNotArrive(t *testing.T) {
	var log records
	s := simulate(t, Config{Log: log.keep})
	r := attach("U1", "").request(t, t.Context(), "http://cor.test")
	r.Body = io.NopCloser(failing{})
	if _, err := s.Transport().RoundTrip(r); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("error %v", err)
	}
	if got := log[0].End; got != "gone" {
		t.Errorf("ended %s", got)
	}
	long := attach("U1", strings.Repeat(" ", 16<<20+1))
	if got := ask(t, s, long); got != "cut" {
		t.Errorf("got %s", got)
	}
}

func TestRequestLog(t *testing.T) {
	var log bytes.Buffer
	faults := script(t, `{"faults": [{"user": "U2", "cut": "after"}, {"user": "U3", "truncate": 3}]}`)
	write := func(r Record) { log.Write(r.Line()) }
	s := simulate(t, Config{Log: write, Script: faults})
	spaced := strings.Replace(oneSAP, ":", " :\n ", 1)
	for _, q := range []sent{
		tokenRequest(), refreshRequest("corsim-refresh-1"), me("corsim-access-1"),
		attach("a%2Fb", spaced).with("Authorization", "Bearer top-secret"), attach("U2", oneSAP), attach("U3", oneSAP),
		attach("U4", "no JSON"), detach("U4", ""), {method: "DELETE", path: "/v3/x?token=top-secret", body: "top-secret"},
	} {
		ask(t, s, q)
	}
	const at = `"time":"2026-01-15T22:42:15Z",`
	const body = `"source":"SAP","body":{"workspaces":[{"workspaceId":"WS-1","percentage":60}],"metadata":{"source":"SAP"}},`
	want := `{"n":1,` + at + `"method":"POST","path":"/v1/oauth/token","endpoint":"token","status":200,"end":"answered","applied":false}
{"n":2,` + at + `"method":"POST","path":"/v1/oauth/refreshtoken","endpoint":"refresh","status":200,"end":"answered","applied":false}
{"n":3,` + at + `"method":"GET","path":"/v1/me","endpoint":"me","status":200,"end":"answered","applied":false}
{"n":4,` + at + `"method":"PUT","path":"/v2/integrations/users/a%2Fb/attach","endpoint":"attach","user":"a/b",` + body + `"status":200,"end":"answered","applied":true}
{"n":5,` + at + `"method":"PUT","path":"/v2/integrations/users/U2/attach","endpoint":"attach","user":"U2",` + body + `"end":"cut","applied":true,"fault":0}
{"n":6,` + at + `"method":"PUT","path":"/v2/integrations/users/U3/attach","endpoint":"attach","user":"U3",` + body + `"status":200,"end":"truncated","applied":true,"fault":1}
{"n":7,` + at + `"method":"PUT","path":"/v2/integrations/users/U4/attach","endpoint":"attach","user":"U4","body":"no JSON","status":400,"end":"answered","applied":false}
{"n":8,` + at + `"method":"PUT","path":"/v2/integrations/users/U4/detach","endpoint":"detach","user":"U4","body":"","status":400,"end":"answered","applied":false}
{"n":9,` + at + `"method":"DELETE","path":"/v3/x","endpoint":"unknown","status":404,"end":"answered","applied":false}
`
	if got := sameTime(log.String()); got != want {
		t.Errorf("got %s\nwant %s", got, want)
	}
	for _, secret := range []string{"top-secret", "corsim-access", "corsim-refresh", "s:e%", "Basic", "Bearer", "Authorization"} {
		if strings.Contains(log.String(), secret) {
			t.Errorf("the log has %q", secret)
		}
	}
}

// TestConcurrency has many clients, each with a user of its own and all with one; what is held is what
// was asked for last, ids are given once.
func TestConcurrency(t *testing.T) {
	var log records
	s := simulate(t, Config{Log: log.keep, Script: script(t, `{"faults": [{"attempts": [7, 14, 21], "cut": "after"}]}`)})
	const clients, rounds = 16, 50
	var wg sync.WaitGroup
	var asked [clients][5]string
	for c := range clients {
		wg.Go(func() {
			for i := range rounds {
				asked[c][i%5] = fmt.Sprint(rand.IntN(101))
				body := fmt.Sprintf(`{"workspaces":[{"workspaceId":"WS-%d","percentage":%s}],"metadata":{"source":"SAP"}}`, i%5, asked[c][i%5])
				ask(t, s, attach(fmt.Sprintf("U%d", c), body))
				ask(t, s, attach("shared", body))
			}
		})
	}
	wg.Wait()
	held := s.Holdings()
	for c := range clients {
		for w, percentage := range asked[c] {
			if pair := (Pair{fmt.Sprintf("U%d", c), "SAP", fmt.Sprintf("WS-%d", w)}); held[pair] != percentage {
				t.Errorf("%v is held with %q, not %s", pair, held[pair], percentage)
			}
		}
	}
	if len(held) != (clients+1)*5 || len(log) != 2*clients*rounds {
		t.Errorf("%d held, %d requests", len(held), len(log))
	}
	ids := make(map[int]string)
	for external, u := range s.users {
		if other, ok := ids[u.id]; ok {
			t.Errorf("%s and %s are both %d", external, other, u.id)
		}
		ids[u.id] = external
	}
}

// BenchmarkAttach is the handler alone, over a million users.
func BenchmarkAttach(b *testing.B) {
	s := simulate(b, Config{})
	const body = `{"workspaces":[{"workspaceId":"WS-1","percentage":50},{"workspaceId":"WS-2","percentage":30},{"workspaceId":"WS-3","percentage":20}],"metadata":{"source":"SAP"}}`
	transport := s.Transport()
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		response, err := transport.RoundTrip(attach(fmt.Sprintf("U%d", i%1_000_000), body).request(b, b.Context(), "http://cor.test"))
		if err != nil || response.StatusCode != http.StatusOK {
			b.Fatal(err, response)
		}
	}
}
