package plan

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"corattach/pipeline"
)

// unit is 1 %.
const unit = int64(pipeline.Hundred) / 100

// must is what the helpers need of testing.T and rapid.T.
type must interface {
	Helper()
	Fatalf(format string, args ...any)
}

// rowsOf reads rows from lines of "user workspace percentage source", one file
// per argument. "!" as workspace makes the row invalid by itself, "!w" one that
// names its pair all the same, "-" as user one that doesn't tell its user.
func rowsOf(t must, files ...string) []pipeline.Row {
	t.Helper()
	var rows []pipeline.Row
	for file, text := range files {
		for i, line := range strings.Split(strings.TrimSpace(text), "\n") {
			f := strings.Fields(line)
			row := pipeline.Row{Place: pipeline.Place{File: file, Line: int64(i + 2)}, User: pipeline.UserID(f[0])}
			if f[0] == "-" {
				row.User = ""
			}
			if f[1] == "!" {
				row.Problem = "percentage \"x\" is no number"
			} else if workspace, bad := strings.CutPrefix(f[1], "!"); bad {
				row.Problem, row.Workspace, row.Source = "percentage \"x\" is no number", pipeline.WorkspaceID(workspace), pipeline.Source(f[3])
			} else {
				percent, ok := pipeline.ParseDecimal(f[2], '.')
				if !ok {
					t.Fatalf("no percentage: %q", line)
				}
				row.Workspace, row.Percent, row.Source = pipeline.WorkspaceID(f[1]), percent, pipeline.Source(f[3])
			}
			rows = append(rows, withCells(row))
		}
	}
	return rows
}

// withCells gives a row the cells that it was read from.
func withCells(row pipeline.Row) pipeline.Row {
	row.Cells = pipeline.Cells{User: string(row.User), Workspace: string(row.Workspace), Source: string(row.Source)}
	if row.Problem == "" {
		row.Cells.Percentage = row.Percent.String()
	}
	return row
}

func tableOf(t must, rules Rules, op pipeline.Op, rows []pipeline.Row) *Table {
	t.Helper()
	table := NewTable()
	for i := range rows {
		table.Add(&rows[i])
	}
	rules.Op = op
	table.Rule(rules, []pipeline.Input{{File: "a.csv"}, {File: "b.csv"}})
	return table
}

func linesOf(table *Table) []pipeline.Line {
	var lines []pipeline.Line
	for line := range table.Lines() {
		lines = append(lines, *line)
	}
	return lines
}

// rulings are the status and reason of each row.
func rulings(table *Table) []string {
	var texts []string
	for _, line := range linesOf(table) {
		texts = append(texts, strings.TrimSpace(string(line.Status)+" "+line.Reason))
	}
	return texts
}

// requestsText writes each request as "user SOURCE#chunk ws=percent …".
func requestsText(table *Table) []string {
	texts := []string{}
	for r := range table.Requests() {
		text := fmt.Sprintf("%s %s#%d", r.User, r.Source, r.Chunk)
		for _, s := range r.Shares {
			text += fmt.Sprintf(" %s=%v", s.Workspace, s.Percent)
		}
		texts = append(texts, text)
	}
	return texts
}

const conflictW1 = `invalid workspace "w1" is asked for with 60 on line 2 and with 40 on line 3: which one is meant?`

var planCases = []struct {
	name     string
	rules    Rules
	files    []string
	rulings  []string
	requests []string
}{
	{
		name:     "one request per user and source",
		files:    []string{"u1 w1 60 SAP\nu1 w2 40 SAP\nu2 w1 10 SAP"},
		rulings:  []string{"planned", "planned", "planned"},
		requests: []string{"u1 SAP#0 w1=60 w2=40", "u2 SAP#0 w1=10"},
	}, {
		name:    "users in order of first appearance, their requests together in order of the sources' first appearance",
		files:   []string{"u2 w1 1 SAP\nu1 w1 2 OKTA\nu2 w2 3 OKTA\nu1 w2 4 SAP\nu2 w3 5 SAP"},
		rulings: []string{"planned", "planned", "planned", "planned", "planned"},
		requests: []string{
			"u2 SAP#0 w1=1 w3=5", "u2 OKTA#0 w2=3", "u1 OKTA#0 w1=2", "u1 SAP#0 w2=4",
		},
	}, {
		name:     "an invalid first row still gives the user its place",
		files:    []string{"u1 !\nu2 w1 1 SAP"},
		rulings:  []string{`invalid percentage "x" is no number`, "planned"},
		requests: []string{"u2 SAP#0 w1=1"},
	}, {
		name:  "chunks are consecutive and cut each source on its own",
		rules: Rules{Chunk: 2},
		files: []string{"u1 w1 1 SAP\nu1 w2 2 SAP\nu1 x1 9 OKTA\nu1 w3 3 SAP\nu1 w4 4 SAP\nu1 w5 5 SAP"},
		rulings: []string{
			"planned", "planned", "planned", "planned", "planned", "planned",
		},
		requests: []string{"u1 SAP#0 w1=1 w2=2", "u1 SAP#1 w3=3 w4=4", "u1 SAP#2 w5=5", "u1 OKTA#0 x1=9"},
	}, {
		name:     "the same percentage collapses into the first",
		files:    []string{"u1 w1 60 SAP\nu1 w2 40 SAP\nu1 w1 60.0 SAP\nu1 w1 60 SAP"},
		rulings:  []string{"planned", "planned", "duplicate the same as line 2", "duplicate the same as line 2"},
		requests: []string{"u1 SAP#0 w1=60 w2=40"},
	}, {
		name:     "across files the reason names the file",
		files:    []string{"u1 w1 60 SAP", "u1 w1 60 SAP\nu1 w1 60 SAP"},
		rulings:  []string{"planned", "duplicate the same as line 2 of a.csv", "duplicate the same as line 2 of a.csv"},
		requests: []string{"u1 SAP#0 w1=60"},
	}, {
		name:     "the same workspace under another source or of another user is another pair",
		files:    []string{"u1 w1 60 SAP\nu1 w1 40 OKTA\nU1 w1 30 SAP"},
		rulings:  []string{"planned", "planned", "planned"},
		requests: []string{"u1 SAP#0 w1=60", "u1 OKTA#0 w1=40", "U1 SAP#0 w1=30"},
	}, {
		name:     "different percentages make all rows of that source invalid, duplicates too",
		files:    []string{"u1 w1 60 SAP\nu1 w1 40 SAP\nu1 w2 5 SAP\nu1 w2 5 SAP\nu1 w1 60 SAP"},
		rulings:  []string{conflictW1, conflictW1, conflictW1, conflictW1, conflictW1},
		requests: []string{},
	}, {
		name:  "a conflict holds the user's other sources, whose duplicates stay duplicates, and nobody else",
		files: []string{"u1 w1 60 SAP\nu1 w1 40 SAP\nu1 x1 5 OKTA\nu1 x1 5 OKTA\nu2 w1 7 SAP"},
		rulings: []string{
			conflictW1, conflictW1, "held line 2 of this user is invalid", "duplicate the same as line 4", "planned",
		},
		requests: []string{"u2 SAP#0 w1=7"},
	}, {
		name:  "two contradictions of one source: the first is named",
		files: []string{"u1 w1 60 SAP\nu1 w1 40 SAP\nu1 w2 1 SAP\nu1 w2 2 SAP"},
		rulings: []string{
			conflictW1, conflictW1, conflictW1, conflictW1,
		},
		requests: []string{},
	}, {
		name:  "a contradiction across files names both",
		files: []string{"u1 w1 60 SAP", "u1 w1 40 SAP"},
		rulings: []string{
			`invalid workspace "w1" is asked for with 60 on line 2 and with 40 on line 2 of b.csv: which one is meant?`,
			`invalid workspace "w1" is asked for with 60 on line 2 of a.csv and with 40 on line 2: which one is meant?`,
		},
		requests: []string{},
	}, {
		name:  "an invalid row holds the user's good rows over all sources and files; duplicates come before held",
		files: []string{"u1 w1 60 SAP\nu1 w1 60 SAP\nu2 w1 5 SAP", "u1 !\nu1 x1 40 OKTA"},
		rulings: []string{
			"held line 2 of b.csv of this user is invalid", "duplicate the same as line 2", "planned",
			`invalid percentage "x" is no number`, "held line 2 of this user is invalid",
		},
		requests: []string{"u2 SAP#0 w1=5"},
	}, {
		name:     "a record that does not tell its user holds nobody",
		files:    []string{"- !\nu1 w1 60 SAP"},
		rulings:  []string{`invalid percentage "x" is no number`, "planned"},
		requests: []string{"u1 SAP#0 w1=60"},
	}, {
		name:     "over-allocation, warned about: sent all the same",
		files:    []string{"u1 w1 60 SAP\nu1 w2 40.0001 OKTA"},
		rulings:  []string{"planned", "planned"},
		requests: []string{"u1 SAP#0 w1=60", "u1 OKTA#0 w2=40.0001"},
	}, {
		name:  "over-allocation, rejected: all rows are invalid, duplicates too",
		rules: Rules{OverAllocation: RejectOver},
		files: []string{"u1 w1 60 SAP\nu1 w2 40.0001 OKTA\nu1 w1 60 SAP\nu2 w1 100 SAP"},
		rulings: []string{
			"invalid the user's percentages add up to 100.0001, over the limit of 100",
			"invalid the user's percentages add up to 100.0001, over the limit of 100",
			"invalid the user's percentages add up to 100.0001, over the limit of 100",
			"planned",
		},
		requests: []string{"u2 SAP#0 w1=100"},
	}, {
		name:     "duplicates do not add to the sum",
		rules:    Rules{OverAllocation: RejectOver},
		files:    []string{"u1 w1 60 SAP\nu1 w1 60 SAP"},
		rulings:  []string{"planned", "duplicate the same as line 2"},
		requests: []string{"u1 SAP#0 w1=60"},
	}, {
		name:  "over-allocation is not judged for a user with an invalid row",
		rules: Rules{OverAllocation: RejectOver},
		files: []string{"u1 w1 60 SAP\nu1 w2 60 SAP\nu1 !"},
		rulings: []string{
			"held line 4 of this user is invalid", "held line 4 of this user is invalid", `invalid percentage "x" is no number`,
		},
		requests: []string{},
	}, {
		name:     "over-allocation, off",
		rules:    Rules{OverAllocation: IgnoreOver},
		files:    []string{"u1 w1 60 SAP\nu1 w2 60 SAP"},
		rulings:  []string{"planned", "planned"},
		requests: []string{"u1 SAP#0 w1=60 w2=60"},
	},
}

func TestRule(t *testing.T) {
	for _, c := range planCases {
		t.Run(c.name, func(t *testing.T) {
			c.rules.Limit = pipeline.Hundred
			table := tableOf(t, c.rules, pipeline.Attach, rowsOf(t, c.files...))
			if diff := cmp.Diff(c.requests, requestsText(table)); diff != "" {
				t.Errorf("requests (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(c.rulings, rulings(table)); diff != "" {
				t.Errorf("rulings (-want +got):\n%s", diff)
			}
		})
	}
}

// An invalid row of a detach holds nobody, and nobody has too much.
func TestRuleDetach(t *testing.T) {
	table := tableOf(t, Rules{}, pipeline.Detach, rowsOf(t, "u1 w1 0 SAP\nu1 !\nu1 w1 0 SAP\nu2 w1 0 SAP"))
	want := []string{"planned", `invalid percentage "x" is no number`, "duplicate the same as line 2", "planned"}
	if diff := cmp.Diff(want, rulings(table)); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"u1 SAP#0 w1=0", "u2 SAP#0 w1=0"}, requestsText(table)); diff != "" {
		t.Error(diff)
	}
}

// Conflicts and rejected over-allocation count as invalid, held rows do not.
func TestTooManyInvalid(t *testing.T) {
	rows := rowsOf(t, "u1 w1 60 SAP\nu1 w1 40 SAP\nu1 x 5 OKTA\nu2 w1 70 SAP\nu2 w2 70 SAP\nu3 !\n- !\nu4 w1 1 SAP")
	table := tableOf(t, Rules{OverAllocation: RejectOver, Limit: pipeline.Hundred}, pipeline.Attach, rows)
	for text, want := range map[string]string{
		"off": "", "6": "", "75%": "",
		"5":   "6 of 8 rows are invalid, more than --max-invalid 5",
		"74%": "6 of 8 rows are invalid, more than --max-invalid 74%",
		"0":   "6 of 8 rows are invalid, more than --max-invalid 0",
	} {
		var limit pipeline.Limit
		err := limit.UnmarshalText([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		if got := table.TooManyInvalid(limit); got != want {
			t.Errorf("--max-invalid %s: %q, want %q", text, got, want)
		}
	}
}

func TestOverAllocated(t *testing.T) {
	rows := rowsOf(t, "u1 w1 60 SAP\nu2 w1 100 SAP\nu1 w2 40.5 SAP\nu3 w1 99 SAP\nu3 w2 2 OKTA")
	const warned = `2 users with more than 100 % in all: "u1" with 100.5, "u3" with 101`
	for over, want := range map[OverAllocation]string{WarnOver: warned, RejectOver: "", IgnoreOver: ""} {
		table := tableOf(t, Rules{OverAllocation: over, Limit: pipeline.Hundred}, pipeline.Attach, rows)
		if text := table.OverAllocated(); text != want {
			t.Errorf("over-allocation %s: %q, want %q", over, text, want)
		}
	}
}

func TestRuleOfNoRows(t *testing.T) {
	table := tableOf(t, Rules{}, pipeline.Attach, nil)
	if table.Rows() != 0 || table.Users() != 0 || len(linesOf(table)) != 0 || len(requestsText(table)) != 0 {
		t.Errorf("%d rows, %d users", table.Rows(), table.Users())
	}
}

// A cell is reported as it stands in the file, and ids are compared without what
// surrounds them.
func TestCellsAreKept(t *testing.T) {
	spelled := pipeline.Row{
		Place: pipeline.Place{Line: 2}, User: "u1", Workspace: "w1", Source: "SAP", Percent: pipeline.Percent(60 * unit),
		Cells: pipeline.Cells{User: " u1", Workspace: "w1\t", Percentage: "60.0 %", Source: "sap"},
	}
	plain := rowsOf(t, "u1 w1 60 SAP\nu1 w2 40 SAP")
	plain[0].Line = 3
	plain[1].Line = 4
	table := tableOf(t, Rules{Limit: pipeline.Hundred}, pipeline.Attach, append([]pipeline.Row{spelled}, plain...))
	lines := linesOf(table)
	if diff := cmp.Diff(spelled, lines[0].Row); diff != "" {
		t.Errorf("the row (-want +got):\n%s", diff)
	}
	want := []string{"planned", "duplicate the same as line 2", "planned"}
	if diff := cmp.Diff(want, rulings(table)); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"u1 SAP#0 w1=60 w2=40"}, requestsText(table)); diff != "" {
		t.Error(diff)
	}
}

// A record without cells belongs to the user that it names, and keeps its raw line.
func TestRecordWithoutCells(t *testing.T) {
	raw := pipeline.Row{Place: pipeline.Place{Line: 2}, User: "u1", Problem: "3 fields, and the header has 4", Raw: "u1,w1,60"}
	table := tableOf(t, Rules{Limit: pipeline.Hundred}, pipeline.Attach, append([]pipeline.Row{raw}, rowsOf(t, "u1 w2 40 SAP")...))
	lines := linesOf(table)
	if lines[0].Raw != raw.Raw || lines[0].User != "u1" || lines[0].Cells.User != "u1" || lines[1].Status != pipeline.Held {
		t.Errorf("%+v, %+v", lines[0], lines[1])
	}
}

// model is the plan in the plainest words: for each row, what the spec says.
func model(rules Rules, rows []pipeline.Row) (statuses []pipeline.Status, requests []string) {
	same := func(a, b pipeline.Row) bool {
		return a.User == b.User && a.Source == b.Source && a.Workspace == b.Workspace
	}
	good := func(r pipeline.Row) bool { return r.Problem == "" }
	statuses = make([]pipeline.Status, len(rows))
	for i, r := range rows {
		statuses[i] = pipeline.Planned
		if !good(r) {
			statuses[i] = pipeline.Invalid
			continue
		}
		for _, a := range rows {
			for _, b := range rows {
				conflict := good(a) && good(b) && same(a, b) && a.Percent != b.Percent
				if conflict && a.User == r.User && a.Source == r.Source {
					statuses[i] = pipeline.Invalid
				}
			}
		}
	}
	invalidUsers := map[pipeline.UserID]bool{}
	for i, r := range rows {
		invalidUsers[r.User] = invalidUsers[r.User] || statuses[i] == pipeline.Invalid
	}
	sums := map[pipeline.UserID]pipeline.Percent{}
	duplicate := make([]bool, len(rows))
	for i, r := range rows {
		for _, before := range rows[:i] {
			duplicate[i] = duplicate[i] || good(r) && good(before) && same(before, r)
		}
		if !duplicate[i] {
			sums[r.User] += r.Percent
		}
	}
	var order []pipeline.UserID
	for i, r := range rows {
		switch {
		case statuses[i] == pipeline.Invalid:
		case rules.OverAllocation == RejectOver && !invalidUsers[r.User] && sums[r.User] > rules.Limit:
			statuses[i] = pipeline.Invalid
		case duplicate[i]:
			statuses[i] = pipeline.Duplicate
		case invalidUsers[r.User]:
			statuses[i] = pipeline.Held
		}
		if !slices.Contains(order, r.User) {
			order = append(order, r.User)
		}
	}
	return statuses, modelRequests(rules, rows, statuses, order)
}

func modelRequests(rules Rules, rows []pipeline.Row, statuses []pipeline.Status, order []pipeline.UserID) []string {
	requests := []string{}
	for _, user := range order {
		var sources []pipeline.Source
		pairs := map[pipeline.Source][]string{}
		for i, r := range rows {
			if r.User == user && statuses[i] == pipeline.Planned {
				if len(pairs[r.Source]) == 0 {
					sources = append(sources, r.Source)
				}
				pairs[r.Source] = append(pairs[r.Source], fmt.Sprintf("%s=%v", r.Workspace, r.Percent))
			}
		}
		for _, source := range sources {
			rest := pairs[source]
			for number := 0; len(rest) > 0; number++ {
				n := len(rest)
				if rules.Chunk > 0 {
					n = min(n, rules.Chunk)
				}
				requests = append(requests, fmt.Sprintf("%s %s#%d %s", user, source, number, strings.Join(rest[:n], " ")))
				rest = rest[n:]
			}
		}
	}
	return requests
}

func drawRules(t *rapid.T) Rules {
	return Rules{
		OverAllocation: rapid.SampledFrom([]OverAllocation{WarnOver, RejectOver, IgnoreOver}).Draw(t, "over"),
		Limit:          pipeline.Hundred,
		Chunk:          rapid.IntRange(0, 3).Draw(t, "chunk"),
	}
}

// drawRows draws rows of few users, workspaces and percentages, so that they
// meet; now and then of one user with more rows than are compared one by one.
func drawRows(t *rapid.T) []pipeline.Row {
	users := rapid.IntRange(1, 4).Draw(t, "users")
	workspaces := rapid.SampledFrom([]int{2, 4, 12}).Draw(t, "workspaces")
	percents := rapid.IntRange(1, 2).Draw(t, "percents")
	rows := make([]pipeline.Row, rapid.IntRange(0, 40).Draw(t, "rows"))
	for i := range rows {
		r := &rows[i]
		r.Place = pipeline.Place{File: i * 2 / len(rows), Line: int64(i + 2)}
		r.User = pipeline.UserID(fmt.Sprint("u", rapid.IntRange(1, users).Draw(t, "user")))
		if rapid.IntRange(0, 30).Draw(t, "bad") == 0 {
			*r = pipeline.Row{Place: r.Place, User: r.User, Problem: "bad", Cells: pipeline.Cells{User: string(r.User)}}
			continue
		}
		r.Workspace = pipeline.WorkspaceID(fmt.Sprint(rapid.IntRange(1, workspaces).Draw(t, "workspace")))
		r.Source = rapid.SampledFrom([]pipeline.Source{"SAP", "OKTA"}).Draw(t, "source")
		// One percentage per pair makes long users without a conflict likely.
		r.Percent = pipeline.Percent(10*unit + int64(len(r.Source))*int64(rapid.IntRange(1, percents).Draw(t, "percent")))
	}
	for i := range rows {
		rows[i] = withCells(rows[i])
	}
	return rows
}

func TestRuleIsTheModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rules, rows := drawRules(t), drawRows(t)
		wantStatuses, wantRequests := model(rules, rows)
		table := tableOf(t, rules, pipeline.Attach, rows)
		if diff := cmp.Diff(wantRequests, requestsText(table)); diff != "" {
			t.Fatalf("requests (-model +table):\n%s", diff)
		}
		lines := linesOf(table)
		if len(lines) != len(rows) {
			t.Fatalf("%d lines for %d rows", len(lines), len(rows))
		}
		for i, line := range lines {
			want := rows[i]
			if line.Status == pipeline.Invalid {
				want.Problem = line.Reason
			}
			if line.Row != want || line.Status != wantStatuses[i] {
				t.Fatalf("row %d: %v (%s), and the model says %v", i, line.Status, line.Reason, wantStatuses[i])
			}
			if (line.Status == pipeline.Planned) != (line.Reason == "") {
				t.Fatalf("row %d: %v with the reason %q", i, line.Status, line.Reason)
			}
		}
	})
}

// However the rows of different users are interleaved, each user's plan is the
// same.
func TestRuleIsOfEachUserAlone(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rules, rows := drawRules(t), drawRows(t)
		for i := range rows {
			rows[i].File = 0
		}
		sorted := slices.Clone(rows)
		slices.SortStableFunc(sorted, func(a, b pipeline.Row) int { return strings.Compare(string(a.User), string(b.User)) })
		a, b := tableOf(t, rules, pipeline.Attach, rows), tableOf(t, rules, pipeline.Attach, sorted)
		byText := cmpopts.SortSlices(func(a, b string) bool { return a < b })
		if diff := cmp.Diff(requestsText(a), requestsText(b), byText); diff != "" {
			t.Fatalf("interleaved and sorted differ:\n%s", diff)
		}
		byPlace := cmpopts.SortSlices(func(a, b pipeline.Line) bool { return a.Line < b.Line })
		if diff := cmp.Diff(linesOf(a), linesOf(b), byPlace); diff != "" {
			t.Fatalf("interleaved and sorted differ:\n%s", diff)
		}
	})
}

// What is kept of a verdict comes back as it was given.
func TestSettle(t *testing.T) {
	table := tableOf(t, Rules{Limit: pipeline.Hundred}, pipeline.Attach, rowsOf(t, "u1 w1 60 SAP\nu2 w1 1 SAP\nu1 w2 40 SAP\nu1 w1 60 SAP"))
	user := table.Send(0)
	at := time.Date(2026, 11, 23, 3, 15, 0, 5, time.UTC)
	verdicts := [][]pipeline.Verdict{{
		{
			Status: pipeline.Matched, HTTPStatus: 200, Attempts: 2, SentAt: at, Number: 7,
			Pivot: &pipeline.Pivot{Workspace: "w1", Source: "SAP", Percentage: "60.0", UserID: 1, WorkspaceID: 2, Name: "North", Integration: "NOT_SEND"},
		},
		{Status: pipeline.Failed, Reason: "no", HTTPStatus: 400, ErrorCode: "ZC001", Subject: pipeline.UnknownWorkspace, Named: true, Attempts: 2, SentAt: at, Resumable: true},
	}}
	extras := []pipeline.Pivot{{Workspace: "w9"}}
	verdicts[0][0].Pivot.Inactive = true // which is kept of the workspace alone
	worst := table.Settle(&user, Settlement{Verdicts: verdicts, Returned: "60", Extras: extras})
	verdicts[0][0].Pivot.Inactive = false
	if worst != pipeline.Failed {
		t.Errorf("the worst is %s", worst)
	}
	table.Finish("the reason")
	lines := linesOf(table)
	want := append(slices.Clone(verdicts[0]), pipeline.Verdict{Status: pipeline.NotSent, Reason: "the reason", Resumable: true})
	for i, at := range []int{0, 2, 1} {
		got := lines[at].Verdict
		if i == 0 {
			got = firstOf(table)
		}
		if diff := cmp.Diff(want[i], got); diff != "" {
			t.Errorf("row %d (-want +got):\n%s", at, diff)
		}
	}
	if lines[3].Status != pipeline.Duplicate {
		t.Errorf("the duplicate: %v", lines[3].Status)
	}
	var users []pipeline.UserLine
	for line := range table.UserLines() {
		users = append(users, *line)
	}
	wantUsers := []pipeline.UserLine{
		{User: "u1", Rows: 3, Requested: pipeline.Hundred, Returned: "60", Requests: 1, Worst: pipeline.Failed, Extras: extras},
		{User: "u2", Rows: 1, Requested: pipeline.Percent(unit), Worst: pipeline.NotSent},
	}
	if diff := cmp.Diff(wantUsers, users); diff != "" {
		t.Errorf("users (-want +got):\n%s", diff)
	}
	if sent, _, inactive := table.Answered(); sent != 1 || !slices.Equal(inactive, []string{"w1"}) {
		t.Errorf("%d sent, inactive %q", sent, inactive)
	}
}

// firstOf returns the verdict on the first row: the pivot of a line is valid until
// the next.
func firstOf(table *Table) pipeline.Verdict {
	for line := range table.Lines() {
		v := line.Verdict
		pivot := *v.Pivot
		v.Pivot = &pivot
		return v
	}
	return pipeline.Verdict{}
}

// Every status can be kept, and those of planning have their numbers.
func TestStatuses(t *testing.T) {
	all := pipeline.BySeverity()
	if diff := cmp.Diff(slices.Sorted(slices.Values(pipeline.Statuses())), slices.Sorted(slices.Values(all))); diff != "" {
		t.Error(diff)
	}
	for status, number := range map[pipeline.Status]number{
		pipeline.Invalid: invalid, pipeline.Held: held, pipeline.Protected: protected, pipeline.NotSent: notSent,
		pipeline.Mismatched: mismatched, pipeline.Planned: planned, pipeline.Unchanged: unchanged, pipeline.Duplicate: duplicate,
	} {
		if all[number] != status {
			t.Errorf("%v is %v", number, status)
		}
	}
}
