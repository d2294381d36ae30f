package report

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"corattach/pipeline"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// must stops the test on an error.
func must(t rapid.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// unsettled returns the lines that need attention.
func unsettled(lines []pipeline.Line) []pipeline.Line {
	return slices.DeleteFunc(slices.Clone(lines), func(l pipeline.Line) bool { return l.Status.Settled() })
}

// each yields the addresses of copies, which are not valid any longer than the
// next.
func each[T any](values []T) iter.Seq[*T] {
	return func(yield func(*T) bool) {
		var value T
		for _, value = range values {
			if !yield(&value) {
				return
			}
		}
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

// newRun is a run of one input file.
func newRun(input string, lines ...pipeline.Line) *Run {
	return &Run{
		About: About{Dir: "runs/R", Command: "import", Inputs: []pipeline.Input{{File: input, Rows: int64(len(lines))}}},
		Lines: each(lines), Attention: each(unsettled(lines)), Users: each[pipeline.UserLine](nil), Traffic: &Traffic{},
	}
}

// everyStatus is a line of each status of an import, over two files.
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
		at(3, "u1", "w2", "40", "JIRA", pipeline.Verdict{Status: pipeline.Mismatched, Reason: "asked for 40, COR returned 39.9", Pivot: odd, HTTPStatus: 200, Attempts: 2, SentAt: sent}),
		at(4, "u1", "w3", "1", "JIRA", pipeline.Verdict{Status: pipeline.Missing, HTTPStatus: 200, Attempts: 1, SentAt: sent}),
		at(5, "u2", "w1", "1", "SAP", pipeline.Verdict{Status: pipeline.Failed, Reason: "COR refused: HTTP 404 USER_NOT_FOUND u2", HTTPStatus: 404, ErrorCode: "USER_NOT_FOUND", Attempts: 1, SentAt: sent, Subject: pipeline.UnknownUser}),
		at(6, "u3", "w1", "1", "SAP", pipeline.Verdict{Status: pipeline.Unknown, Reason: "no answer", Attempts: 6, SentAt: sent, Resumable: true}),
		at(7, "u4", "w1", "101", "SAP", pipeline.Verdict{Status: pipeline.Invalid, Reason: `percentage "101" is above 100`}),
		at(8, "u4", "w2", "1", "SAP", pipeline.Verdict{Status: pipeline.Held, Reason: "line 7 is invalid"}),
		at(9, "u1", "w1", "60", "JIRA", pipeline.Verdict{Status: pipeline.Duplicate, Reason: "same as line 2"}),
		at(10, "u5", "w1", "1", "SAP", pipeline.Verdict{Status: pipeline.Unchanged, Pivot: pivot("1"), SentAt: sent.Truncate(time.Second)}),
		at(1, "u6", "w1", "1", "SAP", pipeline.Verdict{Status: pipeline.NotSent, Reason: "stopped by SIGTERM", Resumable: true}),
		at(2, "u2", "w9", "1", "SAP", pipeline.Verdict{Status: pipeline.Planned}),
		{
			Row:     pipeline.Row{Place: pipeline.Place{Line: 3}, User: "u8", Problem: "x", Raw: "u8;\"w\xff1;50"},
			Verdict: pipeline.Verdict{Status: pipeline.Invalid, Reason: "the quote is not closed"},
		},
	}
	for i := range 3 {
		lines[9+i].File = 1
	}
	return lines
}

// everything is a run with a row of each status.
func everything() *Run {
	lines := everyStatus()
	users := []pipeline.UserLine{
		{User: "u1", Rows: 4, Requested: 101_0000, Returned: "139.9", OverAllocated: true, Requests: 1, Worst: pipeline.Missing, Extras: []pipeline.Pivot{
			{Workspace: "w9", Source: "JIRA", Percentage: "40", UserID: 812, WorkspaceID: 9009, Name: "=HYPERLINK(1)", Integration: "NOT_SEND"},
			{Percentage: "-5", UserID: -1, Name: "made in COR"},
		}},
		{User: "=u\xff", Rows: 1, Requested: 33_3333, Requests: 2, Worst: pipeline.Failed, Lost: []pipeline.Pivot{
			{Workspace: "w5", Source: "SAP", UserID: 812, WorkspaceID: 9005},
		}},
	}
	r := &Run{
		About: About{
			RunID: "20261123T031500Z-ab12cd", Dir: "runs/20261123T031500Z-ab12cd", Job: "default", Version: "1.0", Command: "import",
			Target:          "https://integrations.projectcor.com <a&b>\u202e",
			StartedAt:       time.Date(2026, 11, 23, 4, 15, 0, 1, time.FixedZone("", 3600)),
			FinishedAt:      time.Date(2026, 11, 23, 3, 15, 1, 250_000_000, time.UTC),
			DurationSeconds: 1.2499999,
			Inputs:          []pipeline.Input{{File: "in/a.csv", SHA256: "00ff", Rows: 9}, {File: "-", SHA256: "11ee", Rows: 3}},
			Plan:            "sha256:00",
		},
		Flags:    []string{"--rate=0", "--delimiter=;", "--map=user_id=A", "--map=source=B"},
		Warnings: []string{"bad byte \xfe"}, Stop: pipeline.Stop{Kind: pipeline.Interrupted, Signal: 15, Reason: "stopped by SIGTERM"},
		Lines: each(lines), Attention: each(unsettled(lines)), Users: each(users), Sent: 2,
		Vanished: []pipeline.Vanished{{
			Pair: pipeline.Pair{User: "u1", Source: "JIRA", Workspace: "=w1"}, Percentage: "33.3333",
			ConfirmedAt: time.Date(2026, 11, 22, 4, 15, 0, 7_900_000, time.FixedZone("", 3600)),
		}},
		Traffic: &Traffic{},
	}
	for i, fault := range []*pipeline.Fault{nil, {Kind: pipeline.Throttled}, {Kind: pipeline.NoToken}, {Kind: pipeline.Refused}} {
		r.Traffic.Add(&pipeline.Exchange{Attempt: pipeline.Attempt{At: r.StartedAt.Add(time.Duration(i) * time.Second)}, Fault: fault})
	}
	return r
}

// page stands for the writer of report.html.
func page(w io.Writer, _ *Run, s *Summary) error {
	_, err := io.WriteString(w, s.RunID)
	return err
}

// render writes whole reports and returns the files by name.
func render(t *testing.T, r *Run) map[string]string {
	t.Helper()
	dir := t.TempDir()
	s, err := Open(dir, r.Requests != nil)
	must(t, err)
	defer s.Discard()
	_, err = s.Write(context.Background(), r, page)
	must(t, err)
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

// golden compares texts with the files of testdata/dir, all of them.
func golden(t *testing.T, dir string, got map[string]string) {
	t.Helper()
	dir = filepath.Join("testdata", dir)
	if os.Getenv("UPDATE_GOLDEN") != "" {
		must(t, os.MkdirAll(dir, 0o755))
		for name, text := range got {
			must(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644))
		}
	}
	if diff := cmp.Diff(contents(t, dir), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", dir, diff)
	}
}

func TestReports(t *testing.T) {
	r := everything()
	got := render(t, r)
	delete(got, PageFile) // see package page
	var text strings.Builder
	must(t, Summarize(r).Text(&text))
	got["stdout"] = text.String()
	golden(t, "everything", got)
}

func TestEmptyReports(t *testing.T) {
	got := render(t, newRun("a.csv"))
	if strings.Contains(got[SummaryFile], "null") || !strings.Contains(got[SummaryFile], `"balanced": true`) {
		t.Errorf("summary.json = %s", got[SummaryFile])
	}
	for name, want := range map[string]string{
		ReconciliationFile: ReconciliationHeader + "\n", FailedFile: failedHeader + "\n",
		UnmappedFile: "kind,id,source,rows,first_line\n",
		ExtrasFile:   "user_id,workspace_id,source,percentage,pivot_user_id,pivot_workspace_id,workspace_name,integration_status\n",
		UsersFile:    "user_id,rows,requested_total,returned_total,over_allocated,requests,worst_status\n",
		VanishedFile: "user_id,workspace_id,source,percentage,confirmed_at\n",
	} {
		if got[name] != want {
			t.Errorf("%s = %q", name, got[name])
		}
	}
}

func TestRequestsAndFacts(t *testing.T) {
	r := newRun("a.csv")
	r.Requests = slices.Values([]pipeline.Request{{Key: pipeline.Key{User: "a/b"}}, {Key: pipeline.Key{User: "é\"\xff"}}})
	r.Render = func(request *pipeline.Request) (string, string, []byte) {
		return "PUT", "https://h/" + string(request.User) + "?x=<&>", []byte(`{"workspaces":[{"external_id":"a<b>&","percentage":33.3333}]}`)
	}
	r.Facts = struct{}{}
	got := render(t, r)
	want := `{"method":"PUT","url":"https://h/a/b?x=<&>","body":{"workspaces":[{"external_id":"a<b>&","percentage":33.3333}]}}` + "\n" +
		`{"method":"PUT","url":"https://h/é\"\ufffd?x=<&>","body":{"workspaces":[{"external_id":"a<b>&","percentage":33.3333}]}}` + "\n"
	if diff := cmp.Diff(want, got[RequestsFile]); diff != "" {
		t.Error(diff)
	}
	if got[FactsFile] != "{}\n" {
		t.Errorf("facts.json = %q", got[FactsFile])
	}
}

// A file that can't be written leaves the reports of an earlier writing as they
// were, and so does a panic; the error names the file.
func TestAllOrNothing(t *testing.T) {
	names := []string{ReconciliationFile, FailedFile, UnmappedFile, ExtrasFile, UsersFile, VanishedFile, PageFile, SummaryFile}
	for i, name := range names {
		dir := t.TempDir()
		for _, name := range names {
			must(t, os.WriteFile(filepath.Join(dir, name), []byte("earlier"), 0o600))
		}
		s, err := Open(dir, false)
		must(t, err)
		s.files[i].Discard() // what is written to it from now on fails
		_, err = s.Write(context.Background(), everything(), page)
		var path *fs.PathError
		if !errors.As(err, &path) || path.Path != filepath.Join(dir, name) {
			t.Errorf("%s: error %v", name, err)
		}
		left := contents(t, dir)
		for _, text := range left {
			if text != "earlier" {
				t.Errorf("%s: a report was replaced", name)
			}
		}
		if len(left) != len(names) {
			t.Errorf("%s: %d files are left", name, len(left))
		}
	}
}

func TestPanicsComeBack(t *testing.T) {
	dir := t.TempDir()
	s, err := Open(dir, false)
	must(t, err)
	r := newRun("a.csv")
	r.Users = func(func(*pipeline.UserLine) bool) { panic("broken table") }
	_, err = s.Write(context.Background(), r, page)
	var panicked *pipeline.PanicError
	if !errors.As(err, &panicked) || len(contents(t, dir)) > 0 {
		t.Errorf("error %v, %d files are left", err, len(contents(t, dir)))
	}
}

func TestWriteEndsWithContext(t *testing.T) {
	dir := t.TempDir()
	s, err := Open(dir, false)
	must(t, err)
	ctx, cancel := context.WithCancelCause(context.Background())
	stop := errors.New("second signal")
	cancel(stop)
	if _, err = s.Write(ctx, everything(), page); !errors.Is(err, stop) || len(contents(t, dir)) > 0 {
		t.Errorf("error %v, %d files are left", err, len(contents(t, dir)))
	}
}

func TestUnwritableDirectory(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "missing")
	_, err := Open(dir, true)
	var path *fs.PathError
	if !errors.Is(err, fs.ErrNotExist) || !errors.As(err, &path) || path.Path != filepath.Join(dir, ReconciliationFile) {
		t.Errorf("Open: %v", err)
	}
}

func TestDiscardAndSweep(t *testing.T) {
	dir := t.TempDir()
	s, err := Open(dir, true)
	must(t, err)
	if n := len(contents(t, dir)); n != 9 {
		t.Fatalf("%d files are open", n)
	}
	s.Discard()
	s.Discard()
	if n := len(contents(t, dir)); n != 0 {
		t.Errorf("%d files after Discard", n)
	}
	killed, err := Open(dir, false)
	must(t, err)
	again, err := Open(dir, false)
	must(t, err)
	again.Discard()
	if n := len(contents(t, dir)); n != 0 {
		t.Errorf("%d files after those of a process that was killed", n)
	}
	killed.Discard()
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
	r := newRun("a.csv")
	r.Users = each(users)
	if diff := cmp.Diff(want, render(t, r)[UsersFile]); diff != "" {
		t.Error(diff)
	}
	if s := Summarize(r); s.Users != int64(len(users)) {
		t.Errorf("users = %d", s.Users)
	}
}
