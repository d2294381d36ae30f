package ledger

import "corattach/pipeline"

// observation is what one exchange tells of one pair.
type observation struct {
	pair       pipeline.Pair
	asked      bool // the attempt was about it
	pivots     int  // that the answer has of it
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
	places := make(map[pipeline.Pair]int, len(e.Shares))
	for i, s := range e.Shares {
		all[i] = observation{pair: pipeline.Pair{User: e.User, Source: e.Source, Workspace: s.Workspace}, asked: true}
		places[all[i].pair] = i
	}
	if e.Answer == nil || e.Answer.Strange() != nil {
		return all
	}
	for i := range e.Answer.Pivots {
		p := &e.Answer.Pivots[i]
		pair := pipeline.Pair{User: e.User, Source: p.Source, Workspace: p.Workspace}
		at, found := places[pair]
		switch {
		case p.Workspace == "":
			continue
		case !found:
			at, places[pair] = len(all), len(all)
			all = append(all, observation{pair: pair})
		}
		is := observation{pair: pair, asked: all[at].asked, pivots: all[at].pivots + 1}
		if is.pivots == 1 && p.Problem == "" {
			is.tells, is.attached, is.percentage, is.identity = true, true, p.Percentage, p.Identity()
		}
		all[at] = is
	}
	blamed := make(map[pipeline.WorkspaceID]bool) // by errors beside the data; "" by one that names none, and may be about any
	for _, item := range e.Answer.Errors {
		blamed[item.Workspace] = true
	}
	for i, s := range e.Shares {
		o := &all[i]
		o.tells = o.tells || o.pivots == 0 && len(blamed) == 0
		o.matched = o.attached && e.Op == pipeline.Attach && s.Percent.Near(o.percentage, tolerance) && !blamed[s.Workspace] && !blamed[""]
	}
	return all
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
	for _, o := range told[len(e.Shares):] {
		switch {
		case e.Op != pipeline.Attach:
		case o.pair.Source != e.Source:
			return scopeAll
		case s == scopeAsked:
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
