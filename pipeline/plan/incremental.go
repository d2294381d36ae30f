package plan

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"slices"
	"time"

	"corattach/pipeline"
)

// Earlier is what earlier runs know, as planning asks for it. An error of its
// funcs is returned as it is.
type Earlier struct {
	Pairs        func(pipeline.UserID) ([]pipeline.KnownPair, error)   // of one user
	SameIdentity func(pipeline.Identity) ([]pipeline.KnownPair, error) // of one identity, over all users
	Now          time.Time
	MaxAge       time.Duration
	Tolerance    pipeline.Percent
}

// MarkUnchanged marks the rows of requests that COR has confirmed whole, and that
// nothing else in the input may change: they are not sent.
func (t *Table) MarkUnchanged(e Earlier) error {
	disputed, err := t.disputed(e)
	if err != nil {
		return err
	}
	sure := func(r *pipeline.Request) bool {
		return len(disputed) == 0 || !slices.ContainsFunc(r.Shares, func(s pipeline.Share) bool {
			return disputed[pipeline.Pair{User: pipeline.Spelling(r.User), Workspace: pipeline.Spelling(s.Workspace)}]
		})
	}
	for number := range t.Users() {
		u := t.Send(number)
		if err := t.MarkConfirmed(e, &u, sure); err != nil {
			return err
		}
	}
	return nil
}

// MarkConfirmed is MarkUnchanged for those requests of one user, as Send returns
// it, for which asked is true.
func (t *Table) MarkConfirmed(e Earlier, u *pipeline.User, asked func(*pipeline.Request) bool) error {
	if len(u.Requests) == 0 {
		return nil
	}
	pairs, err := e.Pairs(u.ID)
	if err != nil || len(pairs) == 0 {
		return err
	}
	known := indexPairs(pairs)
	for i := range u.Requests {
		if !asked(&u.Requests[i]) {
			continue
		}
		confirmed, err := t.confirmed(e, &u.Requests[i], known)
		if err != nil {
			return err
		}
		for j, k := range confirmed {
			t.markUnchanged(u.Rows[i][j], k.Identity, k.At)
		}
		t.recount(u.Number)
	}
	return nil
}

func indexPairs(pairs []pipeline.KnownPair) map[pipeline.Pair]*pipeline.KnownPair {
	known := make(map[pipeline.Pair]*pipeline.KnownPair, len(pairs))
	for i := range pairs {
		known[pairs[i].Pair] = &pairs[i]
	}
	return known
}

// confirmed returns what is known of each share of a request that COR has
// confirmed whole, nil for any other.
func (t *Table) confirmed(e Earlier, r *pipeline.Request, known map[pipeline.Pair]*pipeline.KnownPair) ([]*pipeline.KnownPair, error) {
	all := make([]*pipeline.KnownPair, len(r.Shares))
	for i, share := range r.Shares {
		k := known[pipeline.Pair{User: r.User, Source: r.Source, Workspace: share.Workspace}]
		if k == nil || !e.confirms(k, share.Percent) {
			return nil, nil
		}
		agreed, err := t.agreed(e, k, share.Percent)
		if err != nil || !agreed {
			return nil, err
		}
		all[i] = k
	}
	return all, nil
}

// confirms reports whether COR has confirmed a percentage, and not too long ago.
// Each user's confirmations run out at a time of their own, between half of MaxAge
// and all of it, so that they don't all run out in one night. A confirmation from
// the future proves nothing: a clock was wrong.
func (e *Earlier) confirms(k *pipeline.KnownPair, asked pipeline.Percent) bool {
	hash := sha256.Sum256([]byte(k.User))
	limit := e.MaxAge/2 + time.Duration(float64(e.MaxAge/2)*float64(binary.BigEndian.Uint32(hash[:]))/(1<<32))
	age := e.Now.Sub(k.At)
	return k.Confirmed && asked.Near(k.Percentage, e.Tolerance) && age >= 0 && age <= limit
}

// agreed reports whether all pairs of the same identity were confirmed with the
// same percentage, and the input asks for no other one.
func (t *Table) agreed(e Earlier, k *pipeline.KnownPair, asked pipeline.Percent) (bool, error) {
	if !k.Identity.Known() {
		return true, nil
	}
	others, err := e.SameIdentity(k.Identity)
	if err != nil {
		return false, err
	}
	for i := range others {
		other := &others[i]
		if other.Pair == k.Pair {
			continue
		}
		wanted, found := t.asked(other.Pair)
		if found && wanted != asked || other.Attached && !(other.Confirmed && asked.Near(other.Percentage, e.Tolerance)) {
			return false, nil
		}
	}
	return true, nil
}

// asked returns the percentage that the input asks for, of a pair that is going to
// be sent or was confirmed.
func (t *Table) asked(p pipeline.Pair) (pipeline.Percent, bool) {
	number := t.User(p.User)
	if number < 0 {
		return 0, false
	}
	for _, r := range t.rowsOf(t.users.at(int32(number))) {
		row := t.rows.at(r)
		if (row.status == planned || row.status == unchanged) && t.workspace(row) == p.Workspace && t.source(row) == p.Source {
			return t.percent(row), true
		}
	}
	return 0, false
}

func (t *Table) markUnchanged(r int32, identity pipeline.Identity, at time.Time) {
	t.makeAnswers()
	row := t.rows.at(r)
	row.status, row.reason = unchanged, 0
	*t.answers.at(r) = answer{identity: identity, sentAt: at.UnixNano()}
}

// Changed counts the pairs to be sent that COR last returned as attached, and those
// of them for which the input asks for another percentage.
func (t *Table) Changed(e Earlier) (changed, confirmed int, err error) {
	for number := range t.Users() {
		requests, _ := t.requests(number)
		if len(requests) == 0 {
			continue
		}
		pairs, err := e.Pairs(t.UserID(number))
		if err != nil {
			return 0, 0, err
		}
		known := indexPairs(pairs)
		for _, r := range requests {
			for _, share := range r.Shares {
				k := known[pipeline.Pair{User: r.User, Source: r.Source, Workspace: share.Workspace}]
				if k == nil || !k.Attached {
					continue
				}
				confirmed++
				if !share.Percent.Near(k.Percentage, e.Tolerance) {
					changed++
				}
			}
		}
	}
	return changed, confirmed, nil
}

// Protect marks a planned row of a detach that is not sent, with the reason why.
func (t *Table) Protect(r int32, reason string) {
	row := t.rows.at(r)
	row.status, row.reason = protected, t.texts.add(reason)
	t.recount(int(*t.userCells.meaning(row.user)))
}

// recount counts the planned requests of a user anew, some of whose rows are not
// sent after all.
func (t *Table) recount(number int) {
	u := t.users.at(int32(number))
	u.planned = (&planner{rows: t.rowsOf(u)}).requests(t)
}

// Decide marks decisions that were made when the run began. A pair that the user has
// no planned row of is an error: the journal does not belong to the input.
func (t *Table) Decide(user pipeline.UserID, decisions []pipeline.Decision) error {
	number := t.User(user)
	rows := make(map[pairKey]int32)
	if number >= 0 {
		for _, r := range t.rowsOf(t.users.at(int32(number))) {
			if row := t.rows.at(r); row.status == planned {
				rows[t.key(row)] = r
			}
		}
	}
	for _, d := range decisions {
		key, _ := t.keyOf(d.Source, d.Workspace)
		r, found := rows[key]
		switch {
		case !found:
			return fmt.Errorf("the journal names workspace %q of user %q under %s, which the input does not send", d.Workspace, user, d.Source)
		case d.Status == pipeline.Protected:
			t.Protect(r, d.Reason)
		default:
			t.markUnchanged(r, d.Identity, d.At)
		}
	}
	return nil
}

// Decisions returns what was decided for a user, as Decide takes it.
func (t *Table) Decisions(number int) []pipeline.Decision {
	var all []pipeline.Decision
	for _, r := range t.rowsOf(t.users.at(int32(number))) {
		row := t.rows.at(r)
		d := pipeline.Decision{Source: t.source(row), Workspace: t.workspace(row), Status: t.statuses[row.status]}
		switch row.status {
		case unchanged:
			a := t.answers.at(r)
			d.Identity, d.At = a.identity, time.Unix(0, a.sentAt).UTC()
		case protected:
			d.Reason = t.texts.at(row.reason)
		default:
			continue
		}
		all = append(all, d)
	}
	return all
}
