package report

import (
	"fmt"
	"io"
	"math"
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

// summarize is Summarize once all lines are counted.
func (t *tally) summarize() *Summary {
	r := t.run
	for u := range r.Users {
		t.user(u)
	}
	imbalance, causes := t.imbalance(), t.causes.sorted()
	s := &Summary{
		RunID: ValidUTF8(r.ID), Job: ValidUTF8(r.Job), Version: r.Version, Command: r.Command, DryRun: r.DryRun,
		Target: ValidUTF8(r.Target.String()), StartedAt: instant(r.Started), FinishedAt: instant(r.Finished),
		DurationSeconds: math.Round(r.Worked.Seconds()*1000) / 1000,
		Inputs:          inputs(r.Inputs), Plan: r.Plan,
		Rows: t.rows, Balanced: imbalance == "", Users: t.users, Requests: int64(r.Sent),
		OverAllocatedUsers: t.overAllocated, Extras: t.extras, Vanished: int64(len(r.Vanished)),
		Causes: causes[:min(len(causes), listed)], CausesTotal: len(causes),
		Warnings: warnings(r.Warnings), WarningsTotal: len(r.Warnings),
		Next: append([]string{}, r.Next(t.todo())...), Exit: r.exit(t.rows, imbalance, causes),
		SameInput: r.SameInput, Resumable: t.resumable, Dir: r.Dir, Rate: r.Rate, Advice: r.advice(causes, t.reading.flag()),
	}
	if r.neverResumed() {
		s.Resumable = 0
	}
	s.Attempts, s.Throttled = r.Traffic.Attempts()
	if r.DryRun {
		s.Requests = t.requests
		s.Estimate = estimate(t.requests, r.Rate)
		s.Source, s.PercentageUnit = r.flag("--source"), r.flag("--percentage-unit")
	}
	return s
}

// estimate is how long requests take at a rate; 0 when it is not limited.
func estimate(requests int64, rate float64) time.Duration {
	if rate == 0 {
		return 0
	}
	return time.Duration(float64(requests) / rate * float64(time.Second)).Round(time.Second)
}

func inputs(all []pipeline.Input) []pipeline.Input {
	shown := append([]pipeline.Input{}, all...)
	for i := range shown {
		shown[i].File = ValidUTF8(shown[i].File)
	}
	return shown
}

func warnings(all []string) []string {
	shown := append([]string{}, all[:min(len(all), listed)]...)
	for i := range shown {
		shown[i] = ValidUTF8(shown[i])
	}
	return shown
}

// instant is a time as the reports show it: UTC, in milliseconds.
func instant(t time.Time) time.Time { return t.UTC().Truncate(time.Millisecond) }

// Encode writes summary.json. An error is w's.
func (s *Summary) Encode(w io.Writer) error { return WriteJSON(w, s, "  ") }

// tally is what is counted of a run.
type tally struct {
	run      *Run
	rows     Counts
	byFile   []int64        // rows of each input
	last     pipeline.Place // of the latest row; the zero Place before the first
	disorder string         // what is wrong with the first row that has no place in the report; "" when none has
	causes   causes

	reading   reading
	resumable int64           // rows that resume would send
	fixable   int64           // others that can be fixed
	clashing  int64           // rows that another one of the input overwrites
	troubled  pipeline.UserID // the first user with a row that was sent and is not settled

	users, requests, overAllocated, extras int64
}

func newTally(r *Run) *tally {
	return &tally{run: r, causes: newCauses(r), byFile: make([]int64, len(r.Inputs)), rows: Counts{ByStatus: map[pipeline.Status]int64{}}}
}

func (t *tally) line(l *pipeline.Line) {
	if problem := t.misplaced(l); problem != "" && t.disorder == "" {
		t.disorder = problem
	}
	t.last = l.Place
	t.rows.Total++
	t.rows.ByStatus[l.Status]++
	if l.File >= 0 && l.File < len(t.byFile) {
		t.byFile[l.File]++
	}
	t.reading.note(l)
	if l.Status.Settled() {
		return
	}
	t.causes.add(l)
	switch {
	case l.Resumable:
		t.resumable++
	case overwritten(l):
		t.clashing++
	case Fixable(l):
		t.fixable++
	}
	if t.troubled == "" && l.Attempts > 0 {
		t.troubled = l.User
	}
}

// todo is what the rows leave to be done.
func (t *tally) todo() Todo {
	return Todo{
		Resumable: t.resumable > 0 || len(t.run.Left) > 0, Fixable: (t.fixable > 0 || t.reading.misread()) && t.clashing == 0, Flag: t.reading.flag(),
		Planned: t.rows.ByStatus[pipeline.Planned] > 0, User: t.troubled,
	}
}

// misplaced says why a line can't stand where it does; "" when it can.
func (t *tally) misplaced(l *pipeline.Line) string {
	switch {
	case l.File < 0 || l.File >= len(t.byFile):
		return t.run.PlaceText(l.Place) + " is in no input of the run"
	case l.Place == t.last:
		return t.run.PlaceText(l.Place) + " stands twice"
	case l.File < t.last.File || l.File == t.last.File && l.Line < t.last.Line:
		return t.run.PlaceText(l.Place) + " comes after " + t.run.PlaceText(t.last)
	}
	return ""
}

func (t *tally) user(u *pipeline.UserLine) {
	t.users++
	t.requests += int64(u.Requests)
	t.extras += int64(len(u.Extras) + len(u.Lost))
	if u.OverAllocated {
		t.overAllocated++
	}
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
