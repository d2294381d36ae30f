package runs

import (
	"bytes"
	"errors"
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
	"corattach/pipeline/runs/inputcopy"
	"corattach/report"
)

// What may stand in a runs directory.
const (
	doneRun     = "done"       // goes
	doneDry     = "dry"        // goes
	readingRun  = "reading"    // goes: it has no journal
	guardedRun  = "guarded"    // goes: resume would be refused
	openRun     = "open"       // rows that resume would send
	killedRun   = "killed"     // its journal has no end
	resumedRun  = "resumed"    // killed in its second session: the summary is of the first
	silentRun   = "silent"     // ended, and killed before its reports
	brokenRun   = "broken"     // its accounting is
	movedRun    = "moved"      // its summary is of another run
	runLink     = "link"       // a link to a directory elsewhere
	runFile     = "file"       // a file of that name
	strangeDir  = "strange"    // another name
	leftoverDir = "leftover"   // what a crash left of a deletion: no journal
	fakeDir     = "fake"       // a name that only looks like one
	ledgerKind  = "the ledger" // and its kind
)

func kinds() []string {
	return []string{
		doneRun, doneRun, doneRun, doneDry, readingRun, guardedRun, openRun, killedRun, resumedRun, silentRun, brokenRun, movedRun,
		runLink, runFile, strangeDir, leftoverDir, fakeDir, ledgerKind,
	}
}

// lay puts an entry of a kind into a runs directory and returns its name.
func lay(w failer, runs, elsewhere, kind, id string) string {
	must := func(err error) {
		if err != nil {
			w.Fatal(err)
		}
	}
	name := map[string]string{strangeDir: "kept-" + id, fakeDir: id + "x", ledgerKind: "ledger"}[kind]
	if name == "" {
		name = id
	}
	dir := filepath.Join(runs, name)
	switch kind {
	case runLink:
		must(os.Symlink(elsewhere, dir))
		return name
	case runFile, ledgerKind:
		must(os.WriteFile(dir, nil, 0o600))
		return name
	}
	must(os.Mkdir(dir, 0o700))
	if kind == readingRun {
		return name
	}
	at, err := time.Parse(startFormat, id[:16])
	must(err)
	if kind != doneDry && kind != leftoverDir {
		must(layJournal(dir, kind, at))
	}
	if kind != silentRun {
		must(laySummary(dir, kind, id, at))
	}
	return name
}

// layJournal writes a journal with the sessions that a kind has.
func layJournal(dir, kind string, at time.Time) error {
	j, err := journal.Create(filepath.Join(dir, JournalFile), journal.Header{RunID: filepath.Base(dir), At: at}, (&killed{}).wrap)
	if err != nil {
		return err
	}
	end := journal.End{At: at.Add(123456789)}
	if kind == guardedRun {
		end.Stop = pipeline.Stop{Kind: pipeline.Guarded, Guard: "--max-drop", Unsent: true}
	}
	err = errors.Join(j.Plan(journal.Plan{}), j.Session(journal.Session{At: at}))
	if err == nil && kind != killedRun {
		err = j.Finish(end)
	}
	if err == nil && kind == resumedRun {
		err = j.Session(journal.Session{At: at})
	}
	if closed := j.Close(); err == nil {
		err = closed
	}
	return err
}

func laySummary(dir, kind, id string, at time.Time) error {
	s := report.Summary{
		About:    report.About{RunID: id, StartedAt: at, FinishedAt: at.Add(123 * time.Millisecond), DryRun: kind == doneDry},
		Balanced: kind != brokenRun,
	}
	switch kind {
	case openRun:
		s.Next = []string{"corattach resume runs/" + id}
	case movedRun:
		s.FinishedAt = s.FinishedAt.Add(time.Second)
	}
	var content bytes.Buffer
	if err := report.WriteJSON(&content, s, "  "); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, report.SummaryFile), content.Bytes(), 0o600)
}

// Of any runs directory there are left exactly the newest runs, those that are
// needed, and what is none of ours.
func TestRetentionProperty(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("links can't be made by everybody")
	}
	base, count := quickDir(t), 0
	rapid.Check(t, func(t *rapid.T) {
		count++
		runs, elsewhere := filepath.Join(base, fmt.Sprint(count)), filepath.Join(base, fmt.Sprint(count, "elsewhere"))
		if err := os.Mkdir(runs, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.Mkdir(elsewhere, 0o700); err != nil {
			t.Fatal(err)
		}
		defer os.RemoveAll(runs)
		var ids, want []string
		kind := make(map[string]string)
		for i, k := range rapid.SliceOfN(rapid.SampledFrom(kinds()), 0, 14).Draw(t, "kinds") {
			id := fmt.Sprintf("202611%02dT031500Z-%06x", rapid.IntRange(1, 28).Draw(t, "day"), i)
			name := lay(t, runs, elsewhere, k, id)
			switch {
			case !slices.Contains([]string{runLink, runFile, strangeDir, fakeDir, ledgerKind}, k):
				ids, kind[id] = append(ids, id), k
			case !slices.Contains(want, name):
				want = append(want, name)
			}
		}
		current, last := "", ""
		if len(ids) > 0 {
			current = rapid.SampledFrom(ids).Draw(t, "current")
			if rapid.Bool().Draw(t, "has last") {
				last = rapid.SampledFrom(ids).Draw(t, "last")
				want = append(want, lastLink)
				if err := setLast(runs, last); err != nil {
					t.Fatal(err)
				}
			}
		}
		keep, deleted := rapid.IntRange(1, 6).Draw(t, "keep"), 0
		for _, id := range ids {
			goes := slices.Contains([]string{doneRun, doneDry, readingRun, guardedRun, leftoverDir}, kind[id])
			if goes && newer(ids, id) >= keep && id != current && id != last {
				deleted++
			} else {
				want = append(want, id)
			}
		}
		slices.Sort(want)
		for _, expected := range []int{deleted, 0} { // a second time deletes nothing
			gone, err := retain(runs, keep, current)
			if diff := cmp.Diff(want, names(t, runs)); gone != expected || err != nil || diff != "" {
				t.Fatalf("keep %d of %v, current %s, last %s: %d are deleted, want %d, %v (-want +got):\n%s", keep, kind, current, last, gone, expected, err, diff)
			}
		}
		if !exists(elsewhere) {
			t.Fatal("a link was followed")
		}
	})
}

func names(w failer, dir string) (all []string) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		w.Fatal(err)
	}
	for _, e := range entries {
		all = append(all, e.Name())
	}
	return all
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

// Some nights of real runs: what COR refused for good goes with the rest, what resume
// would send does not, and what is gone was taken over into the ledger before.
func TestRetention(t *testing.T) {
	w := newWorld(t, `{"faults": [{"user": "U1", "status": 500}, {"user": "U2", "status": 403}, {"user": "U3", "status": 400}]}`)
	night := func(code int, lines ...string) string {
		t.Helper()
		got := w.imports(rows(append(lines, "U9,W,1,SAP")...), func(o *Order) { o.Settings.MaxInvalid = limit("0") })
		if got.code != code {
			t.Fatal(got.String())
		}
		return got.dir
	}
	unknown := night(pipeline.ExitRows, "U1,W,1,SAP")
	forbidden := night(pipeline.ExitRows, "U2,W,1,SAP")
	night(pipeline.ExitRows, "U3,W,1,SAP")
	night(pipeline.ExitRefused, "U9,W,2,SAP")
	night(pipeline.ExitDone)
	kept := night(pipeline.ExitDone, "U8,W,1,SAP")
	newest := w.imports(rows("U9,W,1,SAP"), func(o *Order) { o.KeepRuns = 2 }).dir
	if diff := cmp.Diff([]string{unknown, forbidden, kept, newest}, w.dirs()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got := w.imports(rows("U8,W,1,SAP", "U9,W,1,SAP"), changedOnly, func(o *Order) { o.KeepRuns = 1 }); got.statuses() != "U8/W unchanged, U9/W unchanged" {
		t.Error(got.String())
	}
	if got := w.resumes(unknown); got.code != pipeline.ExitUsage || !strings.Contains(got.err.Error(), `has sent for user "U9"`) {
		t.Errorf("resuming what was kept: %s", got.String())
	}
}

// A run that the ledger has not taken over is not deleted.
func TestRetentionWithoutLedger(t *testing.T) {
	w := newWorld(t, "")
	for range 3 {
		w.imports(rows("U9,W,1,SAP"))
	}
	w.must(os.Remove(filepath.Join(w.runs, ledgerFile)))
	w.must(os.Mkdir(filepath.Join(w.runs, ledgerFile), 0o700))
	got := w.imports(rows("U9,W,1,SAP"), func(o *Order) { o.KeepRuns = 1 })
	if got.code != pipeline.ExitDone || len(w.dirs()) != 4 {
		t.Errorf("%s; left: %v", got.String(), w.dirs())
	}
}

// What can't be deleted is a warning.
func TestRetentionFails(t *testing.T) {
	if os.Geteuid() == 0 || runtime.GOOS == "windows" {
		t.Skip("nothing is forbidden to root")
	}
	w := newWorld(t, "")
	w.imports(rows("U9,W,1,SAP"))
	second := w.imports(rows("U9,W,1,SAP"))
	w.must(os.Chmod(filepath.Join(second.dir, inputcopy.Dir), 0o500))
	defer os.Chmod(filepath.Join(w.runs, second.id, inputcopy.Dir), 0o700)
	got := w.imports(rows("U9,W,1,SAP"), func(o *Order) { o.KeepRuns = 1 })
	if got.code != pipeline.ExitDone || !slices.ContainsFunc(got.warnings, func(text string) bool { return strings.HasPrefix(text, "old runs can't be deleted: ") }) {
		t.Errorf("%s; warnings %q", got.String(), got.warnings)
	}
}
