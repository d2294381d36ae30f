package runs

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"corattach/pipeline"
	"corattach/pipeline/runs/lock"
)

// What another user's rights hide is taken for something else than what is not there.
func TestForbiddenRuns(t *testing.T) {
	if os.Geteuid() == 0 || runtime.GOOS == "windows" {
		t.Skip("nothing is forbidden to root")
	}
	const id = "20261123T031500Z-ab12cd"
	for name, closed := range map[string]string{"the run": id, "all runs": "."} {
		t.Run(name, func(t *testing.T) {
			runs := t.TempDir()
			for _, err := range []error{
				os.Mkdir(filepath.Join(runs, id), 0o700), os.WriteFile(filepath.Join(runs, id, JournalFile), nil, 0o600), setLast(runs, id),
				os.Chmod(filepath.Join(runs, closed), 0),
			} {
				if err != nil {
					t.Fatal(err)
				}
			}
			defer os.Chmod(filepath.Join(runs, closed), 0o700)
			for _, run := range []string{id, lastLink} {
				_, err := Find(runs, run, false)
				var f *pipeline.Failure
				if !errors.Is(err, fs.ErrPermission) || !errors.As(err, &f) || f.Code != pipeline.ExitUsage || !strings.HasPrefix(f.Hint, "is it another user's?") {
					t.Errorf("%s: %v", run, err)
				}
			}
		})
	}
}

// A run is found by its id, by last, by its directory and through a link to that.
func TestFind(t *testing.T) {
	w := newWorld(t, "")
	first := w.imports(rows("U1,W1,10,SAP"))
	second := w.imports(rows("U1,W1,10,SAP"))
	shown := w.imports(rows("U1,W1,10,SAP"), dry)
	link := filepath.Join(w.dir, "link")
	w.must(os.Symlink(first.dir, link))
	for name, want := range map[string]string{first.id: first.dir, lastLink: second.dir, first.dir: first.dir, link: first.dir, first.dir + "/": first.dir} {
		if dir, err := Find(w.runs, name, false); dir != want || err != nil {
			t.Errorf("%s: %q, %v", name, dir, err)
		}
	}
	if dir, err := Find(w.runs, shown.id, true); dir != shown.dir || err != nil {
		t.Errorf("a dry run: %q, %v", dir, err)
	}
	for name, want := range map[string]string{shown.id: "is a dry run", "20000101T000000Z-nobody": "there is no run"} {
		if _, err := Find(w.runs, name, false); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// The list has every run with what is known of it, the newest first.
func TestList(t *testing.T) {
	w := newWorld(t, `{"faults": [{"user": "U1", "attempts": [2], "status": 500}]}`)
	if all, err := List(w.runs); all == nil || len(all) > 0 || err != nil { // null is no list
		t.Errorf("no directory: %v, %v", all, err)
	}
	w.imports(rows("U1,W1,10,SAP"), job("guests"))
	w.imports(rows("U1,W1,10,SAP"))
	w.imports(rows("U1,W1,10,SAP"), dies(4, "after"))
	w.imports(rows("U1,W1,10,SAP"), dry)
	w.detaches(rows("U8,W1,10,SAP"))
	all, err := List(w.runs)
	w.must(err)
	var got []string
	for _, info := range all {
		text := info.Command + " " + info.Job
		if info.DryRun {
			text += " dry"
		}
		if info.Resumable {
			text += " resumable"
		}
		if info.Exit != nil {
			text += " " + info.Exit.Reason
		}
		got = append(got, text)
	}
	want := "detach  every row is accounted for, and none needs attention\nimport staff dry every row is accounted for, and none needs attention\n" +
		"import staff resumable\nimport staff resumable 1 row unknown: HTTP 500 Internal Server Error, so it may have been applied\n" +
		"import guests every row is accounted for, and none needs attention"
	if text := strings.Join(got, "\n"); text != want {
		t.Errorf("got:\n%s\nwant:\n%s", text, want)
	}
	lease, err := lock.Acquire(t.Context(), w.runs, time.Second)
	w.must(err)
	lease.Runs(all[0].RunID)
	if all, err = List(w.runs); err != nil || all[0].Exit != nil || all[0].Resumable {
		t.Errorf("an active run: %+v, %v", all[0], err)
	}
	lease.Release()
}
