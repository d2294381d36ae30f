package pipeline

import (
	"context"
	"fmt"
	"iter"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"
)

// must is what the helpers need of testing.T and rapid.T.
type must interface {
	Helper()
	Fatalf(format string, args ...any)
}

// rowsOf reads rows from lines of "user workspace percentage source", one file
// per argument. "!" as workspace makes the row invalid by itself, "!w" one that
// names its pair all the same, "-" as user one that doesn't tell its user.
func rowsOf(t must, files ...string) []Row {
	t.Helper()
	var rows []Row
	for file, text := range files {
		for i, line := range strings.Split(strings.TrimSpace(text), "\n") {
			f := strings.Fields(line)
			row := Row{Place: Place{file, int64(i + 2)}, User: UserID(f[0])}
			if f[0] == "-" {
				row.User = ""
			}
			if f[1] == "!" {
				row.Problem = "percentage \"x\" is no number"
			} else if workspace, bad := strings.CutPrefix(f[1], "!"); bad {
				row.Problem, row.Workspace, row.Source = "percentage \"x\" is no number", WorkspaceID(workspace), Source(f[3])
			} else {
				percent, ok := ParseDecimal(f[2], '.')
				if !ok {
					t.Fatalf("no percentage: %q", line)
				}
				row.Workspace, row.Percent, row.Source = WorkspaceID(f[1]), percent, Source(f[3])
			}
			rows = append(rows, row)
		}
	}
	return rows
}

// batches gives rows to NewPlan three at a time.
func batches(rows []Row) iter.Seq2[Batch, error] {
	return func(yield func(Batch, error) bool) {
		for batch := range slices.Chunk(rows, 3) {
			if !yield(Rows(batch), nil) {
				return
			}
		}
	}
}

func exchanges(all ...Exchange) iter.Seq2[Exchange, error] {
	return func(yield func(Exchange, error) bool) {
		for _, e := range all {
			if !yield(e, nil) {
				return
			}
		}
	}
}

func planOf(t must, rules Rules, rows []Row, past ...Exchange) *Plan {
	t.Helper()
	if rules.Files == nil {
		rules.Files = []string{"a.csv", "b.csv"}
	}
	plan, err := NewPlan(context.Background(), batches(rows), Before{Exchanges: exchanges(past...)}, rules, "")
	if err != nil {
		t.Fatalf("NewPlan: %v", err)
	}
	return plan
}

func sendsOf(t must, plan *Plan) []User {
	t.Helper()
	var users []User
	for user, err := range plan.Send() {
		if err != nil {
			t.Fatalf("Send: %v", err)
		}
		users = append(users, user)
	}
	return users
}

func linesOf(t must, plan *Plan, rows []Row, end Ending, sent ...Exchange) []Line {
	t.Helper()
	if err := plan.Judge(exchanges(sent...), end); err != nil {
		t.Fatalf("Judge: %v", err)
	}
	var lines []Line
	for line, err := range plan.Lines(batches(rows)) {
		if err != nil {
			t.Fatalf("Lines: %v", err)
		}
		lines = append(lines, *line)
	}
	return lines
}

// rulings are the status and reason of each row in a dry run.
func rulings(t must, plan *Plan, rows []Row) []string {
	t.Helper()
	var texts []string
	for _, line := range linesOf(t, plan, rows, Ending{DryRun: true}) {
		texts = append(texts, strings.TrimSpace(line.Status.String()+" "+line.Reason))
	}
	return texts
}

// requestsText writes each request as "user SOURCE#chunk ws=percent …".
func requestsText(users []User) []string {
	texts := []string{}
	for _, u := range users {
		for _, r := range u.Requests {
			text := fmt.Sprintf("%s %s#%d", r.User, r.Source, r.Chunk)
			for _, s := range r.Shares {
				text += fmt.Sprintf(" %s=%v", s.Workspace, s.Percent)
			}
			texts = append(texts, text)
		}
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

func TestPlan(t *testing.T) {
	for _, c := range planCases {
		t.Run(c.name, func(t *testing.T) {
			c.rules.Limit = Hundred
			rows := rowsOf(t, c.files...)
			plan := planOf(t, c.rules, rows)
			defer plan.Close()
			if diff := cmp.Diff(c.requests, requestsText(sendsOf(t, plan))); diff != "" {
				t.Errorf("requests (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(c.rulings, rulings(t, plan, rows)); diff != "" {
				t.Errorf("rulings (-want +got):\n%s", diff)
			}
		})
	}
}

func TestPlanWarnsOfOverAllocation(t *testing.T) {
	rows := rowsOf(t, "u1 w1 60 SAP\nu2 w1 100 SAP\nu1 w2 40.5 SAP\nu3 w1 99 SAP\nu3 w2 2 OKTA")
	for over, want := range map[OverAllocation]int{WarnOver: 2, RejectOver: 2, IgnoreOver: 0} {
		plan := planOf(t, Rules{OverAllocation: over, Limit: Hundred}, rows)
		if plan.OverAllocated != want || len(plan.Warnings()) != want {
			t.Errorf("over-allocation %d: %d users, warnings %q", over, plan.OverAllocated, plan.Warnings())
		}
		if over == WarnOver {
			want := []string{
				`a.csv:2: user "u1" is asked for with 100.5 %, over the limit of 100 %`,
				`a.csv:5: user "u3" is asked for with 101 %, over the limit of 100 %`,
			}
			if diff := cmp.Diff(want, plan.Warnings()); diff != "" {
				t.Errorf("warnings (-want +got):\n%s", diff)
			}
		}
	}
}

func TestPlanOverAllocationWarningsAreBounded(t *testing.T) {
	var text strings.Builder
	for i := range 100 {
		fmt.Fprintf(&text, "u%d w1 101 SAP\n", i)
	}
	plan := planOf(t, Rules{Limit: Hundred}, rowsOf(t, text.String()))
	warnings := plan.Warnings()
	if len(warnings) != maxOverTexts || plan.OverAllocated != 100 {
		t.Fatalf("%d warnings on %d users", len(warnings), plan.OverAllocated)
	}
	if !strings.HasPrefix(warnings[0], "a.csv:2:") || !strings.HasPrefix(warnings[19], "a.csv:21:") {
		t.Errorf("not the first users: %q … %q", warnings[0], warnings[19])
	}
}

// Conflicts and rejected over-allocation count as invalid, held rows do not.
func TestPlanTooManyInvalid(t *testing.T) {
	rows := rowsOf(t, "u1 w1 60 SAP\nu1 w1 40 SAP\nu1 x 5 OKTA\nu2 w1 70 SAP\nu2 w2 70 SAP\nu3 !\n- !\nu4 w1 1 SAP")
	plan := planOf(t, Rules{OverAllocation: RejectOver, Limit: Hundred}, rows)
	if got := plan.ByStatus[Invalid]; got != 6 {
		t.Fatalf("%d invalid rows, want 6", got)
	}
	for text, want := range map[string]string{
		"off": "", "6": "", "75%": "",
		"5":   "invalid rows: 6 of 8, more than --max-invalid 5",
		"74%": "invalid rows: 6 of 8, more than --max-invalid 74%",
		"0":   "invalid rows: 6 of 8, more than --max-invalid 0",
	} {
		guard, err := ParseGuard(text)
		if err != nil {
			t.Fatal(err)
		}
		if got := plan.TooManyInvalid(guard); got != want {
			t.Errorf("--max-invalid %s: %q, want %q", text, got, want)
		}
	}
}

// More than fits in memory waits in files, which Close removes.
func TestPlanSpills(t *testing.T) {
	dir := t.TempDir()
	rows := make([]Row, 30_000)
	for i := range rows {
		rows[i] = Row{
			Place: Place{0, int64(i + 2)}, User: UserID(fmt.Sprint("u", i%3)), Source: "SAP", Percent: Percent(i % 7),
			Workspace: WorkspaceID(fmt.Sprintf("%0100d", i/6)), // every other row repeats a pair
		}
		rows[i].Percent = Percent(i / 6 % 7)
	}
	plan, err := NewPlan(t.Context(), batches(rows), Before{}, Rules{Files: []string{"a.csv"}, OverAllocation: IgnoreOver}, dir)
	if err != nil {
		t.Fatal(err)
	}
	users := sendsOf(t, plan)
	if len(users) != 3 || users[0].ID != "u0" || users[2].ID != "u2" || len(users[1].Requests[0].Shares) != 5000 {
		t.Fatalf("%d users", len(users))
	}
	for i, share := range users[1].Requests[0].Shares {
		if want := (Share{rows[6*i].Workspace, Percent(i % 7)}); share != want {
			t.Fatalf("share %d is %v, want %v", i, share, want)
		}
	}
	for i, line := range linesOf(t, plan, rows, Ending{DryRun: true}) {
		if want := []Status{Planned, Duplicate}[i/3%2]; line.Row != rows[i] || line.Status != want {
			t.Fatalf("row %d is %v, want %v", i, line.Status, want)
		}
	}
	if err := plan.Close(); err != nil {
		t.Error(err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

// A plan of which nothing is sent counts the same, and keeps no requests.
func TestPlanUnsent(t *testing.T) {
	rows := rowsOf(t, "u1 w1 60 SAP\nu2 w1 60 SAP\nu1 w2 40 OKTA\nu3 ! x x\nu3 w1 1 SAP")
	sent, unsent := planOf(t, Rules{Chunk: 1}, rows), planOf(t, Rules{Chunk: 1, Unsent: true}, rows)
	if diff := cmp.Diff(sent.Counts, unsent.Counts); diff != "" {
		t.Error(diff)
	}
	if got := sendsOf(t, unsent); got != nil {
		t.Errorf("to be sent: %v", got)
	}
	end := Ending{DryRun: true}
	if diff := cmp.Diff(linesOf(t, sent, rows, end), linesOf(t, unsent, rows, end)); diff != "" {
		t.Error(diff)
	}
}

// Rows that are not those of the first reading end the lines with an error.
func TestLinesOfOtherRows(t *testing.T) {
	rows := rowsOf(t, "u1 w1 60 SAP\nu2 w1 60 SAP\nu1 w2 40 SAP\nu3 w1 1 SAP")
	for want, again := range map[string][]Row{
		"the second reading of the input has fewer rows than the first":                 rows[:3],
		"the second reading of the input is not like the first at line 6 of a.csv: EOF": append(slices.Clone(rows), Row{Place: Place{Line: 6}}),
	} {
		plan := planOf(t, Rules{}, rows)
		if err := plan.Judge(exchanges(), Ending{}); err != nil {
			t.Fatal(err)
		}
		var failed error
		for _, err := range plan.Lines(batches(again)) {
			failed = err
		}
		if failed == nil || failed.Error() != want {
			t.Errorf("%v, want %s", failed, want)
		}
	}
}

func TestPlanOfNoRows(t *testing.T) {
	plan := planOf(t, Rules{}, nil)
	if got := sendsOf(t, plan); len(got) != 0 || plan.Rows != 0 || plan.Users != 0 {
		t.Errorf("%v of %+v", got, plan.Counts)
	}
	if lines := linesOf(t, plan, nil, Ending{}); len(lines) != 0 {
		t.Errorf("lines: %v", lines)
	}
}

// What earlier sessions settled is not planned again; a journal that does not
// fit the input is refused.
func TestPlanWithPast(t *testing.T) {
	rows := rowsOf(t, "u1 w1 60 SAP\nu2 w1 60 SAP\nu3 w1 60 SAP")
	settled := exchangeOf("u1", "SAP", 0, Share{"w1", 60 * percentUnit})
	settled.Answer = &Answer{Status: 200, Pivots: []Pivot{{Workspace: "w1", Source: "SAP", Percentage: "60"}}}
	open := exchangeOf("u3", "SAP", 0, Share{"w1", 60 * percentUnit})
	plan := planOf(t, Rules{}, rows, settled, open)
	if diff := cmp.Diff([]string{"u2 SAP#0 w1=60", "u3 SAP#0 w1=60"}, requestsText(sendsOf(t, plan))); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}
	if plan.Open != 2 || plan.Sending != 3 || plan.Requests != 3 {
		t.Errorf("counts: %+v", plan.Counts)
	}
	if past := sendsOf(t, plan)[1].Requests[0].Past; len(past) != 1 || !slices.Equal(past[0].Shares, open.Shares) {
		t.Errorf("the past of u3: %+v", past)
	}
	other := exchangeOf("u1", "SAP", 0, Share{"w1", 61 * percentUnit})
	strange := exchangeOf("u9", "SAP", 0, Share{"w1", 60 * percentUnit})
	for name, e := range map[string]Exchange{"another percentage": other, "another user": strange} {
		if _, err := NewPlan(t.Context(), batches(rows), Before{Exchanges: exchanges(e)}, Rules{Files: []string{"a.csv"}}, ""); err == nil {
			t.Errorf("%s in the journal: no error", name)
		}
	}
}

func exchangeOf(user UserID, source Source, chunk int, shares ...Share) Exchange {
	r := Request{User: user, Source: source, Chunk: chunk, Shares: shares}
	return Exchange{Attempt: Attempt{Key: r.Key(), Shares: r.Shares}}
}

// model is the plan in the plainest words: for each row, what the spec says.
func model(rules Rules, rows []Row) (statuses []Status, requests []string) {
	same := func(a, b Row) bool { return a.User == b.User && a.Source == b.Source && a.Workspace == b.Workspace }
	good := func(r Row) bool { return r.Problem == "" }
	statuses = make([]Status, len(rows))
	for i, r := range rows {
		statuses[i] = Planned
		if !good(r) {
			statuses[i] = Invalid
			continue
		}
		for _, a := range rows {
			for _, b := range rows {
				conflict := good(a) && good(b) && same(a, b) && a.Percent != b.Percent
				if conflict && a.User == r.User && a.Source == r.Source {
					statuses[i] = Invalid
				}
			}
		}
	}
	invalidUsers := map[UserID]bool{}
	for i, r := range rows {
		invalidUsers[r.User] = invalidUsers[r.User] || statuses[i] == Invalid
	}
	sums := map[UserID]Percent{}
	duplicate := make([]bool, len(rows))
	for i, r := range rows {
		for _, before := range rows[:i] {
			duplicate[i] = duplicate[i] || good(r) && good(before) && same(before, r)
		}
		if !duplicate[i] {
			sums[r.User] += r.Percent
		}
	}
	var order []UserID
	for i, r := range rows {
		switch {
		case statuses[i] == Invalid:
		case rules.OverAllocation == RejectOver && !invalidUsers[r.User] && sums[r.User] > rules.Limit:
			statuses[i] = Invalid
		case duplicate[i]:
			statuses[i] = Duplicate
		case invalidUsers[r.User]:
			statuses[i] = Held
		}
		if !slices.Contains(order, r.User) {
			order = append(order, r.User)
		}
	}
	return statuses, modelRequests(rules, rows, statuses, order)
}

func modelRequests(rules Rules, rows []Row, statuses []Status, order []UserID) []string {
	requests := []string{}
	for _, user := range order {
		var sources []Source
		pairs := map[Source][]string{}
		for i, r := range rows {
			if r.User == user && statuses[i] == Planned {
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
		Limit:          Hundred,
		Chunk:          rapid.IntRange(0, 3).Draw(t, "chunk"),
		Files:          []string{"a.csv", "b.csv"},
	}
}

// drawRows draws rows of few users, workspaces and percentages, so that they
// meet; now and then of one user with more rows than are compared one by one.
func drawRows(t *rapid.T) []Row {
	users := rapid.IntRange(1, 4).Draw(t, "users")
	workspaces := rapid.SampledFrom([]int{2, 4, 12}).Draw(t, "workspaces")
	percents := rapid.IntRange(1, 2).Draw(t, "percents")
	rows := make([]Row, rapid.IntRange(0, 40).Draw(t, "rows"))
	for i := range rows {
		r := &rows[i]
		r.Place = Place{i * 2 / len(rows), int64(i + 2)}
		r.User = UserID(fmt.Sprint("u", rapid.IntRange(1, users).Draw(t, "user")))
		if rapid.IntRange(0, 30).Draw(t, "bad") == 0 {
			r.Problem = "bad"
			continue
		}
		r.Workspace = WorkspaceID(fmt.Sprint(rapid.IntRange(1, workspaces).Draw(t, "workspace")))
		r.Source = rapid.SampledFrom([]Source{"SAP", "OKTA"}).Draw(t, "source")
		// One percentage per pair makes long users without a conflict likely.
		r.Percent = Percent(10*percentUnit + int64(len(r.Source))*int64(rapid.IntRange(1, percents).Draw(t, "percent")))
	}
	return rows
}

func TestPlanIsTheModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rules, rows := drawRules(t), drawRows(t)
		wantStatuses, wantRequests := model(rules, rows)
		plan := planOf(t, rules, rows)
		defer plan.Close()
		if diff := cmp.Diff(wantRequests, requestsText(sendsOf(t, plan))); diff != "" {
			t.Fatalf("requests (-model +plan):\n%s", diff)
		}
		var counts [statusCount]int
		lines := linesOf(t, plan, rows, Ending{DryRun: true})
		if len(lines) != len(rows) {
			t.Fatalf("%d lines for %d rows", len(lines), len(rows))
		}
		for i, line := range lines {
			if line.Row != rows[i] || line.Status != wantStatuses[i] {
				t.Fatalf("row %d: %v (%s), and the model says %v", i, line.Status, line.Reason, wantStatuses[i])
			}
			if (line.Status == Planned) != (line.Reason == "") {
				t.Fatalf("row %d: %v with the reason %q", i, line.Status, line.Reason)
			}
			counts[line.Status]++
		}
		if counts != plan.ByStatus || plan.Rows != len(rows) {
			t.Fatalf("counts %v of %d rows, and the lines have %v", plan.ByStatus, plan.Rows, counts)
		}
	})
}

// However the rows of different users are interleaved, each user's plan is the
// same.
func TestPlanIsOfEachUserAlone(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rules, rows := drawRules(t), drawRows(t)
		for i := range rows {
			rows[i].File = 0
		}
		sorted := slices.Clone(rows)
		slices.SortStableFunc(sorted, func(a, b Row) int { return strings.Compare(string(a.User), string(b.User)) })
		byUser := cmpopts.SortSlices(func(a, b User) bool { return a.ID < b.ID })
		a, b := planOf(t, rules, rows), planOf(t, rules, sorted)
		if diff := cmp.Diff(sendsOf(t, a), sendsOf(t, b), byUser); diff != "" {
			t.Fatalf("interleaved and sorted differ:\n%s", diff)
		}
		byPlace := cmpopts.SortSlices(func(a, b Line) bool { return a.Line < b.Line })
		dry := Ending{DryRun: true}
		if diff := cmp.Diff(linesOf(t, a, rows, dry), linesOf(t, b, sorted, dry), byPlace); diff != "" {
			t.Fatalf("interleaved and sorted differ:\n%s", diff)
		}
	})
}

// A planner's scratch space carries nothing from one user to the next, whatever
// their sizes.
func TestPlannerForgets(t *testing.T) {
	p := planner{rules: Rules{Limit: Hundred, Files: []string{"a.csv"}}}
	for _, size := range []int{3, smallUser + 1, 3, smallUser + 5, smallUser, 1} {
		rows := make([]entry, size)
		for i := range rows {
			// The percentages differ from user to user: what is left over is a conflict.
			rows[i] = entry{Place: Place{0, int64(i + 2)}, source: "SAP", workspace: WorkspaceID(fmt.Sprint(i)), percent: Percent(size)}
		}
		rulings := make([]ruling, size)
		plan := p.user("u1", rows, rulings)
		for i, r := range rulings {
			if r.status != Planned {
				t.Errorf("%d rows: row %d is %v: %s", size, i, r.status, r.reason)
			}
		}
		if len(plan.requests) != 1 || len(plan.requests[0].Shares) != size {
			t.Errorf("%d rows: %+v", size, plan.requests)
		}
	}
}
