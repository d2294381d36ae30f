package verdict

import (
	"cmp"
	"slices"

	"corattach/pipeline"
)

// Answers returns what COR said of a user beside the verdicts: the sum that it
// returned in its last answer, "" without one, and the pairs in any of its answers
// that listed does not have, in the order of their first mention; of several
// mentions of a pair the last one stands.
func Answers(requests []pipeline.Request, listed func(pipeline.Source, pipeline.WorkspaceID) bool) (returned string, extras []pipeline.Pivot) {
	places := make(map[pipeline.Pivot]int)
	for _, e := range withAnswer(requests) {
		var percentages []string
		for _, p := range e.Answer.Pivots {
			percentages = append(percentages, p.Percentage)
			if listed(p.Source, p.Workspace) {
				continue
			}
			name := pipeline.Pivot{Source: p.Source, Workspace: p.Workspace}
			if p.Workspace == "" {
				name.WorkspaceID = p.WorkspaceID
			}
			if at, found := places[name]; found {
				extras[at] = p
				continue
			}
			places[name] = len(extras)
			extras = append(extras, p)
		}
		returned = pipeline.SumReturned(percentages)
	}
	return returned, extras
}

// withAnswer returns all exchanges with an answer, in the order they were begun.
func withAnswer(requests []pipeline.Request) []*pipeline.Exchange {
	var all []*pipeline.Exchange
	for i := range requests {
		for j := range requests[i].Past {
			if e := &requests[i].Past[j]; e.Answer != nil {
				all = append(all, e)
			}
		}
	}
	slices.SortStableFunc(all, func(a, b *pipeline.Exchange) int { return cmp.Compare(a.Number, b.Number) })
	return all
}

// Lost returns the pairs of a user that disappeared from COR's answers to a detach
// without having been asked for, in the order of attached: the pairs that COR last
// returned as attached, before this run, with an identity, and that no request asks
// for. Such a pivot has no percentage.
//
// COR answers a detach with all that remains of the user [documented], unless it
// reports errors beside it or a pivot of another user.
func Lost(requests []pipeline.Request, attached []pipeline.KnownPair) (lost []pipeline.Pivot) {
	answers := slices.DeleteFunc(withAnswer(requests), func(e *pipeline.Exchange) bool {
		return e.Op != pipeline.Detach || len(e.Answer.Errors) > 0 || e.Answer.Strange() != nil
	})
	slices.Reverse(answers)
	for _, k := range attached {
		last := slices.IndexFunc(answers, func(e *pipeline.Exchange) bool { return e.Answer.UserID == k.Identity.User })
		isListed := func(p pipeline.Pivot) bool { // under whatever spelling
			return p.Source == k.Source && p.Workspace == k.Workspace || p.Identity() == k.Identity
		}
		if last >= 0 && !slices.ContainsFunc(answers[last].Answer.Pivots, isListed) {
			lost = append(lost, pipeline.Pivot{
				Workspace: k.Workspace, Source: k.Source, UserID: k.Identity.User, WorkspaceID: k.Identity.Workspace,
			})
		}
	}
	return lost
}
