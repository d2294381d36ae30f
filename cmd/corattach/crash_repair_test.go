package main

import (
	"os"
	"path/filepath"
	"testing"

	"corattach/pipeline"
)

// repairBefore is what COR holds when repairInput comes, and it keeps it.
const (
	repairBefore = `user_id,workspace_id,percentage,source
U1,W1,50,SAP
U1,W2,40,SAP
`
	repairInput = `user_id,workspace_id,percentage,source
U1,W1,60,SAP
U1,W2,40,SAP
`
)

// newRepairWorld is a COR that keeps the old percentage on a repeated attach,
// and holds others than the input asks for.
func newRepairWorld(t *testing.T) *crashWorld {
	t.Helper()
	w := newCrashWorld(t, repairInput, "", "repeat=keeps")
	before := filepath.Join(t.TempDir(), "before.csv")
	okay(t, os.WriteFile(before, []byte(repairBefore), 0o600))
	got := runHere("import", before, "--base-url", w.url, "--auth-url", w.url+"/v1", "--rate", "0", "--runs-dir", t.TempDir())
	if got.code != pipeline.ExitDone {
		t.Fatalf("exit %d: %s", got.code, got.stderr)
	}
	return w
}

// A repair detaches and attaches again. The program is killed at every write to
// its journal on that way: no report before or after calls a detached workspace
// matched, and resume finishes what was begun. Only a request that was answered
// with another percentage, and whose repair was not begun, has its verdict.
func TestKillDuringRepair(t *testing.T) {
	t.Parallel()
	reference := newRepairWorld(t)
	if got := runHere(reference.args("import", reference.file, "--repair")...); got.code != pipeline.ExitDone {
		t.Fatalf("exit %d: %s", got.code, got.stderr)
	}
	want := verdictsOf(t, reference.runDir(t))
	for place, row := range want {
		if row.status != "matched" {
			t.Fatalf("the repair that nobody killed leaves %s %s", place, row.status)
		}
	}
	moments := killMoments(recordsOf(t, reference.runDir(t)))
	inParallel(t, moments, func(t *testing.T, i int) {
		w := newRepairWorld(t)
		if !w.killed(t, moments[i], w.args("import", w.file, "--repair")...) {
			t.Fatal("the run was not killed")
		}
		dir := w.runDir(t)
		killed := evidenceOf(t, dir)
		if killed == nil {
			return // TestKillAtEveryJournalRecord
		}
		if got := runHere("report", dir); got.code == pipeline.ExitInternal || got.code == pipeline.ExitUsage {
			t.Fatalf("report: exit %d: %s", got.code, got.stderr)
		}
		w.saysWhatIsHeld(t, dir)
		balancedSummary(t, dir, 2)
		if killed.ended {
			return
		}
		// Every other run is resumed without --repair at first: what was begun is
		// finished all the same.
		if i%2 == 1 {
			if got := runHere(w.args("resume", dir)...); got.code != pipeline.ExitDone && got.code != pipeline.ExitPivots {
				t.Fatalf("resume without --repair: exit %d: %s", got.code, got.stderr)
			}
			w.saysWhatIsHeld(t, dir)
			if held := len(w.Holdings()); held != 2 {
				t.Errorf("COR holds %d of 2 workspaces after resume without --repair: %v", held, w.Holdings())
			}
			return
		}
		if got := runHere(w.args("resume", dir, "--repair")...); got.code != pipeline.ExitDone && got.code != pipeline.ExitPivots {
			t.Errorf("resume: exit %d: %s", got.code, got.stderr)
		}
		w.saysWhatIsHeld(t, dir)
		for place, row := range verdictsOf(t, dir) {
			key := pipeline.Key{User: pipeline.UserID(row.user), Source: pipeline.Source(row.source)}
			if definite := killed.settled[key] && !killed.detached[key]; !definite && row != want[place] {
				t.Errorf("%s: %+v, want %+v", place, row, want[place])
			}
		}
	})
}

// saysWhatIsHeld checks that what a report calls matched or mismatched is held by
// the simulator with the percentage that the report names.
func (w *crashWorld) saysWhatIsHeld(t *testing.T, dir string) {
	t.Helper()
	for place, row := range rowsOf(t, dir) {
		if row.status != "matched" && row.status != "mismatched" {
			continue
		}
		if holds, found := w.Percentage(row.user, row.source, row.workspace); !found || holds != row.pivot {
			t.Errorf("%s is %s with %s, and COR holds %q (%v)", place, row.status, row.pivot, holds, found)
		}
	}
}
