package verdict

import (
	"cmp"
	"fmt"

	"corattach/pipeline"
)

// evidence is what the exchanges of a request say about one of its rows. The
// zero evidence is that of a row for which nothing was begun.
type evidence struct {
	answer  *pipeline.Exchange  // COR's last answer to what the request asks for
	pivot   *pipeline.Pivot     // of the row in it, the first; nil when there is none
	problem string              // how it contradicts itself about the row; "" when it does not
	item    *pipeline.ItemError // the first that names the row

	refusal  *pipeline.Exchange // the last refusal since the answer
	open     *pipeline.Exchange // the first exchange since the answer that leaves the matter open
	detached bool               // detached for a repair, and not attached again since

	last   *pipeline.Exchange // the last that may have left, answered or not
	status int                // the HTTP status of the last of these with one
	code   string             // COR's own code beside it
	unsent string             // why the last of those that never left did not; "" when all have left
}

// gather collects the evidence of all rows of a request, in their order, and counts
// the attempts that were sent.
func gather(r *pipeline.Request) (rows []evidence, attempts int) {
	rows, index := make([]evidence, len(r.Shares)), make(map[pipeline.WorkspaceID]*evidence, len(r.Shares))
	for i, s := range r.Shares {
		index[s.Workspace] = &rows[i]
	}
	for i := range r.Past {
		e := &r.Past[i]
		if e.Is(pipeline.Withheld) {
			continue
		}
		if e.Sent() {
			attempts++
		}
		problem := "" // of the rows that the answer does not list
		if e.Answer != nil && e.Answer.Strange() != nil {
			problem = fmt.Sprintf("it has a pivot of user %d, not %d", e.Answer.Strange().UserID, e.Answer.UserID)
		}
		for _, s := range e.Shares {
			if ev := index[s.Workspace]; ev != nil {
				ev.add(r.Op, e, problem)
			}
		}
		if e.Answer != nil && e.Op == r.Op {
			join(index, r.Source, e)
		}
	}
	return rows, attempts
}

// add takes an exchange about the row into account.
func (ev *evidence) add(op pipeline.Op, e *pipeline.Exchange, problem string) {
	if !e.MayHaveLeft() {
		ev.unsent = e.Fault.Error()
		return
	}
	ev.last = e
	if e.Fault != nil && e.Fault.Status != 0 {
		ev.status, ev.code = e.Fault.Status, e.Fault.Code
	}
	switch {
	case e.Answer != nil && e.Op == op:
		*ev = evidence{answer: e, problem: problem, last: e, status: e.Answer.Status}
	case e.Answer != nil:
		*ev = evidence{detached: true, last: e, status: e.Answer.Status}
	case !e.LeavesOpen():
		ev.refusal = e
	case ev.open == nil:
		ev.open, ev.refusal = e, nil
	}
	if e.Op != op && e.LeavesOpen() {
		ev.detached, ev.answer = true, nil
	}
}

// join gives each row that an answer is about its pivots and errors, by exact
// external id and source, never by position or by COR's own ids.
func join(rows map[pipeline.WorkspaceID]*evidence, source pipeline.Source, e *pipeline.Exchange) {
	for i := range e.Answer.Pivots {
		p := &e.Answer.Pivots[i]
		ev := rows[p.Workspace]
		if ev == nil || ev.answer != e || p.Source != source {
			continue
		}
		if ev.pivot == nil {
			ev.pivot, ev.problem = p, ""
		}
		ev.problem = cmp.Or(ev.problem, p.Problem)
		if ev.problem == "" && (p.WorkspaceID != ev.pivot.WorkspaceID || !pipeline.SameNumber(p.Percentage, ev.pivot.Percentage)) {
			ev.problem = "the answer has it twice, with different values"
		}
	}
	for i := range e.Answer.Errors {
		item := &e.Answer.Errors[i]
		if ev := rows[item.Workspace]; ev != nil && ev.answer == e {
			ev.item = cmp.Or(ev.item, item)
		}
	}
}

// read sets the verdict that COR's last answer gives, and what came after it. 2xx
// alone is never success: success is the pivot, and for a detach that it is gone, as
// COR answers with all that remain.
func (ev *evidence) read(op pipeline.Op, share pipeline.Share, tolerance pipeline.Percent, v *pipeline.Verdict) {
	if ev.pivot != nil {
		v.Pivot, v.Number = ev.pivot, ev.answer.Number
	}
	errors := ev.answer.Answer.Errors
	switch {
	case op == pipeline.Detach && ev.pivot != nil:
		v.Status, v.Reason = pipeline.StillAttached, "COR accepted the request and still returns it"
		if ev.item != nil {
			v.Reason, v.ErrorCode = v.Reason+": "+ev.item.Text(), ev.item.Code
		}
	case ev.problem != "":
		v.Status, v.Reason = pipeline.Unknown, "COR's answer contradicts itself: "+ev.problem
	case ev.item != nil:
		v.Status, v.Reason = pipeline.Missing, "COR accepted the request, but not this workspace: "+ev.item.Text()
		v.ErrorCode, v.Subject, v.Named = ev.item.Code, ev.item.Subject, true
		if op == pipeline.Detach {
			v.Status = pipeline.Failed
		}
	case ev.pivot == nil && op == pipeline.Attach:
		v.Status, v.Reason = pipeline.Missing, "COR accepted the request, but did not return this workspace"
	case ev.pivot == nil && len(errors) > 0:
		v.Status, v.Reason = pipeline.Unknown, "COR accepted the request"
	case ev.pivot == nil:
		v.Status = pipeline.Detached
	case share.Percent.Near(ev.pivot.Percentage, 0):
		v.Status = pipeline.Matched
	default:
		v.Status, v.Reason = pipeline.Mismatched, fmt.Sprintf("asked for %v, COR returned %s", share.Percent, ev.pivot.Percentage)
		if share.Percent.Near(ev.pivot.Percentage, tolerance) {
			v.Status, v.Reason = pipeline.Matched, fmt.Sprintf("%s: within --tolerance %v", v.Reason, tolerance)
		}
	}
	if ev.pivot == nil && ev.problem == "" && ev.item == nil && len(errors) > 0 {
		v.Reason += "; its first error: " + errors[0].Text()
		v.ErrorCode, v.Subject = errors[0].Code, errors[0].Subject
	}
}
