package probe

import (
	"slices"
	"strings"

	"corattach/pipeline"
)

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
func follow(past pipeline.History) (t trace) {
	for i := range past {
		t.add(&past[i])
	}
	return t
}

func (t *trace) add(e *pipeline.Exchange) {
	t.chunk = e.Chunk + 1
	attaches := e.Op == pipeline.Attach && t.lost == nil
	if !e.MayHaveLeft() || attaches && e.Answer == nil && !e.LeavesOpen() {
		return // COR has not got it, or has refused it
	}
	if attaches {
		for _, share := range e.Shares {
			had := t.before != nil && t.before.Pivot(e.Source, share.Workspace) != nil // and is never to be taken away
			if pair := (pipeline.Pair{User: e.User, Source: e.Source, Workspace: share.Workspace}); !had && !slices.Contains(t.attached, pair) {
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
	const notInWorkspace, invalidSource = "UT012", "InvalidSourceError"
	if e.Answer != nil {
		return e.Answer.Strange() == nil && listed(e.Answer, e.Shares[0].Workspace) == nil
	}
	f := e.Fault
	return e.Is(pipeline.Refused) && (f.Subject != "" || f.Code == invalidSource || strings.Contains(f.Code+f.Message, notInWorkspace))
}

// listed returns the pivot of an answer whose external id may mean a workspace, in whatever spelling and under whatever
// source; nil when there is none.
func listed(a *pipeline.Answer, w pipeline.WorkspaceID) *pipeline.Pivot {
	for i, p := range a.Pivots {
		if pipeline.Spelling(p.Workspace) == pipeline.Spelling(w) {
			return &a.Pivots[i]
		}
	}
	return nil
}

// consistent reports whether nothing in an answer contradicts itself.
func consistent(a *pipeline.Answer) bool {
	return a.Strange() == nil && !slices.ContainsFunc(a.Pivots, func(p pipeline.Pivot) bool { return p.Problem != "" })
}
