package verdict

import (
	"fmt"

	"corattach/pipeline"
)

// read sets the verdict that COR's last answer gives, and what came after it. 2xx
// alone is never success: success is the pivot, and for a detach that it is gone, as
// COR answers with all that remain.
func (ev *evidence) read(op pipeline.Op, share pipeline.Share, tolerance pipeline.Percent, v *pipeline.Verdict) {
	if ev.pivot != nil {
		v.Pivot, v.Number = ev.pivot, ev.answer.Number
	}
	first, unnamed := "", ev.pivot == nil && ev.problem == "" && ev.item == nil
	if errors := ev.answer.Answer.Errors; unnamed && len(errors) > 0 {
		first = "; its first error: " + errors[0].Text()
		v.ErrorCode, v.Subject = errors[0].Code, errors[0].Subject
	}
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
	case unnamed && op == pipeline.Attach:
		v.Status, v.Reason = pipeline.Missing, "COR accepted the request, but did not return this workspace"+first
	case unnamed && first != "":
		v.Status, v.Reason = pipeline.Unknown, "COR accepted the request"+first
	case unnamed:
		v.Status = pipeline.Detached
	case share.Percent.Near(ev.pivot.Percentage, 0):
		v.Status = pipeline.Matched
	default:
		v.Status, v.Reason = pipeline.Mismatched, fmt.Sprintf("asked for %v, COR returned %s", share.Percent, ev.pivot.Percentage)
		if share.Percent.Near(ev.pivot.Percentage, tolerance) {
			v.Status, v.Reason = pipeline.Matched, fmt.Sprintf("%s: within --tolerance %v", v.Reason, tolerance)
		}
	}
	if ev.kept != nil {
		v.Reason += "; the repair was refused: " + ev.kept.Fault.Error()
	}
}
