package corsim

import (
	"cmp"
	"slices"
	"time"
)

// Holding is one workspace of one user, by external ids, with the stored percentage as exact decimal text.
type Holding struct {
	User, Source, Workspace, Percentage string
}

// Write is one change that was applied: an attach of a percentage, or a detach, whose Percentage is empty. Request is
// the number of the request in the log.
type Write struct {
	Request  int64
	Time     time.Time
	Endpoint string
	Holding
}

// Ledger lists everything stored now, ordered by user, source and workspace. It is safe for concurrent use.
func (s *Server) Ledger() []Holding {
	s.mu.Lock()
	list := make([]Holding, 0, len(s.book.users))
	for external, u := range s.book.users {
		for _, p := range u.pairs {
			list = append(list, Holding{external, p.space.mapping.source, p.space.mapping.external, p.percentage})
		}
	}
	s.mu.Unlock()
	slices.SortFunc(list, func(a, b Holding) int {
		return cmp.Or(cmp.Compare(a.User, b.User), cmp.Compare(a.Source, b.Source), cmp.Compare(a.Workspace, b.Workspace))
	})
	return list
}

// Percentage answers what is stored for one pair, and whether anything is. It is safe for concurrent use.
func (s *Server) Percentage(user, source, workspace string) (string, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.book.holds(user, mapping{source, workspace})
}

// Applied lists every change in the order in which it was applied; without Config.Keep it is empty. It is safe for
// concurrent use.
func (s *Server) Applied() []Write {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.applied)
}

// MaxConcurrentPerUser is the highest number of attach and detach requests of one user that were open at the same
// time. An exchange is open from its arrival until its answer starts to leave. Over a real connection a client that
// gives up and asks again at once may be counted twice, as the server hears of the first's end a moment later.
func (s *Server) MaxConcurrentPerUser() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.maxOpen
}
