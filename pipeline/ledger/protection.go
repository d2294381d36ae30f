package ledger

import (
	"cmp"
	"fmt"

	"corattach/pipeline"
)

// protector knows what protects pairs of a target from a detach.
type protector struct {
	*Ledger
	targets  []string // the target and those that may be the same account
	jobs     []job
	troubles map[pipeline.UserID]string // of users, by spelling
	corUsers map[int64]string           // the same by COR's id of the user, as far as it is known

	user   pipeline.UserID // that was last asked about; "" for none
	reason string          // what protects all pairs of the user; "" when nothing does
}

// Protection returns why a pair may still be wanted, "" when nothing tells that it
// is: see "Detaching" in the contract. inFile reports whether a pair is in the file
// of the detach. It is quickest when the pairs of a user come together.
func (l *Ledger) Protection(target pipeline.Target, pair pipeline.Pair, inFile func(pipeline.Pair) bool) (reason string) {
	if l.protector == nil || l.protector.targets[0] != targetKey(target) {
		l.protector = l.newProtector(target)
	}
	p, key := l.protector, pairKey(pair)
	if reason = p.wantedBy(key); reason != "" {
		return reason
	}
	if reason = p.sharesIdentity(key, inFile); reason != "" {
		return reason
	}
	if p.user != pair.User {
		p.user, p.reason = pair.User, p.protectsUser(pair.User)
	}
	return p.reason
}

func (l *Ledger) newProtector(target pipeline.Target) *protector {
	p := &protector{Ledger: l, targets: l.relatives(target), troubles: make(map[pipeline.UserID]string), corUsers: make(map[int64]string)}
	for _, target := range p.targets {
		for name, j := range each[job](l, jobsTable+target, "") {
			j.target, j.name = target, name
			p.jobs = append(p.jobs, j)
			for user, is := range j.Troubled {
				p.troubles[pipeline.Spelling(user)] = is.Reason
				for _, pair := range l.ofUser(target, user) {
					if pair.Identity.Known() {
						p.corUsers[pair.Identity.User] = is.Reason
					}
				}
			}
		}
	}
	return p
}

// wantedBy says that a job wants a pair, or may: it had the pair, and what its latest
// import had of it stood perhaps in a broken record. It is "" when none does.
func (p *protector) wantedBy(key string) string {
	for _, j := range p.jobs {
		is, had := j.Pairs.of(key)
		switch {
		case is&wanted != 0:
			return fmt.Sprintf("job %q wants it", j.name)
		case had && is&inLatest == 0 && j.Broken:
			return fmt.Sprintf("the latest import of job %q, which had it, had a broken record: it may stand there", j.name)
		}
	}
	return ""
}

// sharesIdentity looks for another pair of the same identity that is attached, or
// may be although COR has not said so, or is wanted, and is not in the file.
func (p *protector) sharesIdentity(key string, inFile func(pipeline.Pair) bool) (reason string) {
	for _, known := range p.targets {
		is := p.pair(known, key)
		for _, target := range p.targets {
			for _, other := range p.kin(target, is) {
				certain, pair := is.Identity.Known() && other.Identity.Known(), pairOf(other.key)
				if inFile(pair) || !other.Attached && p.wantedBy(other.key) == "" && !(certain && other.Told < other.Tried) {
					continue
				}
				has := "COR has it"
				if !certain {
					has = "COR may have it"
				}
				return fmt.Sprintf("%s as one with workspace %q of user %q under %s, which is not in the file", has, pair.Workspace, pair.User, pair.Source)
			}
		}
	}
	return ""
}

// protectsUser returns what protects all pairs of a user, "" when nothing does.
func (p *protector) protectsUser(user pipeline.UserID) (reason string) {
	reason = p.troubles[pipeline.Spelling(user)]
	for _, target := range p.targets {
		pairs := p.ofUser(target, user)
		for _, pair := range pairs {
			reason = cmp.Or(reason, p.corUsers[pair.Identity.User])
		}
		if reason != "" {
			return "the user's rows did not all arrive in the latest import that named the user: " + reason
		}
		for _, j := range p.jobs {
			if j.target == target && j.Doubtful && j.lost(pairs) {
				return fmt.Sprintf("all that job %q had of the user has vanished, and its latest import had a user that was not known", j.name)
			}
		}
	}
	return ""
}

// lost reports whether all that a job had of a user's pairs has vanished.
func (j *job) lost(pairs []stored) (had bool) {
	for _, pair := range pairs {
		is, found := j.Pairs.of(pair.key)
		if is&inLatest != 0 {
			return false
		}
		had = had || found
	}
	return had
}
