package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"corattach/pipeline/journal"
	"corattach/report"
)

const (
	deletedPrefix = ".deleted-"       // of a run directory on its way out
	deletedFile   = ".newest-deleted" // holds the id of the newest real run that was deleted
)

// runName is the form of a run's id.
func runName() *regexp.Regexp { return regexp.MustCompile(`^\d{8}T\d{6}Z-[0-9a-f]{6}$`) }

// keepRuns deletes the oldest runs of a runs directory beyond the newest keep,
// dry runs among them, and returns how many: never current, nor last, nor a run
// that is not known to be over and done. Whatever is no run directory of ours is
// left alone. A run goes from under its name before it is taken apart, and what
// a crash leaves of it goes the next time. The caller holds the lock, and
// nobody needs the journals of these runs any more.
func keepRuns(runsDir string, keep int, current string) (int, error) {
	entries, err := os.ReadDir(runsDir)
	if err != nil {
		return 0, err
	}
	var failed error
	var ids []string
	name := runName()
	for _, e := range entries {
		path := filepath.Join(runsDir, e.Name())
		switch {
		case !e.IsDir(): // nor a link to a directory
		case name.MatchString(strings.TrimPrefix(e.Name(), deletedPrefix)) && strings.HasPrefix(e.Name(), deletedPrefix):
			failed = errors.Join(failed, os.RemoveAll(path))
		case name.MatchString(e.Name()) && (exists(filepath.Join(path, journalFile)) || exists(filepath.Join(path, report.SummaryFile))):
			ids = append(ids, e.Name())
		}
	}
	last, err := readLast(filepath.Join(runsDir, lastLink))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return 0, errors.Join(failed, err)
	}
	oldestFirst(runsDir, ids)
	old := outdated(ids, keep, func(id string) bool {
		return id == current || id == filepath.Base(last) || !finished(filepath.Join(runsDir, id))
	})
	gone, err := deleteRuns(runsDir, old)
	return gone, errors.Join(failed, err)
}

// oldestFirst sorts runs by when they began: an id tells the second alone, the
// summary tells what came first within it.
func oldestFirst(runsDir string, ids []string) {
	began := make(map[string]time.Time, len(ids))
	for _, id := range ids {
		s, _ := readEnding(filepath.Join(runsDir, id)) // without one it stays
		began[id] = s.StartedAt
	}
	second := func(id string) string { s, _, _ := strings.Cut(id, "-"); return s }
	slices.SortFunc(ids, func(a, b string) int {
		return cmp.Or(strings.Compare(second(a), second(b)), began[a].Compare(began[b]), strings.Compare(a, b))
	})
}

// outdated returns the ids, which stand oldest first, beyond the newest keep,
// without those that are needed.
func outdated(ids []string, keep int, needed func(id string) bool) []string {
	return slices.DeleteFunc(ids[:max(len(ids)-keep, 0)], needed)
}

// finished reports whether a run is known to have no row that resume would send:
// its summary says so, and its journal ends where that summary was made. A run
// whose accounting is broken, whose reports are missing or which was written by
// a version that did not tell is never known to be finished.
func finished(dir string) bool {
	s, err := readEnding(dir)
	if err != nil || s.RunID != filepath.Base(dir) || !s.Balanced {
		return false
	}
	path := filepath.Join(dir, journalFile)
	if s.DryRun {
		return !exists(path)
	}
	end, err := journal.LastEnd(path)
	return err == nil && end != nil && s.endedAt(end.At) && s.Resumable != nil && *s.Resumable == 0
}

// runEnding is what a run's summary tells of how it ended.
type runEnding struct {
	RunID      string    `json:"run_id"`
	DryRun     bool      `json:"dry_run"`
	StartedAt  time.Time `json:"started_at"`
	FinishedAt time.Time `json:"finished_at"`
	Balanced   bool      `json:"balanced"`
	Resumable  *int64    `json:"resumable"` // nil when it was not told
}

func readEnding(dir string) (runEnding, error) {
	var s runEnding
	content, err := os.ReadFile(filepath.Join(dir, report.SummaryFile))
	if err == nil {
		err = json.Unmarshal(content, &s)
	}
	return s, err
}

// endedAt reports whether the summary was made of a session that ended then.
func (s runEnding) endedAt(end time.Time) bool {
	return s.FinishedAt.Equal(end.Truncate(time.Millisecond))
}

// deleteRuns deletes runs and returns how many are gone from under their names.
func deleteRuns(runsDir string, ids []string) (int, error) {
	if len(ids) == 0 {
		return 0, nil
	}
	if err := noteDeleted(runsDir, ids); err != nil {
		return 0, err
	}
	var failed error
	var gone []string
	for _, id := range ids {
		away := filepath.Join(runsDir, deletedPrefix+id)
		if err := os.Rename(filepath.Join(runsDir, id), away); err != nil {
			failed = errors.Join(failed, err)
			continue
		}
		gone = append(gone, away)
	}
	if err := report.SyncDir(runsDir); err != nil {
		return len(gone), errors.Join(failed, err)
	}
	for _, away := range gone {
		failed = errors.Join(failed, os.RemoveAll(away))
	}
	return len(gone), failed
}

// noteDeleted writes down the newest real run that is deleted: whether it sent
// for a user can't be looked up any more.
func noteDeleted(runsDir string, ids []string) error {
	newest := newestDeleted(runsDir)
	for _, id := range ids {
		if exists(filepath.Join(runsDir, id, journalFile)) {
			newest = max(newest, id)
		}
	}
	if newest == newestDeleted(runsDir) {
		return nil
	}
	return report.WriteFile(filepath.Join(runsDir, deletedFile), 0o600, func(w io.Writer) error {
		_, err := io.WriteString(w, newest+"\n")
		return err
	})
}

// newestDeleted is the id of the newest real run that was deleted, "" when there
// is none.
func newestDeleted(runsDir string) string {
	content, _ := os.ReadFile(filepath.Join(runsDir, deletedFile))
	return runName().FindString(strings.TrimSpace(string(content)))
}
