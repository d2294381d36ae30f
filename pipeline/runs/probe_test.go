package runs

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"corattach/pipeline"
	"corattach/pipeline/cor/corsim"
	"corattach/pipeline/journal"
	"corattach/pipeline/probe"
	"corattach/report"
)

// newProbed is a world whose COR knows the probe's user and workspaces, and X.
func newProbed(t *testing.T, script string, switches ...string) *world {
	w := newWorld(t, "")
	var known []corsim.Pair
	for _, id := range []string{"W1", "W2", "X"} {
		known = append(known, corsim.Pair{User: "U1", Source: "SAP", Workspace: id})
	}
	w.open(script, known, switches...)
	return w
}

func (w *world) probes(change ...func(*Order)) told {
	w.Helper()
	return w.start(Order{
		Command: "probe", Settings: journal.Settings{User: "U1", Workspaces: []pipeline.WorkspaceID{"W1", "W2"}, Source: "SAP"}, Common: w.common(),
	}, change...)
}

// findings tells what the facts.json of a run has found, in short.
func (w *world) findings(dir string) string {
	w.Helper()
	var document probe.Document
	w.must(json.Unmarshal([]byte(w.file(dir, report.FactsFile)), &document))
	var all []string
	for _, f := range document.Facts {
		all = append(all, f.Fact+"="+f.Finding)
	}
	return strings.Join(all, " ")
}

const documented = "attach=adds repeat=updates listed=all percentage=exact over-100=accepted zero=accepted unknown-workspace=refused-400 unknown-user=refused-400 " +
	"id-sources=own id-case=exact source-case=exact detach=remaining second-detach=accepted"

func TestProbe(t *testing.T) {
	w := newProbed(t, "")
	got := w.probes()
	if got.code != 0 || got.summary.Exit.Reason != "every fact was found, and the user has what there was before" {
		t.Fatal(got.String())
	}
	if found := w.findings(got.dir); found != documented {
		t.Errorf("found %s", found)
	}
	if s := got.summary; s.Command != "probe" || s.Requests != s.Attempts || s.Requests < 20 || s.Requests > 25 || !s.Balanced {
		t.Errorf("summary %+v", s)
	}
	if w.holds() != "" {
		t.Errorf("%s is left", w.holds())
	}
	before := w.files(got.dir)
	again := w.reports(got.dir)
	if diff := cmp.Diff(before, w.files(got.dir)); again.code != 0 || diff != "" {
		t.Errorf("the reports differ when they are written again: %s", diff)
	}
	if resumed := w.resumes(got.dir); resumed.nothing == "" || resumed.code != 0 {
		t.Errorf("resumed: %s", resumed.String())
	}
	if list, err := List(w.runs); err != nil || len(list) != 1 || list[0].Command != "probe" || list[0].Resumable {
		t.Errorf("list %+v, %v", list, err)
	}
}

// What a probe attaches is no pair that anybody wants, and stays no attached one.
func TestProbeAndLaterRuns(t *testing.T) {
	for _, switches := range [][]string{{}, {"attach=replaces", "second-detach=refused"}, {"repeat=refuses"}} {
		w := newProbed(t, "", switches...)
		for range 2 {
			if got := w.probes(); got.code != 0 {
				t.Fatal(got.String())
			}
		}
		if got := w.imports(rows("U1,W1,30,SAP")); got.code != 0 || got.statuses() != "U1/W1 matched" {
			t.Fatal(got.String())
		}
		if got := w.probes(); got.code != pipeline.ExitGuard || w.holds() != "U1/W1=30" {
			t.Errorf("%v: with %s: %s", switches, w.holds(), got.String())
		}
		if got := w.detaches(rows("U1,W1,30,SAP")); got.statuses() != "U1/W1 protected" {
			t.Errorf("detach: %s", got.String())
		}
	}
}

// Throttling and faults are met as in any run.
func TestProbeUnderFaults(t *testing.T) {
	for _, script := range []string{
		`{"faults":[{"attempts":[2,3,4,5,6],"status":429,"retry_after":3},{"endpoint":"detach","attempts":[3,5],"status":503}]}`,
		`{"faults":[{"attempts":[1,2,5],"status":500,"apply":true},{"endpoint":"detach","attempts":[4],"cut":"after"}]}`,
		`{"faults":[{"endpoint":"token","attempts":[1],"status":503},{"attempts":[4],"revoke_token":true}]}`,
	} {
		w := newProbed(t, script, "repeat=keeps")
		got := w.probes(func(o *Order) { o.Sending.Retries, o.Sending.Rate = 3, 5 })
		if want := strings.Replace(documented, "updates", "keeps", 1); got.code != 0 || w.findings(got.dir) != want {
			t.Errorf("%s: %s: %s", script, got.String(), w.findings(got.dir))
		}
	}
}

// A COR that is slow, and allows little at a time, is asked as any run asks it.
func TestProbeAtItsPace(t *testing.T) {
	for _, tokens := range []string{"tokens=5", "tokens=once"} {
		w := newProbed(t, `{"faults":[{"delay":"2s"},{"endpoint":"detach","delay":"2s"}]}`, "throttle=1,date", tokens)
		if got := w.probes(); got.code != 0 || w.findings(got.dir) != documented || got.summary.Throttled > 0 {
			t.Error(got.String())
		}
	}
}

// A probe that is killed at any record of its journal is put back by resume, what
// the user had before included.
func TestProbeKilledAnywhere(t *testing.T) {
	for before, switches := range map[string][]string{"": {"second-detach=refused"}, "U1,X,5,SAP": {"attach=replaces", "repeat=refuses"}} {
		for record := 1; ; record++ {
			w := newProbed(t, "", switches...)
			if before != "" {
				w.imports(rows(before))
			}
			held := w.holds()
			kill := killed{left: record, moment: []string{"before", "half", "after"}[record%3]}
			got := w.probes(func(o *Order) { o.JournalFile = kill.wrap })
			if got.err == nil {
				break
			}
			name := fmt.Sprintf("%v, %s, killed %s record %d", switches, before, kill.moment, record)
			w.resumeKilled(got, name)
			if w.holds() != held {
				t.Fatalf("%s: %q became %q", name, held, w.holds())
			}
		}
	}
}

// resumeKilled resumes a killed probe and holds it to what it says.
func (w *world) resumeKilled(got told, name string) {
	w.Helper()
	if _, err := os.Stat(filepath.Join(got.dir, JournalFile)); err != nil {
		return // it was killed before there was one
	}
	reported := w.reports(got.dir)
	resumed := w.resumes(got.dir)
	if resumed.err != nil {
		w.Fatal(name + ": " + resumed.String())
	}
	asks := slices.ContainsFunc(reported.summary.Next, func(next string) bool { return strings.HasPrefix(next, "corattach resume ") })
	if asks == (resumed.nothing != "") {
		w.Fatal(fmt.Sprintf("%s: next is %v, and resume does %q", name, reported.summary.Next, resumed.nothing))
	}
	if after := w.resumes(got.dir); after.nothing == "" || len(after.summary.Next) > 0 {
		w.Fatal(name + ": resumed twice: " + after.String())
	}
	if list, err := List(w.runs); err != nil || list[0].Resumable && resumed.nothing == "" {
		w.Fatal(fmt.Sprintf("%s: list %+v, %v", name, list, err))
	}
}

// A stop of its own is a guard's, and leaves nothing to resume.
func TestProbeRefuses(t *testing.T) {
	w := newProbed(t, "", "attach=replaces")
	w.imports(rows("U1,X,5,SAP"))
	got := w.probes()
	const want = `--user: an attach takes away or changes what it does not name, and user "U1" has other workspaces; they were attached again as they were`
	if got.code != pipeline.ExitGuard || got.summary.Exit.Reason != want || len(got.summary.Next) > 0 {
		t.Errorf("%s, next %v", got.String(), got.summary.Next)
	}
	if w.holds() != "U1/X=5" {
		t.Errorf("the user has %s", w.holds())
	}
	if resumed := w.resumes(got.dir); resumed.nothing == "" || resumed.code != pipeline.ExitGuard {
		t.Errorf("resumed: %s", resumed.String())
	}
}

func TestCheckSubject(t *testing.T) {
	s, err := CheckSubject(" U 1 ", []string{"W1", "W,2\t"}, "sap")
	if want := (probe.Subject{User: "U 1", Workspaces: [2]pipeline.WorkspaceID{"W1", "W,2"}, Source: "SAP"}); err != nil || s != want {
		t.Errorf("%+v, %v", s, err)
	}
	if _, err := CheckSubject("1E+05", []string{"W1", "W2"}, "SAP"); err != nil { // which in a file draws a warning
		t.Error(err)
	}
	for _, test := range []struct {
		user, one, other, source, want string
	}{
		{"", "W1", "W2", "SAP", "user_id is blank"},
		{"..", "W1", "W2", "SAP", `user_id ".." can't stand in a URL path`},
		{"U1", "W1", "W1", "SAP", "--workspace: a probe needs two different workspaces"},
		{"U1", "W1", "W1 ", "SAP", "--workspace: a probe needs two different workspaces"},
		{"U1", "W1", "#REF!", "SAP", `workspace_id "#REF!" is an error that a spreadsheet has left`},
		{"U1", "W1", "W\u200b2", "SAP", `workspace_id "W\u200b2" has U+200B, an invisible character`},
		{"U1", "W1", "W2", "", "source is blank; --source NAME fills it"},
		{"U1", "W1", "W2", "SAPP", `source "SAPP" is not known; is SAP meant?`},
	} {
		_, err := CheckSubject(test.user, []string{test.one, test.other}, test.source)
		if err == nil || err.Error() != test.want {
			t.Errorf("%+v: %v", test, err)
		}
	}
}
