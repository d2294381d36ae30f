// Package verdict reads from all that was sent for a request what the report says
// of its rows. Its functions are pure: they see no clock, file or socket, and may
// be called from several goroutines.
package verdict

import (
	"fmt"
	"slices"

	"corattach/pipeline"
)

// OfUser gives the verdicts on all rows of a user: element [i][j] is that on
// requests[i].Shares[j]. requests are all of the user's, in the order in which they
// are sent. A row for which nothing was sent is NotSent: without a Reason when the
// end of the run is to blame, which the caller knows, and with one when an earlier
// chunk of its request is.
func OfUser(requests []pipeline.Request, tolerance pipeline.Percent) [][]pipeline.Verdict {
	all := make([][]pipeline.Verdict, len(requests))
	for i := range requests {
		all[i] = Of(&requests[i], tolerance)
		by := BarredBy(requests, i)
		if by < 0 || lastBegun(requests[i].Past) != nil {
			continue
		}
		reason := fmt.Sprintf("chunk %d of the request was not accepted", requests[by].Chunk+1)
		again := slices.ContainsFunc(all[by], func(v pipeline.Verdict) bool { return v.Resumable })
		for j := range all[i] {
			all[i][j].Reason, all[i][j].Resumable = reason, again
		}
	}
	return all
}

// BarredBy returns the index of the earlier chunk because of which requests[i] must
// not be sent, -1 when there is none: a chunk that ends without a 2xx answer leaves
// the later chunks unsent. requests are all of a user's, in the order in which they
// are sent.
func BarredBy(requests []pipeline.Request, i int) int {
	for by := i - 1; by >= 0 && requests[by].Source == requests[i].Source; by-- {
		if last := lastBegun(requests[by].Past); last != nil {
			if last.Answer != nil {
				return -1
			}
			return by
		}
	}
	return -1
}

// lastBegun returns the last exchange of a request, nil when there is none. One
// that was withheld is none: the end of the run is to blame for it.
func lastBegun(h pipeline.History) *pipeline.Exchange {
	for i := range slices.Backward(h) {
		if !h[i].Is(pipeline.Withheld) {
			return &h[i]
		}
	}
	return nil
}

// Of gives the verdicts on the rows of one request, in the order of its Shares,
// from its Past. tolerance are the percentage points by which COR's figure may
// differ and still be matched.
func Of(r *pipeline.Request, tolerance pipeline.Percent) []pipeline.Verdict {
	rows, attempts := gather(r)
	verdicts := make([]pipeline.Verdict, len(rows))
	for i := range rows {
		v, ev := &verdicts[i], &rows[i]
		v.Attempts, v.HTTPStatus, v.ErrorCode = attempts, ev.status, ev.code
		if ev.last != nil {
			v.SentAt = ev.last.At
		}
		ev.judge(r.Op, r.Shares[i], tolerance, v)
		v.Resumable = ev.resumable(r.Op, v.Status)
	}
	return verdicts
}

// judge sets the verdict on one row.
func (ev *evidence) judge(op pipeline.Op, share pipeline.Share, tolerance pipeline.Percent, v *pipeline.Verdict) {
	switch {
	case ev.open != nil:
		v.Status, v.Reason = pipeline.Unknown, "no answer was written down before the run was interrupted, so it may have been applied"
		if ev.open.Fault != nil {
			v.Reason = ev.open.Fault.Error() + ", so it may have been applied"
		}
	case ev.answer != nil:
		ev.read(op, share, tolerance, v)
	case ev.refusal != nil:
		v.Status, v.Reason = pipeline.Failed, "COR refused: "+ev.refusal.Fault.Error()
		if ev.refusal.Is(pipeline.Attached) && !ev.detached {
			v.Reason += "; --repair detaches such pairs and attaches them again"
		}
	case ev.detached:
		v.Status, v.Reason = pipeline.Unknown, "a repair was begun and not finished"
	default:
		v.Status, v.Reason = pipeline.NotSent, ev.unsent
	}
	switch {
	case ev.refusal == nil:
	case ev.answer != nil && (ev.refusal.Op != op || v.Status != pipeline.Unknown):
		v.Reason += "; the repair was refused: " + ev.refusal.Fault.Error()
	default:
		v.Subject, v.Named = ev.refusal.Fault.Subject, slices.Contains(ev.refusal.Fault.Named, share.Workspace)
		if v.Status == pipeline.Unknown {
			v.Reason += "; a later attempt was refused: " + ev.refusal.Fault.Error()
		}
	}
	if ev.detached {
		v.Reason += "; now detached"
	}
}

// resumable reports whether resume sends the row: it has no definite answer, or
// it, or its repair, was refused for a reason that passes. A row that is unknown
// and that COR refused afterwards for good would only be refused again.
func (ev *evidence) resumable(op pipeline.Op, status pipeline.Status) bool {
	switch status {
	case pipeline.NotSent:
		return true
	case pipeline.Unknown:
		return ev.last.Op != op || !ev.last.Is(pipeline.Refused) && !ev.last.Is(pipeline.Attached)
	case pipeline.Failed, pipeline.Mismatched, pipeline.Missing:
		return ev.refusal != nil && RefusedForNow(ev.refusal)
	}
	return false
}
