package cor

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"corattach/pipeline"
)

func TestDocumentedAnswer(t *testing.T) {
	got, problem := decodeAnswer(answerTo(exampleResponse(t), sample()))
	if problem != "" {
		t.Fatal(problem)
	}
	want := pipeline.Answer{
		Status: 200,
		UserID: 8545,
		Pivots: []pipeline.Pivot{
			{Workspace: "Workspaces-example-5", Source: "MICROSOFT_DYNAMICS", Percentage: "10", UserID: 8545, WorkspaceID: 1, Name: "Workspaces test 5", Integration: "NOT_SEND"},
			{Workspace: "Workspaces-example-6", Source: "MICROSOFT_DYNAMICS", Percentage: "20", UserID: 8545, WorkspaceID: 2, Name: "Workspaces test 6", Integration: "NOT_SEND"},
		},
	}
	if diff := cmp.Diff(&want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// answerTo is a 2xx answer to r.
func answerTo(body []byte, r pipeline.Request) reply {
	return reply{status: 200, body: body, asked: r, ids: idsOf(r), secrets: newRedactor(testSecret)}
}

// one decodes an answer of user 8 with one workspace.
func one(t *testing.T, workspace string) pipeline.Pivot {
	t.Helper()
	answer, problem := decodeAnswer(answerTo([]byte(`{"id":8,"workspaces":[`+workspace+`]}`), sample()))
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
			pipeline.Pivot{Workspace: "11", Source: "SAP", Percentage: "33.3300", Text: true, UserID: 8, WorkspaceID: 1, Name: "7"},
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
		`"user_id":8,"percentage":5`:                                           "no numeric",
		`"workspace_id":1.5,"user_id":8,"percentage":5`:                        "no numeric",
		`"workspace_id":"+1","user_id":8,"percentage":5`:                       "no numeric",
		`"workspace_id":1,"percentage":5`:                                      "no numeric",
		`"workspace_id":1,"user_id":99999999999999999999,"percentage":5`:       "no numeric",
	} {
		if got := one(t, `{"id":1,"pivot":{`+pivot+`}}`); !strings.Contains(got.Problem, want) {
			t.Errorf("%s: %+v", pivot, got)
		}
	}
	if got := one(t, `{"pivot":{"workspace_id":1,"user_id":8,"percentage":5}}`); got.Problem != "it has no numeric id, or its pivot no numeric workspace_id and user_id" {
		t.Errorf("no id: %+v", got)
	}
}

func TestInactive(t *testing.T) {
	for active, want := range map[string]bool{
		"false": true, "0": true, `"0"`: true, `"false"`: true, "true": false, "1": false, `"1"`: false, "null": false, `""`: false, "[]": false, "{}": false,
	} {
		if got := one(t, `{"id":1,"active":`+active+`,"pivot":{"workspace_id":1,"user_id":8,"percentage":5}}`); got.Inactive != want || got.Problem != "" {
			t.Errorf("%s: %+v", active, got)
		}
	}
}

// Names count as they are spelled, and one that stands twice is an error.
func TestAnswerIsReadStrictly(t *testing.T) {
	for _, body := range []string{`{"ID":8,"workspaces":[]}`, `{"id":8,"Workspaces":[]}`} {
		if _, problem := decodeAnswer(answerTo([]byte(body), sample())); problem != "no user object in the answer" {
			t.Errorf("%s: %q", body, problem)
		}
	}
	for _, body := range []string{
		`{"id":8,"id":8,"workspaces":[]}`, `{"id":8,"workspaces":[],"workspaces":[]}`, `{"id":8,"workspaces":[],"x":{"y":1,"y":1}}`,
		`{"id":8,"workspaces":[{"id":1,"pivot":{"workspace_id":1,"user_id":8,"percentage":5,"percentage":6}}]}`,
		`{"id":8,"workspaces":[{"id":1,"pivot":{"workspace_id":1,"user_id":8,"percentage":5,"percent\u0061ge":6}}]}`,
	} {
		if _, problem := decodeAnswer(answerTo([]byte(body), sample())); problem != "the answer contradicts itself: a name stands twice in one object" {
			t.Errorf("%s: %q", body, problem)
		}
	}
}

// What COR names is kept to a bounded size.
func TestTextsOfPivotsAreBounded(t *testing.T) {
	long := strings.Repeat("é", 200)
	got := one(t, `{"id":1,"name":"`+long+`","json_integrations":{"origin_external_id":"`+long+`","source":"`+long+`","status":"`+long+`"},"pivot":{"workspace_id":1,"user_id":8,"percentage":5}}`)
	for _, text := range []string{got.Name, string(got.Workspace), string(got.Source), got.Integration} {
		if want := strings.Repeat("é", 126) + "…"; text != want {
			t.Errorf("%d bytes: %q", len(text), text)
		}
	}
}

// Numeric external ids that look like COR's own numbers are never confused.
func TestJoinIsByExternalID(t *testing.T) {
	r := pipeline.Request{Shares: []pipeline.Share{{Workspace: "1"}, {Workspace: "2"}}}
	answer, problem := decodeAnswer(answerTo([]byte(`{"id":8,"workspaces":[
		{"id":1,"json_integrations":{"origin_external_id":"2","source":"SAP"},"pivot":{"workspace_id":1,"user_id":8,"percentage":20}},
		{"id":2,"json_integrations":{"origin_external_id":"1","source":"SAP"},"pivot":{"workspace_id":2,"user_id":8,"percentage":10}}]}`), r))
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

func TestNoUserObject(t *testing.T) {
	example := string(exampleResponse(t))
	for _, body := range []string{
		"", " ", "null", "[]", "[{}]", "5", `"x"`, "{}", "<html></html>", "\xef\xbb\xbf" + example,
		`{"id":8}`, `{"id":8,"workspaces":null}`, `{"id":8,"workspaces":{}}`, `{"id":8,"workspaces":"x"}`,
		`{"workspaces":[]}`, `{"id":null,"workspaces":[]}`, `{"id":"x","workspaces":[]}`, `{"id":1.5,"workspaces":[]}`, `{"id":true,"workspaces":[]}`,
		example + "x", example + example, example[:len(example)-1], example[:len(example)/2],
		`{"status":400,"name":"CORCustomError","code":"ZC001","message":"m"}`, `{"data":` + example + `}`,
	} {
		if answer, problem := decodeAnswer(answerTo([]byte(body), sample())); problem == "" {
			t.Errorf("%.60q: decoded to %+v", body, answer)
		}
	}
}
