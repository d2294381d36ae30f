package cor

import (
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"corattach/pipeline"
)

// errorBody is one of COR's error bodies and what is to be read from it.
type errorBody struct {
	name, body, code, message string
	attached, foreign         bool
	subject                   pipeline.Subject
	quoted                    string // of a 2xx answer with a foreign body
}

func errorBodies() []errorBody {
	return []errorBody{
		{name: "A", body: `{"status":400,"name":"CORCustomError","code":"ZC001","message":"not associated"}`, code: "ZC001", message: "not associated", subject: pipeline.UnknownEither},
		{name: "A attached", body: `{"status":400,"name":"CORCustomError","code":"ZC004","message":"association exists"}`, code: "ZC004", message: "association exists", attached: true},
		{name: "B", body: `{"name":"UserNotFoundError","message":"no such user"}`, code: "UserNotFoundError", message: "no such user", subject: pipeline.UnknownUser},
		{name: "B generic", body: `{"name":"CORCustomError","message":"odd"}`, code: "CORCustomError", message: "odd"},
		{name: "B word in the message", body: `{"name":"CORCustomError","message":"failed: AlreadyAttachedError (x)"}`, code: "AlreadyAttachedError", message: "failed: AlreadyAttachedError (x)", attached: true},
		{name: "B both words", body: `{"message":"ZC001, not ZC004"}`, code: "ZC001", message: "ZC001, not ZC004", subject: pipeline.UnknownEither},
		{name: "B name decides", body: `{"name":"AlreadyAttachedError","code":"XX123","message":"m"}`, code: "XX123", message: "m", attached: true},
		{name: "B code before message", body: `{"code":"ZC001","message":"UT011"}`, code: "ZC001", message: "UT011", subject: pipeline.UnknownEither},
		{name: "B doubled name", body: `{"code":"ZC001","code":"UT012","message":"m"}`, code: "UT012", message: "m"},
		{name: "B name of a status", body: `{"status":404,"name":"NotFound","message":"NotFound: no such route"}`, code: "NotFound", message: "NotFound: no such route", foreign: true},
		{name: "B name of a status in words", body: `{"name":"Bad Request","code":"UT012","message":"a Bad Request"}`, code: "UT012", message: "a Bad Request"},
		{name: "B name that may be a person's", body: `{"status":404,"name":"Nobody","message":"Nobody: no such route"}`, message: "[hidden]: no such route", foreign: true},
		{name: "B of a gateway", body: `{"message":"no Route matched with those values"}`, message: "no Route matched with those values", foreign: true},
		{name: "C", body: `{"status":"ERROR","code":"FS003","message":"bad\nsource"}`, code: "FS003", message: "bad source"},
		{name: "C odd code", body: `{"status":"ERROR","code":"oops","message":"bad"}`, code: "oops", message: "bad"},
		{name: "C attached", body: `{"status":"ERROR","code":"UT011","message":"already assigned"}`, code: "UT011", message: "already assigned", attached: true},
		{
			name: "D", body: `[{"field":"workspaces.0.percentage","validation":"range","message":"must be under 100"},{"field":"source","validation":"in","message":"unknown"}]`,
			message: "workspaces.0.percentage: must be under 100; source: unknown",
		},
		{name: "D without a message", body: `[{"field":"source","validation":"required"}]`, message: "source: required"},
		{name: "D attached", body: `[{"code":"ZC004","message":"a"},{"code":"UT011","message":"b"}]`, code: "ZC004", message: "a; b", attached: true},
		{name: "D one attached", body: `[{"code":"ZC004","message":"a"},{"code":"ZC001","message":"b"}]`, code: "ZC004", message: "a; b", subject: pipeline.UnknownEither},
		{name: "E", body: `{"error":401,"message":"Unauthorized"}`, message: "Unauthorized", foreign: true},
		{name: "E with a word of COR's", body: `{"error":400,"message":"WorkspaceNotFoundError"}`, code: "WorkspaceNotFoundError", message: "WorkspaceNotFoundError", subject: pipeline.UnknownWorkspace},
		{name: "E with words", body: `{"error":"Not acceptable","message":"no","code":409}`, message: "no", foreign: true},
		{name: "OAuth", body: `{"error":"invalid_client","error_description":"who are you"}`, code: "invalid_client", message: "who are you", foreign: true},
		{name: "nested", body: `{"error":{"code":"ZC004","message":"there"}}`, code: "ZC004", message: "there", attached: true},
		{name: "nested, of a gateway", body: `{"error":{"code":404,"status":"NOT_FOUND","message":"there"}}`, message: "there", foreign: true},
		{name: "F", body: `{"data":1,"errors":[{"name":"WorkspaceNotFoundError","code":"ZC001","message":"WS"}]}`, code: "ZC001", message: "WS", subject: pipeline.UnknownWorkspace},
		{name: "G", body: `{"status":"partial_success","errors":[{"id":"WS","error_code":"ZC004","message":"exists"}]}`, code: "ZC004", message: "exists", attached: true},
		{name: "messages in a list", body: `{"code":"UT012","message":["a",1,{"name":"Ana"},"b"]}`, code: "UT012", message: "a; 1; b"},
		{name: "message as an object", body: `{"code":"UT012","message":{"name":"Ana"}}`, code: "UT012"},
		{name: "name of a person", body: `{"name":"Ana Perez","code":"Ana Perez","message":"ask ana.perez@example.com, or +1@x."}`, message: "ask [hidden], or [hidden].", foreign: true},
		{name: "HTML", body: "<!DOCTYPE html>\n<html><head><TITLE id=x>Bad\n Gateway &mdash; x</TITLE></head>", message: "an HTML page", quoted: "an HTML page", foreign: true},
		{name: "HTML without a title", body: "<html><body>oops</body></html>", message: "an HTML page", quoted: "an HTML page", foreign: true},
		{name: "text", body: "upstream \x1b[31mtimed\x00 out\r\n", message: "upstream [31mtimed out", foreign: true},
		{name: "nothing", body: "", message: "an empty body", quoted: "an empty body", foreign: true},
		{name: "a byte order mark alone", body: "\ufeff", message: "an empty body", quoted: "an empty body", foreign: true},
		{name: "behind a byte order mark", body: "\ufeff" + `{"code":"ZC001","message":"not associated"}`, code: "ZC001", message: "not associated", subject: pipeline.UnknownEither},
		{name: "object that says nothing", body: `{"ok":false}`, foreign: true},
		{name: "broken JSON", body: `{"code":"ZC001`, message: "broken JSON", quoted: "broken JSON", foreign: true},
		{name: "broken array", body: `[{"code":"ZC001"`, message: "broken JSON", quoted: "broken JSON", foreign: true},
		{name: "null", body: `null`, message: `null`, foreign: true},
	}
}

func wantKind(status int, attached bool) pipeline.FaultKind {
	switch status {
	case 401:
		return pipeline.Unauthorized
	case 408:
		return pipeline.TimedOut
	case 429, 503:
		return pipeline.Throttled
	case 500, 502, 504, 599:
		return pipeline.ServerError
	}
	if attached {
		return pipeline.Attached
	}
	if status == 403 {
		return pipeline.Forbidden
	}
	return pipeline.Refused
}

// speaker is a server that says what it is told to.
type speaker struct {
	status int
	body   string
}

func (s *speaker) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	w.WriteHeader(s.status)
	_, _ = io.WriteString(w, s.body)
}

// Every error body with every status, over the wire.
func TestErrorBodies(t *testing.T) {
	var cor speaker
	server := serve(t, cor.ServeHTTP)
	for _, e := range errorBodies() {
		for _, status := range []int{400, 401, 403, 404, 408, 409, 417, 422, 429, 500, 502, 503, 504, 599} {
			cor = speaker{status, e.body}
			want := pipeline.Fault{Kind: wantKind(status, e.attached), Status: status, Code: e.code, Message: e.message, Foreign: e.foreign}
			if want.Kind == pipeline.Refused {
				want.Subject = e.subject
			}
			if diff := cmp.Diff(want, fails(t, static(t, server.URL))); diff != "" {
				t.Errorf("%s with %d (-want +got):\n%s", e.name, status, diff)
			}
		}
	}
}

// Beside a 2xx only COR's own errors are quoted: all else may be a person's data.
func TestErrorBodiesBesideSuccess(t *testing.T) {
	var cor speaker
	server := serve(t, cor.ServeHTTP)
	for _, e := range errorBodies() {
		for _, status := range []int{200, 201} {
			cor = speaker{status, e.body}
			_, problem := decodeAnswer(answerTo([]byte(strings.TrimPrefix(e.body, "\ufeff")), sample()))
			want := pipeline.Fault{Kind: pipeline.Unreadable, Status: status, Foreign: e.foreign}
			quoted := e.quoted
			if !e.foreign {
				want.Code, quoted = e.code, e.message
			}
			want.Message = strings.TrimSuffix(problem+": "+quoted, ": ")
			if diff := cmp.Diff(want, fails(t, static(t, server.URL))); diff != "" {
				t.Errorf("%s with %d (-want +got):\n%s", e.name, status, diff)
			}
		}
	}
	cor = speaker{status: 204}
	want := pipeline.Fault{Kind: pipeline.Unreadable, Status: 204, Foreign: true, Message: "no JSON in the answer: an empty body"}
	if diff := cmp.Diff(want, fails(t, static(t, server.URL))); diff != "" {
		t.Errorf("204 (-want +got):\n%s", diff)
	}
}

func TestHTMLByContentType(t *testing.T) {
	got := faultOf(reply{status: 502, body: []byte("<center>nginx</center>"), header: http.Header{"Content-Type": {"text/html; charset=utf-8"}}, secrets: newRedactor()}, "")
	if diff := cmp.Diff(&pipeline.Fault{Kind: pipeline.ServerError, Status: 502, Message: "an HTML page", Foreign: true}, got); diff != "" {
		t.Error(diff)
	}
}

func TestMessagesAreBounded(t *testing.T) {
	f := faultOf(reply{status: 400, body: []byte(`{"code":"` + strings.Repeat("C", 500) + `","message":"` + strings.Repeat("é", 5000) + `"}`),
		secrets: newRedactor()}, "")
	for what, text := range map[string]string{"message": f.Message, "code": f.Code} {
		limit := map[string]int{"message": maxMessage, "code": maxCode}[what]
		if len(text) > limit || len(text) < limit-2 || !utf8.ValidString(text) || !strings.HasSuffix(text, "…") {
			t.Errorf("%s: %d bytes: %q", what, len(text), text)
		}
	}
}

func TestRetryAfter(t *testing.T) {
	at := time.Date(2026, 11, 23, 3, 15, 0, 0, time.UTC)
	date := func(d time.Duration) string { return at.Add(d).Format(http.TimeFormat) }
	for _, test := range []struct {
		after, date string
		want        time.Duration
	}{
		{"", "", 0},
		{"7", "", 7 * time.Second},
		{" 7 ", "", 7 * time.Second},
		{"0", "", 0},
		{"-7", "", 0},
		{"1.5", "", 2 * time.Second},
		{"0.001", "", time.Second},
		{"2.000", "", 2 * time.Second},
		{"2.", "", 2 * time.Second},
		{".5", "", time.Second},
		{".", "", 0},
		{"1.5s", "", 0},
		{"1.5.2", "", 0},
		{"1,5", "", 0},
		{"86400.5", "", 24 * time.Hour},
		{"+7", "", 0},
		{"soon", "", 0},
		{"90000", "", 24 * time.Hour},
		{"99999999999999999999999", "", 24 * time.Hour},
		{strings.Repeat("9", 400), "", 24 * time.Hour},
		{date(90 * time.Second), "", 90 * time.Second},
		{date(-90 * time.Second), "", 0},
		{date(90 * time.Second), date(-time.Hour), time.Hour + 90*time.Second},
		{date(90 * time.Second), date(time.Hour), 0},
		{date(90 * time.Second), "garbage", 90 * time.Second},
		{date(50 * time.Hour), "", 24 * time.Hour},
	} {
		header := http.Header{}
		header.Set("Retry-After", test.after)
		header.Set("Date", test.date)
		if got := retryAfter(header, at); got != test.want {
			t.Errorf("%q at %q: %v, want %v", test.after, test.date, got, test.want)
		}
	}
}

func TestRetryAfterArrives(t *testing.T) {
	server := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "3")
		w.WriteHeader(429)
	})
	want := pipeline.Fault{Kind: pipeline.Throttled, Status: 429, After: 3 * time.Second, Message: "an empty body", Foreign: true}
	if diff := cmp.Diff(want, fails(t, static(t, server.URL))); diff != "" {
		t.Error(diff)
	}
}

func FuzzFault(f *testing.F) {
	for _, e := range errorBodies() {
		f.Add(400, []byte(e.body), "text/html", "5", "https://else.example/?x")
	}
	f.Add(302, []byte{}, "", "Mon, 23 Nov 2026 03:15:00 GMT", "//host\x00")
	f.Fuzz(func(t *testing.T, status int, body []byte, contentType, after, location string) {
		header := http.Header{"Content-Type": {contentType}, "Retry-After": {after}, "Location": {location}}
		r := reply{status: status, body: body, header: header, secrets: newRedactor(testSecret)}
		fault := faultOf(r, "")
		if fault == nil {
			if status/100 != 2 {
				t.Fatalf("%d is no fault", status)
			}
			fault = faultOf(r, "problem")
		}
		if !slices.Contains([]pipeline.FaultKind{pipeline.Refused, pipeline.Attached, pipeline.Unauthorized, pipeline.Forbidden, pipeline.Throttled, pipeline.TimedOut, pipeline.ServerError, pipeline.Unreadable}, fault.Kind) || fault.Status != status {
			t.Fatalf("got %+v", *fault)
		}
		if fault.Kind == pipeline.Attached && status/100 != 4 {
			t.Fatalf("attached with %d", status)
		}
		if fault.After < 0 || fault.After > maxAfter {
			t.Fatalf("after %v", fault.After)
		}
		if text := fault.Message + fault.Code; len(text) > maxMessage+maxCode ||
			strings.ContainsAny(text, "\r\n\x00\x1b\u202e\u2028") || !utf8.ValidString(text) || strings.Contains(text, testSecret) {
			t.Fatalf("untidy: %s", fmt.Sprintf("%+v", *fault))
		}
	})
}
