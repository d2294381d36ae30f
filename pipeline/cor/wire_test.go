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

func TestDocumentedAnswer(t *testing.T) {
	got, problem := decodeAnswer(exampleResponse(t), sample(), nil)
	if problem != "" {
		t.Fatal(problem)
	}
	want := pipeline.Answer{
		UserID: 8545,
		Pivots: []pipeline.Pivot{
			{Workspace: "Workspaces-example-5", Source: "MICROSOFT_DYNAMICS", Percentage: "10", UserID: 8545, WorkspaceID: 1, Name: "Workspaces test 5", Integration: "NOT_SEND"},
			{Workspace: "Workspaces-example-6", Source: "MICROSOFT_DYNAMICS", Percentage: "20", UserID: 8545, WorkspaceID: 2, Name: "Workspaces test 6", Integration: "NOT_SEND"},
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// one decodes an answer of user 8 with one workspace.
func one(t *testing.T, workspace string) pipeline.Pivot {
	t.Helper()
	answer, problem := decodeAnswer([]byte(`{"id":8,"workspaces":[`+workspace+`]}`), sample(), nil)
	if problem != "" || len(answer.Pivots) != 1 {
		t.Fatalf("%s: %s, %+v", workspace, problem, answer)
	}
	return answer.Pivots[0]
}

func TestPivots(t *testing.T) {
	const origin = `"json_integrations":{"origin_external_id":"W","source":"SAP","status":"NOT_SEND"}`
	tests := []struct {
		name, workspace string
		want            pipeline.Pivot
	}{
		{
			"numeric strings", `{"id":"1","name":7,"json_integrations":{"origin_external_id":11,"source":"SAP"},"pivot":{"workspace_id":"1","user_id":"8","percentage":"33.3300"}}`,
			pipeline.Pivot{Workspace: "11", Source: "SAP", Percentage: "33.3300", UserID: 8, WorkspaceID: 1, Name: "7"},
		},
		{
			"the number's own text", `{"id":1,` + origin + `,"pivot":{"workspace_id":1,"user_id":8,"percentage":6.0e1}}`,
			pipeline.Pivot{Workspace: "W", Source: "SAP", Percentage: "6.0e1", UserID: 8, WorkspaceID: 1, Integration: "NOT_SEND"},
		},
		{
			"escapes in an id", `{"id":1,"json_integrations":{"origin_external_id":"\u0057\/\"é"},"pivot":{"workspace_id":1,"user_id":8,"percentage":1}}`,
			pipeline.Pivot{Workspace: `W/"é`, Percentage: "1", UserID: 8, WorkspaceID: 1},
		},
		{
			"made in COR", `{"id":1,"name":"Own","pivot":{"workspace_id":1,"user_id":8,"percentage":5}}`,
			pipeline.Pivot{Percentage: "5", UserID: 8, WorkspaceID: 1, Name: "Own"},
		},
		{
			"null integrations", `{"id":1,"json_integrations":null,"pivot":{"workspace_id":1,"user_id":8,"percentage":5}}`,
			pipeline.Pivot{Percentage: "5", UserID: 8, WorkspaceID: 1},
		},
		{
			"integrations as an array", `{"id":1,"json_integrations":[],"pivot":{"workspace_id":1,"user_id":8,"percentage":5}}`,
			pipeline.Pivot{Percentage: "5", UserID: 8, WorkspaceID: 1},
		},
		{"no pivot", `{"id":1,` + origin + `}`, pipeline.Pivot{Workspace: "W", Source: "SAP", Integration: "NOT_SEND", Problem: "the answer has no pivot for it"}},
		{"null pivot", `{"id":1,` + origin + `,"pivot":null}`, pipeline.Pivot{Workspace: "W", Source: "SAP", Integration: "NOT_SEND", Problem: "the answer has no pivot for it"}},
		{"array pivot", `{"id":1,` + origin + `,"pivot":[]}`, pipeline.Pivot{Workspace: "W", Source: "SAP", Integration: "NOT_SEND", Problem: "the answer has no pivot for it"}},
		{"null workspace", `null`, pipeline.Pivot{Problem: "the answer has no pivot for it"}},
		{"no workspace", `5`, pipeline.Pivot{Problem: "the answer has no pivot for it"}},
		{
			"another workspace's pivot", `{"id":1,` + origin + `,"pivot":{"workspace_id":2,"user_id":8,"percentage":5}}`,
			pipeline.Pivot{Workspace: "W", Source: "SAP", Percentage: "5", UserID: 8, WorkspaceID: 2, Integration: "NOT_SEND", Problem: "its pivot is of workspace 2, not 1"},
		},
		{
			"another user's pivot", `{"id":1,` + origin + `,"pivot":{"workspace_id":1,"user_id":9,"percentage":5}}`,
			pipeline.Pivot{Workspace: "W", Source: "SAP", Percentage: "5", UserID: 9, WorkspaceID: 1, Integration: "NOT_SEND", Problem: "its pivot is of user 9, not 8"},
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, one(t, test.workspace)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestUnbelievablePivots(t *testing.T) {
	for pivot, want := range map[string]string{
		`"workspace_id":1,"user_id":8`:                                         "no number as percentage",
		`"workspace_id":1,"user_id":8,"percentage":null`:                       "no number as percentage",
		`"workspace_id":1,"user_id":8,"percentage":true`:                       "no number as percentage",
		`"workspace_id":1,"user_id":8,"percentage":""`:                         "no number as percentage",
		`"workspace_id":1,"user_id":8,"percentage":" 5"`:                       "no number as percentage",
		`"workspace_id":1,"user_id":8,"percentage":"5 %"`:                      "no number as percentage",
		`"workspace_id":1,"user_id":8,"percentage":"NaN"`:                      "no number as percentage",
		`"workspace_id":1,"user_id":8,"percentage":"05"`:                       "no number as percentage",
		`"workspace_id":1,"user_id":8,"percentage":[5]`:                        "no number as percentage",
		`"workspace_id":1,"user_id":8,"percentage":` + strings.Repeat("9", 65): "no number as percentage",
		`"user_id":8,"percentage":5`:                                           "no numeric workspace_id",
		`"workspace_id":1.5,"user_id":8,"percentage":5`:                        "no numeric workspace_id",
		`"workspace_id":"+1","user_id":8,"percentage":5`:                       "no numeric workspace_id",
		`"workspace_id":1,"percentage":5`:                                      "no numeric user_id",
		`"workspace_id":1,"user_id":99999999999999999999,"percentage":5`:       "no numeric user_id",
	} {
		if got := one(t, `{"id":1,"pivot":{`+pivot+`}}`); !strings.Contains(got.Problem, want) {
			t.Errorf("%s: %+v", pivot, got)
		}
	}
	if got := one(t, `{"pivot":{"workspace_id":1,"user_id":8,"percentage":5}}`); got.Problem != "the answer has no numeric id for it" {
		t.Errorf("no id: %+v", got)
	}
}

// Numeric external ids that look like COR's own numbers are never confused.
func TestJoinIsByExternalID(t *testing.T) {
	r := pipeline.Request{Shares: []pipeline.Share{{Workspace: "1"}, {Workspace: "2"}}}
	answer, problem := decodeAnswer([]byte(`{"id":8,"workspaces":[
		{"id":1,"json_integrations":{"origin_external_id":"2","source":"SAP"},"pivot":{"workspace_id":1,"user_id":8,"percentage":20}},
		{"id":2,"json_integrations":{"origin_external_id":"1","source":"SAP"},"pivot":{"workspace_id":2,"user_id":8,"percentage":10}}]}`), r, nil)
	if problem != "" {
		t.Fatal(problem)
	}
	got := map[pipeline.WorkspaceID]string{}
	for _, p := range answer.Pivots {
		got[p.Workspace] = p.Percentage + p.Problem
	}
	if diff := cmp.Diff(map[pipeline.WorkspaceID]string{"1": "10", "2": "20"}, got); diff != "" {
		t.Error(diff)
	}
}

func TestTheSameWorkspaceTwice(t *testing.T) {
	entry := func(id int, source, percentage string) string {
		return fmt.Sprintf(`{"id":%d,"json_integrations":{"origin_external_id":"W","source":%q},"pivot":{"workspace_id":%d,"user_id":8,"percentage":%s}}`, id, source, id, percentage)
	}
	const twice = "the answer has it twice, with different values"
	for _, test := range []struct {
		entries []string
		want    string
	}{
		{[]string{entry(1, "SAP", "5"), entry(1, "SAP", "5")}, ","},
		{[]string{entry(1, "SAP", "5"), entry(1, "SAP", "6")}, twice + "," + twice},
		{[]string{entry(1, "SAP", "5"), entry(2, "SAP", "5")}, twice + "," + twice},
		{[]string{entry(1, "SAP", "5"), entry(2, "OKTA", "6")}, ","},
		{[]string{entry(1, "SAP", "5"), entry(1, "SAP", "null")}, twice + ",its pivot has no number as percentage"},
	} {
		answer, _ := decodeAnswer([]byte(`{"id":8,"workspaces":[`+strings.Join(test.entries, ",")+`]}`), sample(), nil)
		if got := answer.Pivots[0].Problem + "," + answer.Pivots[1].Problem; got != test.want {
			t.Errorf("%s: %s", test.entries, got)
		}
	}
}

func TestNoUserObject(t *testing.T) {
	example := string(exampleResponse(t))
	for _, body := range []string{
		"", " ", "null", "[]", "[{}]", "5", `"x"`, "{}", "<html></html>", "\xef\xbb\xbf" + example,
		`{"id":8}`, `{"id":8,"workspaces":null}`, `{"id":8,"workspaces":{}}`, `{"id":8,"workspaces":"x"}`,
		`{"workspaces":[]}`, `{"id":null,"workspaces":[]}`, `{"id":"x","workspaces":[]}`, `{"id":1.5,"workspaces":[]}`, `{"id":true,"workspaces":[]}`,
		example + "x", example + example, example[:len(example)-1], example[:len(example)/2],
		`{"status":400,"name":"CORCustomError","code":"ZC001","message":"m"}`, `{"data":` + example + `}`,
	} {
		if answer, problem := decodeAnswer([]byte(body), sample(), nil); problem == "" {
			t.Errorf("%.60q: decoded to %+v", body, answer)
		}
	}
}

func TestItemErrors(t *testing.T) {
	r := pipeline.Request{Shares: []pipeline.Share{{Workspace: "WS"}, {Workspace: "WS-2"}, {Workspace: "North Pole"}, {Workspace: "7"}}}
	for _, test := range []struct {
		entry string
		want  pipeline.ItemError
	}{
		{`{"id":"WS","error_code":"ZC001","code":"X","message":"WS-2"}`, pipeline.ItemError{Workspace: "WS", Code: "ZC001", Message: "WS-2"}},
		{`{"id":7,"error_code":"ZC001","message":"no"}`, pipeline.ItemError{Workspace: "7", Code: "ZC001", Message: "no"}},
		{`{"id":"other","name":"WorkspaceNotFoundError","message":"workspace WS-2 is unknown"}`, pipeline.ItemError{Workspace: "WS-2", Code: "WorkspaceNotFoundError", Message: "workspace WS-2 is unknown"}},
		{`{"name":"CORCustomError","code":"ZC001","message":"id 'North Pole'."}`, pipeline.ItemError{Workspace: "North Pole", Code: "ZC001", Message: "id 'North Pole'."}},
		{`{"message":"WS and WS-2"}`, pipeline.ItemError{Message: "WS and WS-2"}},
		{`{"message":"WS, again WS."}`, pipeline.ItemError{Workspace: "WS", Message: "WS, again WS."}},
		{`{"message":"XWS WS_1 WS.5 1.WS WSé -WS"}`, pipeline.ItemError{Message: "XWS WS_1 WS.5 1.WS WSé -WS"}},
		{`{"message":"error 17 at 7.5"}`, pipeline.ItemError{Message: "error 17 at 7.5"}},
		{`"external id WS unknown"`, pipeline.ItemError{Workspace: "WS", Message: "external id WS unknown"}},
		{`null`, pipeline.ItemError{}},
		{`{"message":["a","b"],"code":12}`, pipeline.ItemError{Code: "12", Message: `["a","b"]`}},
	} {
		answer, problem := decodeAnswer([]byte(`{"id":8,"workspaces":[],"status":"partial_success","errors":[`+test.entry+`]}`), r, nil)
		if problem != "" {
			t.Fatal(problem)
		}
		if diff := cmp.Diff([]pipeline.ItemError{test.want}, answer.Errors); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.entry, diff)
		}
	}
	for _, none := range []string{`[]`, `null`, `{}`, `"x"`} {
		if answer, problem := decodeAnswer([]byte(`{"id":8,"workspaces":[],"errors":`+none+`}`), r, nil); problem != "" || answer.Errors != nil {
			t.Errorf("%s: %s, %+v", none, problem, answer.Errors)
		}
	}
	many, _ := decodeAnswer([]byte(`{"id":8,"workspaces":[],"errors":[`+strings.Repeat(`{},`, 5000)+`{}]}`), r, nil)
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
		answer, problem := decodeAnswer(body, sample(), veil{testSecret})
		if problem != "" {
			if len(answer.Pivots) > 0 || len(answer.Errors) > 0 {
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
			if p.Problem == "" && (p.UserID != answer.UserID || !isNumber(p.Percentage)) {
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
	r := pipeline.Request{}
	var entries []string
	for i := range 1000 {
		r.Shares = append(r.Shares, pipeline.Share{Workspace: pipeline.WorkspaceID("WS-" + strconv.Itoa(i))})
		entries = append(entries, fmt.Sprintf(`{"name":"WorkspaceNotFoundError","message":"workspace WS-%d is not known"}`, i))
	}
	answer, problem := decodeAnswer([]byte(`{"id":8,"workspaces":[],"errors":[`+strings.Join(entries, ",")+`]}`), r, nil)
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
	body, r := exampleResponse(b), sample()
	b.ReportAllocs()
	for b.Loop() {
		if _, problem := decodeAnswer(body, r, nil); problem != "" {
			b.Fatal(problem)
		}
	}
}
