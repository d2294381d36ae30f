package runs

import (
	"cmp"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"corattach/pipeline"
	"corattach/pipeline/journal"
	"corattach/pipeline/runs/lock"
	"corattach/report"
)

// Info is a run as the list of runs has it.
type Info struct {
	RunID           string        `json:"run_id"`
	Job             string        `json:"job"` // "" for a run that belongs to none
	Command         string        `json:"command"`
	DryRun          bool          `json:"dry_run"`
	Target          string        `json:"target"`
	StartedAt       time.Time     `json:"started_at"`
	DurationSeconds float64       `json:"duration_seconds"`
	Rows            report.Counts `json:"rows"` // zero for a run without a summary
	Exit            *report.Exit  `json:"exit"` // nil for a run that was killed or is active
	Resumable       bool          `json:"resumable"`

	damaged bool // its journal can't be read
}

// List returns the runs of a runs directory, dry runs among them, by start, the
// newest first. A directory that does not exist has none.
func List(runsDir string) ([]Info, error) {
	entries, err := os.ReadDir(runsDir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, pipeline.Usage("check --runs-dir", "%w", err)
	}
	active := lock.Active(runsDir)
	name := runName()
	all := []Info{}
	for _, e := range entries {
		if !e.IsDir() || !name.MatchString(e.Name()) { // nor a link to a directory
			continue
		}
		info := describe(filepath.Join(runsDir, e.Name()))
		if active == e.Name() {
			info.Exit, info.Resumable = nil, false
		}
		all = append(all, info)
	}
	slices.SortFunc(all, func(a, b Info) int {
		return cmp.Or(b.StartedAt.Compare(a.StartedAt), strings.Compare(b.RunID, a.RunID))
	})
	return all, nil
}

// describe tells what is known of a run from the ends of its files.
func describe(dir string) Info {
	info := Info{RunID: filepath.Base(dir)}
	info.StartedAt, _ = time.Parse(startFormat, info.RunID[:strings.IndexByte(info.RunID, '-')])
	var summary *report.Summary
	if content, err := os.ReadFile(filepath.Join(dir, report.SummaryFile)); err != nil || json.Unmarshal(content, &summary) != nil {
		summary = nil
	}
	path := filepath.Join(dir, JournalFile)
	h, err := journal.ReadHeader(path)
	info.damaged = err != nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, journal.ErrUnbegun)
	if err == nil {
		info.Job, info.Command, info.Target, info.StartedAt = h.Job, h.Command, h.Target.String(), h.At
		end := journal.LastEnd(path)
		if summary != nil {
			info.Rows = summary.Rows
		}
		if end == nil || summary != nil && !summary.FinishedAt.Equal(end.At.Truncate(time.Millisecond)) {
			summary = nil // it is of an earlier session
		}
		info.Resumable = mayResume(end, summary)
	}
	if s := summary; s != nil {
		info.Job, info.Command, info.DryRun, info.Target, info.StartedAt = s.Job, s.Command, s.DryRun, s.Target, s.StartedAt
		info.DurationSeconds, info.Rows, info.Exit = s.DurationSeconds, s.Rows, &s.Exit
	}
	return info
}

// mayResume reports whether a run has rows that resume would send, or may have: the
// last session ended so, and the summary is of that; nil for none.
func mayResume(end *journal.End, s *report.Summary) bool {
	switch {
	case end != nil && end.Stop.Unsent:
		return false
	case s == nil || !s.Balanced:
		return true
	case end.Stop.Guard == "--canary" && s.Rows[pipeline.NotSent] > 0:
		return true // with --canary 0, which no command to paste has
	}
	return slices.ContainsFunc(s.Next, func(command string) bool { return strings.HasPrefix(command, "corattach resume ") })
}

// retain deletes the runs of a runs directory beyond the newest ones, dry runs among
// them: never the current one, nor last, nor one with rows that resume would send. It
// returns how many are gone. Whatever is no run of ours is left alone. The journal of a
// run goes first: what a crash leaves behind it can't be resumed, and goes the next time.
func retain(runsDir string, keep int, current string) (gone int, failed error) {
	all, err := List(runsDir)
	if err != nil {
		return 0, err
	}
	last := readLast(runsDir)
	for _, info := range all[min(keep, len(all)):] {
		if info.Resumable || info.damaged || info.RunID == current || info.RunID == last {
			continue
		}
		dir := filepath.Join(runsDir, info.RunID)
		_ = os.Remove(filepath.Join(dir, JournalFile)) // a dry run has none
		if err := os.RemoveAll(dir); err != nil {
			failed = errors.Join(failed, err)
		} else {
			gone++
		}
	}
	return gone, failed
}
