package main

import (
	"errors"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"corattach/pipeline"
	"corattach/pipeline/runs"
)

// A finished run's journal is cut at its records' borders, around them and at
// many places between, and resumed with a COR that holds everything already.
func TestJournalCutAndResumed(t *testing.T) {
	t.Parallel()
	const input = `user_id,workspace_id,percentage,source
U1,W1,60,SAP
U2,W1,50,SAP
U1,W2,40,JIRA
refused,W1,100,SAP
rounded,W1,33.3333,SAP
`
	const script = `{"faults": [
  {"user": "refused", "status": 400, "body": "A", "code": "ZC001"}, {"user": "rounded", "set_percentage": {"W1": 33}}
]}`
	reference := newCrashWorld(t, input, script)
	if got := runHere(reference.args("import", reference.file)...); got.code != pipeline.ExitRows {
		t.Fatalf("exit %d: %s", got.code, got.stderr)
	}
	source := reference.runDir(t)
	want := verdictsOf(t, source)
	whole, err := os.ReadFile(filepath.Join(source, runs.JournalFile))
	okay(t, err)
	var cuts []int
	border := 0
	for n := range whole {
		if n > 0 && whole[n-1] == '\n' {
			border = n
		}
		if n-border < 2 || whole[n] == '\n' || n%48 == 0 {
			cuts = append(cuts, n)
		}
	}
	t.Logf("%d cuts in %d bytes", len(cuts), len(whole))
	parts := strings.Split("abcdef", "")
	inParallel(t, parts, func(t *testing.T, part int) {
		for i := part; i < len(cuts); i += len(parts) {
			dir := filepath.Join(t.TempDir(), filepath.Base(source))
			okay(t, os.CopyFS(dir, os.DirFS(source)))
			okay(t, os.Truncate(filepath.Join(dir, runs.JournalFile), int64(cuts[i])))
			before := evidenceOf(t, dir)
			got := runHere("resume", dir, "--rate", "0")
			switch {
			case before == nil:
				if got.code != pipeline.ExitUsage || !strings.Contains(got.stderr, "nothing was sent") {
					t.Errorf("cut at %d: exit %d: %s", cuts[i], got.code, got.stderr)
				}
				continue
			case got.code != pipeline.ExitRows:
				t.Errorf("cut at %d: exit %d: %s", cuts[i], got.code, got.stderr)
				continue
			}
			sameVerdicts(t, want, dir, before)
			balancedSummary(t, dir, len(want))
			after := evidenceOf(t, dir)
			for key, settled := range before.settled {
				if settled && after.attempts[key] != before.attempts[key] {
					t.Errorf("cut at %d: %v was settled and has another attempt", cuts[i], key)
				}
			}
		}
	})
}

// report writes every file of a run again, byte for byte, whether the run was
// finished by import or by resume.
func TestReportIsTheSameAgain(t *testing.T) {
	t.Parallel()
	w := newCrashWorld(t, crashInput, crashScript)
	if !w.killed(t, "12 after", w.importArgs()...) {
		t.Fatal("the run was not killed")
	}
	killed := w.runDir(t)
	okay(t, os.Rename(killed, filepath.Join(t.TempDir(), "killed")))
	if got := runHere(w.importArgs()...); got.code != pipeline.ExitRows {
		t.Fatalf("exit %d: %s", got.code, got.stderr)
	}
	w.sameAgain(t, w.runDir(t))

	w = newCrashWorld(t, crashInput, crashScript)
	if !w.killed(t, "12 after", w.importArgs()...) {
		t.Fatal("the run was not killed")
	}
	dir := w.runDir(t)
	if got := runHere(w.args("resume", dir)...); got.code != pipeline.ExitRows {
		t.Fatalf("exit %d: %s", got.code, got.stderr)
	}
	w.sameAgain(t, dir)
}

func (w *crashWorld) sameAgain(t *testing.T, dir string) {
	t.Helper()
	before, sent := reportFiles(t, dir), len(w.Requests())
	journal, err := os.ReadFile(filepath.Join(dir, runs.JournalFile))
	okay(t, err)
	if len(before) < 5 {
		t.Fatalf("reports: %q", slices.Collect(maps.Keys(before)))
	}
	for name := range before {
		okay(t, os.Remove(filepath.Join(dir, name)))
	}
	if got := runHere("report", dir); got.code != pipeline.ExitRows {
		t.Fatalf("report: exit %d: %s", got.code, got.stderr)
	}
	if diff := cmp.Diff(before, reportFiles(t, dir)); diff != "" {
		t.Errorf("the reports, written again: %s", diff)
	}
	after, err := os.ReadFile(filepath.Join(dir, runs.JournalFile))
	okay(t, err)
	if string(after) != string(journal) || len(w.Requests()) != sent {
		t.Errorf("report changed the journal or sent something")
	}
}

// One run at a time: the second ends at once, sends nothing and leaves nothing
// behind; when the first is killed, the next one can start.
func TestLockDiesWithItsProcess(t *testing.T) {
	t.Parallel()
	w := newCrashWorld(t, crashInput, `{"faults": [{"user": "U1", "attempts": [1], "delay": "1m"}]}`)
	first, _ := crashProcess(crashNever, w.importArgs()...)
	okay(t, first.Start())
	<-w.arrived
	dir := w.runDir(t)
	for _, args := range [][]string{w.importArgs(), w.args("resume", dir)} {
		start := time.Now()
		if got := runHere(args...); got.code != pipeline.ExitLocked || !strings.Contains(got.stderr, "another run is active") {
			t.Errorf("a second run: exit %d: %s", got.code, got.stderr)
		}
		if took := time.Since(start); took > 5*time.Second {
			t.Errorf("a second run waited %v", took)
		}
	}
	if again := w.runDir(t); again != dir || len(w.arrived) > 0 {
		t.Errorf("the second run left %s, and %d requests", again, len(w.arrived))
	}
	okay(t, first.Process.Kill())
	var exit *exec.ExitError
	if err := first.Wait(); !errors.As(err, &exit) {
		t.Errorf("the first run: %v", err)
	}
	if got := runHere(w.args("resume", dir)...); got.code != pipeline.ExitRows {
		t.Errorf("resume after the kill: exit %d: %s", got.code, got.stderr)
	}
}
