package explain

import (
	"errors"
	"iter"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/google/go-cmp/cmp"

	"corattach/pipeline"
	"corattach/report"
)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

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

var began = time.Date(2026, 11, 23, 3, 15, 0, 7_900_000, time.UTC)

func line(number int64, user, workspace, percentage string, v pipeline.Verdict) pipeline.Line {
	l := pipeline.Line{
		Row: pipeline.Row{
			Place: pipeline.Place{Line: number}, User: pipeline.UserID(user), Workspace: pipeline.WorkspaceID(workspace), Source: "SAP",
			Cells: pipeline.Cells{User: user, Workspace: workspace, Percentage: percentage, Source: "sap"},
		},
		Verdict: v,
	}
	return l
}

func runOf(users []pipeline.UserLine, lines ...pipeline.Line) *report.Run {
	return &report.Run{
		About: report.About{
			RunID: "20261123T031500Z-ab12cd", Dir: "runs/20261123T031500Z-ab12cd", Job: "default", Command: "import",
			Target:    "https://integrations.projectcor.com key-d13f5b288ecf",
			StartedAt: began, FinishedAt: began.Add(time.Minute), Inputs: []pipeline.Input{{File: "rows.csv"}},
		},
		Lines: each(lines), Users: each(users), Traffic: &report.Traffic{},
	}
}

func exchange(number int64, op pipeline.Op, shares []pipeline.Share, answer *pipeline.Answer, fault *pipeline.Fault) pipeline.Exchange {
	at := began.Add(time.Duration(number) * time.Second)
	e := pipeline.Exchange{
		Attempt: pipeline.Attempt{Key: pipeline.Key{User: "repaired", Source: "SAP"}, Op: op, Shares: shares, At: at}, Number: number, Answer: answer, Fault: fault,
	}
	if answer != nil || fault != nil {
		e.Ended = at.Add(1_250 * time.Millisecond)
	}
	return e
}

// repaired is a user whom a second session repaired.
func repaired() *Story {
	pivot := func(w, percentage string) pipeline.Pivot {
		return pipeline.Pivot{Workspace: pipeline.WorkspaceID(w), Source: "SAP", Percentage: percentage, UserID: 8, WorkspaceID: 9, Name: "North", Integration: "NOT_SEND"}
	}
	odd := pivot("W2", "41")
	odd.Problem, odd.Inactive, odd.Name, odd.Integration = "percentage is no number", true, "", ""
	shares := []pipeline.Share{{Workspace: "W1", Percent: 60_0000}, {Workspace: "W2", Percent: 40_0000}}
	request := pipeline.Request{Key: pipeline.Key{User: "repaired", Source: "SAP"}, Op: pipeline.Attach, Shares: shares, Past: pipeline.History{
		exchange(1, pipeline.Attach, shares, &pipeline.Answer{Status: 200, Pivots: []pipeline.Pivot{pivot("W1", "50"), odd},
			Errors: []pipeline.ItemError{{Workspace: "W2", Code: "CE001", Message: "busy"}}}, nil),
		exchange(2, pipeline.Detach, shares[:1], nil, &pipeline.Fault{Kind: pipeline.Throttled, Status: 429, After: 90 * time.Second}),
		exchange(3, pipeline.Attach, shares[:1], nil, nil),
		exchange(4, pipeline.Attach, shares[:1], nil, &pipeline.Fault{Kind: pipeline.NoAnswer, Message: "connection reset"}),
		exchange(5, pipeline.Attach, shares[:1], &pipeline.Answer{Status: 200, Pivots: []pipeline.Pivot{pivot("W1", "60")}}, nil),
	}}
	for i := range request.Past {
		request.Past[i].Session = i / 3
	}
	chunk := pipeline.Request{Key: pipeline.Key{User: "repaired", Source: "SAP", Chunk: 1}, Op: pipeline.Attach, Shares: []pipeline.Share{{Workspace: "W3", Percent: 5000}}}
	found := pivot("W1", "60")
	r := runOf(
		[]pipeline.UserLine{{User: "other"}, {User: "repaired", Rows: 3, Requested: 100_5000, Returned: "60", OverAllocated: true,
			Extras: []pipeline.Pivot{pivot("W9", "1")}, Lost: []pipeline.Pivot{pivot("W8", "")}}},
		line(2, "other", "W1", "60", pipeline.Verdict{Status: pipeline.Failed}),
		line(3, "repaired", "W1", "60", pipeline.Verdict{Status: pipeline.Matched, Pivot: &found, HTTPStatus: 200, Attempts: 5, SentAt: began}),
		line(4, "repaired", "W2", " 40", pipeline.Verdict{Status: pipeline.Missing, Reason: `COR says of it: CE001 "busy"`, HTTPStatus: 200, ErrorCode: "CE001"}),
		line(5, "repaired", "W3", "0.5", pipeline.Verdict{Status: pipeline.Unchanged, SentAt: began}),
		line(6, "", "W3", "5", pipeline.Verdict{Status: pipeline.Invalid}),
	)
	r.Vanished = []pipeline.Vanished{
		{Pair: pipeline.Pair{User: "other", Source: "SAP", Workspace: "W7"}},
		{Pair: pipeline.Pair{User: "repaired", Source: "SAP", Workspace: "W7"}, Percentage: "10", ConfirmedAt: began},
	}
	return New(r, "repaired", []pipeline.Request{request, chunk})
}

// hostile is a user whose cells, and what COR says, would steer a terminal; the
// run was killed.
func hostile() *Story {
	bad := pipeline.Verdict{Status: pipeline.Failed, Reason: "no \x1b[2J", ErrorCode: "\u202eX", HTTPStatus: 400, Attempts: 1, Resumable: true}
	broken := line(3, "", "", "", pipeline.Verdict{Status: pipeline.Invalid, Reason: "the quote is not closed"})
	broken.Raw, broken.Cells.User = "U\x1b;\"é\xff"+strings.Repeat("x", 300), "U\x1b"
	r := runOf(nil, line(2, "U\x1b", "\u202eW\xff", "5\x07", bad), broken, line(4, "", "", "", pipeline.Verdict{Status: pipeline.Invalid}))
	r.Killed, r.Inputs[0].File = true, "a\x1b.csv"
	shares := []pipeline.Share{{Workspace: "\u202eW", Percent: 5_0000}}
	request := pipeline.Request{Op: pipeline.Detach, Key: pipeline.Key{User: "U\x1b", Source: "S\x07"}, Shares: shares, Past: pipeline.History{
		exchange(1, pipeline.Detach, shares, nil, &pipeline.Fault{Kind: pipeline.Refused, Status: 400, Code: "\u202eX", Message: "no \x1b[2J"}),
		exchange(2, pipeline.Detach, shares, &pipeline.Answer{Status: 200, Pivots: []pipeline.Pivot{{Workspace: "\x1b", Name: "\u009b"}},
			Errors: []pipeline.ItemError{{Workspace: "\x1b", Message: "\x1b"}}}, nil),
	}}
	return New(r, "U\x1b", []pipeline.Request{request})
}

func TestStories(t *testing.T) {
	settled := runOf([]pipeline.UserLine{{User: "U", Rows: 1, Requested: 1_0000}}, line(2, "U", "W", "1", pipeline.Verdict{Status: pipeline.Duplicate}))
	active := runOf(nil, line(2, "U", "W", "1", pipeline.Verdict{Status: pipeline.NotSent, Resumable: true}))
	active.Active, active.Killed = true, true
	stopped := runOf(nil, line(2, "U", "W", "1", pipeline.Verdict{Status: pipeline.NotSent, Reason: "the canary", Resumable: true}))
	stopped.Stop = pipeline.Stop{Kind: pipeline.Guarded, Guard: "--canary", Reason: "--canary 5: 2 of 5 users are not matched"}
	gone := runOf(nil, line(2, "V", "W", "1", pipeline.Verdict{Status: pipeline.Matched}))
	gone.Vanished = []pipeline.Vanished{{Pair: pipeline.Pair{User: "U", Source: "SAP", Workspace: "W7"}, Percentage: "10", ConfirmedAt: began}}
	for name, story := range map[string]*Story{
		"repaired": repaired(), "hostile": hostile(), "settled": New(settled, "U", nil), "active": New(active, "U", nil),
		"stopped": New(stopped, "U", nil), "gone": New(gone, "U", nil),
	} {
		for form, write := range map[string]func(*strings.Builder) error{
			"text": func(b *strings.Builder) error { return story.Text(b) },
			"json": func(b *strings.Builder) error { return report.WriteJSON(b, story, "  ") },
		} {
			var b strings.Builder
			must(t, write(&b))
			path := filepath.Join("testdata", name+"."+form)
			if os.Getenv("UPDATE_GOLDEN") != "" {
				must(t, os.MkdirAll("testdata", 0o755))
				must(t, os.WriteFile(path, []byte(b.String()), 0o644))
			}
			want, err := os.ReadFile(path)
			must(t, err)
			if diff := cmp.Diff(string(want), b.String()); diff != "" {
				t.Errorf("%s (-want +got):\n%s", path, diff)
			}
			if i := strings.IndexFunc(b.String(), func(r rune) bool { return r != '\n' && !unicode.IsPrint(r) }); i >= 0 {
				t.Errorf("%s has an unprintable character at %d", path, i)
			}
		}
	}
}

// A user whom the run does not know has neither rows nor pairs.
func TestUnknownUser(t *testing.T) {
	story := New(runOf(nil, line(2, "U", "W", "1", pipeline.Verdict{Status: pipeline.Matched})), "u", nil)
	if len(story.Rows)+len(story.Vanished) > 0 {
		t.Errorf("%+v", story)
	}
}

// full is a writer that takes nothing.
type full struct{}

var errFull = errors.New("full")

func (full) Write([]byte) (int, error) { return 0, errFull }

func TestErrorsOfTheWriter(t *testing.T) {
	for name, err := range map[string]error{"text": repaired().Text(full{})} {
		if !errors.Is(err, errFull) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
