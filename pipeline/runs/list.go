package runs

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
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
	State           string        `json:"-"` // of a run without an exit: active, killed, or what it ended in
}

// List returns the runs of a runs directory, dry runs among them, by start, the
// newest first. A directory that does not exist has none.
func List(runsDir string) ([]Info, error) {
	entries, err := os.ReadDir(runsDir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, pipeline.Usage("check --runs-dir", "%w", err)
	}
	running, isActive := lock.Active(runsDir)
	name := runName()
	var all []Info
	for _, e := range entries {
		if !e.IsDir() || !name.MatchString(e.Name()) {
			continue
		}
		info := describe(filepath.Join(runsDir, e.Name()))
		if isActive && running == e.Name() {
			info.State, info.Exit, info.Resumable = "active", nil, false
		}
		all = append(all, info)
	}
	slices.SortStableFunc(all, func(a, b Info) int {
		return cmp.Or(b.StartedAt.Compare(a.StartedAt), strings.Compare(b.RunID, a.RunID))
	})
	return all, nil
}

// describe tells what is known of a run from the ends of its files.
func describe(dir string) Info {
	info := Info{RunID: filepath.Base(dir), State: "ended while it read its input"}
	info.StartedAt, _ = time.Parse("20060102T150405Z", info.RunID[:strings.IndexByte(info.RunID, '-')])
	path := filepath.Join(dir, JournalFile)
	h, err := journal.ReadHeader(path)
	if err == nil {
		info.Job, info.Command, info.Target, info.StartedAt, info.State = h.Job, h.Command, h.Target.String(), h.At, "killed"
	}
	e := readSummary(dir)
	if e != nil {
		info.Rows = e.Rows
	}
	if err == nil {
		end, _ := journal.LastEnd(path)
		e = summaryOf(dir, end)
		info.Resumable = resumable(dir)
		if end != nil && e == nil {
			info.State = "without reports"
		}
	}
	if e == nil {
		return info
	}
	info.Job, info.Command, info.DryRun, info.Target, info.StartedAt = e.Job, e.Command, e.DryRun, e.Target, e.StartedAt
	info.DurationSeconds, info.Rows, info.Exit, info.State = e.Duration, e.Rows, e.Exit, ""
	return info
}

func inactiveText(names []string) string {
	var shown []string
	for _, name := range names[:min(len(names), 5)] {
		shown = append(shown, strconv.Quote(name))
	}
	text := "COR has these workspaces set inactive: " + strings.Join(shown, ", ")
	if len(names) > len(shown) {
		text += fmt.Sprintf(" and %d more", len(names)-len(shown))
	}
	return text
}
