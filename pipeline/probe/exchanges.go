package probe

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"corattach/pipeline"
)

// reply is what came of one request: its last exchange, read. The zero reply is that of a request that was not sent. At
// most one of answer and refusal is there: neither is when it is not certain what the request did.
type reply struct {
	pipeline.Exchange
	answer  *pipeline.Answer
	refusal *pipeline.Fault
}

// replyOf reads what was sent for a request: one exchange or more.
func replyOf(past pipeline.History) reply {
	r := reply{Exchange: past[len(past)-1]}
	switch {
	case slices.ContainsFunc(past, func(e pipeline.Exchange) bool { return e.LeavesOpen() }): // an attempt may have been applied
	case r.Answer != nil && consistent(r.Answer):
		r.answer = r.Answer
	case r.Is(pipeline.Refused), r.Is(pipeline.Attached):
		r.refusal = r.Fault
	}
	return r
}

func (r reply) sure() bool { return r.answer != nil || r.refusal != nil }

// pivot returns what COR answered about a workspace of the request, nil without a certain answer that lists it.
func (r reply) pivot(w pipeline.WorkspaceID) *pipeline.Pivot {
	return pivotOf(r.answer, func(p pipeline.Pivot) bool { return p.Workspace == w && p.Source == r.Source })
}

func (r reply) lists(w pipeline.WorkspaceID) bool { return r.pivot(w) != nil }

// lacks reports whether COR answered, and did not list a workspace.
func (r reply) lacks(w pipeline.WorkspaceID) bool { return r.answer != nil && !r.lists(w) }

// asAsked reports whether COR answered with all that the request asks for.
func (r reply) asAsked() bool {
	return r.answer != nil && !slices.ContainsFunc(r.Shares, func(share pipeline.Share) bool {
		p := r.pivot(share.Workspace)
		return p == nil || !share.Percent.Near(p.Percentage, 0)
	})
}

// text tells in one line what was asked and what came back.
func (r reply) text(s *Subject) string {
	text, between := string(r.Op), " "
	for _, share := range r.Shares {
		text += between + string(share.Workspace)
		if r.Op == pipeline.Attach {
			text += "=" + share.Percent.String()
		}
		between = ", "
	}
	if r.User != s.User {
		text += " for user " + string(r.User)
	}
	if r.Source != s.Source {
		text += " under " + string(r.Source)
	}
	switch {
	case r.Fault != nil:
		return text + ": " + r.Fault.Error()
	case r.Answer == nil:
		return text + ": no answer was written down"
	}
	text += fmt.Sprintf(": HTTP %d, %s", r.Answer.Status, pivotsText(r.Answer, s.Source))
	if !r.sure() {
		text += ", but an earlier attempt may have been applied, or the answer contradicts itself"
	}
	return text
}

// pivotsText tells what an answer lists: percentages as COR wrote them, and COR's own ids.
func pivotsText(a *pipeline.Answer, source pipeline.Source) string {
	var all []string
	for _, p := range a.Pivots {
		name, percentage := cmp.Or(string(p.Workspace), "a workspace without external id"), p.Percentage
		if p.Text {
			percentage = `"` + percentage + `"`
		}
		if p.Source != source && p.Source != "" {
			name += " under " + string(p.Source)
		}
		all = append(all, fmt.Sprintf("%s=%s (id %d)", name, percentage, p.WorkspaceID))
	}
	text := cmp.Or(strings.Join(all, ", "), "nothing attached")
	for i := range a.Errors {
		text += "; error " + a.Errors[i].Text()
	}
	return text
}

// trace is what the exchanges of a probe leave behind at COR. While something is lost, a probe attaches nothing else.
type trace struct {
	chunk    int              // of the next request: the journal knows the requests of a probe by that
	before   *pipeline.Answer // lists what the user had; nil while that is not known
	lost     []pipeline.Pivot // of that, what the user has no longer, or with another percentage
	harmed   bool             // something was lost once
	attached []pipeline.Pair  // by the probe, as far as is known
	open     bool             // what was lost may be there again, unseen
}

// follow reads exchanges, in their order.
func (t *trace) follow(past pipeline.History) {
	for i := range past {
		t.add(&past[i])
	}
}

func (t *trace) add(e *pipeline.Exchange) {
	t.chunk = e.Chunk + 1
	attaches := e.Op == pipeline.Attach && t.lost == nil
	if !e.MayHaveLeft() || attaches && e.Answer == nil && !e.LeavesOpen() {
		return // COR has not got it, or has refused it
	}
	if attaches {
		for _, share := range e.Shares {
			if pair := (pipeline.Pair{User: e.User, Source: e.Source, Workspace: share.Workspace}); !slices.Contains(t.attached, pair) {
				t.attached = append(t.attached, pair)
			}
		}
		return
	}
	// It is a detach, of one pair, or attaches what was lost. The answer lists all that the user has: COR documents that of
	// a detach. The first one shows what the user had before.
	switch {
	case e.Answer == nil || !consistent(e.Answer):
	case t.before == nil:
		t.before = e.Answer
	case e.User != ghostUser:
		t.lost = nil
		for _, b := range t.before.Pivots {
			same := func(p pipeline.Pivot) bool {
				return p.WorkspaceID == b.WorkspaceID && pipeline.SameNumber(p.Percentage, b.Percentage)
			}
			if !slices.ContainsFunc(e.Answer.Pivots, same) {
				t.lost = append(t.lost, b)
			}
		}
		t.harmed = t.harmed || t.lost != nil
	}
	if e.Op == pipeline.Detach && detached(e) {
		gone := pipeline.Pair{User: e.User, Source: e.Source, Workspace: e.Shares[0].Workspace}
		t.attached = slices.DeleteFunc(t.attached, func(p pipeline.Pair) bool { return p == gone })
	}
	t.open = t.open || e.Op == pipeline.Attach && e.LeavesOpen()
	if t.open && e.Is(pipeline.Attached) {
		t.lost = nil
	}
}

// detached reports whether a detach shows that its workspace is gone: the answer does not list it, or COR does not know
// the user, the workspace or the source, or says that the user is not in it.
func detached(e *pipeline.Exchange) bool {
	if e.Answer != nil {
		return e.Answer.Strange() == nil && listed(e.Answer, e.Shares[0].Workspace) == nil
	}
	f := e.Fault
	return e.Is(pipeline.Refused) && (f.Subject != "" || f.Code == "InvalidSourceError" || strings.Contains(f.Code+f.Message, "UT012"))
}

// listed returns the pivot of an answer whose external id may mean a workspace, in whatever spelling and under whatever
// source; nil when there is none.
func listed(a *pipeline.Answer, w pipeline.WorkspaceID) *pipeline.Pivot {
	return pivotOf(a, func(p pipeline.Pivot) bool { return pipeline.Spelling(p.Workspace) == pipeline.Spelling(w) })
}

// pivotOf returns the first pivot of an answer that fits; nil when none does, or without an answer.
func pivotOf(a *pipeline.Answer, fits func(pipeline.Pivot) bool) *pipeline.Pivot {
	if a == nil {
		return nil
	}
	if i := slices.IndexFunc(a.Pivots, fits); i >= 0 {
		return &a.Pivots[i]
	}
	return nil
}

// consistent reports whether nothing in an answer contradicts itself.
func consistent(a *pipeline.Answer) bool {
	return a.Strange() == nil && !slices.ContainsFunc(a.Pivots, func(p pipeline.Pivot) bool { return p.Problem != "" })
}
