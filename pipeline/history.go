package pipeline

import (
	"fmt"
	"slices"
	"strings"
)

// Key returns the name of the request within its run.
func (r Request) Key() Key { return Key{r.User, r.Source, r.Vanished, r.Chunk} }

// only returns the request cut down to the named workspaces; nil names all.
func (r Request) only(workspaces []WorkspaceID) Request {
	if workspaces == nil {
		return r
	}
	shares := make([]Share, 0, len(workspaces))
	for _, s := range r.Shares {
		if slices.Contains(workspaces, s.Workspace) {
			shares = append(shares, s)
		}
	}
	r.Shares = shares
	return r
}

func (e *Exchange) covers(w WorkspaceID) bool {
	return e.Only == nil || slices.Contains(e.Only, w)
}

// leavesOpen reports whether COR may have applied what was sent although it did
// not say so. A 503 does, like every 5xx; a 408 says that COR did not get the
// request, and a 429 that it did not look at it.
func (e *Exchange) leavesOpen() bool {
	if e.Fault == nil {
		return e.Answer == nil && e.Confirmed == nil
	}
	switch e.Fault.Kind {
	case ServerError, Unreadable, NoAnswer:
		return true
	case Throttled:
		return e.Fault.Status/100 == 5
	}
	return false
}

// Sent reports whether the attempt came to a sending at all, with or without a
// connection: without a token there is nothing to send.
func (e *Exchange) Sent() bool {
	return e.Confirmed == nil && !e.is(NoToken) && !e.is(TokenDown)
}

// MayHaveLeft reports whether anything of the attempt may have reached COR.
func (e *Exchange) MayHaveLeft() bool {
	if e.Fault == nil {
		return e.Confirmed == nil
	}
	switch e.Fault.Kind {
	case NotConnected, NoToken, TokenDown:
		return false
	}
	return true
}

// evidence is what the exchanges of a request say about one workspace.
type evidence struct {
	answer   *Answer   // COR's last word on an attach
	refusal  *Exchange // the last refusal since
	open     *Exchange // the first exchange since that leaves the matter open
	detached bool      // the workspace was detached for a repair, and not attached again since
	lost     *Exchange // the last attempt that never left
	kept     *Exchange // a refused detach: what COR had answered before it still holds
}

func (h History) evidence(w WorkspaceID) evidence {
	var ev evidence
	for i := range h {
		e := &h[i]
		if e.covers(w) {
			ev.add(e)
		}
	}
	return ev
}

func (ev *evidence) add(e *Exchange) {
	switch {
	case e.Answer != nil && e.Op == Attach:
		*ev = evidence{answer: e.Answer}
	case e.Answer != nil:
		*ev = evidence{detached: true}
	case e.leavesOpen():
		if ev.open == nil {
			ev.open, ev.refusal = e, nil
		}
		if e.Op == Detach {
			ev.detached, ev.answer = true, nil
		}
	case !e.MayHaveLeft():
		ev.lost = e
	case e.Op == Attach || ev.answer == nil:
		ev.refusal = e
	default:
		ev.kept = e
	}
}

// Unchanged reports whether the request is not sent because COR has confirmed it
// before.
func (r *Request) Unchanged() bool { return r.Past.unchanged() }

// unchanged reports whether the request was not sent because COR had confirmed
// it before.
func (h History) unchanged() bool {
	return len(h) > 0 && h[0].Confirmed != nil
}

// confirmed gives the verdict on a workspace of a request that was not sent,
// because COR had confirmed it before.
func (e *Exchange) confirmed(w WorkspaceID) Verdict {
	at := slices.IndexFunc(e.Shares, func(s Share) bool { return s.Workspace == w })
	return Verdict{Status: Unchanged, SentAt: e.Confirmed[at]}
}

// Judge gives the verdict on one workspace of a request from all that was sent
// for the request. Without any attempt it is NotSent, or Unchanged where COR had
// confirmed the request before.
func (h History) Judge(source Source, share Share) Verdict {
	if h.unchanged() {
		return h[0].confirmed(share.Workspace)
	}
	var v Verdict
	for i := range h {
		if h[i].Sent() {
			v.Attempts++
		}
		if e := &h[i]; e.covers(share.Workspace) && e.MayHaveLeft() {
			v.note(e)
		}
	}
	ev := h.evidence(share.Workspace)
	switch {
	case ev.open != nil:
		v.Status, v.Reason = Unknown, ev.openReason()
	case ev.answer != nil:
		ev.answer.judge(source, share, &v)
		if v.Status == Unknown && ev.refusal != nil {
			v.Reason += ev.laterRefusal()
		}
		if ev.kept != nil {
			v.Reason += "; the repair was refused: " + ev.kept.Fault.Error()
		}
	case ev.refusal != nil:
		v.Status, v.Reason = Failed, "COR refused: "+ev.refusal.Fault.Error()
		v.HTTPStatus, v.ErrorCode = ev.refusal.Fault.Status, ev.refusal.Fault.Code
	case ev.detached:
		v.Status, v.Reason = Unknown, "a repair was begun and not finished"
	default:
		v.Status = NotSent
		if ev.lost != nil {
			v.Reason = ev.lost.Fault.Error()
		}
	}
	if ev.detached {
		v.Reason += "; now detached"
	}
	return v
}

// note takes over what the report says of the last exchange about a row.
func (v *Verdict) note(e *Exchange) {
	v.SentAt = e.At
	switch {
	case e.Answer != nil:
		v.HTTPStatus, v.ErrorCode = e.Answer.Status, ""
	case e.Fault != nil && e.Fault.Status != 0:
		v.HTTPStatus, v.ErrorCode = e.Fault.Status, e.Fault.Code
	}
}

func (ev *evidence) laterRefusal() string {
	return "; a later attempt was refused: " + ev.refusal.Fault.Error()
}

func (ev *evidence) openReason() string {
	reason := "no answer was written down before the run was interrupted"
	if ev.open.Fault != nil {
		reason = ev.open.Fault.Error()
	}
	reason += ", so it may have been applied"
	if ev.refusal != nil {
		reason += ev.laterRefusal()
	}
	return reason
}

// judge reads the verdict on one workspace from a readable answer.
func (a *Answer) judge(source Source, share Share, v *Verdict) {
	pivots := a.pivots(source, share.Workspace)
	itemError := a.errorOf(share.Workspace)
	if len(pivots) > 0 {
		v.Pivot = pivots[0]
	}
	switch {
	case itemError != nil:
		v.Status, v.ErrorCode = Missing, itemError.Code
		v.Reason = "COR accepted the request, but not this workspace: " + itemError.text()
	case len(pivots) == 0:
		v.Status, v.Reason = Missing, "COR accepted the request, but did not return this workspace"
		if len(a.Errors) > 0 {
			v.ErrorCode = a.Errors[0].Code
			v.Reason += "; its errors: " + a.errorTexts()
		}
	case contradictory(pivots) != "":
		v.Status, v.Reason = Unknown, "COR's answer contradicts itself: "+contradictory(pivots)
	case !share.Percent.Equals(pivots[0].Percentage):
		v.Status = Mismatched
		v.Reason = fmt.Sprintf("asked for %v, COR returned %s", share.Percent, pivots[0].Percentage)
	default:
		v.Status = Matched
	}
}

// pivots returns what the answer says of a workspace, joined by exact external
// id and source, never by position or by COR's internal ids.
func (a *Answer) pivots(source Source, w WorkspaceID) []*Pivot {
	var found []*Pivot
	for i := range a.Pivots {
		if p := &a.Pivots[i]; p.Workspace == w && p.Source == source {
			found = append(found, p)
		}
	}
	return found
}

// Pivot returns the first pivot of a workspace, nil when the answer has none.
func (a *Answer) Pivot(source Source, w WorkspaceID) *Pivot {
	if found := a.pivots(source, w); len(found) > 0 {
		return found[0]
	}
	return nil
}

// AlreadyAttached reports whether the answer says of a workspace that it is
// attached already, beside the data.
func (a *Answer) AlreadyAttached(w WorkspaceID) bool {
	item := a.errorOf(w)
	return item != nil && item.Attached
}

// contradictory says what keeps the pivots of one workspace from being
// believed; "" when nothing does.
func contradictory(pivots []*Pivot) string {
	for _, p := range pivots {
		if p.Problem != "" {
			return p.Problem
		}
		if !sameReturned(p.Percentage, pivots[0].Percentage) {
			return fmt.Sprintf("the workspace is listed with %s and with %s", pivots[0].Percentage, p.Percentage)
		}
	}
	return ""
}

func (a *Answer) errorOf(w WorkspaceID) *ItemError {
	for i := range a.Errors {
		if a.Errors[i].Workspace == w {
			return &a.Errors[i]
		}
	}
	return nil
}

func (a *Answer) errorTexts() string {
	var texts []string
	for i := range min(len(a.Errors), 3) {
		texts = append(texts, a.Errors[i].text())
	}
	return strings.Join(texts, ", ")
}

func (e *ItemError) text() string {
	return strings.TrimSpace(e.Code + " " + e.Message)
}

// Error tells the fault in one line: status, code and what was said. A Fault is
// a value of one attempt; it is an error only for those who print it.
func (f *Fault) Error() string {
	var parts []string
	if f.Status != 0 {
		parts = append(parts, fmt.Sprintf("HTTP %d", f.Status))
	}
	if f.Code != "" {
		parts = append(parts, f.Code)
	}
	if f.Message != "" {
		parts = append(parts, f.Message)
	}
	if len(parts) == 0 {
		return f.Kind.String()
	}
	return strings.Join(parts, " ")
}

// String names the kind for logs and the journal.
func (k FaultKind) String() string {
	switch k {
	case Refused:
		return "refused"
	case Attached:
		return "already attached"
	case Unauthorized:
		return "unauthorized"
	case Forbidden:
		return "forbidden"
	case Throttled:
		return "throttled"
	case TimedOut:
		return "timed out"
	case ServerError:
		return "server error"
	case Unreadable:
		return "unreadable answer"
	case NoAnswer:
		return "no answer"
	case NotConnected:
		return "no connection"
	case NoToken:
		return "credentials refused"
	case TokenDown:
		return "token endpoint down"
	}
	return "unclassified"
}
