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
// Texts are places among the table's texts.
type answer struct {
	identity                            pipeline.Identity
	sentAt                              int64 // Unix nanoseconds; 0 = nothing left
	number                              int64
	percentage, name, integration, code int32
	httpStatus, attempts                uint16
	subject                             uint8 // place in subjects
	returned                            bool  // there is a pivot
	named, resumable                    bool
}

func subjects() []pipeline.Subject {
	return []pipeline.Subject{"", pipeline.UnknownUser, pipeline.UnknownWorkspace, pipeline.UnknownEither}
}

// Settlement is what came of a user: verdicts for each of its requests, in the
// order of Send, and what COR said beside them.
type Settlement struct {
	Verdicts [][]pipeline.Verdict
	Sent     int              // requests for which an attempt was sent
	Returned string           // the sum COR returned in its last answer
	Extras   []pipeline.Pivot // see pipeline.UserLine
	Lost     []pipeline.Pivot
	Inactive []string // workspaces that are set inactive in COR
}

// Settle keeps what came of a user that Send has returned. A later settlement of the
// same user takes the place of an earlier one. It may be called from several
// goroutines, for different users.
func (t *Table) Settle(sent *pipeline.User, s Settlement) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.makeAnswers()
	for i := range sent.Rows {
		for j, r := range sent.Rows[i] {
			t.settle(r, &s.Verdicts[i][j])
		}
	}
	u := t.users.at(int32(sent.Number))
	u.requests, u.returned = int32(s.Sent), t.texts.add(s.Returned)
	for _, name := range s.Inactive {
		t.inactive[name] = true
	}
	delete(t.extras, int32(sent.Number))
	if len(s.Extras)+len(s.Lost) > 0 {
		t.extras[int32(sent.Number)] = extra{s.Extras, s.Lost}
	}
}

func (t *Table) makeAnswers() {
	for t.answers.count < t.rows.count {
		t.answers.add(answer{})
	}
}

func (t *Table) settle(r int32, v *pipeline.Verdict) {
	row, a := t.rows.at(r), t.answers.at(r)
	row.status, row.reason = t.number(v.Status), t.texts.add(v.Reason)
	*a = answer{
		number: v.Number, code: t.texts.add(v.ErrorCode), named: v.Named, resumable: v.Resumable,
		httpStatus: uint16(v.HTTPStatus), attempts: uint16(min(v.Attempts, math.MaxUint16)),
		subject: uint8(slices.Index(subjects(), v.Subject)),
	}
	if !v.SentAt.IsZero() {
		a.sentAt = v.SentAt.UnixNano()
	}
	if p := v.Pivot; p != nil {
		a.returned, a.identity = true, p.Identity()
		a.percentage, a.name, a.integration = t.texts.add(p.Percentage), t.texts.add(p.Name), t.texts.add(p.Integration)
	}
}

// Sent returns the number of requests for which an attempt was sent.
func (t *Table) Sent() int {
	sent := 0
	for number := range int32(t.users.count) {
		sent += int(t.users.at(number).requests)
	}
	return sent
}

// Inactive returns the workspaces that users were attached to and that are set
// inactive in COR, sorted.
func (t *Table) Inactive() []string { return slices.Sorted(maps.Keys(t.inactive)) }

// Lost returns how many pairs disappeared from COR's answers without having been
// asked for.
func (t *Table) Lost() int {
	count := 0
	for _, e := range t.extras {
		count += len(e.lost)
	}
	return count
}

// Finish says why rows were not sent that planning would send and that have no
// verdict, or none that says why. It is called before the lines are read; a dry run
// that nothing stopped does without, and has them Planned.
func (t *Table) Finish(reason string) {
	t.unsent, t.finished = reason, true
	for r := range int32(t.rows.count) {
		if row := t.rows.at(r); row.status == planned {
			row.status, row.reason = notSent, 0
		}
	}
}

// Lines yields every row with the verdict on it, in input order. A line is valid
// until the next. It may be called from several goroutines, once the users are
// settled.
func (t *Table) Lines() iter.Seq[*pipeline.Line] {
	return t.lines(func(number) bool { return true })
}

// Attention yields those of Lines whose status is not settled.
func (t *Table) Attention() iter.Seq[*pipeline.Line] {
	open := make([]bool, len(t.statuses))
	for n, status := range t.statuses {
		open[n] = !status.Settled()
	}
	return t.lines(func(n number) bool { return open[n] })
}

func (t *Table) lines(wanted func(number) bool) iter.Seq[*pipeline.Line] {
	return func(yield func(*pipeline.Line) bool) {
		var line pipeline.Line
		var pivot pipeline.Pivot
		for file, first := range t.files {
			last := int32(t.rows.count)
			if file+1 < len(t.files) {
				last = t.files[file+1]
			}
			for r := first; r < last; r++ {
				if !wanted(t.rows.at(r).status) {
					continue
				}
				t.line(r, &line, &pivot)
				line.File = file
				if !yield(&line) {
					return
				}
			}
		}
	}
}

// line sets a line, apart from its file.
func (t *Table) line(r int32, line *pipeline.Line, pivot *pipeline.Pivot) {
	row := t.rows.at(r)
	line.Row = pipeline.Row{
		Place: pipeline.Place{Line: int64(row.line)}, Source: t.source(row), Workspace: t.workspace(row), Percent: t.percent(row),
		Cells: pipeline.Cells{
			User: t.userCells.at(row.user), Workspace: t.workspaceCells.at(row.workspace),
			Percentage: t.percentageCells.at(row.percentage), Source: t.sourceCells.at(row.source),
		},
	}
	if *t.userCells.meaning(row.user) != noUser {
		line.User = pipeline.UserID(strings.Trim(line.Cells.User, " \t"))
	}
	if len(t.raws) > 0 {
		line.Raw = t.raws[r]
	}
	line.Verdict = pipeline.Verdict{Status: t.statuses[row.status], Reason: t.reason(r, row)}
	if row.status == invalid {
		line.Problem = line.Reason
	}
	line.Resumable = row.status == notSent && row.reason == 0
	if t.answers.count > 0 {
		t.verdict(r, row, &line.Verdict, pivot)
	}
}

// verdict sets what the answer to a row says.
func (t *Table) verdict(r int32, row *row, v *pipeline.Verdict, pivot *pipeline.Pivot) {
	a := t.answers.at(r)
	v.Resumable = v.Resumable || a.resumable
	v.HTTPStatus, v.Attempts, v.Number, v.Named = int(a.httpStatus), int(a.attempts), a.number, a.named
	v.ErrorCode, v.Subject = t.texts.at(a.code), subjects()[a.subject]
	if a.sentAt != 0 {
		v.SentAt = time.Unix(0, a.sentAt).UTC()
	}
	if a.returned {
		*pivot = pipeline.Pivot{
			Workspace: t.workspace(row), Source: t.source(row), Percentage: t.texts.at(a.percentage),
			UserID: a.identity.User, WorkspaceID: a.identity.Workspace, Name: t.texts.at(a.name), Integration: t.texts.at(a.integration),
		}
		v.Pivot = pivot
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
	return t.texts.at(row.reason)
}

// UserLines yields every user, in order of first appearance. A line is valid until
// the next. It may be called from several goroutines, once the users are settled.
func (t *Table) UserLines() iter.Seq[*pipeline.UserLine] {
	return func(yield func(*pipeline.UserLine) bool) {
		worst := t.worst()
		for number := range int32(t.users.count) {
			u := t.users.at(number)
			line := pipeline.UserLine{
				User: pipeline.UserID(t.userCells.at(u.cell)), Rows: int(u.end - u.start), Requested: u.requested,
				Returned: t.texts.at(u.returned), OverAllocated: u.over, Requests: int(u.requests), Worst: t.statuses[worst[number]],
				Extras: t.extras[number].extras, Lost: t.extras[number].lost,
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

// worst returns the worst status of each user's rows.
func (t *Table) worst() []number {
	severity := make([]int, len(t.statuses))
	for i, a := range t.statuses {
		for _, b := range t.statuses {
			if a.Worse(b) {
				severity[i]++
			}
		}
	}
	worst := make([]number, t.users.count)
	for i := range worst {
		worst[i] = duplicate
	}
	for r := range int32(t.rows.count) {
		row := t.rows.at(r)
		if u := *t.userCells.meaning(row.user); u != noUser && severity[row.status] > severity[worst[u]] {
			worst[u] = row.status
		}
	}
	return worst
}
