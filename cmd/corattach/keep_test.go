package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"corattach/pipeline"
	"corattach/pipeline/journal"
	"corattach/report"
)

// What may stand in a runs directory.
const (
	doneRun      = "done"       // goes
	doneDry      = "dry"        // goes
	refusedRun   = "refused"    // goes: resume would be refused again
	openRun      = "open"       // rows that resume would send
	killedRun    = "killed"     // its journal has no end
	resumedRun   = "resumed"    // killed in its second session: the summary is of the first
	silentRun    = "silent"     // ended, and killed before its reports
	oldRun       = "old"        // of a version that did not tell what can be resumed
	brokenRun    = "broken"     // its accounting is
	movedRun     = "moved"      // its summary is of another run
	dryWithRun   = "dry claim"  // says that it is dry, and has a journal
	runLink      = "link"       // a link to a directory elsewhere
	runFile      = "file"       // a file of that name
	emptyDir     = "empty"      // just begun, or nobody's
	strangeDir   = "strange"    // another name
	leftoverDir  = "leftover"   // what a crash left of a deletion
	leftoverFake = "fake"       // a name that only looks like one
	ledgerKind   = "the ledger" // and its kind
)

func kinds() []string {
	return []string{doneRun, doneRun, doneRun, doneDry, refusedRun, openRun, killedRun, resumedRun, silentRun, oldRun, brokenRun,
		movedRun, dryWithRun, runLink, runFile, emptyDir, strangeDir, leftoverDir, leftoverFake, ledgerKind}
}

// unsynced is a journal's file in a hurry.
type unsynced struct{ *os.File }

func (unsynced) Sync() error { return nil }

// lay puts an entry of a kind into runs and returns its name.
func lay(t *rapid.T, runs, elsewhere, kind, id string) string {
	must := func(err error) {
		if err != nil {
			t.Fatal(err)
		}
	}
	dir := filepath.Join(runs, id)
	at := time.Date(2026, 11, 23, 3, 15, 0, 123456789, time.UTC)
	switch kind {
	case runLink:
		must(os.Symlink(elsewhere, dir))
		return id
	case runFile:
		must(os.WriteFile(dir, nil, 0o600))
		return id
	case ledgerKind:
		must(os.WriteFile(filepath.Join(runs, "ledger"), nil, 0o600))
		return "ledger"
	case strangeDir:
		dir = filepath.Join(runs, "kept-"+id)
	case leftoverDir:
		dir = filepath.Join(runs, deletedPrefix+id)
	case leftoverFake:
		dir = filepath.Join(runs, deletedPrefix+id+"x")
	}
	must(os.Mkdir(dir, 0o700))
	if kind == emptyDir {
		return filepath.Base(dir)
	}
	if kind != doneDry {
		file, err := journal.Create(filepath.Join(dir, journalFile))
		must(err)
		j, err := journal.New(unsynced{file}, journal.Header{RunID: id, At: at})
		must(err)
		must(j.Begun(journal.Session{At: at}))
		if kind != killedRun {
			must(j.Finished(journal.End{At: at, Stop: map[bool]pipeline.StopKind{true: pipeline.InputRefused}[kind == refusedRun]}))
		}
		if kind == resumedRun {
			must(j.Begun(journal.Session{At: at}))
		}
		must(j.Close())
	}
	if kind == silentRun {
		return filepath.Base(dir)
	}
	s := report.Summary{RunID: id, FinishedAt: at, Balanced: kind != brokenRun, DryRun: kind == doneDry || kind == dryWithRun}
	if kind == openRun {
		s.Resumable = 1
	}
	if kind == movedRun {
		s.RunID = "20251123T031500Z-000000"
	}
	var text strings.Builder
	must(s.Encode(&text))
	if kind == oldRun {
		var fields map[string]json.RawMessage
		must(json.Unmarshal([]byte(text.String()), &fields))
		delete(fields, "resumable")
		content, err := json.Marshal(fields)
		must(err)
		text.Reset()
		text.Write(content)
	}
	must(os.WriteFile(filepath.Join(dir, report.SummaryFile), []byte(text.String()), 0o600))
	return filepath.Base(dir)
}

// TestKeepRunsProperty: of any runs directory there are left exactly the newest
// runs, those that are needed, and what is none of ours.
func TestKeepRunsProperty(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("links can't be made by everybody")
	}
	base := t.TempDir()
	rapid.Check(t, func(t *rapid.T) {
		runs, err := os.MkdirTemp(base, "runs")
		if err != nil {
			t.Fatal(err)
		}
		elsewhere, err := os.MkdirTemp(base, "elsewhere")
		if err != nil {
			t.Fatal(err)
		}
		var ids, want, deleted []string
		kind := make(map[string]string)
		for i, k := range rapid.SliceOfN(rapid.SampledFrom(kinds()), 0, 14).Draw(t, "kinds") {
			id := fmt.Sprintf("202611%02dT031500Z-%06x", rapid.IntRange(1, 28).Draw(t, "day"), i)
			name := lay(t, runs, elsewhere, k, id)
			if slices.Contains([]string{runLink, runFile, emptyDir, strangeDir, leftoverDir, leftoverFake, ledgerKind}, k) {
				if k != leftoverDir && !slices.Contains(want, name) {
					want = append(want, name)
				}
				continue
			}
			ids, kind[id] = append(ids, id), k
		}
		current, last := "", ""
		if len(ids) > 0 {
			current = rapid.SampledFrom(ids).Draw(t, "current")
			if rapid.Bool().Draw(t, "has last") {
				last = rapid.SampledFrom(ids).Draw(t, "last")
				if err := setLast(runs, last); err != nil {
					t.Fatal(err)
				}
				want = append(want, lastLink)
			}
		}
		keep := rapid.IntRange(1, 6).Draw(t, "keep")
		for _, id := range ids {
			if goes := slices.Contains([]string{doneRun, doneDry, refusedRun}, kind[id]); goes && newer(ids, id) >= keep && id != current && id != last {
				deleted = append(deleted, id)
			} else {
				want = append(want, id)
			}
		}
		noted := slices.DeleteFunc(slices.Clone(deleted), func(id string) bool { return kind[id] == doneDry })
		if len(noted) > 0 {
			want = append(want, deletedFile)
		}
		gone, err := keepRuns(runs, keep, current)
		if err != nil || gone != len(deleted) {
			t.Fatalf("%d are deleted, want %d: %v", gone, len(deleted), err)
		}
		var left []string
		entries, err := os.ReadDir(runs)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			left = append(left, e.Name())
		}
		slices.Sort(want)
		if diff := cmp.Diff(want, left); diff != "" {
			t.Fatalf("keep %d of %v, current %s, last %s (-want +got):\n%s", keep, kind, current, last, diff)
		}
		if len(noted) > 0 && newestDeleted(runs) != slices.Max(noted) {
			t.Fatalf("the newest of %v is noted as %q", noted, newestDeleted(runs))
		}
		if again, err := keepRuns(runs, keep, current); again != 0 || err != nil {
			t.Fatalf("a second time deletes %d, %v", again, err)
		}
		if !exists(elsewhere) {
			t.Fatal("a link was followed")
		}
	})
}

// Runs of one second go in the order they began in, whatever their ids end in.
func TestKeepRunsOfOneSecond(t *testing.T) {
	runs := t.TempDir()
	first := time.Date(2026, 11, 23, 3, 15, 0, 0, time.UTC)
	begun := []string{"20261123T031500Z-ffffff", "20261123T031500Z-555555", "20261123T031500Z-000000"}
	for i, id := range begun {
		okay(t, os.Mkdir(filepath.Join(runs, id), 0o700))
		at := first.Add(time.Duration(i) * time.Millisecond)
		s := report.Summary{RunID: id, StartedAt: at, FinishedAt: at, Balanced: true, DryRun: true}
		okay(t, report.WriteFile(filepath.Join(runs, id, report.SummaryFile), 0o600, s.Encode))
	}
	for keep := 2; keep > 0; keep-- {
		if gone, err := keepRuns(runs, keep, begun[2]); gone != 1 || err != nil {
			t.Errorf("keep %d: %d are deleted, want 1: %v", keep, gone, err)
		}
		for i, id := range begun {
			if want := i >= len(begun)-keep; exists(filepath.Join(runs, id)) != want {
				t.Errorf("keep %d: %s is there: %t, want %t", keep, id, !want, want)
			}
		}
	}
}

// backdate makes the newest run one of an earlier day.
func backdate(t *testing.T, day int) string {
	t.Helper()
	id, err := readLast("runs/last")
	okay(t, err)
	earlier := fmt.Sprintf("202001%02d%s", day, id[8:])
	okay(t, os.Rename(filepath.Join("runs", id), filepath.Join("runs", earlier)))
	path := filepath.Join("runs", earlier, report.SummaryFile)
	content, err := os.ReadFile(path)
	okay(t, err)
	okay(t, os.WriteFile(path, bytes.ReplaceAll(content, []byte(id), []byte(earlier)), 0o600))
	okay(t, setLast("runs", earlier))
	return earlier
}

// TestKeepRuns follows a runs directory over some nights of real runs: what COR
// refused for good goes with the rest, what resume would send does not.
func TestKeepRuns(t *testing.T) {
	t.Chdir(t.TempDir())
	setCredentials(t)
	w := newCrashWorld(t, "", `{"faults": [{"user": "U1", "status": 500}, {"user": "U2", "status": 403}, {"user": "U3", "status": 400}]}`)
	w.runs = "runs"
	night := func(code, day int, input string, flags ...string) string {
		t.Helper()
		okay(t, os.WriteFile("in.csv", []byte("user_id,workspace_id,percentage,source\n"+input), 0o600))
		if got := runHere(w.args(append([]string{"import", "in.csv", "--retries", "0"}, flags...)...)...); got.code != code {
			t.Fatalf("exit %d, want %d: %s", got.code, code, got.stderr)
		}
		return backdate(t, day)
	}
	unknown := night(exitRows, 1, "U1,W,1,SAP\nU9,W,1,SAP\n")
	forbidden := night(exitRows, 2, "U9,W,1,SAP\nU2,W,1,SAP\n")
	night(exitRows, 3, "U9,W,1,SAP\nU3,W,1,SAP\n")
	night(exitRefused, 4, "U9,W,1,SAP\nU9,W,2,SAP\n")
	night(exitDone, 5, "U9,W,1,SAP\n")
	kept := night(exitDone, 6, "U9,W,1,SAP\n")
	newest := night(exitDone, 7, "U9,W,1,SAP\n", "--keep-runs", "2")
	left, err := filepath.Glob("runs/2*")
	okay(t, err)
	for i := range left {
		left[i] = filepath.Base(left[i])
	}
	if diff := cmp.Diff([]string{unknown, forbidden, kept, newest}, left); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got := newestDeleted("runs"); !strings.HasPrefix(got, "20200105") {
		t.Errorf("the newest that was deleted is noted as %q", got)
	}
	if got := runHere(w.args("import", "in.csv", "--keep-runs=-1")...); got.code != exitUsage {
		t.Errorf("exit %d: %s", got.code, got.stderr)
	}
}

// A run is not resumed when a later one was deleted, which may have sent for its
// users.
func TestResumeAfterDeletion(t *testing.T) {
	t.Chdir(t.TempDir())
	setCredentials(t)
	w := newCrashWorld(t, smallInput, `{"faults": [{"user": "U1", "attempts": [1], "status": 500}]}`)
	w.runs = "runs"
	if got := runHere(w.args("import", w.file, "--retries", "0")...); got.code != exitRows {
		t.Fatalf("exit %d: %s", got.code, got.stderr)
	}
	for _, c := range []struct {
		deleted string
		code    int
	}{{"20991123T031500Z-ab12cd", exitUsage}, {"20201123T031500Z-ab12cd", exitDone}} {
		okay(t, os.WriteFile(filepath.Join("runs", deletedFile), []byte(c.deleted+"\n"), 0o600))
		got := runHere(w.args("resume", "last")...)
		if refused := strings.Contains(got.stderr, "later runs were deleted, the newest being "+c.deleted); got.code != c.code || refused != (c.code == exitUsage) {
			t.Errorf("exit %d: %s", got.code, got.stderr)
		}
	}
}

// newer counts the ids that come after one.
func newer(ids []string, id string) (n int) {
	for _, other := range ids {
		if other > id {
			n++
		}
	}
	return n
}

// A crash between the renaming and the removal leaves a hidden directory, which
// the next run removes; nothing of it is taken for a run.
func TestKeepRunsAfterACrash(t *testing.T) {
	t.Chdir(t.TempDir())
	okay(t, os.WriteFile("good.csv", []byte(smallInput), 0o600))
	if got := runHere("import", "--simulate", "--rate", "0", "good.csv"); got.code != exitDone {
		t.Fatal(got.stderr)
	}
	id, err := readLast("runs/last")
	okay(t, err)
	okay(t, os.Rename(filepath.Join("runs", id), filepath.Join("runs", deletedPrefix+id)))
	okay(t, os.Remove(filepath.Join("runs", deletedPrefix+id, journalFile))) // half taken apart
	if got := runHere("import", "--simulate", "--rate", "0", "--keep-runs", "9", "good.csv"); got.code != exitDone {
		t.Fatal(got.stderr)
	}
	if exists(filepath.Join("runs", deletedPrefix+id)) {
		t.Error("what the crash left is there still")
	}
}

// What can't be deleted is a warning.
func TestKeepRunsFails(t *testing.T) {
	if os.Geteuid() == 0 || runtime.GOOS == "windows" {
		t.Skip("nothing is forbidden to root")
	}
	t.Chdir(t.TempDir())
	okay(t, os.WriteFile("good.csv", []byte(smallInput), 0o600))
	for range 2 {
		if got := runHere("import", "--simulate", "--rate", "0", "good.csv"); got.code != exitDone {
			t.Fatal(got.stderr)
		}
	}
	id, err := readLast("runs/last")
	okay(t, err)
	okay(t, os.Chmod(filepath.Join("runs", id, inputDir), 0o500))
	defer os.Chmod(filepath.Join("runs", deletedPrefix+id, inputDir), 0o700)
	got := runHere("import", "--simulate", "--rate", "0", "--keep-runs", "1", "good.csv")
	if got.code != exitDone || !strings.Contains(got.stderr, "WRN old runs could not all be deleted: ") {
		t.Errorf("exit %d: %s", got.code, got.stderr)
	}
}
