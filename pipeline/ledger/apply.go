package ledger

import (
	"iter"

	"corattach/pipeline"
)

// batch is the number of observations that become durable at a time, about. More of
// them take more memory.
const batch = 20_000

// Apply takes over what a run's journal tells of pairs. exchanges are all that the run
// has, user by user, those of one user in their order; best come the users in the order
// of their bytes. Runs may come in any order; the result is that of their counters.
// Conclude is to follow; after any error both are to be called again.
func (l *Ledger) Apply(run Run, exchanges iter.Seq2[[]pipeline.Exchange, error]) error {
	return l.update(func() error {
		targets := l.relatives(run.Target)
		a := application{Ledger: l, target: targets[0], siblings: targets[1:], left: make(map[pipeline.Identity]moment)}
		for ofUser, err := range exchanges {
			if err != nil {
				return err
			}
			for _, e := range ofUser {
				if e.MayHaveLeft() {
					a.apply(&e, run.Sessions[e.Session])
				}
			}
			if a.observed >= batch {
				a.doubtLeft()
				if err := l.commit(); err != nil {
					return err
				}
				a.observed = 0
			}
		}
		a.doubtLeft()
		return nil
	})
}

// application is a run that is being applied.
type application struct {
	*Ledger
	target   string
	siblings []string // targets that may be the same account
	observed int      // pairs since the last commit

	left map[pipeline.Identity]moment // identities that pairs had before, and when another took their place
}

func (a *application) apply(e *pipeline.Exchange, in Session) {
	m, told := moment(in.Counter<<counterShift|e.Number), observe(e, in.Tolerance)
	for i := range told {
		o := &told[i]
		was := a.pair(a.target, pairKey(o.pair))
		now := was
		now.note(o, m, e.At)
		if now != was && (o.asked || was.state != (state{})) { // one that was never asked for is not kept
			a.put(pairsTable+a.target, now.key, &now.state)
		}
		if was.Identity.Known() && now.Identity != was.Identity {
			a.left[was.Identity] = now.Told
		}
		for _, sibling := range a.siblings {
			there := a.pair(sibling, now.key)
			same := !o.asked && !o.tells || o.tells && there.holds(o) && (o.matched || !o.asked)
			if there.state != (state{}) && !same {
				a.doubt(sibling, there, m)
			}
		}
	}
	a.observed += len(told)
	a.doubtUnlisted(e, told, m)
}

// doubtUnlisted casts doubt on the user's pairs that the answer should list and
// does not.
func (a *application) doubtUnlisted(e *pipeline.Exchange, told []observation, m moment) {
	scope := a.Scopes[a.target].wider(e, told)
	a.Scopes[a.target] = scope
	if !scope.lists(e, e.Source) {
		return
	}
	listed := make(map[string]bool, len(told))
	for i := range told {
		listed[pairKey(told[i].pair)] = true
	}
	for _, p := range a.ofUser(a.target, e.User) {
		if !listed[p.key] && scope.lists(e, pairOf(p.key).Source) {
			a.doubt(a.target, p, m)
		}
	}
}

// doubtLeft casts doubt on pairs that have an identity which another pair has left:
// what was done to it under that name can't be told any more.
func (a *application) doubtLeft() {
	if len(a.left) == 0 {
		return
	}
	var doubted []stored
	for key, s := range a.pairs(a.target) {
		if m, found := a.left[s.Identity]; found && s.Told.counter() < m.counter() {
			doubted = append(doubted, stored{key, s})
		}
	}
	for _, p := range doubted {
		a.doubt(a.target, p, a.left[p.Identity])
	}
	clear(a.left)
}
