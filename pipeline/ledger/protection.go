package ledger

import (
	"errors"
	"fmt"

	"corattach/pipeline"
)

// protector knows what protects pairs of a target from a detach.
type protector struct {
	*Ledger
	targets  []string // the target and those that may be the same account
	jobs     []jobOf
	troubles map[string]string // of users, by spelling
	corUsers map[int64]string  // the same by COR's id of the user, as far as it is known

	user   pipeline.UserID // that was last asked about; "" for none
	reason string          // what protects all pairs of the user; "" when nothing does
}

// jobOf is a job of a target.
type jobOf struct {
	job
	target, name string
}

// Protection returns why a pair may still be wanted, "" when nothing tells that it
// is: see "Detaching" in the contract. inFile reports whether a pair is in the file
// of the detach. It is quickest when the pairs of a user come together.
func (l *Ledger) Protection(target pipeline.Target, pair pipeline.Pair, inFile func(pipeline.Pair) bool) (reason string, err error) {
	p, err := l.protectorOf(target)
	if err != nil {
		return "", err
	}
	key := pairKey(pair)
	if reason = p.wantedBy(key); reason != "" {
		return reason, nil
	}
	if reason, err = p.sharesIdentity(key, inFile); err != nil || reason != "" {
		return reason, err
	}
	if p.user != pair.User {
		if p.reason, err = p.protectsUser(pair.User); err != nil {
			return "", err
		}
		p.user = pair.User
	}
	return p.reason, nil
}

func (l *Ledger) protectorOf(target pipeline.Target) (*protector, error) {
	if l.protector != nil && l.protector.targets[0] == targetKey(target) {
		return l.protector, nil
	}
	p := &protector{Ledger: l, targets: l.relatives(target), troubles: make(map[string]string), corUsers: make(map[int64]string)}
	var err error
	for _, target := range p.targets {
		failed := each(l, jobsTable(target), "", func(name string, j job) { p.jobs = append(p.jobs, jobOf{j, target, name}) })
		err = errors.Join(err, failed)
	}
	l.protector = p
	return p, errors.Join(err, p.findTroubled())
}

func (p *protector) findTroubled() (err error) {
	for _, j := range p.jobs {
		for user, is := range j.Troubled {
			p.troubles[spelled(user)] = is.Reason
			pairs, failed := p.ofUser(j.target, user)
			err = errors.Join(err, failed)
			for _, pair := range pairs {
				if pair.Identity.Known() {
					p.corUsers[pair.Identity.User] = is.Reason
				}
			}
		}
	}
	return err
}

// wantedBy says that a job wants a pair, or may: it had the pair, and what its latest
// import had of it stood perhaps in a broken record. It is "" when none does.
func (p *protector) wantedBy(key string) string {
	for _, j := range p.jobs {
		is, had := j.Pairs.of(hash(key))
		switch {
		case is&wanted != 0:
			return fmt.Sprintf("job %q wants it", j.name)
		case had && is&inLatest == 0 && j.Broken:
			return fmt.Sprintf("the latest import of job %q, which had it, had a broken record: it may stand there", j.name)
		}
	}
	return ""
}

// sharesIdentity looks for another pair of the same identity that is attached or
// may be, or is wanted, and is not in the file.
func (p *protector) sharesIdentity(key string, inFile func(pipeline.Pair) bool) (reason string, err error) {
	for _, known := range p.targets {
		is, err := p.pair(known, key)
		for _, target := range p.targets {
			kin, failed := p.kin(target, stored{key, is})
			if err = errors.Join(err, failed); err != nil {
				return "", err
			}
			for _, other := range kin {
				if reason := p.keeps(other, is.Identity, inFile); reason != "" {
					return reason, nil
				}
			}
		}
	}
	return "", nil
}

// keeps says that another pair, which has an identity or may have it, is not to be
// taken away: it is attached, or may be although COR has not said so, or wanted.
func (p *protector) keeps(other stored, i pipeline.Identity, inFile func(pipeline.Pair) bool) string {
	certain := i.Known() && other.Identity.Known()
	pair := pairOf(other.key)
	if inFile(pair) || !(other.Attached || p.wantedBy(other.key) != "" || certain && other.Told.before(other.Tried)) {
		return ""
	}
	has := "COR has it"
	if !certain {
		has = "COR may have it"
	}
	return fmt.Sprintf("%s as one with workspace %q of user %q under %s, which is not in the file", has, pair.Workspace, pair.User, pair.Source)
}

// protectsUser returns what protects all pairs of a user, "" when nothing does.
func (p *protector) protectsUser(user pipeline.UserID) (reason string, err error) {
	const text = "the user's rows did not all arrive in the latest import that named the user: "
	if reason := p.troubles[spelled(user)]; reason != "" {
		return text + reason, nil
	}
	for _, target := range p.targets {
		pairs, err := p.ofUser(target, user)
		if err != nil {
			return "", err
		}
		for _, pair := range pairs {
			if reason := p.corUsers[pair.Identity.User]; pair.Identity.Known() && reason != "" {
				return text + reason, nil
			}
		}
		for _, j := range p.jobs {
			if j.target == target && j.lost(pairs) {
				return fmt.Sprintf("all that job %q had of the user has vanished, and its latest import had a user that was not known", j.name), nil
			}
		}
	}
	return "", nil
}

// lost reports whether all that a job had of a user's pairs has vanished while some
// user of its latest import was not known.
func (j *job) lost(pairs []stored) bool {
	had := false
	for _, pair := range pairs {
		is, found := j.Pairs.of(hash(pair.key))
		if is&inLatest != 0 {
			return false
		}
		had = had || found
	}
	return j.Doubtful && had
}
