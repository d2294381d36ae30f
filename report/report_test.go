package report

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"corattach/pipeline"
)

// must stops the test on an error.
func must(t rapid.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// at returns a line of file 0 with these cells.
func at(line int64, user, workspace, percentage, source string, v pipeline.Verdict) pipeline.Line {
	return pipeline.Line{
		Row: pipeline.Row{
			Place: pipeline.Place{Line: line},
			User:  pipeline.UserID(user), Workspace: pipeline.WorkspaceID(workspace), Source: pipeline.Source(source),
			Cells: pipeline.Cells{User: user, Workspace: workspace, Percentage: percentage, Source: source},
		},
		Verdict: v,
	}
}

// everyStatus is a line of each status, over two files.
func everyStatus() []pipeline.Line {
	sent := time.Date(2026, 11, 23, 4, 15, 0, 7_900_000, time.FixedZone("", 3600))
	pivot := func(percentage string) *pipeline.Pivot {
		return &pipeline.Pivot{
			Workspace: "w1", Source: "JIRA", Percentage: percentage, UserID: 812, WorkspaceID: 9001,
			Name: "Café, \"North\"", Integration: "NOT_SEND",
		}
	}
	odd := pivot("39.9")
	odd.UserID, odd.WorkspaceID = -3, 0
	lines := []pipeline.Line{
		at(2, "u1", "w1", " 60 % ", "jira", pipeline.Verdict{Status: pipeline.Matched, Pivot: pivot("60"), HTTPStatus: 200, Attempts: 1, SentAt: sent}),
		at(3, "u1", "w2", "40", "JIRA", pipeline.Verdict{Status: pipeline.Mismatched, Reason: "asked for 40, COR holds 39.9", Pivot: odd, HTTPStatus: 200, Attempts: 2, SentAt: sent}),
		at(4, "u1", "w3", "1", "JIRA", pipeline.Verdict{Status: pipeline.Missing, HTTPStatus: 200, Attempts: 1, SentAt: sent}),
		at(5, "u2", "w1", "1", "SAP", pipeline.Verdict{Status: pipeline.Failed, Reason: "no such user", HTTPStatus: 404, ErrorCode: "USER_NOT_FOUND", Attempts: 1, SentAt: sent}),
		at(6, "u3", "w1", "1", "SAP", pipeline.Verdict{Status: pipeline.Unknown, Reason: "no answer", Attempts: 6, SentAt: sent}),
		at(7, "u4", "w1", "101", "SAP", pipeline.Verdict{Status: pipeline.Invalid, Reason: `percentage "101" is above 100`}),
		at(8, "u4", "w2", "1", "SAP", pipeline.Verdict{Status: pipeline.Held, Reason: "line 7 is invalid"}),
		at(9, "u1", "w1", "60", "JIRA", pipeline.Verdict{Status: pipeline.Duplicate, Reason: "same as line 2"}),
		at(10, "u5", "w1", "1", "SAP", pipeline.Verdict{Status: pipeline.Unchanged, Pivot: pivot("1"), SentAt: sent.Truncate(time.Second)}),
		at(1, "u6", "w1", "1", "SAP", pipeline.Verdict{Status: pipeline.NotSent, Reason: "the canary failed"}),
		at(2, "u7", "w1", "1", "SAP", pipeline.Verdict{Status: pipeline.Planned}),
		{
			Row:     pipeline.Row{Place: pipeline.Place{Line: 3}, Problem: "x", Raw: "u8;\"w\xff1;50"},
			Verdict: pipeline.Verdict{Status: pipeline.Invalid, Reason: "the quote is not closed"},
		},
	}
	for i := range 3 {
		lines[9+i].File = 1
	}
	return lines
}

// everyResult has one vanished pair of each result, the first two of one user.
func everyResult() []pipeline.Vanished {
	var all []pipeline.Vanished
	for i, result := range pipeline.VanishedResults() {
		v := pipeline.Vanished{
			User: pipeline.UserID("u" + strconv.Itoa(max(i, 1))), Source: "JIRA", Workspace: "=w1", Percentage: "33.3333",
			ConfirmedAt: time.Date(2026, 11, 22, 4, 15, 0, 7_900_000, time.FixedZone("", 3600)), Result: result,
		}
		if result == pipeline.DetachFailed {
			v.Reason = "COR refused: HTTP 404 \"gone\""
		}
		all = append(all, v)
	}
	return all
}

// write writes lines and users, three to a page.
func write(s *Set, lines []pipeline.Line, users []pipeline.UserLine) error {
	for page := range slices.Chunk(lines, 3) {
		if err := s.Write(s.block(&Block{Lines: page})); err != nil {
			return err
		}
	}
	for page := range slices.Chunk(users, 3) {
		if err := s.WriteUsers(s.userBlock(&UserBlock{Lines: page})); err != nil {
			return err
		}
	}
	return nil
}

// render writes whole reports and returns the files by name.
func render(t *testing.T, inputs []string, lines []pipeline.Line, users []pipeline.UserLine, summary *Summary, gone ...pipeline.Vanished) map[string]string {
	t.Helper()
	dir := t.TempDir()
	s, err := Open(dir, inputs)
	must(t, err)
	defer s.Discard()
	must(t, write(s, lines, users))
	for i := range gone {
		must(t, s.Vanished(&gone[i]))
	}
	s.Tally().Fill(summary)
	must(t, s.Commit(summary, Next{}))
	return contents(t, dir)
}

// contents returns every file of dir by name, temporary ones too.
func contents(t *testing.T, dir string) map[string]string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	must(t, err)
	files := map[string]string{}
	for _, e := range entries {
		text, err := os.ReadFile(filepath.Join(dir, e.Name()))
		must(t, err)
		files[e.Name()] = string(text)
	}
	return files
}

func TestReports(t *testing.T) {
	users := []pipeline.UserLine{
		{User: "u1", Rows: 4, Requested: 101_0000, Returned: "139.9", OverAllocated: true, Requests: 1, Worst: pipeline.Missing, Extras: []pipeline.Pivot{
			{Workspace: "w9", Source: "JIRA", Percentage: "40", UserID: 812, WorkspaceID: 9009, Name: "=HYPERLINK(1)", Integration: "NOT_SEND"},
			{Percentage: "-5", UserID: -1, Name: "made in COR"},
		}},
		{User: "=u\xff", Rows: 1, Requested: 33_3333, Requests: 2, Worst: pipeline.Failed},
	}
	summary := &Summary{
		RunID: "20261123T031500Z-ab12cd", Job: "default", Version: "1.0", Target: "https://integrations.projectcor.com <a&b>",
		StartedAt:       time.Date(2026, 11, 23, 4, 15, 0, 1, time.FixedZone("", 3600)),
		FinishedAt:      time.Date(2026, 11, 23, 3, 15, 1, 250_000_000, time.UTC),
		DurationSeconds: 1.2499999,
		Inputs:          []Input{{File: "in/a.csv", SHA256: "00ff", Rows: 9}, {File: "-", SHA256: "11ee", Rows: 3}},
		Requests:        5, Attempts: 11, Throttled: 1, Resumable: 2,
		Warnings: []string{"bad byte \xfe"},
		Exit:     Exit{Code: 4, Reason: "some rows failed", All: []int{4, 5}},
	}
	got := render(t, []string{"in/a.csv", "-"}, everyStatus(), users, summary, everyResult()...)
	if !strings.HasPrefix(got[PageFile], "<!doctype html>\n<html") || !strings.HasSuffix(got[PageFile], "</html>\n") {
		t.Errorf("report.html = %s", got[PageFile])
	}
	delete(got, PageFile) // see page_test.go
	want := map[string]string{
		ReconciliationFile: wantReconciliation, FailedFile: wantFailed,
		ExtrasFile: wantExtras, UsersFile: wantUsers, SummaryFile: wantSummary, VanishedFile: wantVanished,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("reports (-want +got):\n%s", diff)
	}
}

func TestEmptyReports(t *testing.T) {
	got := render(t, []string{"a.csv"}, nil, nil, &Summary{Inputs: []Input{{File: "a.csv"}}})
	for name, text := range map[string]string{
		ReconciliationFile: wantReconciliation, FailedFile: wantFailed, ExtrasFile: wantExtras, UsersFile: wantUsers, VanishedFile: wantVanished,
	} {
		header, _, _ := strings.Cut(text, "\n")
		if got[name] != header+"\n" {
			t.Errorf("%s = %q", name, got[name])
		}
	}
	if strings.Contains(got[SummaryFile], "null") || !strings.Contains(got[SummaryFile], `"balanced": true`) {
		t.Errorf("summary.json = %s", got[SummaryFile])
	}
}

// Every user must appear once, in order.
func TestManyUsers(t *testing.T) {
	var users []pipeline.UserLine
	want := "user_id,rows,requested_total,returned_total,over_allocated,requests,worst_status\n"
	for i := range 1500 {
		name := strings.Repeat("x", i%5) + string(rune('a'+i%26))
		users = append(users, pipeline.UserLine{User: pipeline.UserID(name), Rows: i, Worst: pipeline.Planned})
		want += name + "," + strconv.Itoa(i) + ",0,,false,0,planned\n"
	}
	summary := &Summary{}
	got := render(t, nil, nil, users, summary)[UsersFile]
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if summary.Users != int64(len(users)) {
		t.Errorf("users = %d", summary.Users)
	}
}

func TestImpossibleLines(t *testing.T) {
	s, err := Open(t.TempDir(), []string{"a.csv"})
	must(t, err)
	defer s.Discard()
	stranger := at(2, "u", "w", "1", "SAP", pipeline.Verdict{})
	stranger.File = 1
	if err := write(s, []pipeline.Line{stranger}, nil); err == nil || err.Error() != "line 2 of input file 2, of which the run has 1" {
		t.Errorf("a line of no file: %v", err)
	}
	odd := at(2, "u", "w", "1", "SAP", pipeline.Verdict{Status: pipeline.Planned + 1})
	if err := write(s, []pipeline.Line{odd}, nil); err == nil || err.Error() != "a.csv:2: no such status: 11" {
		t.Errorf("a line of no status: %v", err)
	}
}

func TestRequests(t *testing.T) {
	dir := t.TempDir()
	s, err := Open(dir, []string{"a.csv"})
	must(t, err)
	must(t, s.OpenRequests())
	body := []byte(`{"workspaces":[{"external_id":"a<b>&","percentage":33.3333}]}`)
	must(t, s.Request("PUT", "https://h/v1/users/a%2Fb?x=<&>", body))
	must(t, s.Request("DELETE", "https://h/é\"\xff", nil))
	if err := s.Request("PUT", "u", []byte("{\n}")); err == nil {
		t.Error("a body of two lines was taken")
	}
	must(t, s.Commit(&Summary{}, Next{}))
	want := `{"method":"PUT","url":"https://h/v1/users/a%2Fb?x=<&>","body":` + string(body) + "}\n" +
		`{"method":"DELETE","url":"https://h/é\"` + `\ufffd` + `","body":null}` + "\n"
	if diff := cmp.Diff(want, contents(t, dir)[RequestsFile]); diff != "" {
		t.Error(diff)
	}
}

// The text that --json prints is summary.json to the byte.
func TestEncodeLimits(t *testing.T) {
	s := &Summary{Warnings: make([]string, 25), CausesTotal: 99}
	for range 21 {
		s.Causes = append(s.Causes, Cause{})
	}
	var out bytes.Buffer
	must(t, s.Encode(&out))
	for text, n := range map[string]int{`"lines": []`: causesKept, `"warnings_total": 25`: 1, `"causes_total": 99`: 1, "null": 0, "\n    \"\"": causesKept} {
		if got := strings.Count(out.String(), text); got != n {
			t.Errorf("%q stands there %d times, want %d", text, got, n)
		}
	}
	if len(s.Warnings) != 25 || s.Causes[0].Lines != nil {
		t.Error("Encode changed the summary")
	}
}
