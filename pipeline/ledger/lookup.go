package ledger

import (
	"slices"

	"corattach/pipeline"
)

// Job tells whether a job has a baseline under a target, and the SHA-256 of the files
// of its latest import that came to sending.
func (l *Ledger) Job(target pipeline.Target, name string) (hasBaseline bool, inputs []string) {
	j := l.job(targetKey(target), name)
	return j.Baseline > 0, j.Inputs
}

// Drop is how much of a baseline an import does not have.
type Drop struct {
	Pairs, AllPairs int // no longer in the input; in the baseline
	Users, AllUsers int
}

// Drop compares an import with the baseline of its job. Only Pairs, Users and
// Damaged of the import count.
func (l *Ledger) Drop(target pipeline.Target, name string, i Import) Drop {
	j := l.job(targetKey(target), name)
	l.mark(&j, targetKey(target), &i, inLatest, inLatest)
	return Drop{
		Pairs: j.Pairs.count(inBaseline, inLatest), AllPairs: j.Pairs.count(inBaseline, 0),
		Users: j.Users.count(inBaseline, inLatest), AllUsers: j.Users.count(inBaseline, 0),
	}
}

// Pairs returns what is known of the pairs of a user, by source and workspace. A
// pair is confirmed when the latest attempt on it, and every later one on a pair of
// the same identity, has matched its percentage, and no doubt was cast on it since.
// Pairs that are spelled alike may have one identity as long as it is not known of
// both. Where the account of the target is not known, no pair is confirmed.
func (l *Ledger) Pairs(target pipeline.Target, user pipeline.UserID) (known []pipeline.KnownPair) {
	for _, p := range l.ofUser(targetKey(target), user) {
		known = append(known, l.known(target, p))
	}
	return known
}

// SameIdentity returns what is known of the pairs that COR has as one assignment,
// as Pairs does; none when a pair has the identity alone.
func (l *Ledger) SameIdentity(target pipeline.Target, i pipeline.Identity) (known []pipeline.KnownPair) {
	key := targetKey(target)
	for _, pair := range l.kinship(key).shared[nameOf(i)] {
		known = append(known, l.known(target, l.pair(key, pair)))
	}
	return known
}

func (l *Ledger) known(target pipeline.Target, p stored) pipeline.KnownPair {
	return pipeline.KnownPair{
		Pair: pairOf(p.key), Identity: p.Identity, Attached: p.Attached, Percentage: p.Percentage, At: p.at(), Confirmed: l.confirmed(target, p),
	}
}

// confirmed reports whether a pair counts as confirmed.
func (l *Ledger) confirmed(target pipeline.Target, p stored) bool {
	key := targetKey(target)
	certain := target.Account != "" || target.BaseURL == pipeline.SimulatorURL
	if !certain || !p.confirmed() || p.Told.counter() <= l.Floor {
		return false
	}
	return !slices.ContainsFunc(l.kin(key, p), func(other stored) bool { // a later attempt with another outcome
		same := other.confirmed() && pipeline.SameNumber(other.Percentage, p.Percentage)
		return max(other.Tried, other.Told) >= p.Told && !same
	})
}

// Vanished returns the pairs that a baseline of the job had, that COR last returned
// as attached, and for which inInput is false, by user, source and workspace.
func (l *Ledger) Vanished(target pipeline.Target, name string, inInput func(pipeline.Pair) bool) (vanished []pipeline.Vanished) {
	j := l.job(targetKey(target), name)
	for key, s := range l.pairs(targetKey(target)) {
		is, _ := j.Pairs.of(key)
		if pair := pairOf(key); s.Attached && is&everInBase != 0 && !inInput(pair) {
			vanished = append(vanished, pipeline.Vanished{Pair: pair, Percentage: s.Percentage, ConfirmedAt: s.at()})
		}
	}
	return vanished
}

// Attached returns how many pairs of a target COR last returned as attached.
func (l *Ledger) Attached(target pipeline.Target) (count int) {
	for _, s := range l.pairs(targetKey(target)) {
		if s.Attached {
			count++
		}
	}
	return count
}
