package runs

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"corattach/pipeline"
	"corattach/pipeline/journal"
	"corattach/pipeline/runs/inputcopy"
)

const twoUsers = "user_id,workspace_id,percentage,source\nU1,W1,60,SAP\nU2,W1,40,SAP\n"

// A run is killed at every record of its journal, or when that is closed; resume
// brings it to its end, and whatever has written the reports, report writes the same.
func TestKilledAnywhere(t *testing.T) {
	const script = `{"faults": [{"user": "refused", "status": 400, "body": "A", "code": "ZC001"}, {"user": "unheard", "attempts": [1], "cut": "after"}]}`
	input := rows("U1,W1,60,SAP", "U1,W2,40,JIRA", "refused,W1,10,SAP", "unheard,W1,10,SAP", "bad,W1,101,SAP", "bad,W2,1,SAP")
	settings := func(o *Order) { o.Settings.MaxInvalid, o.Sending.Retries, o.Sending.Workers = limit("off"), 1, 1 }
	whole := newWorld(t, script)
	want := whole.imports(input, settings)
	deaths := []*killed{{left: 1000, moment: "at the end"}}
	for record := range strings.Count(whole.file(want.dir, JournalFile), "\n") {
		for _, moment := range []string{"before", "half", "after"} {
			deaths = append(deaths, &killed{left: record + 1, moment: moment})
		}
	}
	for _, death := range deaths {
		w, what := newWorld(t, script), fmt.Sprintf("killed at record %d, %s", death.left, death.moment)
		killed := w.imports(input, settings, dies(death.left, death.moment))
		if killed.err == nil {
			t.Fatalf("%s: %s", what, killed.String())
		}
		if _, err := journal.ReadHeader(filepath.Join(killed.dir, JournalFile)); err != nil {
			if got := w.resumes(killed.dir); got.code != pipeline.ExitUsage || !strings.Contains(got.err.Error(), "the journal has no header") || len(w.applied) > 0 {
				t.Errorf("%s, resumed: %s", what, got.String())
			}
			continue
		}
		if got := w.reports(killed.dir); got.err != nil {
			t.Fatalf("%s: %s", what, got.String())
		}
		w.same(what, killed.dir)
		got := w.resumes(killed.dir, func(r *Resumption) { r.Sending.Retries, r.Sending.Workers = 1, 1 })
		if got.err != nil || got.statuses() != want.statuses() && !strings.Contains(got.statuses(), "refused/W1 unknown") {
			t.Errorf("%s: %s, want %s", what, got.String(), want.String())
		}
		w.same(what+", and resumed", got.dir)
		if again := w.resumes(killed.dir); again.nothing == "" || again.code != got.code {
			t.Errorf("%s, resumed again: %s", what, again.String())
		}
	}
}

// A run that is killed before its canary is through goes on with it: users that COR has
// confirmed before don't count as sent.
func TestResumedCanary(t *testing.T) {
	w := newWorld(t, `{"faults": [{"user": "N1", "status": 400}, {"user": "N2", "status": 400}, {"user": "N3", "status": 400}]}`)
	known := []string{"U1,W1,10,SAP", "U2,W1,10,SAP", "U3,W1,10,SAP"}
	w.imports(rows(known...))
	canary := func(o *Order) { o.Sending.Canary, o.Sending.Workers = 1, 1 }
	night := w.imports(rows(append(known, "N1,W1,10,SAP", "N2,W1,10,SAP", "N3,W1,10,SAP")...), changedOnly, canary, dies(6, "after"))
	got := w.resumes(night.dir, func(r *Resumption) { r.Sending.Canary, r.Sending.Workers = 1, 1 })
	if got.code != pipeline.ExitGuard || !strings.Contains(got.statuses(), "N1/W1 failed, N2/W1 not_sent, N3/W1 not_sent") {
		t.Error(got.String())
	}
}

// A signal while the input is read again is a signal, not damage.
func TestStoppedWhileReadAgain(t *testing.T) {
	w := newWorld(t, "")
	got := w.imports(rows("U1,W1,10,SAP"))
	stop := pipeline.Stop{Kind: pipeline.Interrupted, Signal: 2, Reason: "stopped by SIGINT"}
	ctx, cancel := stopped(stop)
	defer cancel()
	_, _, err := Load(ctx, got.dir)
	if by, is := errors.AsType[pipeline.Stop](err); !is || by != stop || errors.As(err, new(*pipeline.Failure)) {
		t.Errorf("load: %v", err)
	}
	if err := pipeline.Unwritable(stop); err != stop {
		t.Errorf("reports: %v", err)
	}
}

// same checks that report writes a run's reports byte for byte as they are.
func (w *world) same(what, dir string) {
	w.Helper()
	before := w.files(dir)
	for name := range before {
		w.must(os.Remove(filepath.Join(dir, name)))
	}
	if got := w.reports(dir); got.err != nil {
		w.Fatal(what, got.err)
	}
	after := w.files(dir)
	for name, content := range before {
		if after[name] != content || len(after) != len(before) {
			w.Fatal(fmt.Sprintf("%s: %s was\n%s\nand is\n%s", what, name, content, after[name]))
		}
	}
}

// A journal that was put back to an earlier state, or copied before the run went on,
// sends nothing again that the ledger knows as confirmed; report says the same.
func TestCutJournal(t *testing.T) {
	for _, records := range []int{1, 2, 3, 4, 5, 6} {
		for _, aNightBetween := range []bool{false, true} {
			w := newWorld(t, "")
			done := w.imports(twoUsers, one)
			w.cutTo(done.dir, records)
			if aNightBetween {
				w.imports(rows("U3,W1,10,SAP"))
			}
			sent := len(w.applied)
			got := w.resumes(done.dir)
			if got.code != pipeline.ExitDone || len(w.applied) != sent {
				t.Errorf("cut to %d records: %s; %v was sent", records, got.String(), w.applied[sent:])
			}
			w.same("cut", done.dir)
			if again := w.resumes(done.dir); again.nothing == "" {
				t.Errorf("cut to %d records, resumed again: %s", records, again.String())
			}
		}
	}
}

func TestCopiedRun(t *testing.T) {
	w := newWorld(t, "")
	killed := w.imports(twoUsers, one, dies(5, "after")) // U1 has its answer
	copied := filepath.Join(w.runs, killed.id[:17]+"ffffff")
	w.must(os.CopyFS(copied, os.DirFS(killed.dir)))
	if got := w.resumes(killed.dir); got.code != pipeline.ExitDone {
		t.Fatal(got.String())
	}
	sent := len(w.applied)
	got := w.resumes(copied, evenIfOlder)
	if got.statuses() != "U1/W1 matched, U2/W1 unchanged" || len(w.applied) != sent {
		t.Errorf("%s; %v was sent", got.String(), w.applied[sent:])
	}
	w.same("a copy", copied)
}

// cutTo leaves so many records of a journal.
func (w *world) cutTo(dir string, records int) {
	w.Helper()
	lines := bytes.SplitAfter([]byte(w.file(dir, JournalFile)), []byte("\n"))
	w.must(os.WriteFile(filepath.Join(dir, JournalFile), bytes.Join(lines[:records], nil), 0o600))
}

// All verdicts of a run are by the tolerance of its last session.
func TestResumeWithAnotherTolerance(t *testing.T) {
	w := newWorld(t, `{"faults": [{"user": "U2", "attempts": [1], "status": 500}]}`, "percentage=rounded")
	tolerance, _ := pipeline.ParseDecimal("0.5", '.')
	got := w.imports(rows("U1,W1,33.4,SAP", "U2,W1,33.4,SAP"), func(o *Order) { o.Sending.Tolerance = tolerance })
	if got.statuses() != "U1/W1 matched, U2/W1 unknown" {
		t.Fatal(got.String())
	}
	if got = w.resumes(got.dir); got.statuses() != "U1/W1 mismatched, U2/W1 mismatched" {
		t.Error(got.String())
	}
	w.same("another tolerance", got.dir)
}

// A run that a guard stopped before its first request is not resumed; what stopped
// it is told again.
func TestGuardedRunIsNotResumed(t *testing.T) {
	w := newWorld(t, "")
	stopped := w.imports(twoUsers, maxDrop("0"))
	if stopped.code != pipeline.ExitGuard || len(stopped.summary.Next) > 0 {
		t.Fatalf("%s: next %q", stopped.String(), stopped.summary.Next)
	}
	for range 2 {
		got := w.resumes(stopped.dir)
		if got.code != pipeline.ExitGuard || got.nothing == "" || !strings.HasPrefix(got.summary.Exit.Reason, "--max-drop: ") || len(w.applied) > 0 {
			t.Errorf("%s: %s", got.String(), got.summary.Exit.Reason)
		}
	}
	w.same("stopped by a guard", stopped.dir)
}

// A run that was killed before its plan was complete is planned anew, in fewer bytes
// than there were: what it sends then is read all the same.
func TestPlannedAnew(t *testing.T) {
	w := newWorld(t, "")
	input := rows("U1,W1,10,SAP", "U2,W1,10,SAP", "U3,W1,10,SAP")
	w.imports(input)
	killed := w.imports(input, changedOnly, dies(4, "half")) // among the decisions
	if got := w.imports(rows("U1,W1,20,SAP", "U2,W1,20,SAP", "U3,W1,20,SAP"), job("guests")); got.code != pipeline.ExitDone {
		t.Fatal(got.String())
	}
	if !exists(filepath.Join(killed.dir, JournalFile)) {
		t.Fatal("it left no journal")
	}
	if got := w.resumes(killed.dir, evenIfOlder); got.statuses() != "U1/W1 matched, U2/W1 matched, U3/W1 matched" {
		t.Fatal(got.String())
	}
	w.same("planned anew", killed.dir)
	if got := w.imports(input, changedOnly); got.statuses() != "U1/W1 unchanged, U2/W1 unchanged, U3/W1 unchanged" || w.holds() != "U1/W1=10, U2/W1=10, U3/W1=10" {
		t.Errorf("%s: %s", got.String(), w.holds())
	}
}

// What was killed while it read its input is listed as such, and goes like any
// other run.
func TestKilledWhileReading(t *testing.T) {
	w := newWorld(t, "")
	reading := filepath.Join(w.runs, "19991231T235959Z-000000", inputcopy.Dir)
	w.must(os.MkdirAll(reading, 0o700))
	w.must(os.WriteFile(filepath.Join(reading, "1.zst"), []byte("half"), 0o600))
	all, err := List(w.runs)
	w.must(err)
	if len(all) != 1 || all[0].Command != "" || all[0].Resumable || all[0].Exit != nil {
		t.Errorf("listed as %+v", all)
	}
	if _, err := Find(w.runs, "19991231T235959Z-000000", false); err == nil || !strings.Contains(err.Error(), "the run ended while it read its input") {
		t.Errorf("found: %v", err)
	}
	if got := w.imports(twoUsers, func(o *Order) { o.KeepRuns = 1 }); got.code != pipeline.ExitDone {
		t.Fatal(got.String())
	}
	if left := w.dirs(); len(left) != 1 || exists(reading) {
		t.Errorf("left: %v", left)
	}
}

// An input that can't be read leaves no trace.
func TestInputThatCantBeRead(t *testing.T) {
	w := newWorld(t, "")
	got := w.imports("no header\n")
	if got.err == nil || len(w.dirs()) > 0 || exists(filepath.Join(w.runs, counterFile)) {
		t.Errorf("%s: %v", got.String(), w.dirs())
	}
}

// Users that COR has forbidden go last in a resumed session: as its first answers
// they would stop it, and nobody else would ever be sent.
func TestResumeSendsTheForbiddenLast(t *testing.T) {
	const script = `{"faults": [{"user": "no1", "status": 403}, {"user": "no2", "status": 403}, {"user": "no3", "status": 403}]}`
	w := newWorld(t, script)
	stopped := w.imports(rows("yes1,W,1,SAP", "no1,W,1,SAP", "no2,W,1,SAP", "no3,W,1,SAP", "yes2,W,1,SAP", "yes3,W,1,SAP"),
		func(o *Order) { o.Sending.MaxFailures, o.Sending.Workers = limit("2"), 1 })
	if stopped.code != pipeline.ExitGuard {
		t.Fatal(stopped.String())
	}
	resumed := w.resumes(stopped.dir, func(r *Resumption) { r.Sending.Workers = 1 })
	if resumed.code != pipeline.ExitRows || !strings.Contains(resumed.statuses(), "yes2/W matched") || !strings.Contains(resumed.statuses(), "yes3/W matched") {
		t.Error(resumed.String())
	}
}
