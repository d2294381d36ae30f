package cor

import (
	"fmt"
	"io"
	"net/http"
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
	attached                  bool
	data                      bool // JSON that says nothing as an error
}

func errorBodies() []errorBody {
	return []errorBody{
		{name: "A", body: `{"status":400,"name":"CORCustomError","code":"ZC001","message":"not associated"}`, code: "ZC001", message: "not associated"},
		{name: "A attached", body: `{"status":400,"name":"CORCustomError","code":"ZC004","message":"association exists"}`, code: "ZC004", message: "association exists", attached: true},
		{name: "B", body: `{"name":"UserNotFoundError","message":"no such user"}`, code: "UserNotFoundError", message: "no such user"},
		{name: "B generic", body: `{"name":"CORCustomError","message":"odd"}`, code: "CORCustomError", message: "odd"},
		{name: "B word in the message", body: `{"name":"CORCustomError","message":"failed: AlreadyAttachedError (x)"}`, code: "AlreadyAttachedError", message: "failed: AlreadyAttachedError (x)", attached: true},
		{name: "B both words", body: `{"message":"ZC001, not ZC004"}`, code: "ZC001", message: "ZC001, not ZC004"},
		{name: "B name decides", body: `{"name":"AlreadyAttachedError","code":"XX123","message":"m"}`, code: "XX123", message: "m", attached: true},
		{name: "B code before message", body: `{"code":"ZC001","message":"UT011"}`, code: "ZC001", message: "UT011"},
		{name: "C", body: `{"status":"ERROR","code":"FS003","message":"bad\nsource"}`, code: "FS003", message: "bad source"},
		{name: "C attached", body: `{"status":"ERROR","code":"UT011","message":"already assigned"}`, code: "UT011", message: "already assigned", attached: true},
		{
			name: "D", body: `[{"field":"workspaces.0.percentage","validation":"range","message":"must be under 100"},{"field":"source","validation":"in","message":"unknown"}]`,
			message: "workspaces.0.percentage: must be under 100; source: unknown",
		},
		{name: "D without a message", body: `[{"field":"source","validation":"required"}]`, message: "source: required"},
		{name: "D attached", body: `[{"code":"ZC004","message":"a"},{"code":"UT011","message":"b"}]`, code: "ZC004", message: "a; b", attached: true},
		{name: "D one attached", body: `[{"code":"ZC004","message":"a"},{"code":"ZC001","message":"b"}]`, code: "ZC004", message: "a; b"},
		{name: "E", body: `{"error":401,"message":"Unauthorized"}`, message: "Unauthorized"},
		{name: "E status as text", body: `{"error":"Conflict","message":"no","code":409}`, message: "no"},
		{name: "OAuth", body: `{"error":"invalid_client","error_description":"who are you"}`, code: "invalid_client", message: "who are you"},
		{name: "nested", body: `{"error":{"code":"ZC004","message":"there"}}`, code: "ZC004", message: "there", attached: true},
		{name: "F", body: `{"data":1,"errors":[{"name":"WorkspaceNotFoundError","code":"ZC001","message":"WS"}]}`, code: "ZC001", message: "WS"},
		{name: "G", body: `{"status":"partial_success","errors":[{"id":"WS","error_code":"ZC004","message":"exists"}]}`, code: "ZC004", message: "exists", attached: true},
		{name: "HTML", body: "<!DOCTYPE html>\n<html><head><TITLE id=x>Bad\n Gateway &mdash; x</TITLE></head>", message: "an HTML page: Bad Gateway — x"},
		{name: "HTML without a title", body: "<html><body>oops</body></html>", message: "an HTML page"},
		{name: "text", body: "upstream \x1b[31mtimed\x00 out\r\n", message: "upstream [31mtimed out"},
		{name: "nothing", body: "", message: "an empty body"},
		{name: "object that says nothing", body: `{"ok":false}`, message: `{"ok":false}`, data: true},
		{name: "cut JSON", body: `{"code":"ZC001`, message: `{"code":"ZC001`, data: true},
		{name: "null", body: `null`, message: `null`},
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
	case 200, 201, 204:
		return pipeline.Unreadable
	}
	if attached {
		return pipeline.Attached
	}
	if status == 403 {
		return pipeline.Forbidden
	}
	return pipeline.Refused
}

// Every error body with every status, over the wire.
func TestErrorBodies(t *testing.T) {
	var status int
	var body string
	server := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	})
	for _, e := range errorBodies() {
		for _, status = range []int{200, 201, 204, 400, 401, 403, 404, 408, 409, 417, 422, 429, 500, 502, 503, 504, 599} {
			body = e.body
			want := pipeline.Fault{Kind: wantKind(status, e.attached), Status: status, Code: e.code, Message: e.message}
			switch {
			case status == 204:
				want.Code, want.Message = "", "no JSON in the answer: an empty body"
			case status == 409 && e.name == "E status as text":
				want.Code = ""
			case e.name == "E status as text":
				want.Code = "409"
			}
			if status == 200 || status == 201 {
				problem := "no user object in the answer"
				if _, err := decodeAnswer([]byte(body), sample(), nil); err != "" {
					problem = err
				}
				want.Message = problem + ": " + e.message
				if e.data {
					want.Message = problem
				}
			}
			if diff := cmp.Diff(want, fails(t, static(t, server.URL))); diff != "" {
				t.Errorf("%s with %d (-want +got):\n%s", e.name, status, diff)
			}
		}
	}
}

func TestHTMLByContentType(t *testing.T) {
	got := judge(reply{status: 502, body: []byte("<center>nginx</center>"), header: http.Header{"Content-Type": {"text/html; charset=utf-8"}}})
	if diff := cmp.Diff(&pipeline.Fault{Kind: pipeline.ServerError, Status: 502, Message: "an HTML page"}, got); diff != "" {
		t.Error(diff)
	}
}

func TestMessagesAreBounded(t *testing.T) {
	f := judge(reply{status: 400, body: []byte(`{"code":"` + strings.Repeat("ü", 500) + `","message":"` + strings.Repeat("é", 5000) + `"}`),
		header: http.Header{"X-Request-Id": {strings.Repeat("r", 900)}}})
	for what, text := range map[string]string{"message": f.Message, "code": f.Code, "request id": f.RequestID} {
		limit := map[string]int{"message": maxMessage, "code": maxCode, "request id": maxID}[what]
		if len(text) > limit || len(text) < limit-2 || !utf8.ValidString(text) || !strings.HasSuffix(text, "…") {
			t.Errorf("%s: %d bytes: %q", what, len(text), text)
		}
	}
}

func TestRequestID(t *testing.T) {
	for _, name := range []string{"X-Request-Id", "X-Amzn-RequestId", "X-Correlation-Id"} {
		header := http.Header{}
		header.Set(name, "id-1\x00")
		if got := judge(reply{status: 400, header: header}).RequestID; got != "id-1" {
			t.Errorf("%s: %q", name, got)
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
		{"1.5", "", 0},
		{"+7", "", 0},
		{"soon", "", 0},
		{"90000", "", 24 * time.Hour},
		{"99999999999999999999999", "", 24 * time.Hour},
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
	want := pipeline.Fault{Kind: pipeline.Throttled, Status: 429, After: 3 * time.Second, Message: "an empty body"}
	if diff := cmp.Diff(want, fails(t, static(t, server.URL))); diff != "" {
		t.Error(diff)
	}
}

func TestVeil(t *testing.T) {
	v := veil{testSecret, "ab", ""}
	for text, want := range map[string]string{
		"x" + testSecret + "y ab":             "x" + hidden + "y ab",
		"a\u202e\u200bb\tc\n":                 "a b c",
		strings.Repeat("x", 290) + testSecret: strings.Repeat("x", 290) + hidden,
		strings.Repeat("x", 295) + testSecret: strings.Repeat("x", 295) + "[h…",
		"bad \xff byte":                       "bad ? byte",
	} {
		if got := v.line(text, maxMessage); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
	for text, want := range map[string]string{
		`proxy "http://me:hush@p:1": x@y`: `proxy "http://` + hidden + `@p:1": x@y`,
		"http://a:b@c http://d@e f":       "http://" + hidden + "@c http://" + hidden + "@e f",
		"http://a/b c@d":                  "http://a/b c@d",
		"none":                            "none",
	} {
		if got := maskUsers(text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

func FuzzFault(f *testing.F) {
	for _, e := range errorBodies() {
		f.Add(400, []byte(e.body), "text/html", "5", "https://else.example/?x")
	}
	f.Add(302, []byte{}, "", "Mon, 23 Nov 2026 03:15:00 GMT", "//host\x00")
	f.Fuzz(func(t *testing.T, status int, body []byte, contentType, after, location string) {
		header := http.Header{"Content-Type": {contentType}, "Retry-After": {after}, "Location": {location}, "X-Request-Id": {location}}
		r := reply{status: status, body: body, header: header, veil: veil{testSecret}}
		fault := judge(r)
		if fault == nil {
			if status/100 != 2 {
				t.Fatalf("%d is no fault", status)
			}
			fault = unreadable(r, "problem")
		}
		if fault.Kind < pipeline.Refused || fault.Kind > pipeline.Unreadable || fault.Status != status {
			t.Fatalf("got %+v", *fault)
		}
		if fault.Kind == pipeline.Attached && status/100 != 4 {
			t.Fatalf("attached with %d", status)
		}
		if fault.After < 0 || fault.After > maxAfter {
			t.Fatalf("after %v", fault.After)
		}
		if text := fault.Message + fault.Code + fault.RequestID; len(text) > maxMessage+maxCode+maxID ||
			strings.ContainsAny(text, "\r\n\x00\x1b\u202e\u2028") || !utf8.ValidString(text) || strings.Contains(text, testSecret) {
			t.Fatalf("untidy: %s", fmt.Sprintf("%+v", *fault))
		}
	})
}
