package runs

import (
	"slices"

	"corattach/pipeline"
	"corattach/pipeline/verdict"
)

// decideDetach protects what may still be wanted, judges --max-detach, and keeps
// which other pairs of each user are attached: what disappears of them was not
// asked for.
func (w *run) decideDetach(m *memory) {
	for again := !w.header.Settings.Unprotected; again; {
		again = w.protect(m)
	}
	w.attached = make(map[pipeline.UserID][]pipeline.KnownPair)
	left, find := 0, w.table.Find()
	for r := range w.table.Requests() {
		left += len(r.Shares)
	}
	for user := range w.table.UserIDs(false) {
		pairs := m.ledger.Pairs(m.target, user)
		w.attached[user] = slices.DeleteFunc(pairs, func(k pipeline.KnownPair) bool { return !k.Attached || find(k.Pair).Planned })
	}
	all := m.ledger.Attached(m.target)
	if w.header.Settings.MaxDetach.Exceeded(left, all) {
		w.guard("--max-detach", "%s would be detached, more than --max-detach %v; attached, as far as is known: %d", pipeline.Count(left, "pair"), w.header.Settings.MaxDetach, all)
	}
}

// protect marks rows that are not taken away. A protected row may be what another
// one of the same identity must not take away, so it is to be called until it
// marks none.
func (w *run) protect(m *memory) (marked bool) {
	find := w.table.Find()
	isPlanned := func(p pipeline.Pair) bool { return find(p).Planned }
	for r := range w.table.Requests() {
		for i, share := range r.Shares {
			pair := pipeline.Pair{User: r.User, Source: r.Source, Workspace: share.Workspace}
			if reason := m.ledger.Protection(m.target, pair, isPlanned); reason != "" {
				w.table.Protect(r.Rows[i], reason)
				marked = true
			}
		}
	}
	return marked
}

// wantedSince refuses to go on with a detach when what is open of it has come to be
// wanted since it was planned, under whatever name.
func (s *session) wantedSince(open []int) error {
	if s.header.Command != "detach" || s.header.Settings.Unprotected || s.log.Plan == nil || s.memory.ledger == nil {
		return nil
	}
	find := s.table.Find()
	inFile := func(p pipeline.Pair) bool { return find(p).InInput }
	for user, err := range s.users(open) {
		if err != nil {
			return err
		}
		for _, r := range user.Requests {
			for i, v := range verdict.Of(&r, 0) {
				pair := pipeline.Pair{User: r.User, Source: r.Source, Workspace: r.Shares[i].Workspace}
				if !v.Resumable {
					continue
				}
				if reason := s.memory.ledger.Protection(s.memory.target, pair, inFile); reason != "" {
					return pipeline.Usage("detach what is left of the file as a new run, or resume with --even-if-older",
						"workspace %q of user %q has come to be wanted since: %s", pair.Workspace, pair.User, reason)
				}
			}
		}
	}
	return nil
}
