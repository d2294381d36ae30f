package ledger

import "corattach/pipeline"

// observation is what one exchange tells of one pair.
type observation struct {
	pair       pipeline.Pair
	asked      bool // the attempt was about it
	tells      bool // the answer tells whether it is attached; what follows says how
	attached   bool
	matched    bool // attached as asked for
	percentage string
	identity   pipeline.Identity
}

// observe reads an exchange. The first observations are those of its shares. What
// contradicts itself tells nothing.
func observe(e *pipeline.Exchange, tolerance pipeline.Percent) []observation {
	all := make([]observation, len(e.Shares))
	for i, s := range e.Shares {
		all[i] = observation{pair: pipeline.Pair{User: e.User, Source: e.Source, Workspace: s.Workspace}, asked: true}
	}
	if e.Answer == nil || e.Answer.Strange() != nil {
		return all
	}
	pivots := pivotsOf(e)
	blamed := make(map[pipeline.WorkspaceID]bool) // by errors beside the data; "" by one that names none, and may be about any
	for _, item := range e.Answer.Errors {
		blamed[item.Workspace] = true
	}
	for i, s := range e.Shares {
		o := &all[i]
		pivot, listed := pivots[o.pair]
		o.read(pivot)
		if !listed {
			o.tells = len(e.Answer.Errors) == 0
		}
		o.matched = o.attached && e.Op == pipeline.Attach && s.Percent.Near(o.percentage, tolerance) && !blamed[s.Workspace] && !blamed[""]
		delete(pivots, o.pair)
	}
	for pair, pivot := range pivots {
		o := observation{pair: pair}
		o.read(pivot)
		all = append(all, o)
	}
	return all
}

func (o *observation) read(pivot *pipeline.Pivot) {
	if pivot != nil && pivot.Problem == "" {
		o.tells, o.attached, o.percentage, o.identity = true, true, pivot.Percentage, pivot.Identity()
	}
}

// pivotsOf returns the pivots of an answer that have a workspace's name; nil
// stands for one that is listed twice.
func pivotsOf(e *pipeline.Exchange) map[pipeline.Pair]*pipeline.Pivot {
	pivots := make(map[pipeline.Pair]*pipeline.Pivot, len(e.Answer.Pivots))
	for i := range e.Answer.Pivots {
		p := &e.Answer.Pivots[i]
		pair := pipeline.Pair{User: e.User, Source: p.Source, Workspace: p.Workspace}
		if p.Workspace == "" {
			continue
		}
		if _, twice := pivots[pair]; twice {
			p = nil
		}
		pivots[pair] = p
	}
	return pivots
}

// scope is which of a user's pairs answers to attach list. COR does not document
// it; answers to detach are documented to list all that remain.
type scope string

const (
	scopeAsked  scope = ""       // as far as is known, those that are asked for
	scopeSource scope = "source" // all under the source that is asked for
	scopeAll    scope = "all"
)

// wider returns the scope after an exchange: an answer to attach that lists a pair
// which it was not asked for lists all of them.
func (s scope) wider(e *pipeline.Exchange, told []observation) scope {
	if e.Op != pipeline.Attach {
		return s
	}
	for i := range told[len(e.Shares):] {
		if told[len(e.Shares)+i].pair.Source != e.Source {
			return scopeAll
		}
		if s == scopeAsked {
			s = scopeSource
		}
	}
	return s
}

// lists reports whether the answer of an exchange lists each pair of its user under
// a source that is attached.
func (s scope) lists(e *pipeline.Exchange, source pipeline.Source) bool {
	if e.Answer == nil || e.Answer.Strange() != nil || len(e.Answer.Errors) > 0 {
		return false
	}
	return e.Op == pipeline.Detach || s == scopeAll || s == scopeSource && source == e.Source
}
