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
	if r.answer == nil {
		return nil
	}
	return r.answer.Pivot(r.Source, w)
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
