package verdict

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"corattach/pipeline"
)

func TestAnswers(t *testing.T) {
	listed := func(s pipeline.Source, w pipeline.WorkspaceID) bool { return s == "SAP" && (w == "11" || w == "12") }
	other, later := under(pivot("11", "7"), "OKTA"), under(pivot("11", "8"), "OKTA")
	made := pipeline.Pivot{Percentage: "1.50", WorkspaceID: 5}
	second := after(past(answered(later)))
	second.Source, second.Past[0].Number = "OKTA", 9
	resumed := after(past(answered(other)))
	resumed.Past[0].Number = 10
	for _, c := range []struct {
		name     string
		requests []pipeline.Request
		returned string
		extras   []pipeline.Pivot
	}{
		{"nothing", []pipeline.Request{asked}, "", nil},
		{"no answer", []pipeline.Request{*after(past(noAnswer))}, "", nil},
		{"nothing but what was asked for", []pipeline.Request{*after(past(fine()))}, "100", nil},
		{"an empty answer", []pipeline.Request{*after(past(answered()))}, "0", nil},
		{"extras", []pipeline.Request{*after(past(answered(other, pivot("11", "60"), made)))}, "68.5", []pipeline.Pivot{other, made}},
		{"the last answer counts", []pipeline.Request{*after(past(answered(pivot("11", "59")), noAnswer, fine(), refused))}, "100", nil},
		{"the last mention stands", []pipeline.Request{*after(past(answered(made, other))), *second}, "8", []pipeline.Pivot{made, later}},
		{"the last answer is that begun last", []pipeline.Request{*resumed, *second}, "7", []pipeline.Pivot{other}},
	} {
		returned, extras := Answers(c.requests, listed)
		if returned != c.returned {
			t.Errorf("%s: returned %q", c.name, returned)
		}
		if diff := cmp.Diff(c.extras, extras); diff != "" {
			t.Errorf("%s: extras (-want +got):\n%s", c.name, diff)
		}
	}
}

func TestLost(t *testing.T) {
	pair := func(s pipeline.Source, w pipeline.WorkspaceID) pipeline.Pair {
		return pipeline.Pair{User: "u1", Source: s, Workspace: w}
	}
	known := func(s pipeline.Source, w pipeline.WorkspaceID, user, workspace int64) pipeline.KnownPair {
		return pipeline.KnownPair{Pair: pair(s, w), Identity: pipeline.Identity{User: user, Workspace: workspace}, Attached: true}
	}
	other := known("SAP", "13", 8123, 13)
	lost := []pipeline.Pivot{{Workspace: "13", Source: "SAP", UserID: 8123, WorkspaceID: 13}}
	renamed := pipeline.Pivot{Workspace: "Other", Source: "SAP", UserID: 8123, WorkspaceID: 13}
	for _, c := range []struct {
		name     string
		request  *pipeline.Request
		attached pipeline.KnownPair
		want     []pipeline.Pivot
	}{
		{"it is listed", removal(answered(pivot("13", "1"))), other, nil},
		{"it is listed under another spelling", removal(answered(renamed)), other, nil},
		{"it is gone", removal(answered()), other, lost},
		{"it is gone in the end", removal(answered(pivot("13", "1"), pivot("11", "60")), answered()), other, lost},
		{"it came back", removal(answered(), answered(pivot("13", "1"))), other, nil},
		{"no answer", removal(noAnswer), other, nil},
		{"an answer with errors", removal(answered().withErrors(pipeline.ItemError{Code: "E"})), other, nil},
		{"an answer with another user's pivot", removal(answered(strange(pivot("12", "1")))), other, nil},
		{"another user of COR, under another source", removal(answered()), known("OKTA", "13", 9, 13), nil},
		{"the same user of COR, under another source", removal(answered()), known("OKTA", "13", 8123, 13),
			[]pipeline.Pivot{{Workspace: "13", Source: "OKTA", UserID: 8123, WorkspaceID: 13}}},
		{"an identity that is not known", removal(answered()), known("SAP", "13", 0, 0), nil},
	} {
		if diff := cmp.Diff(c.want, Lost([]pipeline.Request{*c.request}, []pipeline.KnownPair{c.attached})); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, diff)
		}
	}
}

func TestRepairedAndFutile(t *testing.T) {
	kept := answered(pivot("11", "59"), pivot("12", "40"))
	for _, c := range []struct {
		name             string
		history          pipeline.History
		repaired, futile bool
	}{
		{"nothing", nil, false, false},
		{"no repair", past(kept), false, false},
		{"repaired", past(kept, answered().detach("11"), fine().of("11")), true, false},
		{"the same percentage", past(kept, answered().detach("11"), kept.of("11")), true, true},
		{"the same percentage, spelled otherwise", past(kept, answered().detach("11"), answered(pivot("11", "59.0"), pivot("12", "40")).of("11")), true, true},
		{"another one", past(kept, answered().detach("11"), answered(pivot("11", "58"), pivot("12", "40")).of("11")), true, false},
		{"one of two", past(answered(pivot("11", "59"), pivot("12", "39")), answered().detach("11", "12"), kept.of("11", "12")), true, true},
		{"one of two is another one", past(answered(pivot("11", "59"), pivot("12", "39")), answered().detach("11", "12"),
			answered(pivot("11", "59"), pivot("12", "38")).of("11", "12")), true, false},
		{"already attached, then another percentage", past(attached, answered().detach("11", "12"), kept), true, false},
		{"the detach refused", past(kept, refused.detach("11")), true, true},
		{"the detach without an answer", past(kept, noAnswer.detach("11"), kept.of("11")), false, false},
		{"twice", past(kept, noAnswer.detach("11"), kept.of("11"), noAnswer.detach("11"), kept.of("11")), true, true},
	} {
		repaired := Repaired(c.history)
		if futile := repaired && Futile(after(c.history), 0); repaired != c.repaired || futile != c.futile {
			t.Errorf("%s: repaired %v, futile %v", c.name, repaired, futile)
		}
	}
	rounded := past(answered(pivot("11", "59.5"), pivot("12", "40")), answered().detach("11"), answered(pivot("11", "59.5"), pivot("12", "40")).of("11"))
	if Futile(after(rounded), one) {
		t.Error("futile, and within the tolerance")
	}
}

// rows are lines of one file, from its line 2.
type rows []pipeline.Line

func (r rows) Row(row int32) pipeline.Line { return r[row] }

func (r rows) PlaceText(row int32) string { return fmt.Sprint("a.csv:", row+2) }

// held are rows with an identity each.
type held struct {
	rows
	identities []pipeline.Identity
}

func (h held) Identity(row int32) pipeline.Identity { return h.identities[row] }

// all yields the rows, the last one first.
func (h held) all(yield func(int32) bool) {
	for i := range slices.Backward(h.identities) {
		if !yield(int32(i)) {
			return
		}
	}
}

func TestOverwritten(t *testing.T) {
	row := func(w, asked, returned string, number int64) pipeline.Line {
		percent, ok := pipeline.ParseDecimal(asked, '.')
		if !ok {
			t.Fatal(asked)
		}
		line := pipeline.Line{Row: pipeline.Row{User: "u", Source: "SAP", Workspace: pipeline.WorkspaceID(w), Percent: percent}}
		if line.Number = number; number > 0 {
			line.Pivot = &pipeline.Pivot{Percentage: returned}
		}
		return line
	}
	x, y := pipeline.Identity{User: 1, Workspace: 1}, pipeline.Identity{User: 1, Workspace: 2}
	for _, c := range []struct {
		name       string
		rows       rows
		identities []pipeline.Identity
		want       string // the rows that are overwritten, each with the row to blame
		clashes    int
	}{
		{"nothing", nil, nil, "", 0},
		{"different identities", rows{row("a", "60", "60", 1), row("b", "40", "40", 2)}, []pipeline.Identity{x, y}, "", 0},
		{"the same percentage", rows{row("a", "60", "60", 1), row("b", "60", "60.0", 2)}, []pipeline.Identity{x, x}, "", 1},
		{"another one afterwards", rows{row("a", "60", "60", 1), row("b", "40", "40", 2)}, []pipeline.Identity{x, x}, "0 by b afterwards", 1},
		{"another one before", rows{row("a", "60", "60", 2), row("b", "40", "40", 1)}, []pipeline.Identity{x, x}, "1 by a afterwards", 1},
		{"and then the same", rows{row("a", "60", "60", 1), row("b", "40", "40", 2), row("c", "60", "60", 3)}, []pipeline.Identity{x, x, x}, "1 by c afterwards", 1},
		{"within the tolerance", rows{row("a", "60", "60", 1), row("b", "60.5", "60.5", 2)}, []pipeline.Identity{x, x}, "", 1},
		{"afterwards, one that is not matched", rows{row("a", "60", "60", 1), row("b", "50", "40", 2)}, []pipeline.Identity{x, x}, "0 by b afterwards", 1},
		{"one that was not matched", rows{row("a", "50", "60", 1), row("b", "40", "40", 2)}, []pipeline.Identity{x, x}, "", 1},
		{"one of an earlier run", rows{row("a", "60", "60", 0), row("b", "40", "40", 2)}, []pipeline.Identity{x, x}, "0 by b afterwards", 1},
		{"in the same answer", rows{row("a", "60", "60", 1), row("b", "40", "40", 1)}, []pipeline.Identity{x, x}, "0 by b in the same answer, 1 by a in the same answer", 1},
		{"two clashes", rows{row("a", "60", "60", 1), row("b", "40", "40", 2), row("c", "60", "60", 3), row("d", "40", "40", 4)},
			[]pipeline.Identity{y, x, x, y}, "0 by d afterwards, 1 by c afterwards", 2},
	} {
		reasons, warning := Overwritten(held{c.rows, c.identities}.all, held{c.rows, c.identities}, one/2)
		var got []string
		for i := range int32(len(c.rows)) {
			if reason, found := reasons[i]; found {
				var place, user, workspace, source, returned, when string
				if _, err := fmt.Sscanf(strings.ReplaceAll(reason, ",", " "), "at COR this is the same user and workspace as %s (user %q  workspace %q  source %s for which COR returned %s ",
					&place, &user, &workspace, &source, &returned); err != nil {
					t.Fatalf("%s: %q: %v", c.name, reason, err)
				}
				when = reason[strings.LastIndex(reason, "returned "+returned)+len("returned "+returned)+1:]
				got = append(got, fmt.Sprintf("%d by %s %s", i, workspace, when))
			}
		}
		if text := strings.Join(got, ", "); text != c.want || len(reasons) != len(got) {
			t.Errorf("%s: %q, want %q", c.name, text, c.want)
		}
		if (warning != "") != (c.clashes > 0) || strings.Contains(warning, "; so are 1 more") != (c.clashes == 2) ||
			warning != "" && !strings.HasPrefix(warning, "a.csv:2 (") {
			t.Errorf("%s: %d clashes, the warning is %q", c.name, c.clashes, warning)
		}
	}
}

func TestWarning(t *testing.T) {
	const text = `a.csv:2 (user "u", workspace "W0", source SAP) and a.csv:3 (user "u", workspace "W1", source SAP) are one user and workspace at COR`
	for groups, want := range map[int]string{0: "", 1: text, 3: text + "; so are 2 more groups of ids in the input"} {
		var all rows
		var identities []pipeline.Identity
		for i := range 2 * groups {
			workspace := pipeline.WorkspaceID(fmt.Sprint("W", i))
			all = append(all, pipeline.Line{Row: pipeline.Row{User: "u", Source: "SAP", Workspace: workspace, Percent: one}})
			identities = append(identities, pipeline.Identity{User: 1, Workspace: int64(9 - i/2)})
		}
		if _, got := Overwritten(held{all, identities}.all, held{all, identities}, 0); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

// A million rows are looked through in about a second; the race detector takes ten times
// as long, and comparing each row with each would take hours.
func TestOverwrittenIsQuick(t *testing.T) {
	identities := make([]pipeline.Identity, 1_000_000)
	for i := range identities {
		identities[i] = pipeline.Identity{User: int64(i/3 + 1), Workspace: int64(i*7919%1000 + 1)}
	}
	began := time.Now()
	_, warning := Overwritten(held{nil, identities}.all, held{nil, identities}, 0) // it would panic if it asked for a row without a clash
	if took := time.Since(began); took > 20*time.Second || warning != "" {
		t.Errorf("%q after %v", warning, took)
	} else {
		t.Log(took)
	}
}

// So are 100,000 rows that are all one assignment at COR.
func TestOneIdentityIsQuick(t *testing.T) {
	all, identities := make(rows, 100_000), make([]pipeline.Identity, 100_000)
	for i := range all {
		all[i].Percent, identities[i] = pipeline.Percent(i%2), pipeline.Identity{User: 1, Workspace: 1}
	}
	began := time.Now()
	reasons, _ := Overwritten(held{all, identities}.all, held{all, identities}, 0)
	if took := time.Since(began); took > 20*time.Second || len(reasons) != len(all) {
		t.Errorf("%d rows after %v", len(reasons), took)
	}
}

// BenchmarkAnswers looks at the one answer of a user of two workspaces, as for most
// users of a run.
func BenchmarkAnswers(b *testing.B) {
	requests := []pipeline.Request{*after(past(fine()))}
	listed := func(pipeline.Source, pipeline.WorkspaceID) bool { return true }
	b.ReportAllocs()
	for b.Loop() {
		if returned, _ := Answers(requests, listed); returned != "100" {
			b.Fatal(returned)
		}
	}
}
