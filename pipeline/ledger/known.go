package ledger

import (
	"iter"
	"slices"
	"time"

	"go.etcd.io/bbolt"

	"corattach/pipeline"
)

// HasReference reports whether a run became the reference of a job.
func (l *Ledger) HasReference(t Target, job string) bool {
	_, found := l.jobs[jobKey{l.lookUp(t.name()), l.lookUp(job)}]
	return found
}

// Accounts returns the accounts that runs have sent to under the URLs of t.
func (l *Ledger) Accounts(t Target) []string {
	prefix := Target{BaseURL: t.BaseURL, AuthURL: t.AuthURL}
	var accounts []string
	for _, n := range l.like(prefix) {
		accounts = append(accounts, l.names[n][len(prefix.name()):])
	}
	return accounts
}

// Known returns what is known of the users of a target, in the order of their
// bytes, for the given job. A target whose account is not known confirms nothing,
// and no pair of it is any job's.
func (l *Ledger) Known(t Target, job string) iter.Seq2[pipeline.Known, error] {
	v := view{ledger: l, job: l.lookUp(job), target: l.lookUp(t.name()), certain: t.Account != ""}
	v.floor = l.floors[v.target]
	if all := l.floors[everyTarget]; all.After(v.floor) {
		v.floor = all
	}
	return func(yield func(pipeline.Known, error) bool) {
		changed := v.changed()
		after := pipeline.UserID("")
		for {
			var users []pipeline.Known
			err := l.read(func(tx *bbolt.Tx) error {
				users, changed = v.next(tx, after, changed)
				return nil
			})
			if err != nil {
				yield(pipeline.Known{}, err)
				return
			}
			for _, k := range users {
				if !yield(k, nil) {
					return
				}
				after = k.User
			}
			if len(users) < page {
				return
			}
		}
	}
}

// page is the number of users that are read at a time.
const page = 1000

// view is a ledger as one job of one target sees it.
type view struct {
	ledger      *Ledger
	target, job uint64
	floor       time.Time // nothing up to it is confirmed
	certain     bool
}

// changed returns the users of the target with changes that are not written.
func (v *view) changed() []pipeline.UserID {
	var changed []pipeline.UserID
	for key := range v.ledger.changed {
		if key.target == v.target {
			changed = append(changed, key.id)
		}
	}
	slices.Sort(changed)
	return changed
}

// next returns a page of users after one of them, and the rest of changed, which
// stand for what the file holds of them.
func (v *view) next(tx *bbolt.Tx, after pipeline.UserID, changed []pipeline.UserID) ([]pipeline.Known, []pipeline.UserID) {
	var stored *bbolt.Cursor
	var id, value []byte
	if tx != nil {
		if users := usersOf(tx, v.target); users != nil {
			stored = users.Cursor()
			if id, value = stored.Seek([]byte(after)); id != nil && pipeline.UserID(id) == after {
				id, value = stored.Next()
			}
		}
	}
	var found []pipeline.Known
	for len(found) < page && (id != nil || len(changed) > 0) {
		if len(changed) == 0 || id != nil && pipeline.UserID(id) < changed[0] {
			u := &user{}
			u.decode(value)
			found = append(found, v.known(pipeline.UserID(id), u))
			id, value = stored.Next()
			continue
		}
		if id != nil && pipeline.UserID(id) == changed[0] {
			id, value = stored.Next()
		}
		found = append(found, v.known(changed[0], v.ledger.changed[userKey{v.target, changed[0]}]))
		changed = changed[1:]
	}
	return found, changed
}

func (v *view) known(id pipeline.UserID, u *user) pipeline.Known {
	k := pipeline.Known{User: id, InJob: slices.Contains(u.jobs, v.job), Pairs: make([]pipeline.KnownPair, len(u.pairs))}
	for i := range u.pairs {
		p := &u.pairs[i]
		k.Pairs[i] = pipeline.KnownPair{
			Source: pipeline.Source(v.ledger.names[p.source]), Workspace: p.workspace,
			Attached: p.attached, Percentage: p.percentage, At: p.at,
			Confirmed: p.confirmed && v.certain && p.at.After(v.floor),
			Ours:      v.certain && slices.Contains(p.owners, v.job), InJob: v.certain && slices.Contains(p.references, v.job),
			Claimed: slices.Contains(p.claims, v.job),
		}
		for _, other := range p.claims {
			if other != v.job {
				k.Pairs[i].OtherJob = v.ledger.names[other]
			}
		}
	}
	return k
}
