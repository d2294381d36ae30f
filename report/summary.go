package report

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"corattach/pipeline"
)

// Summarize counts the rows and users of a run, groups what went wrong, and
// decides how the run ends and what there is to do.
func Summarize(r *Run) *Summary {
	t := newTally(r)
	for l := range r.Lines {
		t.add(l)
	}
	return t.summarize()
}

// tally is what is counted of the rows of a run.
type tally struct {
	run      *Run
	rows     Counts
	byFile   []int64        // rows of each input
	last     pipeline.Place // of the latest row; the zero Place before the first
	disorder string         // what is wrong with the first row that has no place in the report; "" when none has

	causes []*Cause // in order of first appearance
	byKind map[string]*Cause
	todo   Todo
	points bool // percentages have a decimal point
}

func newTally(r *Run) *tally {
	return &tally{run: r, rows: Counts{}, byFile: make([]int64, len(r.Inputs)), causes: []*Cause{}, byKind: map[string]*Cause{}}
}

func (t *tally) add(l *pipeline.Line) {
	if t.disorder == "" && (l.File < t.last.File || l.File == t.last.File && l.Line <= t.last.Line) {
		t.disorder = t.run.PlaceText(l.Place) + " comes after " + t.run.PlaceText(t.last)
	}
	t.last = l.Place
	t.byFile[l.File]++
	t.rows[l.Status]++
	t.points = t.points || strings.Contains(l.Cells.Percentage, ".")
	if l.Status.Settled() {
		return
	}
	t.addCause(l)
	t.todo.Add(l)
	if t.todo.User == "" && l.Attempts > 0 {
		t.todo.User = l.User
	}
}

// summarize is Summarize once all lines are counted.
func (t *tally) summarize() *Summary {
	r, sent, imbalance := t.run, t.run.Traffic.All, t.imbalance()
	if r.Digest != nil {
		r.Plan = r.Digest()
	}
	t.sortCauses()
	t.todo.Commas = !t.points && slices.ContainsFunc(t.causes, func(c *Cause) bool { return strings.Contains(c.Reason, pipeline.DecimalComma) })
	t.todo.Planned = t.rows[pipeline.Planned] > 0
	s := &Summary{
		About: r.About, Rows: t.rows, Balanced: imbalance == "", Requests: int64(r.Sent), Vanished: int64(len(r.Vanished)),
		Attempts: sent.Answered + sent.Throttled + sent.Failed, Throttled: sent.Throttled,
		Causes: t.causes[:min(len(t.causes), listed)], CausesTotal: len(t.causes), Warnings: []string{}, WarningsTotal: len(r.Warnings),
		Next: append([]string{}, r.Next(t.todo)...), Exit: t.exit(imbalance), Advice: r.advice(t.causes, t.todo),
	}
	s.Job, s.Target, s.Inputs = pipeline.ValidUTF8(r.Job), pipeline.ValidUTF8(r.Target), append([]pipeline.Input{}, r.Inputs...)
	s.StartedAt, s.FinishedAt = r.StartedAt.UTC().Truncate(time.Millisecond), r.FinishedAt.UTC().Truncate(time.Millisecond)
	s.DurationSeconds = math.Round(r.DurationSeconds*1000) / 1000
	for _, text := range r.Warnings[:min(len(r.Warnings), listed)] {
		s.Warnings = append(s.Warnings, pipeline.ValidUTF8(text))
	}
	if !r.neverResumed() {
		s.Resumable = t.todo.Resumable
	}
	for u := range r.Users {
		s.Users++
		s.Requests += int64(u.Requests)
		s.Extras += int64(len(u.Extras) + len(u.Lost))
		if u.OverAllocated {
			s.OverAllocatedUsers++
		}
	}
	if r.DryRun {
		s.Source, s.PercentageUnit = r.flag("--source"), r.flag("--percentage-unit")
		if r.Rate > 0 {
			s.Estimate = time.Duration(float64(s.Requests) / r.Rate * float64(time.Second)).Round(time.Second)
		}
	}
	return s
}

// imbalance says in what the accounting identity does not hold: each row read stands
// in the report once, in order, and the statuses add up. It is "" when it holds.
func (t *tally) imbalance() string {
	read := int64(0)
	for i, in := range t.run.Inputs {
		if t.byFile[i] != in.Rows {
			return fmt.Sprintf("%s: %d rows read, %d reported", in.File, in.Rows, t.byFile[i])
		}
		read += in.Rows
	}
	if sum := t.rows.Total(); sum != read {
		return fmt.Sprintf("%d rows read, statuses of %d", read, sum)
	}
	return t.disorder
}

// exit decides how a run ends: the codes that hold, the one that outranks the
// others first. Its reason names the guard, the file or the fault.
func (t *tally) exit(imbalance string) Exit {
	r, e := t.run, Exit{All: []int{}}
	add := func(holds bool, code int, reason string) {
		if !holds {
			return
		}
		if len(e.All) == 0 {
			e.Code, e.Reason = code, pipeline.ValidUTF8(reason)
		}
		e.All = append(e.All, code)
	}
	wrong := t.tell(pipeline.Failed, pipeline.Unknown, pipeline.Invalid, pipeline.Held, pipeline.Protected, pipeline.NotSent)
	differs := t.tell(pipeline.Mismatched, pipeline.Missing, pipeline.StillAttached)
	done := "every row is accounted for, and none needs attention"
	if r.Command == "probe" {
		done = "every fact was found, and the user has what there was before"
		wrong = strings.Join(r.Left, ", ")
		if len(r.Unfound) > 0 {
			wrong = strings.TrimPrefix(wrong+"; could not be found: "+strings.Join(r.Unfound, ", "), "; ")
		}
	}
	if r.Killed && wrong != "" {
		wrong = "the run was killed; " + wrong
	}
	add(imbalance != "", pipeline.ExitInternal, "the accounting is broken: "+imbalance)
	add(r.Stop.Kind != pipeline.RanToEnd, map[pipeline.StopKind]int{
		pipeline.Interrupted: pipeline.ExitSignal + r.Stop.Signal, pipeline.Credentials: pipeline.ExitCredentials,
		pipeline.Unavailable: pipeline.ExitUnavailable, pipeline.Guarded: pipeline.ExitGuard, pipeline.InputRefused: pipeline.ExitRefused,
	}[r.Stop.Kind], r.Stop.Reason)
	add(wrong != "" && r.Stop.Kind != pipeline.InputRefused, pipeline.ExitRows, wrong)
	add(differs != "", pipeline.ExitPivots, differs)
	add(len(e.All) == 0, pipeline.ExitDone, done)
	return e
}

// tell says how many rows have some statuses, and their first cause: "2 rows failed,
// 1 held: COR does not know 1 user: U-1". It is "" when no row has one of them.
func (t *tally) tell(statuses ...pipeline.Status) string {
	var parts []string
	for _, status := range statuses {
		n := t.rows[status]
		if n == 0 {
			continue
		}
		number := fmt.Sprint(n)
		if len(parts) == 0 {
			number = pipeline.Count(n, "row")
		}
		parts = append(parts, number+" "+strings.ReplaceAll(string(status), "_", " "))
	}
	text := strings.Join(parts, ", ")
	for _, c := range t.causes {
		headline := c.headline()
		if headline == "" || !slices.Contains(statuses, c.Status) {
			continue
		}
		if c.Status == pipeline.Invalid {
			text += ": " + c.Lines[0]
		}
		return text + ": " + headline
	}
	return text
}
