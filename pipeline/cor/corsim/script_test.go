package corsim

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestScriptedActions(t *testing.T) {
	const stored, nothing = "map[{U1 SAP WS-1}:60 {U1 SAP WS-2}:40.5]", "map[]"
	for _, c := range []struct {
		entry, want, holds string
	}{
		{`"status": 503`, `503 {"error":503,"message":"Service Unavailable"}`, nothing},
		{`"status": 503, "retry_after": 300`, `503 Retry-After: 300 {"error":503,"message":"Service Unavailable"}`, nothing},
		{`"status": 429, "retry_date": "3s"`, `429 Retry-After: Sat, 01 Jan 2000 00:00:03 GMT {"error":429,"message":"Too Many Requests"}`, nothing},
		{`"status": 429, "headers": {"Retry-After": "soon"}, "body": "html"`, `429 Retry-After: soon (text/html) <html><head><title>429 Too Many Requests</title></head><body><h1>429 Too Many Requests</h1></body></html>`, nothing},
		{`"status": 500, "apply": true`, `500 {"error":500,"message":"Internal Server Error"}`, stored},
		{`"status": 500, "apply": false, "body": "empty"`, `500`, nothing},
		{`"status": 204`, `204`, nothing},
		{`"status": 302, "headers": {"X-Test": "yes"}`, `302 X-Test: yes`, nothing},
		{`"status": 400, "body": "A"`, `400 {"status":400,"name":"CORCustomError","code":"FS003","message":"Bad Request"}`, nothing},
		{`"status": 400, "code": "UT011"`, `400 {"status":400,"name":"CORCustomError","code":"UT011","message":"Bad Request"}`, nothing},
		{`"status": 409, "body": "B", "name": "AlreadyAttachedError", "message": "m"`, `409 {"name":"AlreadyAttachedError","code":"FS003","message":"m"}`, nothing},
		{`"status": 403, "body": "C"`, `403 {"status":"ERROR","code":"FS003","message":"Forbidden"}`, nothing},
		{`"status": 417, "body": "D", "name": "workspaces", "code": "invalid", "message": "workspaces is not valid"`, `417 [{"field":"workspaces","validation":"invalid","message":"workspaces is not valid"}]`, nothing},
		{`"status": 403, "body": "E"`, `403 {"error":403,"message":"FS003: Forbidden"}`, nothing},
		{`"cut": "before"`, `cut`, nothing},
		{`"cut": "after"`, `cut`, stored},
		{`"truncate": 10`, `200 {"id":8545 … unexpected EOF`, stored},
		{`"truncate": 0`, `200  … unexpected EOF`, stored},
		{`"headers": {"X-Test": "yes"}`, strings.Replace(twoDone, "200", "200 X-Test: yes", 1), stored},
		{`"drop_workspace": ["WS-2"]`, oneDone, stored},
		{`"set_percentage": {"WS-1": "59.99", "WS-2": null}`, strings.NewReplacer("60}}", `"59.99"}}`, "40.5}}", "null}}").Replace(twoDone), stored},
		{`"set_percentage": {"WS-1": "a lot", "WS-2": 40}`, strings.NewReplacer("60}}", `"a lot"}}`, "40.5}}", "40}}").Replace(twoDone), stored},
		{`"contradict": "user"`, strings.ReplaceAll(twoDone, `"user_id":8545`, `"user_id":8546`), stored},
		{`"contradict": "workspace"`, strings.NewReplacer(`"workspace_id":1`, `"workspace_id":2`, `"workspace_id":2`, `"workspace_id":3`).Replace(twoDone), stored},
		{`"inactive_workspace": ["WS-2"]`, strings.Replace(twoDone, `"name":"Workspace WS-2",`, `"name":"Workspace WS-2","active":false,"metadata":{},`, 1), stored},
		{`"set_percentage": {"WS-1": 1}, "status": 200, "body": "empty", "apply": true`, `200`, stored},
		{`"cut": "after", "status": 500, "apply": true`, `cut`, stored},
		{`"cut": "after", "status": 500`, `cut`, nothing},
		{`"status": 500, "truncate": 9, "apply": true`, `500 {"error": … unexpected EOF`, stored},
		{`"status": 429, "retry_after": 1000000`, `429 Retry-After: 1000000 {"error":429,"message":"Too Many Requests"}`, nothing},
		{`"status": 429, "retry_after": 1.5`, `429 Retry-After: 1.5 {"error":429,"message":"Too Many Requests"}`, nothing},
		{`"extra_workspace": {"WS-X": 5}, "drop_workspace": ["WS-2"]`, strings.TrimSuffix(oneDone, "]}") + strings.NewReplacer("WS-1", "WS-X", `"id":1`, `,{"id":3`, `_id":1`, `_id":3`).Replace(strings.TrimPrefix(ws1at, "{")) + `5}}]}`, stored},
		{`"extra_workspace": {"": 100}, "drop_workspace": ["WS-2"]`, strings.TrimSuffix(oneDone, "]}") + `,{"id":3,"name":"Workspace ","pivot":{"workspace_id":3,"user_id":8545,"percentage":100}}]}`, stored},
		{`"revoke_token": true`, `401 {"error":401,"message":"Unauthorized"}`, nothing},
	} {
		t.Run(c.entry, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var log records
				s := simulate(t, Config{Script: script(t, `{"faults": [{`+c.entry+`}]}`), Log: log.keep})
				if got := short(ask(t, s, attach("U1", twoSAP))); got != c.want {
					t.Errorf("got %s\nwant %s", got, c.want)
				}
				if got := fmt.Sprint(s.Holdings()); got != c.holds {
					t.Errorf("holds %s, want %s", got, c.holds)
				}
				record := log[0]
				if record.Fault == nil || *record.Fault != 0 || record.Applied != (c.holds == stored) {
					t.Errorf("log %+v", record)
				}
			})
		})
	}
}

// TestScriptedMatching writes one letter for each request: the entry that struck, or "." for none.
func TestScriptedMatching(t *testing.T) {
	const okta = `{"workspaces":[{"workspaceId":"WS-1","percentage":60}],"metadata":{"source":"OKTA"}}`
	requests := []sent{
		attach("U1", oneSAP), attach("U1", oneSAP), attach("U2", oneSAP), attach("U1", oneSAP), attach("U1", okta),
		detach("U1", `{"workspaces":["WS-1"],"metadata":{"source":"SAP"}}`), attach("a%2Fb", oneSAP), {method: "GET", path: "/v1/me"},
	}
	for _, c := range []struct{ name, faults, want string }{
		{"everybody", `{"user": "*", "status": 500}`, "aaaaa.a."},
		{"absent user", `{"status": 500}`, "aaaaa.a."},
		{"one user", `{"user": "U2", "status": 500}`, "..a....."},
		{"an escaped user", `{"user": "a/b", "status": 500}`, "......a."},
		{"source", `{"source": "OKTA", "status": 500}`, "....a..."},
		{"endpoint", `{"endpoint": "detach", "status": 500}, {"endpoint": "me", "status": 500}`, ".....a.b"},
		{"attempts by user", `{"attempts": [1, 3], "status": 500}`, "a.aa..a."},
		{"attempts of a source", `{"user": "U1", "source": "OKTA", "attempts": [1], "status": 500}`, "....a..."},
		{"from", `{"from": 3, "status": 500}`, "...aa..."},
		{"first entry wins", `{"user": "U1", "attempts": [2], "status": 500}, {"status": 501}`, "babbb.b."},
		{"later entries count all", `{"user": "U1", "attempts": [1], "status": 500}, {"user": "U1", "attempts": [1, 2], "status": 501}`, "ab......"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var log records
			s := simulate(t, Config{Script: script(t, `{"faults": [`+c.faults+`]}`), Log: log.keep})
			for _, q := range requests {
				ask(t, s, q)
			}
			var got strings.Builder
			for _, record := range log {
				if record.Fault == nil {
					got.WriteByte('.')
				} else {
					got.WriteByte('a' + byte(*record.Fault))
				}
			}
			if got.String() != c.want {
				t.Errorf("got %s, want %s", &got, c.want)
			}
		})
	}
}

func TestScriptedTimes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		faults := script(t, `{"faults": [{"attempts": [3, 4], "status": 503}, {"from": 7, "delay": "3s"}]}`)
		s := simulate(t, Config{Script: faults})
		var got []string
		for range 8 {
			start := time.Now()
			status := ask(t, s, attach("U1", oneSAP))[:3]
			took := time.Since(start)
			got = append(got, fmt.Sprintf("%s after %s", status, took))
			time.Sleep(time.Second - took%time.Second)
		}
		want := "[200 after 0s 200 after 0s 503 after 0s 503 after 0s 200 after 0s 200 after 0s 200 after 3s 200 after 3s]"
		if fmt.Sprint(got) != want {
			t.Errorf("got %v\nwant %s", got, want)
		}
	})
}

// TestSwitchesYieldToScripts: what a script answers never reaches COR, its throttling neither.
func TestSwitchesYieldToScripts(t *testing.T) {
	s := simulate(t, Config{Script: script(t, `{"faults": [{"attempts": [1], "status": 400}]}`)}, "throttle=1,none", "percentage=text")
	run(t, s, []step{
		{attach("U1", oneSAP), `400 {"error":400,"message":"Bad Request"}`},
		{attach("U1", oneSAP), strings.Replace(oneDone, "60}}", `"60"}}`, 1)},
		{attach("U1", oneSAP), `429 {"error":429,"message":"Too Many Requests"}`},
	})
}

func TestScriptErrors(t *testing.T) {
	entry := func(text string) string { return "{\"faults\": [\n{\"status\": 500},\n{" + text + "}]}" }
	for text, want := range map[string]string{
		"":                                   `line 1: unexpected EOF`,
		"user_id,workspace_id":               `line 1: invalid character 'u' at start of value`,
		"{\"faults\": [\n {]}":               `line 2: invalid character ']' at start of value`,
		`[]`:                                 `the document: wrong kind of value`,
		`{}`:                                 `the document has no "faults"`,
		`{"fault": []}`:                      `fault: unknown object member name`,
		`{"faults": {}}`:                     `faults: wrong kind of value`,
		`{"faults":[],"faults":[]}`:          `line 1: duplicate object member name`,
		entry(`"stauts": 500`):               `faults.1.stauts: unknown object member name`,
		entry(`"status": "500"`):             `faults.1.status: wrong kind of value`,
		entry(`"status": 500, "delay": 5`):   `faults.1.delay: JSON value must be string type`,
		entry(`"status": 500, "delay": "5"`): `faults.1.delay: time: missing unit in duration "5"`,
		entry(`"endpoint": "attache", "status": 500`): `faults.1: endpoint: "attache" is none of attach, detach, token, refresh, me`,
		entry(`"cut": "between"`):                     `faults.1: cut: "between" is none of before, after`,
		entry(`"contradict": "both"`):                 `faults.1: contradict: "both" is none of user, workspace`,
		entry(`"status": 200, "body": "F"`):           `faults.1: body: "F" is none of A, B, C, D, E, html, empty`,
		entry(`"status": 99`):                         `faults.1: status 99 is not within 200 and 599`,
		entry(`"body": "A"`):                          `faults.1: body, retry_after, retry_date, apply, name, code and message need a status`,
		entry(`"cut": "after", "apply": true`):        `faults.1: body, retry_after, retry_date, apply, name, code and message need a status`,
		entry(`"delay": "1s", "retry_after": 1`):      `faults.1: body, retry_after, retry_date, apply, name, code and message need a status`,
		entry(`"delay": "1s", "code": "X"`):           `faults.1: body, retry_after, retry_date, apply, name, code and message need a status`,
		entry(`"status": 429, "retry_after": "soon"`): `faults.1.retry_after: wrong kind of value`,
		entry(`"delay": "1s", "retry_date": "1s"`):    `faults.1: body, retry_after, retry_date, apply, name, code and message need a status`,
	} {
		_, err := ReadScript(strings.NewReader(text))
		if err == nil || err.Error() != "fault script: "+want {
			t.Errorf("%s\n got %v\nwant fault script: %s", text, err, want)
		}
	}
}

// TestDocumentedScript reads the example of Script's doc comment.
func TestDocumentedScript(t *testing.T) {
	s := script(t, `{"faults": [
	  {"comment": "U1's second and third attempt", "user": "U1", "attempts": [2, 3], "status": 503, "retry_after": 2},
	  {"comment": "stored, but nobody hears of it", "source": "SAP", "attempts": [1], "cut": "after"},
	  {"from": 3, "status": 429, "retry_date": "3s", "body": "html"},
	  {"endpoint": "token", "attempts": [1], "status": 401}
	]}`)
	if len(s) != 4 {
		t.Errorf("%d faults", len(s))
	}
}

// TestSamples reads what samples has for the simulator.
func TestSamples(t *testing.T) {
	const samples = "../../../samples/"
	scripts, err := filepath.Glob(samples + "faults/*.json")
	if err != nil || len(scripts) == 0 {
		t.Fatal("no scripts", err)
	}
	for _, name := range scripts {
		file, err := os.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		if s, err := ReadScript(file); err != nil || len(s) == 0 {
			t.Errorf("%s: %v", name, err)
		}
		_ = file.Close()
	}
	file, err := os.Open(samples + "known.csv")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if _, err := ReadKnown(file); err != nil {
		t.Error(err)
	}
}
