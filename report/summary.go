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
		t.line(l)
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
	causes   causes

	resumable      int64           // rows that resume would send
	fixable        bool            // others can be fixed
	clashing       bool            // rows are overwritten by another one of the input
	commas, points bool            // percentages have a decimal comma, or a point
	troubled       pipeline.UserID // the first user with a row that was sent and is not settled
}

func newTally(r *Run) *tally {
	return &tally{
		run: r, byFile: make([]int64, len(r.Inputs)), rows: Counts{ByStatus: map[pipeline.Status]int64{}},
		causes: causes{run: r, index: map[string]*Cause{}, list: []*Cause{}, named: map[namedID]bool{}},
	}
}

func (t *tally) line(l *pipeline.Line) {
	if t.disorder == "" && (l.File < t.last.File || l.File == t.last.File && l.Line <= t.last.Line) {
		t.disorder = t.run.PlaceText(l.Place) + " comes after " + t.run.PlaceText(t.last)
	}
	t.last = l.Place
	t.byFile[l.File]++
	t.rows.Total++
	t.rows.ByStatus[l.Status]++
	t.points = t.points || strings.Contains(l.Cells.Percentage, ".")
	if l.Status.Settled() {
		return
	}
	t.causes.add(l)
	t.commas = t.commas || l.Status == pipeline.Invalid && strings.Contains(l.Reason, pipeline.DecimalComma)
	t.clashing = t.clashing || overwritten(l)
	t.fixable = t.fixable || Fixable(l)
	if l.Resumable {
		t.resumable++
	}
	if t.troubled == "" && l.Attempts > 0 {
		t.troubled = l.User
	}
}

// summarize is Summarize once all lines are counted.
func (t *tally) summarize() *Summary {
	r, causes := t.run, t.causes.sorted()
	imbalance := t.imbalance()
	todo := Todo{
		Resumable: t.resumable > 0 || len(r.Left) > 0, Fixable: t.fixable && !t.clashing, Commas: t.commas && !t.points,
		Planned: t.rows.ByStatus[pipeline.Planned] > 0, User: t.troubled,
	}
	s := &Summary{
		RunID: ValidUTF8(r.ID), Job: ValidUTF8(r.Job), Version: r.Version, Command: r.Command, DryRun: r.DryRun,
		Target: ValidUTF8(r.Target.String()), StartedAt: r.Started.UTC().Truncate(time.Millisecond), FinishedAt: r.Finished.UTC().Truncate(time.Millisecond),
		DurationSeconds: math.Round(r.Worked.Seconds()*1000) / 1000,
		Inputs:          append([]pipeline.Input{}, r.Inputs...), Plan: r.Plan,
		Rows: t.rows, Balanced: imbalance == "", Requests: int64(r.Sent), Vanished: int64(len(r.Vanished)),
		Causes: causes[:min(len(causes), listed)], CausesTotal: len(causes),
		Warnings: append([]string{}, r.Warnings[:min(len(r.Warnings), listed)]...), WarningsTotal: len(r.Warnings),
		Next: append([]string{}, r.Next(todo)...), Exit: r.exit(t.rows, imbalance, causes),
		SameInput: r.SameInput, Dir: r.Dir, Rate: r.Rate, Advice: r.advice(causes, todo),
	}
	for i := range s.Inputs {
		s.Inputs[i].File = ValidUTF8(s.Inputs[i].File)
	}
	for i := range s.Warnings {
		s.Warnings[i] = ValidUTF8(s.Warnings[i])
	}
	if !r.neverResumed() {
		s.Resumable = t.resumable
	}
	s.Attempts, s.Throttled = r.Traffic.Attempts()
	planned := int64(0)
	for u := range r.Users {
		s.Users++
		s.Extras += int64(len(u.Extras) + len(u.Lost))
		if u.OverAllocated {
			s.OverAllocatedUsers++
		}
		planned += int64(u.Requests)
	}
	if r.DryRun {
		s.Requests, s.Source, s.PercentageUnit = planned, r.flag("--source"), r.flag("--percentage-unit")
		if r.Rate > 0 {
			s.Estimate = time.Duration(float64(planned) / r.Rate * float64(time.Second)).Round(time.Second)
		}
	}
	return s
}

// imbalance says in what the accounting identity does not hold: every row read
// stands in the report exactly once, in input order, and the statuses add up to
// the rows read. It is "" when it holds.
func (t *tally) imbalance() string {
	var off []string
	sum := int64(0)
	for _, status := range pipeline.Statuses() {
		sum += t.rows.ByStatus[status]
	}
	if t.rows.Total != t.run.Rows || t.rows.Total != sum {
		off = append(off, fmt.Sprintf("%d rows read, %d reported, statuses of %d", t.run.Rows, t.rows.Total, sum))
	}
	for i, in := range t.run.Inputs {
		if t.byFile[i] != in.Rows {
			off = append(off, fmt.Sprintf("%s: %d rows read, %d reported", ValidUTF8(in.File), in.Rows, t.byFile[i]))
		}
	}
	if t.disorder != "" {
		off = append(off, t.disorder)
	}
	return strings.Join(off, "; ")
}

// exit decides how a run ends: the codes that hold, the one that outranks the
// others first. Its reason names the guard, the file or the fault.
func (r *Run) exit(rows Counts, imbalance string, causes []*Cause) Exit {
	e := Exit{All: []int{}}
	add := func(holds bool, code int, reason string) {
		if !holds {
			return
		}
		if len(e.All) == 0 {
			e.Code, e.Reason = code, ValidUTF8(reason)
		}
		e.All = append(e.All, code)
	}
	wrong := tell(rows, causes, pipeline.Failed, pipeline.Unknown, pipeline.Invalid, pipeline.Held, pipeline.Protected, pipeline.NotSent)
	differs := tell(rows, causes, pipeline.Mismatched, pipeline.Missing, pipeline.StillAttached)
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
	add(r.Stop.Kind == pipeline.Interrupted, pipeline.ExitSignal+r.Stop.Signal, r.Stop.Reason)
	add(r.Stop.Kind == pipeline.Credentials, pipeline.ExitCredentials, r.Stop.Reason)
	add(r.Stop.Kind == pipeline.Unavailable, pipeline.ExitUnavailable, r.Stop.Reason)
	add(r.Stop.Kind == pipeline.Guarded, pipeline.ExitGuard, r.Stop.Reason)
	add(r.Stop.Kind == pipeline.InputRefused, pipeline.ExitRefused, r.Stop.Reason)
	add(wrong != "" && r.Stop.Kind != pipeline.InputRefused, pipeline.ExitRows, wrong)
	add(differs != "", pipeline.ExitPivots, differs)
	add(len(e.All) == 0, pipeline.ExitDone, done)
	return e
}

// tell says how many rows have some statuses, and what the first cause of one of
// them is: "2 rows failed, 1 held: COR does not know 1 user: U-1". It is "" when no
// row has one of them.
func tell(rows Counts, causes []*Cause, statuses ...pipeline.Status) string {
	var parts []string
	for _, status := range statuses {
		n := rows.ByStatus[status]
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
	for _, c := range causes {
		headline := strings.TrimSpace(c.headline())
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
