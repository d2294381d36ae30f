package runs

import (
	"cmp"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"corattach/pipeline"
	"corattach/pipeline/journal"
	"corattach/report"
	"corattach/report/atomicfile"
)

// deletedPrefix begins the name of a run's directory on its way out.
const deletedPrefix = ".deleted-"

// ending is what a run's summary tells of how it ended.
type ending struct {
	RunID      string        `json:"run_id"`
	Job        string        `json:"job"`
	Command    string        `json:"command"`
	DryRun     bool          `json:"dry_run"`
	Target     string        `json:"target"`
	StartedAt  time.Time     `json:"started_at"`
	FinishedAt time.Time     `json:"finished_at"`
	Duration   float64       `json:"duration_seconds"`
	Rows       report.Counts `json:"rows"`
	Balanced   bool          `json:"balanced"`
	Next       []string      `json:"next"`
	Exit       *report.Exit  `json:"exit"`
}

// readSummary returns what the summary of a run tells, nil without one that is
// whole.
func readSummary(dir string) *ending {
	content, err := os.ReadFile(filepath.Join(dir, report.SummaryFile))
	if err != nil {
		return nil
	}
	var e ending
	if json.Unmarshal(content, &e) != nil {
		return nil
	}
	return &e
}

// summaryOf returns what the summary of a run tells when it was made of the session
// that ended so; nil when it was not.
func summaryOf(dir string, end *journal.End) *ending {
	e := readSummary(dir)
	if e == nil || end == nil || !e.FinishedAt.Equal(end.At.Truncate(time.Millisecond)) {
		return nil
	}
	return e
}

// retain deletes the oldest runs of a runs directory beyond the newest --keep-runs,
// dry runs among them: never this run, nor last, nor one with rows that resume would
// send.
func (s *session) retain() {
	keep := s.common.KeepRuns
	if keep == 0 || s.behind {
		return
	}
	count, err := retain(filepath.Dir(s.dir), keep, filepath.Base(s.dir))
	if err != nil {
		s.host.Warn("old runs can't be deleted: "+err.Error(), "")
	}
	if count > 0 {
		s.host.Info(pipeline.Count(count, "old run") + " deleted")
	}
}

// retain returns how many runs are gone from under their names. Whatever is no run of
// ours is left alone. A run goes from under its name before it is taken apart; what a
// crash leaves of it goes the next time.
func retain(runsDir string, keep int, current string) (int, error) {
	entries, err := os.ReadDir(runsDir)
	if err != nil {
		return 0, err
	}
	var failed error
	var ids []string
	name := runName()
	for _, e := range entries {
		switch id, deleted := strings.CutPrefix(e.Name(), deletedPrefix); {
		case !e.IsDir() || !name.MatchString(id): // nor a link to a directory
		case deleted:
			failed = errors.Join(failed, os.RemoveAll(filepath.Join(runsDir, e.Name())))
		default:
			ids = append(ids, id)
		}
	}
	order := make(map[string]int64, len(ids))
	for _, id := range ids {
		if h, err := journal.ReadHeader(filepath.Join(runsDir, id, JournalFile)); err == nil {
			order[id] = h.Counter
		}
	}
	slices.SortFunc(ids, func(a, b string) int {
		second := func(id string) string { return id[:strings.IndexByte(id, '-')] }
		return cmp.Or(strings.Compare(second(a), second(b)), cmp.Compare(order[a], order[b]), strings.Compare(a, b))
	})
	last := readLast(runsDir)
	old := slices.DeleteFunc(ids[:max(len(ids)-keep, 0)], func(id string) bool {
		return id == current || id == last || resumable(filepath.Join(runsDir, id))
	})
	gone, err := deleteRuns(runsDir, old)
	return gone, errors.Join(failed, err)
}

// resumable reports whether a run has rows that resume would send, or may have.
func resumable(dir string) bool {
	path := filepath.Join(dir, JournalFile)
	if !exists(path) {
		return false // a dry run, or one that ended while it read its input
	}
	end, err := journal.LastEnd(path)
	if err != nil || end == nil {
		return !errors.Is(err, journal.ErrUnbegun)
	}
	if end.Stop != nil && end.Stop.Unsent {
		return false
	}
	e := summaryOf(dir, end)
	if e != nil && end.Stop != nil && end.Stop.Guard == "--canary" && e.Rows.ByStatus[pipeline.NotSent] > 0 {
		return true // with --canary 0, which no command to paste has
	}
	return e == nil || !e.Balanced || slices.ContainsFunc(e.Next, func(command string) bool { return strings.HasPrefix(command, "corattach resume ") })
}

func deleteRuns(runsDir string, ids []string) (int, error) {
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
	if len(gone) > 0 {
		failed = errors.Join(failed, atomicfile.SyncDir(runsDir))
	}
	for _, away := range gone {
		failed = errors.Join(failed, os.RemoveAll(away))
	}
	return len(gone), failed
}
