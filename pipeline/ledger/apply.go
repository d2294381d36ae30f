package ledger

import (
	"errors"
	"iter"

	"corattach/pipeline"
)

// batch is the number of observations that become durable at a time, about.
const batch = 50_000

// Apply takes over what a run's journal of so many bytes tells of pairs. exchanges
// are all that the run has, those of one user in their order; best come the users in
// the order of their bytes. After any error the same is to be applied again.
func (l *Ledger) Apply(run Run, size int64, exchanges iter.Seq2[pipeline.Exchange, error]) error {
	return l.update(func() error {
		targets := l.relatives(run.Target)
		a := application{Ledger: l, run: &run, target: targets[0], siblings: targets[1:], left: make(map[pipeline.Identity]moment)}
		for e, err := range exchanges {
			if err != nil {
				return err
			}
			if !e.MayHaveLeft() {
				continue
			}
			if err := a.apply(&e); err != nil {
				return err
			}
			if a.observed >= batch {
				if err := errors.Join(a.doubtLeft(), l.commit()); err != nil {
					return err
				}
				a.observed = 0
			}
		}
		is := l.run(run)
		is.Seen, is.Active = max(is.Seen, size), false
		return a.doubtLeft()
	})
}

// application is a run that is being applied.
type application struct {
	*Ledger
	run      *Run
	target   string
	siblings []string // targets that may be the same account
	observed int      // pairs since the last commit

	left map[pipeline.Identity]moment // identities that pairs had before, and when another took their place
}

func (a *application) apply(e *pipeline.Exchange) error {
	session := a.run.session(e.Session)
	m := moment{session.Counter, e.Number}
	told := observe(e, session.Tolerance)
	listed := make(map[string]bool, len(told))
	for i := range told {
		o := &told[i]
		key := pairKey(o.pair)
		listed[key] = true
		if err := errors.Join(a.note(key, o, m, e), a.doubtSiblings(key, o, m)); err != nil {
			return err
		}
	}
	a.observed += len(told)
	return a.doubtUnlisted(e, told, listed, m)
}

// note takes over an observation. A pair that was never asked for is not kept.
func (a *application) note(key string, o *observation, m moment, e *pipeline.Exchange) error {
	is, err := a.pair(a.target, key)
	if err != nil || is == (state{}) && !o.asked {
		return err
	}
	return a.change(a.target, stored{key, is}, func(now *state) {
		now.note(o, m, e.At)
		if is.Identity.Known() && now.Identity != is.Identity {
			a.left[is.Identity] = now.Told
		}
	})
}

// doubtSiblings casts doubt on a pair in the targets that may be the same account,
// unless COR has told that it is as it is known there.
func (a *application) doubtSiblings(key string, o *observation, m moment) error {
	for _, target := range a.siblings {
		is, err := a.pair(target, key)
		same := !o.asked && !o.tells || o.tells && is.holds(o) && (o.matched || !o.asked)
		if err == nil && is != (state{}) && !same {
			err = a.doubt(target, stored{key, is}, m)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// doubtUnlisted casts doubt on the user's pairs that the answer should list and
// does not.
func (a *application) doubtUnlisted(e *pipeline.Exchange, told []observation, listed map[string]bool, m moment) error {
	scope := a.Scopes[a.target].wider(e, told)
	a.Scopes[a.target] = scope
	if !scope.lists(e, e.Source) {
		return nil
	}
	pairs, err := a.ofUser(a.target, e.User)
	for _, p := range pairs {
		if !listed[p.key] && scope.lists(e, pairOf(p.key).Source) {
			err = errors.Join(err, a.doubt(a.target, p, m))
		}
	}
	return err
}

// doubtLeft casts doubt on pairs that have an identity which another pair has left:
// what was done to it under that name can't be told any more.
func (a *application) doubtLeft() error {
	if len(a.left) == 0 {
		return nil
	}
	var doubted []stored
	err := a.eachPair(a.target, func(p stored) {
		if m, found := a.left[p.Identity]; found && p.Told.Counter < m.Counter {
			doubted = append(doubted, p)
		}
	})
	for _, p := range doubted {
		err = errors.Join(err, a.doubt(a.target, p, a.left[p.Identity]))
	}
	clear(a.left)
	return err
}
