package main

import (
	"bytes"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"corattach/pipeline"
	"corattach/pipeline/journal"
)

// crashInput has users of one request and of several, by source and by chunk,
// an invalid row with the one it holds, a duplicate, and one user for each entry
// of crashScript.
const crashInput = `user_id,workspace_id,percentage,source
U1,W1,60,SAP
U2,W1,50,SAP
U1,W2,40,SAP
U2,W9,50,JIRA
U3,W1,20,SAP
U3,W2,30,SAP
U3,W3,50,SAP
bad,W1,101,SAP
bad,W2,10,SAP
twice,W1,100,SAP
twice,W1,100.0,SAP
refused,W1,100,SAP
stumbles,W1,100,SAP
unheard,W1,100,SAP
rounded,W1,33.3333,SAP
dropped,W1,40,SAP
dropped,W2,60,SAP
`

const crashScript = `{"faults": [
  {"user": "refused", "status": 400, "body": "A", "code": "ZC001"},
  {"user": "stumbles", "attempts": [1], "status": 500},
  {"user": "unheard", "attempts": [1], "cut": "after"},
  {"user": "rounded", "set_percentage": {"W1": 33}},
  {"user": "dropped", "drop_workspace": ["W2"]}
]}`

func (w *crashWorld) importArgs(more ...string) []string {
	return append(w.args("import", w.file, "--chunk", "2", "--max-invalid", "off"), more...)
}

// The program is killed before, in and after every single record of its journal,
// and resumed: the verdicts are those of a run that nobody killed, nothing that
// the journal holds as settled is sent again, and no more than one request per
// worker is sent twice.
func TestKillAtEveryJournalRecord(t *testing.T) {
	t.Parallel()
	reference := newCrashWorld(t, crashInput, crashScript)
	if got := runHere(reference.importArgs()...); got.code != pipeline.ExitRows {
		t.Fatalf("exit %d: %s", got.code, got.stderr)
	}
	want := verdictsOf(t, reference.runDir(t))
	statuses := make(map[string]int)
	for _, row := range want {
		statuses[row.status]++
	}
	if diff := cmp.Diff(map[string]int{
		"matched": 11, "mismatched": 1, "missing": 1, "failed": 1, "invalid": 1, "held": 1, "duplicate": 1,
	}, statuses); diff != "" {
		t.Fatalf("the run that nobody killed: %s", diff)
	}
	moments := killMoments(recordsOf(t, reference.runDir(t)))
	inParallel(t, moments, func(t *testing.T, i int) {
		w := newCrashWorld(t, crashInput, crashScript)
		if !w.killed(t, moments[i], w.importArgs()...) {
			t.Fatal("the run was not killed")
		}
		if !w.resumed(t, want) {
			return
		}
		if diff := cmp.Diff(reference.Holdings(), w.Holdings()); diff != "" {
			t.Errorf("what COR holds at the end: %s", diff)
		}
		if diff := cmp.Diff(fileNames(t, reference.runDir(t)), fileNames(t, w.runDir(t))); diff != "" {
			t.Errorf("files: %s", diff)
		}
		if sent, most := total(w.requestsOf(t)), total(reference.requestsOf(t))+3; sent > most {
			t.Errorf("%d requests sent, and %d with one repeated by each worker", sent, most)
		}
	})
}

func fileNames(t *testing.T, dir string) []string {
	return slices.Sorted(maps.Keys(reportFiles(t, dir)))
}

func total(counts map[pipeline.Key]int) (sum int) {
	for _, n := range counts {
		sum += n
	}
	return sum
}

// resumed reports on a killed run, resumes it, and compares what comes of it. It
// returns false for a run without a header, which can only be imported again.
func (w *crashWorld) resumed(t *testing.T, want map[string]crashRow) bool {
	t.Helper()
	dir := w.runDir(t)
	killed := evidenceOf(t, dir)
	if killed == nil {
		w.unbegun(t, dir, want)
		return false
	}
	if killed.unended > 3*killed.sessions {
		t.Errorf("%d attempts without an end, and three workers in each of %d sessions", killed.unended, killed.sessions)
	}
	w.reportKilled(t, dir, len(want), killed.ended)
	if killed.ended {
		// Only the reports were missing, and report has written them.
		if got := runHere(w.args("resume", dir)...); got.code != pipeline.ExitRows || !strings.Contains(got.stderr, "nothing to resume") {
			t.Errorf("resuming a finished run: exit %d: %s", got.code, got.stderr)
		}
	} else if got := runHere(w.args("resume", dir)...); got.code != pipeline.ExitRows {
		t.Fatalf("resume: exit %d: %s", got.code, got.stderr)
	}
	sameVerdicts(t, want, dir, killed)
	balancedSummary(t, dir, len(want))
	w.sentOnce(t, killed, evidenceOf(t, dir))
	return true
}

// sentOnce checks that what was settled at the kill was not sent after it, and
// that what the simulator saw is what the journal says.
func (w *crashWorld) sentOnce(t *testing.T, killed, final *crashEvidence) {
	t.Helper()
	for key, settled := range killed.settled {
		if settled && final.attempts[key] != killed.attempts[key] {
			t.Errorf("%v was settled after %d attempts and has %d", key, killed.attempts[key], final.attempts[key])
		}
	}
	seen := w.requestsOf(t)
	for key, n := range final.attempts {
		if seen[key] > n || seen[key] < final.answered[key] {
			t.Errorf("%v: the simulator saw %d requests, and the journal has %d attempts, %d of them with an end",
				key, seen[key], n, final.answered[key])
		}
		delete(seen, key)
	}
	if len(seen) > 0 {
		t.Errorf("the journal does not know of %v", seen)
	}
}

// unbegun checks a run that was killed before its header was written: nothing
// was sent, resume and report say so, and a new import does it all.
func (w *crashWorld) unbegun(t *testing.T, dir string, want map[string]crashRow) {
	t.Helper()
	if n := len(w.Requests()); n != 0 {
		t.Errorf("%d requests were sent before the journal had a header", n)
	}
	for _, command := range []string{"resume", "report"} {
		args := w.args(command, dir)
		if command == "report" {
			args = []string{"report", dir}
		}
		got := runHere(args...)
		if got.code != pipeline.ExitUsage || !strings.Contains(got.stderr, "hint: nothing was sent") {
			t.Errorf("%s of a run that has not begun: exit %d: %s", command, got.code, got.stderr)
		}
	}
	okay(t, os.Rename(dir, dir+"-dead"))
	if got := runHere(w.importArgs()...); got.code != pipeline.ExitRows {
		t.Fatalf("import: exit %d: %s", got.code, got.stderr)
	}
	okay(t, os.RemoveAll(dir+"-dead"))
	if diff := cmp.Diff(want, verdictsOf(t, w.runDir(t)), cmp.AllowUnexported(crashRow{})); diff != "" {
		t.Errorf("verdicts of a new import: %s", diff)
	}
}

// reportKilled reports on a killed run: every row stands in it, no verdict says
// more than the simulator holds, and the exit code says that rows are left.
func (w *crashWorld) reportKilled(t *testing.T, dir string, rows int, ended bool) {
	t.Helper()
	if got := runHere("report", dir); got.code != pipeline.ExitRows {
		t.Fatalf("report of a killed run: exit %d: %s", got.code, got.stderr)
	}
	s := balancedSummary(t, dir, rows)
	if interrupted := strings.HasPrefix(s.Exit.Reason, "the run was killed; "); interrupted == ended {
		t.Errorf("a killed run ends with %q", s.Exit.Reason)
	}
	w.truthful(t, dir)
}

// truthful checks a report against what the simulator holds: matched is what it
// holds exactly, and what it was never asked for is not_sent.
func (w *crashWorld) truthful(t *testing.T, dir string) {
	t.Helper()
	for place, row := range rowsOf(t, dir) {
		holds, found := w.Percentage(row.user, row.source, row.workspace)
		switch row.status {
		case "matched":
			if !found || holds != row.pivot {
				t.Errorf("%s is matched with %s, and COR holds %q (%v)", place, row.pivot, holds, found)
			}
		case "failed", "not_sent":
			if found {
				t.Errorf("%s is %s (%s), and COR holds %q", place, row.status, row.reason, holds)
			}
		}
	}
}

// A fault of the program itself ends like any other failure, with its code and
// what to do: 2 would say that the command line was wrong.
func TestInternalError(t *testing.T) {
	t.Parallel()
	w := newCrashWorld(t, crashInput, "")
	var errs bytes.Buffer
	a := &app{stdin: strings.NewReader(""), stdout: io.Discard, stderr: &errs, journalFile: func(journal.File) journal.File { panic("a fault") }}
	if code := a.run(w.importArgs()); code != pipeline.ExitInternal {
		t.Errorf("exit %d", code)
	}
	last := lastLine(errs.String())
	if last != "exit 1: internal error: a fault" || !strings.Contains(errs.String(), "hint: this is a fault of the program") {
		t.Errorf("it says %q", errs.String())
	}
	if got := runHere(w.importArgs()...); got.code != pipeline.ExitRows && got.code != pipeline.ExitDone {
		t.Errorf("the next run: exit %d: %s", got.code, got.stderr)
	}
}
