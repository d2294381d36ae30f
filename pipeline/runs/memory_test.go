package runs

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"corattach/pipeline"
)

func (w *world) loseLedger() {
	w.Helper()
	w.must(os.RemoveAll(filepath.Join(w.runs, ledgerFile)))
}

// A lost ledger is made again from the journals: nothing is sent once more, and
// baseline, vanished and wanted pairs are known.
func TestLedgerLost(t *testing.T) {
	w := newWorld(t, "")
	w.imports(rows("U1,W1,10,SAP", "U2,W1,10,SAP", "U3,W1,10,SAP"), maxDrop("0"), accept)
	w.imports(rows("U1,W1,10,SAP", "U2,W1,10,SAP"), maxDrop("1"))
	w.imports(rows("U4,W1,10,SAP"), job("guests"))
	w.loseLedger()
	stoppedBy(t, w, w.imports(rows("U1,W1,10,SAP"), maxDrop("0"), changedOnly), "1 of the baseline's 2 pairs")
	w.loseLedger()
	got := w.imports(rows("U1,W1,10,SAP", "U2,W1,20,SAP"), maxDrop("0"), changedOnly)
	if got.statuses() != "U1/W1 unchanged, U2/W1 matched" || w.vanished(got.dir) != "U3/W1" || len(got.warnings) > 0 {
		t.Errorf("%s; vanished %s; warnings %q", got.String(), w.vanished(got.dir), got.warnings)
	}
	w.loseLedger()
	if got := w.detaches(rows("U1,W1,,SAP", "U3,W1,,SAP", "U4,W1,,SAP")); got.statuses() != "U1/W1 protected, U3/W1 detached, U4/W1 protected" {
		t.Error(got.String())
	}
}

// Runs that are gone without the ledger having read them have left something at COR
// that nobody knows: nothing up to then counts as confirmed, and it is said once.
func TestRunsGone(t *testing.T) {
	input := rows("U1,W1,10,SAP", "U2,W1,10,SAP")
	for name, gone := range map[string]func(w *world, dir string){
		"the ledger lost": func(w *world, _ string) { w.loseLedger() },
		"an old ledger put back": func(w *world, _ string) {
			w.must(os.WriteFile(filepath.Join(w.runs, ledgerFile), []byte(w.file(w.dir, "old")), 0o600))
		},
	} {
		w := newWorld(t, "")
		w.imports(input)
		w.must(os.WriteFile(filepath.Join(w.dir, "old"), []byte(w.file(w.runs, ledgerFile)), 0o600))
		second := w.imports(rows("U1,W1,20,SAP"))
		gone(w, second.dir)
		w.must(os.RemoveAll(second.dir))
		got := w.imports(input, changedOnly)
		if got.statuses() != "U1/W1 matched, U2/W1 matched" || len(got.warnings) == 0 || !strings.Contains(got.warnings[0], "runs are gone") || w.holds() != "U1/W1=10, U2/W1=10" {
			t.Errorf("%s: %s; warnings %q", name, got.String(), got.warnings)
		}
		if got := w.imports(input, changedOnly); got.statuses() != "U1/W1 unchanged, U2/W1 unchanged" || len(got.warnings) != 1 || !got.summary.SameInput {
			t.Errorf("%s, afterwards: %s; warnings %q", name, got.String(), got.warnings)
		}
	}
}

// A run that was killed, and removed before the next one could read its journal.
func TestKilledRunIsGone(t *testing.T) {
	w := newWorld(t, "")
	w.imports(rows("U1,W1,10,SAP", "U2,W1,10,SAP"))
	killed := w.imports(rows("U1,W1,20,SAP"), dies(1000, "at the end"))
	w.must(os.RemoveAll(killed.dir))
	if got := w.imports(rows("U1,W1,10,SAP", "U2,W1,10,SAP"), changedOnly); got.statuses() != "U1/W1 matched, U2/W1 matched" || w.holds() != "U1/W1=10, U2/W1=10" {
		t.Errorf("%s: %s", got.String(), w.holds())
	}
}

// A damaged ledger decides nothing: what can do without it goes on with a warning,
// what can't ends and says what to do.
func TestLedgerDamaged(t *testing.T) {
	w := newWorld(t, "")
	input := rows("U1,W1,10,SAP")
	w.imports(input)
	w.must(os.WriteFile(filepath.Join(w.runs, ledgerFile), []byte(strings.ReplaceAll(w.file(w.runs, ledgerFile), "U1\x00SAP", "U1\x00SAQ")), 0o600))
	for name, night := range map[string]func() told{
		"--changed-only": func() told { return w.imports(input, changedOnly) },
		"--max-drop":     func() told { return w.imports(input, maxDrop("0")) },
		"--max-change":   func() told { return w.imports(input, func(o *Order) { o.Settings.MaxChange = limit("0") }) },
		"detach":         func() told { return w.detaches(rows("U1,W1,,SAP")) },
		"a dry detach":   func() told { return w.detaches(rows("U1,W1,,SAP"), dry) },
	} {
		var f *pipeline.Failure
		if got := night(); !errors.As(got.err, &f) || f.Code != pipeline.ExitInternal || !strings.Contains(f.Hint, "move the ledger away") {
			t.Errorf("%s: %s", name, got.String())
		}
	}
	got := w.imports(rows("U1,W1,20,SAP"))
	if got.code != pipeline.ExitDone || len(got.warnings) == 0 || !strings.Contains(got.warnings[0], "what earlier runs have sent is not known") {
		t.Errorf("%s; warnings %q", got.String(), got.warnings)
	}
	w.loseLedger()
	if got := w.imports(rows("U1,W1,20,SAP"), changedOnly); got.statuses() != "U1/W1 unchanged" {
		t.Errorf("after it was moved away: %s", got.String())
	}
}

// Each user's confirmations run out between half of --max-age and all of it, and one
// from the future is none.
func TestMaxAge(t *testing.T) {
	w := newWorld(t, "")
	var lines []string
	for _, user := range strings.Split("abcdefghijklmnopqrstuvwxyz", "") {
		lines = append(lines, user+",W1,10,SAP")
	}
	w.clock = time.Hour
	w.imports(rows(lines...))
	count := func(at time.Duration) int {
		t.Helper()
		w.clock = at
		got := w.imports(rows(lines...), changedOnly, dry, func(o *Order) { o.Settings.MaxAge = 100 * time.Hour })
		return strings.Count(got.statuses(), "unchanged")
	}
	half, later, all := count(50*time.Hour), count(75*time.Hour), count(102*time.Hour)
	if half != len(lines) || later == 0 || later == half || all != 0 {
		t.Errorf("unchanged after half of the time: %d, after three quarters: %d, after all of it: %d", half, later, all)
	}
	if before := count(0); before != 0 {
		t.Errorf("confirmed in the future: %d", before)
	}
}

// A signal while an earlier run is read leaves that to the next run.
func TestStoppedWhileRecalling(t *testing.T) {
	w := newWorld(t, "")
	w.imports(rows("U1,W1,10,SAP"))
	w.loseLedger()
	stop := pipeline.Stop{Kind: pipeline.Interrupted, Signal: 15, Reason: "stopped by SIGTERM"}
	ctx, cancel := stopped(stop)
	defer cancel()
	for _, needed := range []bool{true, false} {
		m := memory{runsDir: w.runs, target: w.target(), job: "staff", needed: needed}
		if err := m.open(ctx, ""); err != stop {
			t.Errorf("open: %v", err)
		}
	}
	if got := w.imports(rows("U1,W1,10,SAP"), maxDrop("0"), accept, changedOnly); got.statuses() != "U1/W1 unchanged" {
		t.Error(got.String())
	}
}

func TestHintOfAForbiddenLedger(t *testing.T) {
	hint := hintOf(&fs.PathError{Op: "open", Path: "runs/ledger", Err: fs.ErrPermission})
	if hint != "is it another user's? Run this as the one who made it" {
		t.Errorf("got %q", hint)
	}
}
