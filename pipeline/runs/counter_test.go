package runs

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"corattach/pipeline"
)

// A clock that was an hour ahead when a run was killed does not make it the later
// one: it is not resumed over what was sent since, and a ledger that is made again
// knows which word was the last.
func TestClockAhead(t *testing.T) {
	w := newWorld(t, "")
	w.clock = 25 * time.Hour
	ahead := w.imports(rows("U1,W1,10,SAP", "U2,W1,10,SAP"), one, dies(5, "after"))
	if ahead.err == nil {
		t.Fatal(ahead.String())
	}
	w.clock = 24 * time.Hour
	right := w.imports(rows("U1,W1,20,SAP", "U2,W1,20,SAP"))
	if right.code != pipeline.ExitDone || right.id > ahead.id {
		t.Fatal(right.String())
	}
	if got := w.resumes(ahead.dir); got.code != pipeline.ExitUsage || !strings.Contains(got.err.Error(), "the later run "+right.id+" has sent for user") {
		t.Errorf("resuming the earlier run: %s", got.String())
	}
	w.must(os.Remove(filepath.Join(w.runs, ledgerFile)))
	if got := w.imports(rows("U1,W1,20,SAP", "U2,W1,20,SAP"), changedOnly); got.statuses() != "U1/W1 unchanged, U2/W1 unchanged" {
		t.Errorf("after the later word: %s", got.String())
	}
	if got := w.imports(rows("U1,W1,10,SAP"), changedOnly); got.statuses() != "U1/W1 matched" {
		t.Errorf("after the earlier word: %s", got.String())
	}
}

// What a resume sends is later than what runs sent that began after the run.
func TestResumeIsLater(t *testing.T) {
	w := newWorld(t, "")
	killed := w.imports(rows("U1,W1,10,SAP", "U2,W1,10,SAP"), one, dies(6, "after"))
	if got := w.imports(rows("U2,W1,20,SAP")); got.code != pipeline.ExitDone {
		t.Fatal(got.String())
	}
	if got := w.resumes(killed.dir, evenIfOlder); got.code != pipeline.ExitDone || w.holds() != "U1/W1=10, U2/W1=10" {
		t.Fatalf("%s: %s", got.String(), w.holds())
	}
	for _, what := range []string{"the ledger of the runs", "a ledger made again"} {
		if got := w.imports(rows("U2,W1,20,SAP"), changedOnly, dry); got.statuses() != "U2/W1 planned" {
			t.Errorf("%s: %s", what, got.String())
		}
		if got := w.imports(rows("U2,W1,10,SAP"), changedOnly, dry); got.statuses() != "U2/W1 unchanged" {
			t.Errorf("%s: %s", what, got.String())
		}
		w.must(os.RemoveAll(filepath.Join(w.runs, ledgerFile)))
	}
}

// Counters go on where they were, whether the file or the runs are gone.
func TestCounters(t *testing.T) {
	w := newWorld(t, "")
	counter := func() int64 {
		t.Helper()
		got := w.imports(rows("U1,W1,10,SAP"))
		return w.header(got.dir).Counter
	}
	if first, second := counter(), counter(); first != 1 || second != 2 {
		t.Errorf("%d and %d", first, second)
	}
	w.must(os.Remove(filepath.Join(w.runs, counterFile)))
	if third := counter(); third != 3 {
		t.Errorf("without the file: %d", third)
	}
	for _, dir := range w.dirs() {
		w.must(os.RemoveAll(dir))
	}
	w.must(os.Remove(filepath.Join(w.runs, ledgerFile)))
	if fourth := counter(); fourth != 4 {
		t.Errorf("without the runs: %d", fourth)
	}
	dryRun := w.imports(rows("U1,W1,10,SAP"), dry)
	refused := w.imports("user_id\n")
	if fifth := counter(); fifth != 5 || dryRun.code != pipeline.ExitDone || refused.err == nil {
		t.Errorf("after what sent nothing: %d", fifth)
	}
	w.must(os.WriteFile(filepath.Join(w.runs, counterFile), []byte("70\n"), 0o600))
	if next := counter(); next != 71 {
		t.Errorf("after 70: %d", next)
	}
}
