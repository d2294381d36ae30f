package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"corattach/pipeline"
	"corattach/report"
	"corattach/report/explain"
)

// sameStories tells the story of every user of a run and sets it against
// reconciliation.csv and vanished.csv: each line that names the user, and
// nothing else, cell by cell.
func sameStories(t *testing.T, dir string, users []string) {
	t.Helper()
	want, vanished := make(map[string][][]string), make(map[string][][]string)
	for _, line := range linesOf(t, dir, report.VanishedFile) {
		vanished[line["user_id"]] = append(vanished[line["user_id"]], []string{
			line["workspace_id"], line["source"], line["percentage"], line["confirmed_at"],
		})
	}
	for _, line := range linesOf(t, dir, report.ReconciliationFile) {
		var cells []string
		for _, name := range storyColumns() {
			cell := line[name]
			if strings.HasPrefix(cell, "'--") { // a spreadsheet would run it
				cell = cell[1:]
			}
			cells = append(cells, cell)
		}
		user := strings.Trim(line["user_id"], " ")
		want[user] = append(want[user], cells)
	}
	for _, user := range users {
		var out, errs bytes.Buffer
		code := run([]string{"explain", "--json", dir, user}, strings.NewReader(""), &out, &errs)
		if want[user] == nil && vanished[user] == nil {
			if code != pipeline.ExitUsage {
				t.Errorf("user %q, who has no row: exit %d: %s", user, code, errs.String())
			}
			continue
		}
		var story explain.Story
		if code != pipeline.ExitDone {
			t.Fatalf("user %q: exit %d: %s", user, code, errs.String())
		}
		okay(t, json.Unmarshal(out.Bytes(), &story))
		var got, gone [][]string
		for _, r := range story.Rows {
			got = append(got, storyCells(&r))
		}
		for _, v := range story.Vanished {
			gone = append(gone, []string{string(v.Workspace), string(v.Source), v.Percentage, timeCell(v.ConfirmedAt)})
		}
		if diff := cmp.Diff(want[user], got) + cmp.Diff(vanished[user], gone); diff != "" {
			t.Errorf("the story of %q is not what the report says: %s", user, diff)
		}
	}
}

func timeCell(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.Format("2006-01-02T15:04:05.000Z")
}

func storyColumns() []string {
	return []string{
		"file", "line", "user_id", "workspace_id", "source", "percentage",
		"status", "reason", "pivot_percentage", "http_status", "error_code", "attempts", "sent_at",
	}
}

func storyCells(r *explain.Row) []string {
	number := func(n int) string {
		if n == 0 {
			return ""
		}
		return fmt.Sprint(n)
	}
	pivot := ""
	if r.Pivot != nil {
		pivot = r.Pivot.Percentage
	}
	return []string{
		r.File, fmt.Sprint(r.Line), r.User, r.Workspace, r.Source, r.Percentage,
		string(r.Status), r.Reason, pivot, number(r.HTTPStatus), r.ErrorCode, fmt.Sprint(r.Attempts), timeCell(r.SentAt),
	}
}

// Whatever the input, what COR does to it and where the run ends: for each user
// explain says what the report says.
func TestStoriesAreTheReport(t *testing.T) {
	t.Parallel()
	users := []string{"U1", "U2", "U3", "U4", "U5"}
	rapid.Check(t, func(rt *rapid.T) {
		var input strings.Builder
		input.WriteString("user_id,workspace_id,percentage,source\n")
		for range rapid.IntRange(1, 14).Draw(rt, "rows") {
			fmt.Fprintf(&input, "%s,%s,%s,%s\n", rapid.SampledFrom(users[:4]).Draw(rt, "user"),
				rapid.SampledFrom([]string{"W1", "W2", "W3", " W1 "}).Draw(rt, "workspace"),
				rapid.SampledFrom([]string{"30", "30", "30", "30.0", "70", "much"}).Draw(rt, "percentage"),
				rapid.SampledFrom([]string{"SAP", "sap", "OKTA"}).Draw(rt, "source"))
		}
		script := rapid.SampledFrom([]string{
			`{"faults": []}`,
			`{"faults": [{"user": "U1", "status": 400, "body": "A", "code": "ZC001"}, {"user": "U2", "attempts": [1], "status": 500}]}`,
			`{"faults": [{"user": "U1", "set_percentage": {"W1": 7}}, {"user": "U3", "drop_workspace": ["W2"]}]}`,
			`{"faults": [{"user": "U2", "cut": "after"}, {"user": "U4", "status": 401}]}`,
			`{"faults": [{"user": "U3", "status": 429, "retry_after": 900}]}`,
		}).Draw(rt, "script")
		w := newCrashWorld(t, input.String(), script)
		args := w.args("import", w.file, "--retries", "0", "--max-wait", "10ms", "--progress", "never")
		for _, flags := range [][]string{
			{"--chunk", "1"}, {"--repair"}, {"--canary", "1"}, {"--max-failures", "1"}, {"--over-allocation", "reject"}, {"--max-invalid", "off"},
		} {
			if rapid.Bool().Draw(rt, flags[0]) {
				args = append(args, flags...)
			}
		}
		if got := runHere(args...); got.code == pipeline.ExitInternal || got.code == pipeline.ExitUsage {
			t.Fatalf("exit %d: %s", got.code, got.stderr)
		}
		sameStories(t, w.runDir(t), users)
	})
}

// A run that was killed tells the same stories as its report, and after it was
// resumed again.
func TestStoriesOfKilledRuns(t *testing.T) {
	t.Parallel()
	users := []string{"U1", "U2", "U3", "bad", "twice", "refused", "stumbles", "unheard", "rounded", "dropped", "nobody"}
	moments := []string{"3 before", "4 half", "7 after", "9 half", "12 before", "16 after"}
	inParallel(t, moments, func(t *testing.T, i int) {
		w := newCrashWorld(t, crashInput, crashScript)
		if !w.killed(t, moments[i], w.importArgs()...) {
			t.Fatal("the run was not killed")
		}
		dir := w.runDir(t)
		if got := runHere("report", dir); got.code != pipeline.ExitRows {
			t.Fatalf("report: exit %d: %s", got.code, got.stderr)
		}
		sameStories(t, dir, users)
		if got := runHere(w.args("resume", dir)...); got.code != pipeline.ExitRows {
			t.Fatalf("resume: exit %d: %s", got.code, got.stderr)
		}
		sameStories(t, dir, users)
	})
}
