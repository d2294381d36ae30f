package pipeline

import (
	"fmt"
	"slices"
	"time"
)

// fewNames is the number of workspaces up to which looking at all of them is
// cheaper than an index.
const fewNames = 16

// nameSet tells whether a workspace is one of several; a nil one has all.
type nameSet struct {
	names []WorkspaceID
	index map[WorkspaceID]struct{} // nil for few names
}

func setOf(names []WorkspaceID) nameSet {
	s := nameSet{names: names}
	if len(names) > fewNames {
		s.index = make(map[WorkspaceID]struct{}, len(names))
		for _, name := range names {
			s.index[name] = struct{}{}
		}
	}
	return s
}

func (s *nameSet) has(w WorkspaceID) bool {
	if s.index != nil {
		_, found := s.index[w]
		return found
	}
	return s.names == nil || slices.Contains(s.names, w)
}

// answerView is an answer that is going to be asked for many workspaces.
type answerView struct {
	*Answer
	pivots map[WorkspaceID][]int32 // places of an answer's pivots; nil for few
	errors map[WorkspaceID]int32   // the place of the first error; nil for few
}

func (a *Answer) view() answerView {
	v := answerView{Answer: a}
	if a != nil && len(a.Pivots) > fewNames {
		v.pivots = make(map[WorkspaceID][]int32, len(a.Pivots))
		for i := range a.Pivots {
			v.pivots[a.Pivots[i].Workspace] = append(v.pivots[a.Pivots[i].Workspace], int32(i))
		}
	}
	if a != nil && len(a.Errors) > fewNames {
		v.errors = make(map[WorkspaceID]int32, len(a.Errors))
		for i := len(a.Errors) - 1; i >= 0; i-- {
			v.errors[a.Errors[i].Workspace] = int32(i)
		}
	}
	return v
}

// find returns the first pivot of a workspace, joined by exact external id and
// source, never by position or by COR's internal ids; nil when there is none.
// The problem says what keeps its pivots from being believed, "" when nothing
// does.
func (v *answerView) find(source Source, w WorkspaceID) (first *Pivot, problem string) {
	if v.pivots == nil {
		for i := range v.Pivots {
			first, problem = v.Pivots[i].join(source, w, first, problem)
		}
		return first, problem
	}
	for _, i := range v.pivots[w] {
		first, problem = v.Pivots[i].join(source, w, first, problem)
	}
	return first, problem
}

// join adds a pivot to what find has found, if it is about the workspace.
func (p *Pivot) join(source Source, w WorkspaceID, first *Pivot, problem string) (*Pivot, string) {
	if p.Workspace != w || p.Source != source {
		return first, problem
	}
	if first == nil {
		first = p
	}
	switch {
	case problem != "":
	case p.Problem != "":
		problem = p.Problem
	case !sameReturned(p.Percentage, first.Percentage):
		problem = fmt.Sprintf("the workspace is listed with %s and with %s", first.Percentage, p.Percentage)
	}
	return first, problem
}

// errorOf returns the first error that names a workspace, nil when none does.
func (v *answerView) errorOf(w WorkspaceID) *ItemError {
	if v.errors != nil {
		if i, found := v.errors[w]; found {
			return &v.Errors[i]
		}
		return nil
	}
	for i := range v.Errors {
		if v.Errors[i].Workspace == w {
			return &v.Errors[i]
		}
	}
	return nil
}

// Pivot returns the first pivot of a workspace, nil when the answer has none.
func (a *Answer) Pivot(source Source, w WorkspaceID) *Pivot {
	for i := range a.Pivots {
		if p := &a.Pivots[i]; p.Workspace == w && p.Source == source {
			return p
		}
	}
	return nil
}

// Strange returns the first pivot of another user, nil when there is none: what is
// not in an answer with one may still be attached.
func (a *Answer) Strange() *Pivot {
	for i := range a.Pivots {
		if p := &a.Pivots[i]; p.UserID != 0 && p.UserID != a.UserID {
			return p
		}
	}
	return nil
}

func (a *Answer) strangeText() string {
	return fmt.Sprintf("COR's answer contradicts itself: it has a pivot of user %d, not %d", a.Strange().UserID, a.UserID)
}

// AlreadyAttached reports whether the answer says of a workspace that it is
// attached already, beside the data.
func (a *Answer) AlreadyAttached(w WorkspaceID) bool {
	v := answerView{Answer: a}
	item := v.errorOf(w)
	return item != nil && item.Attached
}

// judge reads the verdict on one workspace from a readable answer.
func (a *answerView) judge(source Source, share Share, v *Verdict) {
	pivot, problem := a.find(source, share.Workspace)
	itemError := a.errorOf(share.Workspace)
	v.Pivot = pivot
	switch {
	case pivot == nil && a.Strange() != nil:
		v.Status, v.Reason = Unknown, a.strangeText()
	case itemError != nil:
		v.Status, v.ErrorCode = Missing, itemError.Code
		v.Reason = "COR accepted the request, but not this workspace: " + itemError.text()
	case pivot == nil:
		v.Status, v.Reason = Missing, "COR accepted the request, but did not return this workspace"
		if len(a.Errors) > 0 {
			v.ErrorCode = a.Errors[0].Code
			v.Reason += "; its errors: " + a.errorTexts()
		}
	case problem != "":
		v.Status, v.Reason = Unknown, "COR's answer contradicts itself: "+problem
	case !share.Percent.Equals(pivot.Percentage):
		v.Status = Mismatched
		v.Reason = fmt.Sprintf("asked for %v, COR returned %s", share.Percent, pivot.Percentage)
	default:
		v.Status = Matched
	}
}

// exchangeView is an exchange that is going to be asked for many workspaces.
type exchangeView struct {
	*Exchange
	only   nameSet
	answer answerView
}

func (h History) views() []exchangeView {
	views := make([]exchangeView, len(h))
	for i := range h {
		views[i] = exchangeView{&h[i], setOf(h[i].Only), h[i].Answer.view()}
	}
	return views
}

// evidence is what the exchanges of a request say about one workspace.
type evidence struct {
	answer   *answerView // COR's last word on an attach
	refusal  *Exchange   // the last refusal since
	open     *Exchange   // the first exchange since that leaves the matter open
	detached bool        // the workspace was detached for a repair, and not attached again since
	lost     *Exchange   // the last attempt that never left
	kept     *Exchange   // a refused detach: what COR had answered before it still holds
}

func (ev *evidence) add(e *exchangeView) {
	switch {
	case e.Answer != nil && e.Op == Attach:
		*ev = evidence{answer: &e.answer}
	case e.Answer != nil:
		*ev = evidence{detached: true}
	case e.leavesOpen():
		if ev.open == nil {
			ev.open, ev.refusal = e.Exchange, nil
		}
		if e.Op == Detach {
			ev.detached, ev.answer = true, nil
		}
	case !e.MayHaveLeft():
		ev.lost = e.Exchange
	case e.Op == Attach || ev.answer == nil:
		ev.refusal = e.Exchange
	default:
		ev.kept = e.Exchange
	}
}

// Judge gives the verdicts on workspaces of a request, in their order, from all
// that was sent for the request. Without any attempt they are NotSent, or
// Unchanged where COR had confirmed the request before.
func (h History) Judge(source Source, shares ...Share) []Verdict {
	if h.unchanged() {
		return h[0].unchanged(shares)
	}
	views := h.views()
	attempts := 0
	for i := range h {
		if h[i].Sent() {
			attempts++
		}
	}
	verdicts := make([]Verdict, len(shares))
	for i := range shares {
		verdicts[i].Attempts = attempts
		verdicts[i].judge(source, shares[i], views)
	}
	return verdicts
}

// unchanged gives the verdicts on workspaces of a request that was not sent,
// because COR had confirmed it before.
func (e *Exchange) unchanged(shares []Share) []Verdict {
	times := make(map[WorkspaceID]time.Time, len(e.Shares))
	for i, s := range e.Shares {
		times[s.Workspace] = e.Confirmed[i]
	}
	verdicts := make([]Verdict, len(shares))
	for i, s := range shares {
		verdicts[i] = Verdict{Status: Unchanged, SentAt: times[s.Workspace]}
	}
	return verdicts
}

func (v *Verdict) judge(source Source, share Share, views []exchangeView) {
	var ev evidence
	for i := range views {
		e := &views[i]
		if !e.only.has(share.Workspace) {
			continue
		}
		ev.add(e)
		if e.MayHaveLeft() {
			v.note(e.Exchange)
		}
	}
	switch {
	case ev.open != nil:
		v.Status, v.Reason = Unknown, ev.openReason()
	case ev.answer != nil:
		ev.answer.judge(source, share, v)
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
