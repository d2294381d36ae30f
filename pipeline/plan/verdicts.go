package plan

import (
	"iter"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"corattach/pipeline"
)

// answer is the verdict on a row that was sent, apart from its status and reason.
// Texts are places among the table's reasons.
type answer struct {
	identity                                     pipeline.Identity
	sentAt                                       int64 // Unix nanoseconds; 0 = nothing left
	number                                       int32
	percentage, name, integration, code, subject int32
	httpStatus, attempts                         uint16
	returned                                     bool // there is a pivot
	named, resumable                             bool
}

// Settlement is what came of a user: verdicts for each of its requests, in the
// order of Send, and what COR said beside them.
type Settlement struct {
	Verdicts [][]pipeline.Verdict
	Returned string           // the sum COR returned in its last answer
	Extras   []pipeline.Pivot // see pipeline.UserLine
	Lost     []pipeline.Pivot
}

// Settle keeps what came of a user that Send has returned, and returns the worst
// status of the rows that were to be sent. A later settlement of the same user takes
// the place of an earlier one. It may be called from several goroutines, for different
// users.
func (t *Table) Settle(sent *pipeline.User, s Settlement) pipeline.Status {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.makeAnswers()
	number, worst := int32(sent.Number), duplicate
	u := t.users.at(number)
	u.requests, u.returned = 0, t.reasons.add(s.Returned, 0)
	for i, verdicts := range s.Verdicts {
		if verdicts[0].Attempts > 0 {
			u.requests++
		}
		for j, r := range sent.Requests[i].Rows {
			t.settle(r, &verdicts[j])
			worst = min(worst, t.rows.at(r).status)
		}
	}
	delete(t.extras, number)
	if len(s.Extras)+len(s.Lost) > 0 {
		t.extras[number] = Settlement{Extras: s.Extras, Lost: s.Lost}
	}
	return t.statuses[worst]
}

func (t *Table) makeAnswers() {
	if t.answers == nil {
		t.answers = make([]answer, t.Rows())
	}
}

func (t *Table) settle(r int32, v *pipeline.Verdict) {
	text := func(s string) int32 { return t.reasons.add(s, 0) }
	t.mark(r, number(slices.Index(t.statuses, v.Status)), text(v.Reason))
	a := answer{
		number: int32(v.Number), code: text(v.ErrorCode), subject: text(string(v.Subject)), named: v.Named, resumable: v.Resumable,
		httpStatus: uint16(v.HTTPStatus), attempts: uint16(min(v.Attempts, math.MaxUint16)),
	}
	if !v.SentAt.IsZero() {
		a.sentAt = v.SentAt.UnixNano()
	}
	if p := v.Pivot; p != nil {
		a.returned, a.identity = true, p.Identity()
		a.percentage, a.name, a.integration = text(p.Percentage), text(p.Name), text(p.Integration)
		if p.Inactive && t.rules.Op == pipeline.Attach {
			t.inactive[string(t.workspace(t.rows.at(r)))] = true
		}
	}
	t.answers[r] = a
}

// Forget lets go of what COR said of each row, which takes half of the memory. Rows
// keep their statuses and reasons.
func (t *Table) Forget() { t.answers = nil }

// Overwrite marks a row as mismatched because another row of the same identity was
// confirmed with another percentage afterwards.
func (t *Table) Overwrite(r int32, reason string) { t.mark(r, mismatched, t.reasons.add(reason, 0)) }

// Answered returns for how many requests an attempt was sent, how many pairs
// disappeared from COR's answers without having been asked for, and the workspaces
// that users were attached to and that are set inactive in COR, sorted.
func (t *Table) Answered() (sent, lost int, inactive []string) {
	for number := range t.users.count {
		sent += int(t.users.at(number).requests)
	}
	for _, e := range t.extras {
		lost += len(e.Lost)
	}
	return sent, lost, slices.Sorted(maps.Keys(t.inactive))
}

// Held yields each row that COR holds something for, under an identity that is known:
// rows that are matched, mismatched or unchanged.
func (t *Table) Held() iter.Seq[int32] {
	return func(yield func(int32) bool) {
		for r := range int32(len(t.answers)) {
			holds := slices.Contains([]pipeline.Status{pipeline.Matched, pipeline.Mismatched, pipeline.Unchanged}, t.statuses[t.rows.at(r).status])
			if holds && t.answers[r].identity.Known() && !yield(r) {
				return
			}
		}
	}
}

// Identity returns the identity of a row that Held has yielded.
func (t *Table) Identity(r int32) pipeline.Identity { return t.answers[r].identity }

// Finish says why rows were not sent that planning would send and that have no
// verdict, or none that says why. It is called before the lines are read; a dry run
// that nothing stopped does without, and has them Planned.
func (t *Table) Finish(reason string) {
	t.unsent, t.finished = reason, true
	for r := range t.rows.count {
		if t.rows.at(r).status == planned {
			t.mark(r, notSent, 0)
		}
	}
}

// Lines yields every row with the verdict on it, in input order. A line is valid
// until the next. It may be called from several goroutines, once the users are
// settled.
func (t *Table) Lines() iter.Seq[*pipeline.Line] { return t.lines(false) }

// Attention yields those of Lines whose status is not settled.
func (t *Table) Attention() iter.Seq[*pipeline.Line] { return t.lines(true) }

func (t *Table) lines(attention bool) iter.Seq[*pipeline.Line] {
	settled := make([]bool, len(t.statuses))
	for n, status := range t.statuses {
		settled[n] = status.Settled()
	}
	return func(yield func(*pipeline.Line) bool) {
		var line pipeline.Line
		var pivot pipeline.Pivot
		file := 0
		for r := range t.rows.count {
			for file+1 < len(t.files) && t.files[file+1] <= r {
				file++
			}
			if attention && settled[t.rows.at(r).status] {
				continue
			}
			t.line(r, file, &line, &pivot)
			if !yield(&line) {
				return
			}
		}
	}
}

// Row returns a row with the verdict on it.
func (t *Table) Row(r int32) pipeline.Line {
	var line pipeline.Line
	t.line(r, t.place(r).File, &line, &pipeline.Pivot{})
	return line
}

// line sets a line, and pivot when the line has one.
func (t *Table) line(r int32, file int, line *pipeline.Line, pivot *pipeline.Pivot) {
	row := t.rows.at(r)
	line.Row = pipeline.Row{
		Place:  pipeline.Place{File: file, Line: int64(row.line)},
		Source: t.source(row), Workspace: t.workspace(row), Percent: pipeline.Percent(row.percent),
		Cells: pipeline.Cells{
			User: t.userCells.at(row.userCell), Workspace: t.cells.at(row.workspaceCell),
			Percentage: t.cells.at(row.percentageCell), Source: t.cells.at(row.sourceCell),
		},
	}
	if row.user != noUser {
		line.User = pipeline.UserID(strings.Trim(line.Cells.User, " \t"))
	}
	if len(t.raws) > 0 {
		line.Raw = t.raws[r]
	}
	line.Verdict = pipeline.Verdict{Status: t.statuses[row.status], Reason: t.reason(r, row)}
	if row.status == invalid {
		line.Problem = line.Reason
	}
	unsent := row.status == notSent && row.reason == 0
	line.Resumable = unsent
	if t.answers == nil {
		return
	}
	a := &t.answers[r]
	line.Resumable = unsent || a.resumable
	line.HTTPStatus, line.Attempts, line.Number, line.Named = int(a.httpStatus), int(a.attempts), int64(a.number), a.named
	line.ErrorCode, line.Subject = t.reasons.at(a.code), pipeline.Subject(t.reasons.at(a.subject))
	if a.sentAt != 0 {
		line.SentAt = time.Unix(0, a.sentAt).UTC()
	}
	if a.returned {
		*pivot = pipeline.Pivot{
			Workspace: line.Workspace, Source: line.Source, Percentage: t.reasons.at(a.percentage),
			UserID: a.identity.User, WorkspaceID: a.identity.Workspace, Name: t.reasons.at(a.name), Integration: t.reasons.at(a.integration),
		}
		line.Pivot = pivot
	}
}

// reason returns the reason of a row.
func (t *Table) reason(r int32, row *row) string {
	switch row.status {
	case duplicate:
		return "the same as " + t.seenFrom(row.reason, r)
	case held:
		return t.seenFrom(row.reason, r) + " of this user is invalid"
	case notSent:
		if row.reason == 0 {
			return t.unsent
		}
	}
	return t.reasons.at(row.reason)
}

// UserLines yields every user, in order of first appearance. A line is valid until
// the next. It may be called from several goroutines, once the users are settled.
func (t *Table) UserLines() iter.Seq[*pipeline.UserLine] {
	return func(yield func(*pipeline.UserLine) bool) {
		worst := slices.Repeat([]number{duplicate}, t.Users())
		for r := range t.rows.count {
			if row := t.rows.at(r); row.user != noUser {
				worst[row.user] = min(worst[row.user], row.status)
			}
		}
		for number := range t.users.count {
			u := t.users.at(number)
			line := pipeline.UserLine{
				User: t.UserID(int(number)), Rows: int(u.end - u.start), Requested: u.requested,
				Returned: t.reasons.at(u.returned), OverAllocated: u.over, Requests: int(u.requests), Worst: t.statuses[worst[number]],
				Extras: t.extras[number].Extras, Lost: t.extras[number].Lost,
			}
			if !t.finished {
				line.Requests = int(u.planned)
			}
			if !yield(&line) {
				return
			}
		}
	}
}
