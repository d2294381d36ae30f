// Package diff tells what changed between two runs: in the input, at COR, or in
// both.
package diff

import (
	"cmp"
	"slices"
	"strings"

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

// Run is one of the two runs.
type Run struct {
	report.About
	Rows     int64 `json:"rows"`
	ExitCode *int  `json:"exit_code"` // nil for a run without an end: it was killed or is active
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
	Origin    string   `json:"changed"` // input: the rows ask for something else; cor: COR returned something else; or both
	What      []string `json:"what"`    // which of added, removed, percentage, validity, status and pivot
	User      string   `json:"user_id"`
	Workspace string   `json:"workspace_id"`
	Source    string   `json:"source"`
	A         *Side    `json:"a"` // nil when the run has no row of the pair
	B         *Side    `json:"b"`
}

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
	run := Run{About: s.About, Rows: s.Rows.Total()}
	if !r.Killed {
		run.ExitCode = &s.Exit.Code
	}
	return run
}

// sides joins the rows of a run to pairs, and returns these in the order of their
// first rows.
func sides(r *report.Run) (map[key]*Side, []key) {
	of, asked := map[key]*Side{}, map[key][]string{} // asked: of pairs whose rows contradict each other
	var order []key
	for l := range r.Lines {
		k := keyOf(l)
		next := &Side{pipeline.ValidUTF8(r.Inputs[l.File].File), l.Line, percentage(r, l), "", l.Status}
		if l.Pivot != nil {
			next.Pivot = pipeline.ValidUTF8(l.Pivot.Percentage)
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
	return key{
		cmp.Or(string(l.User), trim(l.Cells.User)), cmp.Or(string(l.Workspace), trim(l.Cells.Workspace)), cmp.Or(string(l.Source), trim(l.Cells.Source)),
	}
}

func trim(cell string) string { return strings.Trim(cell, " \t") }

// percentage is what a row asks for. Of an invalid row it is the cell, as a
// decimal if it is one; what is detached asks for none.
func percentage(r *report.Run, l *pipeline.Line) string {
	if r.Command == "detach" {
		return ""
	}
	if l.Status != pipeline.Invalid {
		return l.Percent.String()
	}
	if p, ok := pipeline.ParseDecimal(trim(l.Cells.Percentage), '.'); ok {
		return p.String()
	}
	return pipeline.ValidUTF8(trim(l.Cells.Percentage))
}

// add compares one pair.
func (c *Comparison) add(k key, a, b *Side) {
	c.Sums.Pairs++
	change := Change{A: a, B: b, User: pipeline.ValidUTF8(k.user), Workspace: pipeline.ValidUTF8(k.workspace), Source: pipeline.ValidUTF8(k.source)}
	input, cor := c.differences(a, b)
	switch change.What = append(input, cor...); {
	case len(change.What) == 0:
		c.Sums.Unchanged++
		return
	case len(cor) == 0:
		change.Origin = "input"
		c.Sums.Input++
	case len(input) == 0:
		change.Origin = "cor"
		c.Sums.COR++
	default:
		change.Origin = "both"
		c.Sums.Both++
	}
	c.Changes = append(c.Changes, change)
}

// differences says what differs, in what is asked for and in what COR returned.
// Where COR was not asked in both runs, nothing is said of it.
func (c *Comparison) differences(a, b *Side) (input, cor []string) {
	switch {
	case a == nil:
		c.Sums.Added++
		return []string{"added"}, nil
	case b == nil:
		c.Sums.Removed++
		return []string{"removed"}, nil
	}
	if a.Percentage != b.Percentage {
		input = append(input, "percentage")
	}
	unsendable := func(s pipeline.Status) bool { return s == pipeline.Invalid || s == pipeline.Held }
	if a.Status != b.Status && (unsendable(a.Status) || unsendable(b.Status)) {
		input = append(input, "validity")
	}
	statusA, pivotA := a.returned()
	statusB, pivotB := b.returned()
	if (statusA == "") != (statusB == "") {
		c.Sums.AskedOnce++
		return input, nil
	}
	if statusA != statusB {
		cor = append(cor, "status")
	}
	if !pipeline.SameNumber(pivotA, pivotB) {
		cor = append(cor, "pivot")
	}
	return input, cor
}

// returned is COR's word on the pair, in this run or, for an unchanged one, in an
// earlier one. Both are "" when COR was not asked.
func (s *Side) returned() (status pipeline.Status, pivot string) {
	switch s.Status {
	case pipeline.Unchanged:
		return pipeline.Matched, cmp.Or(s.Pivot, s.Percentage)
	case pipeline.Matched, pipeline.Mismatched, pipeline.Missing, pipeline.Failed, pipeline.Unknown, pipeline.Detached, pipeline.StillAttached:
		return s.Status, s.Pivot
	}
	return "", ""
}
