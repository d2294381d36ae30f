package corsim

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"
)

// sameTime replaces whatever time it is by that of COR's own example.
func sameTime(text string) string {
	return regexp.MustCompile(`\d{4}-\d\d-\d\d([ T])\d\d:\d\d:\d\d(\.\d+)?`).ReplaceAllString(text, "2026-01-15${1}22:42:15")
}

// simulate makes a server with switches given as "name=value".
func simulate(t testing.TB, c Config, switches ...string) *Simulator {
	t.Helper()
	for _, text := range switches {
		name, value, _ := strings.Cut(text, "=")
		if err := c.Set(name, value); err != nil {
			t.Fatal(err)
		}
	}
	return New(c)
}

// records are what a simulator has logged.
type records []Record

func (r *records) keep(one Record) { *r = append(*r, one) }

func script(t testing.TB, text string) Script {
	t.Helper()
	s, err := ReadScript(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// known holds users U1 and U2, and workspaces WS-1 and WS-2.
func known() []Pair { return []Pair{{"U1", "", "WS-1"}, {"U2", "", "WS-2"}} }

// sent is one request in short: "METHOD PATH" and a body.
type sent struct {
	method, path, body string
	header             map[string]string
}

func attach(user, body string) sent {
	return sent{method: "PUT", path: "/v2/integrations/users/" + user + "/attach", body: body}
}

func detach(user, body string) sent {
	return sent{method: "PUT", path: "/v2/integrations/users/" + user + "/detach", body: body}
}

func (q sent) with(name, value string) sent {
	q.header = maps.Clone(q.header)
	if q.header == nil {
		q.header = make(map[string]string)
	}
	q.header[name] = value
	return q
}

func (q sent) request(t testing.TB, ctx context.Context, base string) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(ctx, q.method, base+q.path, strings.NewReader(q.body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer static")
	r.Header.Set("Content-Type", "application/json")
	for name, value := range q.header {
		r.Header.Set(name, value)
		if value == "" {
			r.Header.Del(name)
		}
	}
	return r
}

// ask sends one request in process and tells the answer: status, the headers that matter, body.
func ask(t testing.TB, s *Simulator, q sent) string {
	t.Helper()
	return askWith(t, s.Transport(), "http://cor.test", q)
}

func askWith(t testing.TB, transport http.RoundTripper, base string, q sent) string {
	t.Helper()
	response, err := transport.RoundTrip(q.request(t, context.Background(), base))
	if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
		return "cut"
	}
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	return sameTime(tell(response))
}

func tell(response *http.Response) string {
	var b strings.Builder
	fmt.Fprint(&b, response.StatusCode)
	for _, name := range []string{"Retry-After", "Allow", "X-Test"} {
		if value := response.Header.Get(name); value != "" {
			b.WriteString(" " + name + ": " + value)
		}
	}
	if kind, _, _ := strings.Cut(response.Header.Get("Content-Type"), ";"); kind != "application/json" && kind != "" {
		b.WriteString(" (" + kind + ")")
	}
	body, err := io.ReadAll(response.Body)
	b.WriteString(" " + string(body))
	if err != nil {
		b.WriteString(" … " + err.Error())
	}
	return strings.TrimSpace(b.String())
}

// step is a request and its whole answer. Golden answers may be shortened: see short.
type step struct {
	ask  sent
	want string
}

func run(t *testing.T, s *Simulator, steps []step) {
	t.Helper()
	for i, st := range steps {
		if got := short(ask(t, s, st.ask)); got != st.want {
			t.Errorf("step %d: %s %s %s\n got %s\nwant %s", i+1, st.ask.method, st.ask.path, st.ask.body, got, st.want)
		}
	}
}

// short drops what is the same in every workspace of an answer, and nothing that varies with a switch or a script.
func short(text string) string {
	return strings.NewReplacer(
		`,"active":true,"metadata":{}`, "",
		`"integration_id":16,"is_active":true,`, "",
		`"destination":null,"status":"NOT_SEND",`, "",
		`,"destination_external_id":null`, "",
		`,"created_at":"2026-01-15 22:42:15","updated_at":"2026-01-15 22:42:15"`, "",
	).Replace(text)
}

const (
	oneSAP = `{"workspaces":[{"workspaceId":"WS-1","percentage":60}],"metadata":{"source":"SAP"}}`
	twoSAP = `{"workspaces":[{"workspaceId":"WS-1","percentage":60},{"workspaceId":"WS-2","percentage":40.5}],"metadata":{"source":"SAP"}}`
	// withGhost also names a workspace that known does not hold.
	withGhost = `{"workspaces":[{"workspaceId":"WS-1","percentage":60},{"workspaceId":"GHOST","percentage":40}],"metadata":{"source":"SAP"}}`

	userU1 = `"id":8545,"name":"User U1","email":"user-U1@example.com",`
	ws1at  = `{"id":1,"name":"Workspace WS-1","json_integrations":{"source":"SAP","origin_external_id":"WS-1"},"pivot":{"workspace_id":1,"user_id":8545,"percentage":`
	ws2at  = `{"id":2,"name":"Workspace WS-2","json_integrations":{"source":"SAP","origin_external_id":"WS-2"},"pivot":{"workspace_id":2,"user_id":8545,"percentage":`

	oneDone = `200 {` + userU1 + `"workspaces":[` + ws1at + `60}}]}`
	twoDone = `200 {` + userU1 + `"workspaces":[` + ws1at + `60}},` + ws2at + `40.5}}]}`
)

func TestWholeAnswer(t *testing.T) {
	got := ask(t, simulate(t, Config{}), attach("U1", oneSAP))
	want := `200 {"id":8545,"name":"User U1","email":"user-U1@example.com","workspaces":[{"id":1,"name":"Workspace WS-1","active":true,"metadata":{},` +
		`"json_integrations":{"integration_id":16,"is_active":true,"source":"SAP","destination":null,"status":"NOT_SEND","origin_external_id":"WS-1","destination_external_id":null},` +
		`"created_at":"2026-01-15 22:42:15","updated_at":"2026-01-15 22:42:15","pivot":{"workspace_id":1,"user_id":8545,"percentage":60}}]}`
	if got != want {
		t.Errorf("got %s\nwant %s", got, want)
	}
}

// TestDocumentedExample sends COR's own request and compares with COR's own answer byte for byte, after the names,
// which no API call tells the simulator, are made the same.
func TestDocumentedExample(t *testing.T) {
	request, err := os.ReadFile("testdata/attach-request.json")
	if err != nil {
		t.Fatal(err)
	}
	want, err := os.ReadFile("testdata/attach-response.json")
	if err != nil {
		t.Fatal(err)
	}
	got := ask(t, simulate(t, Config{}), attach("OKTA-USER-12345", string(request)))
	got = strings.NewReplacer("200 ", "", "User OKTA-USER-12345", "John Doe", "user-OKTA-USER-12345@", "john.doe@",
		"Workspace Workspaces-example-", "Workspaces test ").Replace(got)
	if compact := compactJSON(t, want); got != compact {
		t.Errorf("got %s\nwant %s", got, compact)
	}
}

func TestRequestsAreCheckedStrictly(t *testing.T) {
	const prefix = `400 {"status":400,"name":"ValidationError","code":"ValidationError","message":"`
	one := func(element string) string {
		return `{"workspaces":[` + element + `],"metadata":{"source":"SAP"}}`
	}
	for name, c := range map[string]struct {
		ask  sent
		want string
	}{
		"no body":              {attach("U1", ""), prefix + `line 1: unexpected EOF"}`},
		"half a body":          {attach("U1", `{"workspaces":`), prefix + `line 1: unexpected EOF"}`},
		"two bodies":           {attach("U1", oneSAP+oneSAP), prefix + `line 1: invalid character '{' after top-level value"}`},
		"not UTF-8":            {attach("U1", "{\"\xff\":1}"), prefix + `line 1: invalid UTF-8"}`},
		"a name twice":         {attach("U1", `{"metadata":{},"metadata":{}}`), prefix + `line 1: duplicate object member name"}`},
		"an array":             {attach("U1", `[]`), prefix + `the document: wrong kind of value"}`},
		"garbage":              {attach("U1", `{"x":1,"workspaces":[{"workspaceId":"W","percentage":1}],"metadata":{"source":"SAP"}}`), prefix + `x: unknown object member name"}`},
		"case of a key":        {attach("U1", one(`{"workspaceID":"W","percentage":1}`)), prefix + `workspaces.0.workspaceID: unknown object member name"}`},
		"no workspaces":        {attach("U1", `{"metadata":{"source":"SAP"}}`), prefix + `workspaces is empty or not there"}`},
		"empty workspaces":     {attach("U1", one("")), prefix + `workspaces is empty or not there"}`},
		"plain strings":        {attach("U1", one(`"W"`)), prefix + `workspaces.0: wrong kind of value"}`},
		"numeric id":           {attach("U1", one(`{"workspaceId":7,"percentage":1}`)), prefix + `workspaces.0.workspaceId: wrong kind of value"}`},
		"blank id":             {attach("U1", one(`{"workspaceId":"","percentage":1}`)), prefix + `workspaces.0 has a blank id or none"}`},
		"percentage as string": {attach("U1", one(`{"workspaceId":"W","percentage":"60"}`)), prefix + `workspaces.0.percentage is not a number"}`},
		"percentage null":      {attach("U1", one(`{"workspaceId":"W","percentage":null}`)), prefix + `workspaces.0.percentage is not a number"}`},
		"no percentage":        {attach("U1", one(`{"workspaceId":"W"}`)), prefix + `workspaces.0.percentage is not a number"}`},
		"percentage over":      {attach("U1", one(`{"workspaceId":"W","percentage":100.01}`)), prefix + `workspaces.0.percentage is not within 0 and 100: 100.01"}`},
		"percentage below":     {attach("U1", one(`{"workspaceId":"W","percentage":-1}`)), prefix + `workspaces.0.percentage is not within 0 and 100: -1"}`},
		"percentage vast":      {attach("U1", one(`{"workspaceId":"W","percentage":1e999999999}`)), prefix + `workspaces.0.percentage is not within 0 and 100: 1e999999999"}`},
		"no metadata":          {attach("U1", `{"workspaces":[{"workspaceId":"W","percentage":1}]}`), prefix + `metadata.source is blank or not there"}`},
		"source no string":     {attach("U1", `{"workspaces":[{"workspaceId":"W","percentage":1}],"metadata":{"source":1}}`), prefix + `metadata.source: wrong kind of value"}`},
		"source unknown":       {attach("U1", strings.Replace(oneSAP, "SAP", "SAGE", 1)), `400 {"status":400,"name":"InvalidSourceError","code":"InvalidSourceError","message":"source \"SAGE\" is not one of COR's"}`},
		"source lower case":    {attach("U1", strings.Replace(oneSAP, "SAP", "sap", 1)), `400 {"status":400,"name":"InvalidSourceError","code":"InvalidSourceError","message":"source \"sap\" is not one of COR's"}`},
		"detach of objects":    {detach("U1", oneSAP), prefix + `workspaces.0: wrong kind of value"}`},
		"detach of nothing":    {detach("U1", one("")), prefix + `workspaces is empty or not there"}`},
		"detach of a blank":    {detach("U1", one(`"W",""`)), prefix + `workspaces.1 has a blank id or none"}`},
		"content type":         {attach("U1", oneSAP).with("Content-Type", "text/plain"), prefix + `Content-Type is not application/json: text/plain"}`},
		"no token":             {attach("U1", oneSAP).with("Authorization", ""), `401 {"error":401,"message":"Unauthorized"}`},
		"basic for a bearer":   {attach("U1", oneSAP).with("Authorization", "Basic a2V5OnNlY3JldA=="), `401 {"error":401,"message":"Unauthorized"}`},
		"wrong method":         {sent{method: "POST", path: "/v2/integrations/users/U1/attach"}, `404 {"status":404,"name":"NotFoundError","code":"NotFoundError","message":"no such endpoint: POST /v2/integrations/users/U1/attach"}`},
		"unknown endpoint":     {sent{method: "GET", path: "/v2/integrations/users"}, `404 {"status":404,"name":"NotFoundError","code":"NotFoundError","message":"no such endpoint: GET /v2/integrations/users"}`},
		"trailing slash":       {attach("U1/attach/..", oneSAP), `404 {"status":404,"name":"NotFoundError","code":"NotFoundError","message":"no such endpoint: PUT /v2/integrations/users/U1/attach/../attach"}`},
		"no user":              {attach("", oneSAP), `404 {"status":404,"name":"NotFoundError","code":"NotFoundError","message":"no such endpoint: PUT /v2/integrations/users//attach"}`},
	} {
		t.Run(name, func(t *testing.T) {
			var log records
			s := simulate(t, Config{Log: log.keep})
			if got := ask(t, s, c.ask); got != c.want {
				t.Errorf("got %s\nwant %s", got, c.want)
			}
			if log[0].Applied || len(s.Holdings()) != 0 {
				t.Errorf("a refused request was applied: %v", s.Holdings())
			}
		})
	}
}

func TestNumbersAreExact(t *testing.T) {
	for _, number := range []string{"0", "100", "100.0000", "33.3333", "0.0001", "60.50", "100.00"} {
		s := simulate(t, Config{})
		got := short(ask(t, s, attach("U1", strings.Replace(oneSAP, "60", number, 1))))
		if want := strings.Replace(oneDone, "60}}", number+"}}", 1); got != want {
			t.Errorf("%s: got %s, want %s", number, got, want)
		}
		if held := s.Holdings(); held[Pair{"U1", "SAP", "WS-1"}] != number {
			t.Errorf("%s is held as %v", number, held)
		}
	}
}

func compactJSON(t *testing.T, text []byte) string {
	t.Helper()
	var b bytes.Buffer
	if err := json.Compact(&b, text); err != nil {
		t.Fatal(err)
	}
	return b.String()
}
