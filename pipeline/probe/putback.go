package probe

import (
	"fmt"
	"slices"
	"strings"

	"golang.org/x/text/unicode/norm"

	"corattach/pipeline"
)

// tries is how often a session tries to find something out, or to put something
// back, that COR's answers leave open.
const tries = 3

// trace is what the exchanges of a probe leave behind at COR.
type trace struct {
	before   *pipeline.Answer      // lists what the user had; nil while that is not known
	lost     []pipeline.Pivot      // of that, what the user has no longer, or with another percentage
	harmed   bool                  // something was lost once
	attached []pipeline.Pair       // by the probe, as far as is known
	tried    map[pipeline.Pair]int // requests of the session that were to detach a pair, or, for the zero Pair, to attach what was lost
	open     bool                  // what was lost may be there again, unseen
}

// follow reads exchanges, in their order. Tries are counted for one session. While
// something is lost, a probe attaches nothing else.
func follow(past pipeline.History, session int) *trace {
	t := &trace{tried: make(map[pipeline.Pair]int)}
	for i := range past {
		e := &past[i]
		pair := pipeline.Pair{User: e.User, Source: e.Source, Workspace: e.Shares[0].Workspace}
		if e.Op == pipeline.Attach && t.lost != nil {
			pair = pipeline.Pair{}
		}
		if e.Session == session && (i == 0 || past[i-1].Chunk != e.Chunk) {
			t.tried[pair]++
		}
		switch {
		case !e.MayHaveLeft():
		case e.Op == pipeline.Attach && t.lost == nil:
			t.noteAttach(e)
		default:
			t.notePutBack(e, pair)
		}
	}
	return t
}

func (t *trace) noteAttach(e *pipeline.Exchange) {
	if e.Answer == nil && !e.LeavesOpen() {
		return // refused
	}
	for _, share := range e.Shares {
		pair := pipeline.Pair{User: e.User, Source: e.Source, Workspace: share.Workspace}
		had := t.before != nil && t.before.Pivot(e.Source, share.Workspace) != nil // and is never to be taken away
		if !had && !slices.Contains(t.attached, pair) {
			t.attached = append(t.attached, pair)
		}
		delete(t.tried, pair)
	}
}

// notePutBack takes note of a detach, of one pair, or of an attach of what was lost.
// The answer lists all that the user has: COR documents that of a detach. The first
// one shows what the user had before.
func (t *trace) notePutBack(e *pipeline.Exchange, pair pipeline.Pair) {
	switch {
	case e.Answer == nil || !consistent(e.Answer):
	case t.before == nil:
		t.before = e.Answer
	case e.User != ghostUser:
		t.lost = missing(e.Answer, t.before)
		t.harmed = t.harmed || t.lost != nil
	}
	if e.Op == pipeline.Attach {
		t.open = t.open || e.LeavesOpen()
		if t.open && e.Is(pipeline.Attached) {
			t.lost = nil
		}
	} else if detached(e) {
		t.attached = slices.DeleteFunc(t.attached, func(p pipeline.Pair) bool { return p == pair })
	}
}

// missing returns what an answer does not list as it was before.
func missing(now, before *pipeline.Answer) []pipeline.Pivot {
	var lost []pipeline.Pivot
	for _, b := range before.Pivots {
		same := func(p pipeline.Pivot) bool {
			return p.WorkspaceID == b.WorkspaceID && pipeline.SameNumber(p.Percentage, b.Percentage)
		}
		if !slices.ContainsFunc(now.Pivots, same) {
			lost = append(lost, b)
		}
	}
	return lost
}

// detached reports whether a detach shows that its workspace is gone: the answer does
// not list it, or COR does not know the user, the workspace or the source, or says
// that the user is not in it.
func detached(e *pipeline.Exchange) bool {
	const notInWorkspace, invalidSource = "UT012", "InvalidSourceError"
	if e.Answer != nil {
		return e.Answer.Strange() == nil && listed(e.Answer, e.Shares[0].Workspace) == nil
	}
	f := e.Fault
	return e.Is(pipeline.Refused) && (f.Subject != "" || f.Code == invalidSource || f.Code == notInWorkspace || strings.Contains(f.Message, notInWorkspace))
}

// listed returns the pivot of an answer whose external id may mean a workspace, in
// whatever spelling and under whatever source; nil when there is none.
func listed(a *pipeline.Answer, w pipeline.WorkspaceID) *pipeline.Pivot {
	plain := func(id pipeline.WorkspaceID) string { return strings.ToLower(norm.NFC.String(string(id))) }
	for i := range a.Pivots {
		if plain(a.Pivots[i].Workspace) == plain(w) {
			return &a.Pivots[i]
		}
	}
	return nil
}

// PutBack returns the next request that puts back what a probe has found, given all
// that was sent for it. The second result is false when there is nothing to put
// back, or when the session has tried in vain.
func (s Subject) PutBack(past pipeline.History, session int) (r pipeline.Request, more bool) {
	t := follow(past, session)
	for _, pair := range t.attached {
		if t.tried[pair] < tries {
			r = s.detach("", pair.Workspace).Request
			r.User, r.Source, r.Chunk = pair.User, pair.Source, nextChunk(past)
			return r, true
		}
	}
	if t.lost == nil || t.tried[pipeline.Pair{}] >= tries {
		return r, false
	}
	r, more = s.restore(t.before)
	r.Chunk = nextChunk(past)
	return r, more
}

// restore attaches what a user had. The second result is false when one request
// can't do that: COR may take away all that a request does not name.
func (s *Subject) restore(before *pipeline.Answer) (r pipeline.Request, possible bool) {
	r = s.attach("").Request
	for _, p := range before.Pivots {
		percent, plain := pipeline.ParseDecimal(p.Percentage, '.')
		if p.Problem != "" || p.Workspace == "" || p.Source == "" || p.Source != before.Pivots[0].Source || !plain {
			return r, false
		}
		r.Source, r.Shares = p.Source, append(r.Shares, share(p.Workspace, percent))
	}
	return r, true
}

// nextChunk numbers the requests of a probe: the journal knows them by that.
func nextChunk(past pipeline.History) int {
	if len(past) == 0 {
		return 0
	}
	return past[len(past)-1].Chunk + 1
}

// Left says what may not be as it was before the probe: a text for each pair.
func Left(past pipeline.History) []string {
	t := follow(past, 0)
	var all []string
	for _, pair := range t.attached {
		all = append(all, fmt.Sprintf("user %q may still have workspace %q under %s", pair.User, pair.Workspace, pair.Source))
	}
	for _, p := range t.lost {
		all = append(all, fmt.Sprintf("workspace %q under %s, which the user had with %s %%, may be gone or changed", p.Workspace, p.Source, p.Percentage))
	}
	return all
}
