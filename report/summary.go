package report

import (
	"encoding/json"
	"io"
	"math"
	"time"
)

// Summary is summary.json, and what --json prints. Tally.Fill sets what the
// rows and users tell; the rest is the caller's.
type Summary struct {
	RunID              string    `json:"run_id"`
	Job                string    `json:"job"`
	Version            string    `json:"version"`
	DryRun             bool      `json:"dry_run"`
	Target             string    `json:"target"`
	StartedAt          time.Time `json:"started_at"`
	FinishedAt         time.Time `json:"finished_at"`
	DurationSeconds    float64   `json:"duration_seconds"`
	Inputs             []Input   `json:"inputs"`
	Source             string    `json:"source,omitempty"` // what --source put in place of a blank one
	Rows               Rows      `json:"rows"`
	Balanced           bool      `json:"balanced"`
	Users              int64     `json:"users"`
	Requests           int64     `json:"requests"` // in a dry run the planned ones
	Attempts           int64     `json:"attempts"`
	Throttled          int64     `json:"throttled"`
	OverAllocatedUsers int64     `json:"over_allocated_users"`
	Extras             int64     `json:"extras"`
	Vanished           Vanished  `json:"vanished"`
	Resumable          int64     `json:"resumable"`    // rows and vanished pairs that resume would send
	Causes             []Cause   `json:"causes"`       // the first twenty are written
	CausesTotal        int       `json:"causes_total"` // at least as many as Causes
	Warnings           []string  `json:"warnings"`     // the first twenty are written
	WarningsTotal      int       `json:"warnings_total"`
	Exit               Exit      `json:"exit"`
}

// Input is one file as it was read.
type Input struct {
	File   string `json:"file"`   // as given, "-" for standard input
	SHA256 string `json:"sha256"` // of the file as given, hexadecimal
	Rows   int64  `json:"rows"`
}

// Exit is how the run ended.
type Exit struct {
	Code   int    `json:"code"`
	Reason string `json:"reason"`
	All    []int  `json:"all"` // every code that holds, the one taken first
}

// Encode writes s as an indented JSON document with a final newline: times in
// UTC and durations to the millisecond, lists never null and at most twenty
// causes and warnings long, bytes that are no UTF-8 as \xNN. A total smaller
// than its list is raised to it, so a caller that gives every warning may leave
// WarningsTotal 0. s stays as it is. An error is w's.
func (s *Summary) Encode(w io.Writer) error {
	c := *s
	c.StartedAt, c.FinishedAt = instant(s.StartedAt), instant(s.FinishedAt)
	c.DurationSeconds = math.Round(s.DurationSeconds*1000) / 1000
	c.Inputs = append([]Input{}, s.Inputs...)
	for i := range c.Inputs {
		c.Inputs[i].File = Show(c.Inputs[i].File)
	}
	c.CausesTotal = max(s.CausesTotal, len(s.Causes))
	c.Causes = append([]Cause{}, s.Causes[:min(len(s.Causes), causesKept)]...)
	for i := range c.Causes {
		c.Causes[i].Lines = append([]string{}, c.Causes[i].Lines...)
	}
	c.WarningsTotal = max(s.WarningsTotal, len(s.Warnings))
	c.Warnings = append([]string{}, s.Warnings[:min(len(s.Warnings), causesKept)]...)
	for i := range c.Warnings {
		c.Warnings[i] = Show(c.Warnings[i])
	}
	c.Exit.All = append([]int{}, s.Exit.All...)
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(&c)
}

// instant is a time as the reports show it.
func instant(t time.Time) time.Time {
	return t.UTC().Truncate(time.Millisecond)
}
