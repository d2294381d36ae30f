// Package diff tells what changed between two runs: in the input, at COR, or in
// both.
package diff

import (
	"slices"
	"strings"
	"time"

	"corattach/pipeline"
	"corattach/report"
)

// Comparison is what two runs say differently. Rows are joined to pairs by user,
// workspace and source; duplicates collapse.
type Comparison struct {
	A       Run      `json:"run_a"`
	B       Run      `json:"run_b"`
	Changes []Change `json:"changes"` // in the order of B's input, then what only A has, in the order of A's
	Sums    Sums     `json:"summary"`
}

// Run names one of the two runs.
type Run struct {
	RunID     string    `json:"run_id"`
	Job       string    `json:"job"`
	Target    string    `json:"target"`
	DryRun    bool      `json:"dry_run"`
	StartedAt time.Time `json:"started_at"`
	Rows      int64     `json:"rows"`
	ExitCode  *int      `json:"exit_code"` // nil for a run without an end: it was killed or is active
}

// Sums add a comparison up, in pairs.
type Sums struct {
	Pairs     int `json:"pairs"` // that either run has
	Unchanged int `json:"unchanged"`
	Changed   int `json:"changed"` // Input + COR + Both
	Input     int `json:"input"`
	COR       int `json:"cor"`
	Both      int `json:"both"`
	Added     int `json:"added"`      // counted in Input
	Removed   int `json:"removed"`    // counted in Input
	AskedOnce int `json:"asked_once"` // pairs of both runs about which COR was asked in one of them alone: only their input was compared
}

// Change is a pair of which two runs say something different. Bytes that are no
// UTF-8 are \xNN in it and its sides.
type Change struct {
	Origin    Origin   `json:"changed"`
	What      []string `json:"what"` // which of added, removed, percentage, validity, status and pivot
	User      string   `json:"user_id"`
	Workspace string   `json:"workspace_id"`
	Source    string   `json:"source"`
	A         *Side    `json:"a"` // nil when the run has no row of the pair
	B         *Side    `json:"b"`
}

// Origin says where a change comes from. The list is closed.
type Origin string

// The origins of a change.
const (
	Input Origin = "input" // the rows ask for something else
	COR   Origin = "cor"   // the rows are the same, COR returned something else
	Both  Origin = "both"
)

// Side is what one run says of a pair: the first of its rows that is not invalid
// speaks for it, or else the first.
type Side struct {
	File       string          `json:"file"`
	Line       int64           `json:"line"`
	Percentage string          `json:"percentage"` // asked for: "60", or "60 / 70" when rows contradict each other
	Pivot      string          `json:"pivot_percentage"`
	Status     pipeline.Status `json:"status"`
}

// key is a pair as its rows have it. Of a record without cells, user is its raw
// line.
type key struct{ user, workspace, source string }

// Compare compares two runs. It holds all their pairs in memory.
func Compare(a, b *report.Run) *Comparison {
	c := &Comparison{A: newRun(a), B: newRun(b), Changes: []Change{}}
	before, orderA := sides(a)
	after, orderB := sides(b)
	for _, k := range orderB {
		c.add(k, before[k], after[k])
	}
	for _, k := range orderA {
		if after[k] == nil {
			c.add(k, before[k], nil)
		}
	}
	c.Sums.Changed = len(c.Changes)
	return c
}

func newRun(r *report.Run) Run {
	s := report.Summarize(r)
	run := Run{RunID: s.RunID, Job: s.Job, Target: s.Target, DryRun: s.DryRun, StartedAt: s.StartedAt, Rows: s.Rows.Total}
	if !r.Killed {
		run.ExitCode = &s.Exit.Code
	}
	return run
}

// add compares one pair.
func (c *Comparison) add(k key, a, b *Side) {
	c.Sums.Pairs++
	input, cor, told := compare(a, b)
	if !told {
		c.Sums.AskedOnce++
	}
	change := Change{
		What: append(input, cor...), A: a, B: b,
		User: report.ValidUTF8(k.user), Workspace: report.ValidUTF8(k.workspace), Source: report.ValidUTF8(k.source),
	}
	switch {
	case len(change.What) == 0:
		c.Sums.Unchanged++
		return
	case len(cor) == 0:
		change.Origin = Input
		c.Sums.Input++
	case len(input) == 0:
		change.Origin = COR
		c.Sums.COR++
	default:
		change.Origin = Both
		c.Sums.Both++
	}
	switch {
	case a == nil:
		c.Sums.Added++
	case b == nil:
		c.Sums.Removed++
	}
	c.Changes = append(c.Changes, change)
}

// sides joins the rows of a run to pairs, and returns these in the order of their
// first rows.
func sides(r *report.Run) (map[key]*Side, []key) {
	of, asked := map[key]*Side{}, map[key][]string{} // asked: of pairs whose rows contradict each other
	var order []key
	for l := range r.Lines {
		k := keyOf(l)
		next := &Side{report.ValidUTF8(r.Inputs[l.File].File), l.Line, percentage(r, l), "", l.Status}
		if l.Pivot != nil {
			next.Pivot = report.ValidUTF8(l.Pivot.Percentage)
		}
		s := of[k]
		switch {
		case s == nil:
			of[k] = next
			order = append(order, k)
			continue
		case l.Status == pipeline.Duplicate:
			continue
		case s.Percentage != next.Percentage:
			asked[k] = append(asked[k], s.Percentage, next.Percentage)
		}
		if s.Status == pipeline.Duplicate || s.Status == pipeline.Invalid && l.Status != pipeline.Invalid {
			of[k] = next
		}
	}
	for k, all := range asked {
		slices.Sort(all)
		of[k].Percentage = strings.Join(slices.Compact(all), " / ")
	}
	return of, order
}

func keyOf(l *pipeline.Line) key {
	if l.Raw != "" && l.User == "" && l.Cells == (pipeline.Cells{}) {
		return key{user: l.Raw}
	}
	or := func(id, cell string) string {
		if id == "" {
			id = strings.Trim(cell, " \t")
		}
		return id
	}
	return key{
		or(string(l.User), l.Cells.User), or(string(l.Workspace), l.Cells.Workspace), or(string(l.Source), l.Cells.Source),
	}
}

// percentage is what a row asks for, or the cell when that is no percentage.
// What is detached asks for none.
func percentage(r *report.Run, l *pipeline.Line) string {
	switch {
	case r.Command == "detach":
		return ""
	case l.Problem != "" && l.Percent == 0:
		return report.ValidUTF8(strings.Trim(l.Cells.Percentage, " \t"))
	}
	return l.Percent.String()
}

// compare says what differs, in what is asked for and in what COR returned. told
// is false when COR was asked in one run alone, so that nothing can be said of
// it.
func compare(a, b *Side) (input, cor []string, told bool) {
	switch {
	case a == nil:
		return []string{"added"}, nil, true
	case b == nil:
		return []string{"removed"}, nil, true
	}
	if a.Percentage != b.Percentage {
		input = append(input, "percentage")
	}
	if a.validity() != b.validity() {
		input = append(input, "validity")
	}
	if !a.wasAsked() || !b.wasAsked() {
		return input, nil, a.wasAsked() == b.wasAsked()
	}
	if a.confirmed() != b.confirmed() {
		cor = append(cor, "status")
	}
	if !pipeline.SameNumber(a.returned(), b.returned()) {
		cor = append(cor, "pivot")
	}
	return input, cor, true
}

// validity is Invalid or Held for a pair whose rows can't be sent, else Planned.
func (s *Side) validity() pipeline.Status {
	if s.Status == pipeline.Invalid || s.Status == pipeline.Held {
		return s.Status
	}
	return pipeline.Planned
}

// wasAsked reports whether COR was asked about the pair, in this run or, for an
// unchanged one, in an earlier one.
func (s *Side) wasAsked() bool {
	switch s.Status {
	case pipeline.Matched, pipeline.Mismatched, pipeline.Missing, pipeline.Failed, pipeline.Unknown, pipeline.Unchanged,
		pipeline.Detached, pipeline.StillAttached:
		return true
	}
	return false
}

// confirmed is the status as COR's word: what is unchanged was matched.
func (s *Side) confirmed() pipeline.Status {
	if s.Status == pipeline.Unchanged {
		return pipeline.Matched
	}
	return s.Status
}

// returned is the percentage COR returned, of an unchanged pair before.
func (s *Side) returned() string {
	if s.Status == pipeline.Unchanged && s.Pivot == "" {
		return s.Percentage
	}
	return s.Pivot
}
