package ledger

import (
	"errors"
	"slices"

	"corattach/pipeline"
)

// Job is what is known of a job.
type Job struct {
	HasBaseline bool
	LastInputs  []string // SHA-256 of the files of its latest import that came to sending
}

// Job returns what is known of a job under a target.
func (l *Ledger) Job(target pipeline.Target, name string) (Job, error) {
	j, err := l.job(targetKey(target), name)
	return Job{j.Baseline > 0, j.Inputs}, err
}

// Drop is how much of a baseline an import does not have.
type Drop struct {
	Pairs, AllPairs int // no longer in the input; in the baseline
	Users, AllUsers int
}

// Drop compares an import with the baseline of its job. Only Pairs, Users and
// Damaged of the import count.
func (l *Ledger) Drop(target pipeline.Target, name string, i Import) (d Drop, err error) {
	j, err := l.job(targetKey(target), name)
	spared, failed := l.damaged(targetKey(target), &i)
	d.Pairs, d.AllPairs = j.Pairs.dropped(sorted(i.Pairs, pairKey), spared)
	d.Users, d.AllUsers = j.Users.dropped(sorted(i.Users, userKey), nil)
	return d, errors.Join(err, failed)
}

// Pairs returns what is known of the pairs of a user, by source and workspace. A
// pair is confirmed when the latest attempt on it, and every later one on a pair of
// the same identity, has matched its percentage, and no doubt was cast on it since.
// Pairs that are spelled alike may have one identity as long as it is not known of
// both. Where the account of the target is not known, no pair is confirmed.
func (l *Ledger) Pairs(target pipeline.Target, user pipeline.UserID) ([]pipeline.KnownPair, error) {
	pairs, err := l.ofUser(targetKey(target), user)
	return l.known(target, pairs, err)
}

// SameIdentity returns what is known of the pairs that COR has as one assignment,
// as Pairs does; none when a pair has the identity alone.
func (l *Ledger) SameIdentity(target pipeline.Target, i pipeline.Identity) ([]pipeline.KnownPair, error) {
	pairs, err := l.having(targetKey(target), nameOf(i), true)
	return l.known(target, pairs, err)
}

func (l *Ledger) known(target pipeline.Target, pairs []stored, err error) ([]pipeline.KnownPair, error) {
	var known []pipeline.KnownPair
	for _, p := range pairs {
		confirmed, failed := l.confirmed(target, p)
		err = errors.Join(err, failed)
		known = append(known, pipeline.KnownPair{
			Pair: pairOf(p.key), Identity: p.Identity, Attached: p.Attached, Percentage: p.Percentage, At: p.At, Confirmed: confirmed,
		})
	}
	return known, err
}

// confirmed reports whether a pair counts as confirmed.
func (l *Ledger) confirmed(target pipeline.Target, p stored) (bool, error) {
	key := targetKey(target)
	certain := target.Account != "" || target.BaseURL == pipeline.SimulatorURL
	if !certain || !p.confirmed() || p.Told.Counter <= max(l.Floors[key], l.Floors[""]) {
		return false, nil
	}
	kin, err := l.kin(key, p)
	return err == nil && !slices.ContainsFunc(kin, func(other stored) bool { return other.overrides(p) }), err
}

// overrides reports whether a pair of the same identity had a later attempt with
// another outcome.
func (s stored) overrides(p stored) bool {
	later := !latest(s.Tried, s.Told).before(p.Told)
	return later && !(s.confirmed() && pipeline.SameNumber(s.Percentage, p.Percentage))
}

// Vanished returns the pairs that a baseline of the job had, that COR last returned
// as attached, and for which inInput is false, by user, source and workspace.
func (l *Ledger) Vanished(target pipeline.Target, name string, inInput func(pipeline.Pair) bool) ([]pipeline.Vanished, error) {
	j, err := l.job(targetKey(target), name)
	if err != nil {
		return nil, err
	}
	var vanished []pipeline.Vanished
	err = l.eachPair(targetKey(target), func(p stored) {
		pair := pairOf(p.key)
		if is, _ := j.Pairs.of(hash(p.key)); p.Attached && is&everInBase != 0 && !inInput(pair) {
			vanished = append(vanished, pipeline.Vanished{Pair: pair, Percentage: p.Percentage, ConfirmedAt: p.At})
		}
	})
	return vanished, err
}

// Attached returns how many pairs of a target COR last returned as attached.
func (l *Ledger) Attached(target pipeline.Target) (count int64, err error) {
	err = l.eachPair(targetKey(target), func(p stored) {
		if p.Attached {
			count++
		}
	})
	return count, err
}
