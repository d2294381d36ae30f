package ledger

import (
	"cmp"
	"slices"

	"corattach/pipeline"
)

// Run is one run as the ledger knows it.
type Run struct {
	ID       string          `json:"id"`
	Counter  int64           `json:"counter"`
	Sessions []Session       `json:"sessions,omitzero"` // as exchanges number them
	Job      string          `json:"job,omitzero"`      // "" for a run that belongs to none
	Target   pipeline.Target `json:"target"`
	Seen     int64           `json:"seen"` // bytes of the journal that are applied, or are going to be
}

// Session is one of the times that were worked on a run.
type Session struct {
	Counter   int64            `json:"counter"` // taken when it began
	Tolerance pipeline.Percent `json:"tolerance,omitzero"`
}

// Later returns the runs with a session of a higher counter, by their counters.
func (l *Ledger) Later(counter int64) (runs []Run) {
	for _, is := range l.Runs {
		later := func(s Session) bool { return s.Counter > counter }
		if is.Counter > counter || slices.ContainsFunc(is.Sessions, later) {
			runs = append(runs, is)
		}
	}
	slices.SortFunc(runs, func(a, b Run) int { return cmp.Compare(a.Counter, b.Counter) })
	return runs
}

// Doubt takes note that nothing up to a counter counts as confirmed any more: runs
// are gone that may have sent what it never saw.
func (l *Ledger) Doubt(counter int64) error {
	return l.update(func() error {
		l.Floor = max(l.Floor, counter)
		return nil
	})
}

// targetKey stands for a target in keys and tables.
func targetKey(t pipeline.Target) string { return t.BaseURL + "\n" + t.AuthURL + "\n" + t.Account }

// relatives returns a target and then the others under the same URLs that runs have
// sent to. One of these may be the same account of COR: an API key and a static
// token have names of their own.
func (l *Ledger) relatives(t pipeline.Target) []string {
	all := []string{targetKey(t)}
	for _, is := range l.Runs {
		key := targetKey(is.Target)
		if is.Target.BaseURL == t.BaseURL && is.Target.AuthURL == t.AuthURL && !slices.Contains(all, key) {
			all = append(all, key)
		}
	}
	return all
}
