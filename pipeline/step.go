package pipeline

// Step is what a request does next.
type Step struct {
	Do   Action
	Op   Op            // for Send and Retry
	Only []WorkspaceID // for Send and Retry; nil = all of the request's workspaces
}

// Action is the kind of a Step. The list is closed.
type Action uint8

// The actions.
const (
	Done        Action = iota // nothing more is sent for the request
	Send                      // send as soon as there is a slot
	Retry                     // send after a backoff
	StopRefused               // the credentials are refused: the run ends
)

// Policy is how often a request is tried, and what follows its answer.
type Policy struct {
	Retries int  // attempts after the first that failed in a way worth repeating
	Repair  bool // detach and attach again what COR answered with another percentage
}

// Next decides what a request does next. h is everything that was sent for it,
// of which the exchanges from index session on belong to this session: earlier
// ones tell what is still open, but use up no retries. A repair that an earlier
// session began is finished first, with or without policy.Repair. It is a pure
// function: sending, retrying, repairing and resuming are this one decision.
func Next(r Request, h History, session int, policy Policy) Step {
	recent := h[session:]
	if r.Vanished {
		return nextRemoval(r, h, recent, policy)
	}
	if len(recent) == 0 {
		return firstStep(r, h)
	}
	last := &recent[len(recent)-1]
	again := Step{Do: Send, Op: last.Op, Only: last.Only}
	switch {
	case last.Answer != nil && last.Op == Detach:
		return Step{Do: Send, Op: Attach, Only: last.Only}
	case last.Answer != nil:
		return repairStep(h, policy, r.mismatched(last))
	case last.Fault == nil:
		return again
	}
	if only := h.unansweredDetach(); only != nil && last.refuses() {
		return Step{Do: Send, Op: Attach, Only: only}
	}
	switch last.Fault.Kind {
	case Attached:
		return repairStep(h, policy, r.only(last.Only).names())
	case Refused, Forbidden:
		return Step{Do: Done}
	}
	if last.Op == Detach && (last.is(Unreadable) && last.Fault.Status/100 == 2 ||
		failures(recent) > policy.Retries && last.leavesOpen()) && !last.is(Throttled) {
		// It may be detached: whatever came of that, it is to be attached.
		return Step{Do: Send, Op: Attach, Only: last.Only}
	}
	return tryAgain(recent, again, policy)
}

// tryAgain decides what follows a fault that says neither yes nor no: again, as
// often as the policy has it.
func tryAgain(recent History, again Step, policy Policy) Step {
	switch recent[len(recent)-1].Fault.Kind {
	case NoToken:
		return Step{Do: StopRefused}
	case Unauthorized:
		if recent[:len(recent)-1].tokenRefused() {
			return Step{Do: StopRefused}
		}
		return again
	case Throttled, TokenDown:
		return again
	}
	if failures(recent) > policy.Retries {
		return Step{Do: Done}
	}
	again.Do = Retry
	return again
}

// unansweredDetach returns the workspaces of a repair that were perhaps detached,
// nil when there are none: its detach has no answer, and no attach has left
// since. It is repeated, and if COR refuses that, they are attached all the
// same: perhaps there was nothing left to detach.
func (h History) unansweredDetach() []WorkspaceID {
	for i := len(h) - 1; i >= 0; i-- {
		e := &h[i]
		switch {
		case e.Op == Attach && e.MayHaveLeft(), e.Answer != nil:
			return nil
		case e.Op == Detach && e.leavesOpen():
			return e.Only
		}
	}
	return nil
}

// refuses reports whether COR said no for good to what was asked.
func (e *Exchange) refuses() bool {
	return e.is(Refused) || e.is(Attached) || e.is(Forbidden)
}

// firstStep is the first of a session: what has no definite answer yet, and
// before that the detach of a repair that was begun.
func firstStep(r Request, h History) Step {
	if len(h) == 0 {
		return Step{Do: Send, Op: Attach}
	}
	if only := h.unansweredDetach(); only != nil {
		return Step{Do: Send, Op: Detach, Only: only}
	}
	if only := h.detachRefusedForNow(); only != nil {
		return Step{Do: Send, Op: Detach, Only: only}
	}
	var open []WorkspaceID
	for i, v := range h.Judge(r.Source, r.Shares...) {
		if v.Resumable() {
			open = append(open, r.Shares[i].Workspace)
		}
	}
	return r.send(Attach, open)
}

// send is the step that sends the workspaces that are open, none or all of them
// among them.
func (r Request) send(op Op, open []WorkspaceID) Step {
	switch len(open) {
	case 0:
		return Step{Do: Done}
	case len(r.Shares):
		open = nil
	}
	return Step{Do: Send, Op: op, Only: open}
}

// settled reports whether another session would send nothing more for r.
func (r *Request) settled() bool {
	return Next(*r, r.Past, len(r.Past), Policy{}).Do == Done
}

// Resumable reports whether resume sends a row with this verdict: it has no
// definite answer, or it, or its repair, was refused for a reason that passes.
func (v *Verdict) Resumable() bool {
	switch v.Status {
	case NotSent, Unknown:
		return !v.Blocked
	case Failed, Mismatched, Missing:
		return v.HTTPStatus == 401 || v.HTTPStatus == 403 || v.HTTPStatus == 429
	}
	return false
}

// detachRefusedForNow returns the workspaces of a repair whose detach is the last
// thing that COR was asked, and was refused for a reason that passes; nil when
// there are none.
func (h History) detachRefusedForNow() []WorkspaceID {
	for i := len(h) - 1; i >= 0; i-- {
		if e := &h[i]; e.MayHaveLeft() {
			if e.Op == Detach && e.refusedForNow() {
				return e.Only
			}
			return nil
		}
	}
	return nil
}

// refusedForNow reports whether COR refused an exchange for a reason that passes.
func (e *Exchange) refusedForNow() bool {
	return e.is(Unauthorized) || e.is(Forbidden) || e.is(Throttled) && !e.leavesOpen()
}

// repairStep begins a repair of the named workspaces unless there is nothing to
// repair, or a repair was begun before.
func repairStep(h History, policy Policy, workspaces []WorkspaceID) Step {
	if !policy.Repair || len(workspaces) == 0 || h.repaired() {
		return Step{Do: Done}
	}
	return Step{Do: Send, Op: Detach, Only: workspaces}
}

// repaired reports whether there is no second repair: COR has answered or refused
// a detach. A detach that nobody knows the end of was perhaps not done, when the
// old percentage comes back after it; it is tried once more.
func (h History) repaired() bool {
	open, tries := false, 0
	for i := range h {
		e := &h[i]
		switch {
		case e.Op == Detach && (e.Answer != nil || e.refuses() || e.is(Unreadable) && e.Fault.Status/100 == 2):
			return true
		case e.Op == Detach && e.MayHaveLeft():
			open = true
		case e.Op == Attach && e.Answer != nil && open:
			open = false
			tries++
		}
	}
	return tries > 1
}

func (r Request) names() []WorkspaceID {
	names := make([]WorkspaceID, len(r.Shares))
	for i, s := range r.Shares {
		names[i] = s.Workspace
	}
	return names
}

// mismatched returns the workspaces that an exchange asked for and COR answered
// with another percentage.
func (r Request) mismatched(e *Exchange) []WorkspaceID {
	var names []WorkspaceID
	answer := e.Answer.view()
	for _, s := range r.only(e.Only).Shares {
		var v Verdict
		answer.judge(r.Source, s, &v)
		item := answer.errorOf(s.Workspace)
		if v.Status == Mismatched || item != nil && item.Attached {
			names = append(names, s.Workspace)
		}
	}
	return names
}

// tokenRefused reports whether the last exchange in which COR looked at the
// token was a 401: the one after it was made with a renewed token.
func (h History) tokenRefused() bool {
	for i := len(h) - 1; i >= 0; i-- {
		switch {
		case h[i].is(Unauthorized):
			return true
		case h[i].is(Throttled), h[i].is(TokenDown), h[i].is(NotConnected):
		default:
			return false
		}
	}
	return false
}

func (e *Exchange) is(kind FaultKind) bool {
	return e.Fault != nil && e.Fault.Kind == kind
}

// failures counts the exchanges at the end of recent that use up retries: those
// since the last answer to the same operation, apart from what only asked to wait or for another
// token.
func failures(recent History) int {
	count := 0
	for i := len(recent) - 1; i >= 0 && recent[i].Answer == nil && recent[i].Op == recent[len(recent)-1].Op; i-- {
		switch {
		case recent[i].is(Throttled), recent[i].is(TokenDown), recent[i].is(Unauthorized):
		default:
			count++
		}
	}
	return count
}
