package cor

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"corattach/pipeline"
)

func TestItemErrors(t *testing.T) {
	r := pipeline.Request{Key: pipeline.Key{User: "U-1"}, Shares: []pipeline.Share{{Workspace: "WS"}, {Workspace: "WS-2"}, {Workspace: "North Pole"}, {Workspace: "7"}}}
	for _, test := range []struct {
		entry string
		want  pipeline.ItemError
	}{
		{`{"id":"WS","error_code":"ZC001","code":"X","message":"WS-2"}`, pipeline.ItemError{Workspace: "WS", Code: "ZC001", Message: "WS-2", Subject: pipeline.UnknownWorkspace}},
		{`{"id":7,"error_code":"ZC001","message":"no"}`, pipeline.ItemError{Workspace: "7", Code: "ZC001", Message: "no", Subject: pipeline.UnknownWorkspace}},
		{`{"id":"other","name":"WorkspaceNotFoundError","message":"workspace WS-2 is unknown"}`, pipeline.ItemError{Workspace: "WS-2", Code: "WorkspaceNotFoundError", Message: "workspace WS-2 is unknown", Subject: pipeline.UnknownWorkspace}},
		{`{"name":"CORCustomError","code":"ZC001","message":"id 'North Pole'."}`, pipeline.ItemError{Workspace: "North Pole", Code: "ZC001", Message: "id 'North Pole'.", Subject: pipeline.UnknownWorkspace}},
		{`{"message":"WS and WS-2"}`, pipeline.ItemError{Message: "WS and WS-2"}},
		{`{"message":"WS, again WS."}`, pipeline.ItemError{Workspace: "WS", Message: "WS, again WS."}},
		{`{"message":"XWS WS_1 WS.5 1.WS WSé -WS"}`, pipeline.ItemError{Message: "XWS WS_1 WS.5 1.WS WSé -WS"}},
		{`{"message":"error 17 at 7.5"}`, pipeline.ItemError{Message: "error 17 at 7.5"}},
		{`"external id WS unknown"`, pipeline.ItemError{Workspace: "WS", Message: "external id WS unknown"}},
		{`null`, pipeline.ItemError{}},
		{`{"message":["a","b"],"code":12}`, pipeline.ItemError{Code: "12", Message: "a; b"}},
	} {
		answer, problem := decodeAnswer(answerTo([]byte(`{"id":8,"workspaces":[],"status":"partial_success","errors":[`+test.entry+`]}`), r))
		if problem != "" {
			t.Fatal(problem)
		}
		if diff := cmp.Diff([]pipeline.ItemError{test.want}, answer.Errors); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.entry, diff)
		}
	}
	for _, none := range []string{`[]`, `null`, `{}`, `"x"`} {
		if answer, problem := decodeAnswer(answerTo([]byte(`{"id":8,"workspaces":[],"errors":`+none+`}`), r)); problem != "" || answer.Errors != nil {
			t.Errorf("%s: %s, %+v", none, problem, answer.Errors)
		}
	}
	many, _ := decodeAnswer(answerTo([]byte(`{"id":8,"workspaces":[],"errors":[`+strings.Repeat(`{},`, 5000)+`{}]}`), r))
	if len(many.Errors) != 1004 {
		t.Errorf("%d errors kept", len(many.Errors))
	}
}

// loose is a second, plain reading of an answer.
func loose(body []byte) (user any, workspaces []any) {
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.UseNumber()
	var all map[string]any
	if decoder.Decode(&all) != nil {
		return nil, nil
	}
	workspaces, _ = all["workspaces"].([]any)
	return all["id"], workspaces
}

func FuzzAnswer(f *testing.F) {
	f.Add(exampleResponse(f))
	for _, seed := range []string{
		"", "null", "[]", `{"id":8,"workspaces":[]}`, `{"id":"8","workspaces":[null,5,{"id":1,"pivot":{"workspace_id":1,"user_id":8,"percentage":"6.5"}}]}`,
		`{"id":8,"workspaces":[{"id":1,"json_integrations":{"origin_external_id":"W","source":"SAP"},"pivot":{"workspace_id":2,"user_id":8,"percentage":5}}],"errors":[{"id":"WS","error_code":"ZC001"},"Workspaces-example-5"]}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		answer, problem := decodeAnswer(answerTo(body, sample()))
		if problem != "" {
			if answer != nil {
				t.Fatalf("a problem came with %+v", answer)
			}
			return
		}
		for _, e := range answer.Errors {
			if len(e.Message) > maxMessage || len(e.Code) > maxCode || strings.ContainsAny(e.Message+e.Code, "\n\r\x00\x1b") {
				t.Fatalf("untidy %+v", e)
			}
		}
		for _, p := range answer.Pivots {
			if p.Problem == "" && (p.UserID != answer.UserID || raw(p.Percentage).number() == "") {
				t.Fatalf("inconsistent without a problem: %+v", p)
			}
			if p.Percentage != "" && !bytes.Contains(body, []byte(p.Percentage)) && !bytes.Contains(body, []byte(`\u`)) {
				t.Fatalf("%q stands nowhere in the body", p.Percentage)
			}
		}
		// Where the keys are written as documented and once, the plain reading agrees.
		if strings.Count(string(body), `"workspaces"`) != 1 || strings.Count(strings.ToLower(string(body)), "workspaces") != 1 {
			return
		}
		_, workspaces := loose(body)
		if len(workspaces) != len(answer.Pivots) && !bytes.Contains(body, []byte(`\u`)) {
			t.Fatalf("%d workspaces, %d pivots", len(workspaces), len(answer.Pivots))
		}
	})
}

func TestNamedIsQuickEnough(t *testing.T) {
	r := pipeline.Request{Key: pipeline.Key{User: "U-1"}}
	var entries []string
	for i := range 1000 {
		r.Shares = append(r.Shares, pipeline.Share{Workspace: pipeline.WorkspaceID("WS-" + strconv.Itoa(i))})
		entries = append(entries, fmt.Sprintf(`{"name":"WorkspaceNotFoundError","message":"workspace WS-%d is not known"}`, i))
	}
	answer, problem := decodeAnswer(answerTo([]byte(`{"id":8,"workspaces":[],"errors":[`+strings.Join(entries, ",")+`]}`), r))
	if problem != "" {
		t.Fatal(problem)
	}
	for i, e := range answer.Errors {
		if e.Workspace != r.Shares[i].Workspace {
			t.Fatalf("entry %d was given to %q", i, e.Workspace)
		}
	}
}

func BenchmarkDecodeAnswer(b *testing.B) {
	r := answerTo(exampleResponse(b), sample())
	b.ReportAllocs()
	for b.Loop() {
		if _, problem := decodeAnswer(r); problem != "" {
			b.Fatal(problem)
		}
	}
}
