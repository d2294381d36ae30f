package send

import (
	"slices"

	"corattach/pipeline"
	"corattach/pipeline/verdict"
)

// step is what a request does next. One without shares sends nothing more.
type step struct {
	op     pipeline.Op
	shares []pipeline.Share // all of the request's, or some of them
	retry  bool             // it is sent after a backoff, not as soon as there is a slot
	giveUp bool             // the credentials are refused: the run ends
}

// next decides what a request does next. The exchanges of r.Past from index session
// on belong to this session: earlier ones tell what is still open, but use up no
// retries. Of the settings, Retries, Repair and Tolerance count; a repair that an
// earlier session began is finished first, with or without Repair. It is a pure
// function: sending, retrying, repairing and resuming are this one decision.
func next(r *pipeline.Request, session int, s *Settings) step {
	recent := r.Past[session:]
	switch {
	case len(r.Past) == 0:
		return step{op: r.Op, shares: r.Shares}
	case len(recent) == 0:
		return firstStep(r, s.Tolerance)
	}
	last, spent := &recent[len(recent)-1], failures(recent) > s.Retries
	switch {
	case last.Op != r.Op && perhapsDetached(r.Past, spent):
		return step{op: r.Op, shares: last.Shares}
	case s.Repair && last.Op == pipeline.Attach && (last.Answer != nil || last.Is(pipeline.Attached)) && !verdict.Repaired(r.Past):
		return beginRepair(r, last, s.Tolerance)
	case last.Answer != nil, verdict.Refuses(last):
		return step{}
	case last.Is(pipeline.NoToken), last.Is(pipeline.Untrusted), last.Is(pipeline.Unauthorized) && tokenRefused(recent[:len(recent)-1]):
		return step{giveUp: true}
	case last.Is(pipeline.Unauthorized), last.Is(pipeline.Throttled), last.Is(pipeline.TokenDown):
		return step{op: last.Op, shares: last.Shares}
	case spent:
		return step{}
	}
	return step{op: last.Op, shares: last.Shares, retry: true}
}

// Open reports whether another session would send something for one of a user's
// requests, which have all that was sent for them.
func Open(requests []pipeline.Request, tolerance pipeline.Percent) bool {
	for i := range requests {
		r := &requests[i]
		if verdict.BarredBy(requests, i) < 0 && len(next(r, len(r.Past), &Settings{Tolerance: tolerance}).shares) > 0 {
			return true
		}
	}
	return false
}

// firstStep is the first of a session: what has no definite answer yet. Before that
// comes a repair whose detach was the last to leave, and was not answered or was
// refused for a reason that passes.
func firstStep(r *pipeline.Request, tolerance pipeline.Percent) step {
	for i := range slices.Backward(r.Past) {
		e := &r.Past[i]
		if e.Op != r.Op && (e.LeavesOpen() || verdict.RefusedForNow(e)) {
			return step{op: e.Op, shares: e.Shares}
		}
		if e.MayHaveLeft() {
			break
		}
	}
	open := step{op: r.Op}
	for i, v := range verdict.Of(r, tolerance) {
		if v.Resumable {
			open.shares = append(open.shares, r.Shares[i])
		}
	}
	return open
}

// perhapsDetached reports whether the last exchange, a detach for a repair, is to be
// followed by the attach. Whatever came of one that may have been done, or of one
// before it, the workspaces are to be attached. spent says that no retry is left.
func perhapsDetached(past pipeline.History, spent bool) bool {
	last := &past[len(past)-1]
	switch {
	case last.Answer != nil, verdict.AcceptedUnread(last):
		return true
	case verdict.Refuses(last):
		return slices.ContainsFunc(past, func(e pipeline.Exchange) bool { return e.Op == last.Op && e.LeavesOpen() })
	}
	return last.LeavesOpen() && !last.Is(pipeline.Throttled) && spent
}

// beginRepair begins a repair of what COR answered with another percentage or
// refused as attached already.
func beginRepair(r *pipeline.Request, last *pipeline.Exchange, tolerance pipeline.Percent) step {
	attached := make(map[pipeline.WorkspaceID]bool)
	if last.Answer != nil {
		for _, item := range last.Answer.Errors {
			attached[item.Workspace] = attached[item.Workspace] || item.Attached
		}
	}
	alone, repair := *r, step{op: pipeline.Detach}
	alone.Shares, alone.Past = last.Shares, pipeline.History{*last}
	for i, v := range verdict.Of(&alone, tolerance) {
		if s := last.Shares[i]; v.Status == pipeline.Mismatched || attached[s.Workspace] || last.Answer == nil {
			repair.shares = append(repair.shares, s)
		}
	}
	return repair
}

// tokenRefused reports whether the last exchange in which COR looked at the token
// was a 401: the one after it was made with a renewed token.
func tokenRefused(h pipeline.History) bool {
	for _, e := range slices.Backward(h) {
		if !e.Is(pipeline.Throttled) && !e.Is(pipeline.TokenDown) && !e.Is(pipeline.NotConnected) {
			return e.Is(pipeline.Unauthorized)
		}
	}
	return false
}

// failures counts the exchanges at the end of recent that use up retries: those
// since the last answer to the same operation, apart from what only asked to wait
// or for another token.
func failures(recent pipeline.History) int {
	count, op := 0, recent[len(recent)-1].Op
	for _, e := range slices.Backward(recent) {
		switch {
		case e.Answer != nil || e.Op != op:
			return count
		case !e.Is(pipeline.Throttled) && !e.Is(pipeline.TokenDown) && !e.Is(pipeline.Unauthorized):
			count++
		}
	}
	return count
}
