package main

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"corattach/pipeline"
	"corattach/pipeline/cor/corsim"
	"corattach/pipeline/journal"
	"corattach/pipeline/runs"
	"corattach/report"
)

// crashRow is what a report says of a row.
type crashRow struct {
	user, source, workspace string
	asked, status, pivot    string
	reason                  string
}

// linesOf reads a CSV of a run: its lines, by column.
func linesOf(t *testing.T, dir, name string) (lines []map[string]string) {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(dir, name))
	okay(t, err)
	records, err := csv.NewReader(bytes.NewReader(content)).ReadAll()
	okay(t, err)
	for _, cells := range records[1:] {
		line := make(map[string]string)
		for i, name := range records[0] {
			line[name] = cells[i]
		}
		lines = append(lines, line)
	}
	return lines
}

// rowsOf reads a run's reconciliation.csv: rows by file and line.
func rowsOf(t *testing.T, dir string) map[string]crashRow {
	t.Helper()
	rows := make(map[string]crashRow)
	for _, line := range linesOf(t, dir, report.ReconciliationFile) {
		rows[filepath.Base(line["file"])+":"+line["line"]] = crashRow{
			line["user_id"], line["source"], line["workspace_id"],
			line["percentage"], line["status"], line["pivot_percentage"], line["reason"],
		}
	}
	return rows
}

// verdictsOf gives the rows of a run without the reasons, which tell how a verdict
// was reached.
func verdictsOf(t *testing.T, dir string) map[string]crashRow {
	t.Helper()
	rows := rowsOf(t, dir)
	for key, row := range rows {
		row.reason = ""
		rows[key] = row
	}
	return rows
}

// balancedSummary reads a run's summary and checks its accounting.
func balancedSummary(t *testing.T, dir string, rows int) report.Summary {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(dir, "summary.json"))
	okay(t, err)
	var s report.Summary
	okay(t, json.Unmarshal(content, &s))
	total, sum := s.Rows["total"], s.Rows.Total()
	if !s.Balanced || total != int64(rows) || sum != total || len(rowsOf(t, dir)) != rows {
		t.Errorf("balanced %v, %d rows, %d in the sum, %d in the report, want %d", s.Balanced, total, sum, len(rowsOf(t, dir)), rows)
	}
	return s
}

// reportFiles reads all files of a run that are not its evidence.
func reportFiles(t *testing.T, dir string) map[string]string {
	t.Helper()
	files := make(map[string]string)
	entries, err := os.ReadDir(dir)
	okay(t, err)
	for _, entry := range entries {
		if entry.Type().IsRegular() && entry.Name() != runs.JournalFile {
			content, err := os.ReadFile(filepath.Join(dir, entry.Name()))
			okay(t, err)
			files[entry.Name()] = string(content)
		}
	}
	return files
}

// crashEvidence is what a journal says about each request.
type crashEvidence struct {
	attempts map[pipeline.Key]int  // that were not withdrawn
	answered map[pipeline.Key]int  // those that have an end
	settled  map[pipeline.Key]bool // answered, or refused with no attempt open
	open     map[pipeline.Key]bool // with an attempt that has no end
	detached map[pipeline.Key]bool // with a repair that was begun
	sessions int
	unended  int // attempts
	ended    bool
}

// evidenceOf reads a journal; nil when it has no header yet.
func evidenceOf(t *testing.T, dir string) *crashEvidence {
	t.Helper()
	log, err := journal.Read(filepath.Join(dir, runs.JournalFile))
	if errors.Is(err, journal.ErrUnbegun) {
		return nil
	}
	okay(t, err)
	ev := &crashEvidence{
		attempts: make(map[pipeline.Key]int), answered: make(map[pipeline.Key]int), settled: make(map[pipeline.Key]bool),
		open: make(map[pipeline.Key]bool), detached: make(map[pipeline.Key]bool), sessions: len(log.Sessions),
	}
	defer log.Close()
	if n := len(log.Sessions); n > 0 {
		ev.ended = log.Sessions[n-1].End != nil
	}
	var all []pipeline.Exchange
	for _, user := range log.Users() {
		of, err := log.Exchanges(user)
		okay(t, err)
		all = append(all, of...)
	}
	for _, e := range all {
		if e.Is(pipeline.Withheld) { // the run ended before it left
			continue
		}
		ev.attempts[e.Key]++
		ev.settled[e.Key] = e.Answer != nil || e.Fault != nil && e.Fault.Kind == pipeline.Refused && !ev.open[e.Key]
		if e.Op == pipeline.Detach {
			ev.detached[e.Key] = true
		}
		if e.Answer == nil && e.Fault == nil {
			ev.open[e.Key] = true
			ev.unended++
		} else {
			ev.answered[e.Key]++
		}
	}
	return ev
}

// requestsOf counts the attach requests that the simulator got for each request
// of a run; its chunks are told apart by their workspaces.
func (w *crashWorld) requestsOf(t *testing.T) map[pipeline.Key]int {
	t.Helper()
	seen, chunks := make(map[pipeline.Key]int), make(map[pipeline.Key]int)
	chunkOf := make(map[string]int) // by user, source and workspace
	records := w.Requests()
	slices.SortFunc(records, func(a, b corsim.Record) int { return int(a.Number - b.Number) })
	for _, r := range records {
		if r.Endpoint != "attach" {
			continue
		}
		var body struct {
			Workspaces []struct{ WorkspaceID string }
		}
		okay(t, json.Unmarshal(r.Body, &body))
		key := pipeline.Key{User: pipeline.UserID(r.User), Source: pipeline.Source(r.Source)}
		name := func(i int) string { return fmt.Sprintf("%q %s %q", r.User, r.Source, body.Workspaces[i].WorkspaceID) }
		if _, found := chunkOf[name(0)]; !found {
			for i := range body.Workspaces {
				chunkOf[name(i)] = chunks[key]
			}
			chunks[key]++
		}
		key.Chunk = chunkOf[name(0)]
		seen[key]++
	}
	return seen
}

// recordsOf counts the records of a run's journal.
func recordsOf(t *testing.T, dir string) int {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(dir, runs.JournalFile))
	okay(t, err)
	return bytes.Count(content, []byte("\n"))
}

// sameVerdicts compares a resumed run with one that nobody killed. They differ
// in one point alone: what was refused after an attempt of which nobody knows
// what came is unknown, and the reason names both.
func sameVerdicts(t *testing.T, want map[string]crashRow, dir string, killed *crashEvidence) {
	t.Helper()
	want, got := maps.Clone(want), verdictsOf(t, dir)
	for place, row := range rowsOf(t, dir) {
		key := pipeline.Key{User: pipeline.UserID(row.user), Source: pipeline.Source(row.source)}
		if row.status == "unknown" && want[place].status == "failed" && killed.open[key] {
			if !strings.Contains(row.reason, "no answer was written down") || !strings.Contains(row.reason, "a later attempt was refused") {
				t.Errorf("%s is unknown for no good reason: %s", place, row.reason)
			}
			row.reason = ""
			want[place] = row
		}
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(crashRow{})); diff != "" {
		t.Errorf("verdicts: %s", diff)
	}
}
