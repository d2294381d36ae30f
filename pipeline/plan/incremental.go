package plan

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"hash/maphash"
	"slices"
	"time"

	"corattach/pipeline"
)

// Earlier is what earlier runs know, as planning asks for it.
type Earlier struct {
	Pairs        func(pipeline.UserID) []pipeline.KnownPair   // of one user
	SameIdentity func(pipeline.Identity) []pipeline.KnownPair // of one identity, over all users
	Now          time.Time
	MaxAge       time.Duration
	Tolerance    pipeline.Percent
}

// known returns what is known of a user's pairs.
func (e *Earlier) known(user pipeline.UserID) map[pipeline.Pair]*pipeline.KnownPair {
	known := make(map[pipeline.Pair]*pipeline.KnownPair)
	for _, k := range e.Pairs(user) {
		known[k.Pair] = &k
	}
	return known
}

// MarkUnchanged marks the rows of requests that COR has confirmed whole, and that
// nothing else in the input may change: they are not sent.
func (t *Table) MarkUnchanged(e Earlier) {
	unsure := t.unsure(e)
	for number := range t.Users() {
		u := t.Send(number)
		t.MarkConfirmed(e, &u, func(r *pipeline.Request) bool { return !slices.ContainsFunc(r.Rows, unsure) })
	}
}

// unsure returns what tells whether a planned row is of pairs that are spelled alike
// and asked for with several percentages, while COR has not told of each of them
// which user and workspace it is: they may be one, and then the later request wins.
func (t *Table) unsure(e Earlier) func(r int32) bool {
	seed := maphash.MakeSeed() // two spellings of one hash cost a request, no more
	spelling := func(r int32) uint64 {
		row := t.rows.at(r)
		return maphash.Comparable(seed, pipeline.Pair{User: pipeline.Spelling(t.UserID(int(row.user))), Workspace: pipeline.Spelling(t.workspace(row))})
	}
	type spelled struct {
		as uint64
		r  int32
	}
	all := make([]spelled, 0, t.Rows())
	for r := range t.rows.count {
		if t.rows.at(r).status == planned {
			all = append(all, spelled{spelling(r), r})
		}
	}
	slices.SortFunc(all, func(a, b spelled) int { return cmp.Compare(a.as, b.as) })
	isUntold := func(one spelled) bool {
		row := t.rows.at(one.r)
		k := e.known(t.UserID(int(row.user)))[t.pair(row)]
		return k == nil || !k.Identity.Known()
	}
	unsure := make(map[uint64]bool)
	for n := 1; len(all) > 0; n = 1 {
		first, several := all[0], false
		for n < len(all) && all[n].as == first.as {
			several = several || t.rows.at(all[n].r).percent != t.rows.at(first.r).percent
			n++
		}
		if several && slices.ContainsFunc(all[:n], isUntold) {
			unsure[first.as] = true
		}
		all = all[n:]
	}
	return func(r int32) bool { return len(unsure) > 0 && unsure[spelling(r)] }
}

// MarkConfirmed is MarkUnchanged for those requests of one user, as Send returns
// it, for which asked is true.
func (t *Table) MarkConfirmed(e Earlier, u *pipeline.User, asked func(*pipeline.Request) bool) {
	known, find := e.known(u.ID), t.Find()
	for i := range u.Requests {
		q := &u.Requests[i]
		isOpen := func(r int32) bool {
			row := t.rows.at(r)
			return !t.confirmed(e, find, known[t.pair(row)], row.percent)
		}
		if len(known) == 0 || !asked(q) || slices.ContainsFunc(q.Rows, isOpen) {
			continue
		}
		for _, r := range q.Rows {
			k := known[t.pair(t.rows.at(r))]
			t.markUnchanged(r, k.Identity, k.At)
		}
		t.users.at(int32(u.Number)).planned--
	}
}

// confirmed reports whether COR has confirmed a percentage of a pair, and not too long
// ago; all pairs of the same identity were confirmed with the same percentage, and the
// input asks for no other one.
func (t *Table) confirmed(e Earlier, find func(pipeline.Pair) Found, k *pipeline.KnownPair, percent int32) bool {
	asked := pipeline.Percent(percent)
	switch {
	case k == nil || !e.confirms(k, asked):
		return false
	case !k.Identity.Known():
		return true
	}
	return !slices.ContainsFunc(e.SameIdentity(k.Identity), func(other pipeline.KnownPair) bool {
		if other.Pair == k.Pair {
			return false
		}
		if other.Attached && !(other.Confirmed && asked.Near(other.Percentage, e.Tolerance)) {
			return true
		}
		found := find(other.Pair)
		row := t.rows.at(found.row)
		return found.Named && (row.status == planned || row.status == unchanged) && row.percent != percent
	})
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

func (t *Table) markUnchanged(r int32, identity pipeline.Identity, at time.Time) {
	t.makeAnswers()
	t.mark(r, unchanged, 0)
	t.answers[r] = answer{identity: identity, sentAt: at.UnixNano()}
}

// Changed counts the pairs to be sent that COR last returned as attached, and those
// of them for which the input asks for another percentage.
func (t *Table) Changed(e Earlier) (changed, attached int) {
	for number := range t.Users() {
		if t.users.at(int32(number)).planned == 0 {
			continue
		}
		known := e.known(t.UserID(number))
		for _, r := range t.rowsOf(number) {
			row := t.rows.at(r)
			if k := known[t.pair(row)]; row.status == planned && k != nil && k.Attached {
				attached++
				if !pipeline.Percent(row.percent).Near(k.Percentage, e.Tolerance) {
					changed++
				}
			}
		}
	}
	return changed, attached
}

// Protect marks a planned row of a detach that is not sent, with the reason why.
func (t *Table) Protect(r int32, reason string) {
	t.mark(r, protected, t.reasons.add(reason, 0))
	t.countRequests(t.rows.at(r).user)
}

// Decide marks decisions that were made when the run began. A pair that the user has
// no planned row of is an error: the journal does not belong to the input.
func (t *Table) Decide(user pipeline.UserID, decisions []pipeline.Decision) error {
	find := t.Find()
	for _, d := range decisions {
		found := find(pipeline.Pair{User: user, Source: d.Source, Workspace: d.Workspace})
		switch {
		case !found.Planned:
			return fmt.Errorf("the journal names workspace %q of user %q under %s, which the input does not send", d.Workspace, user, d.Source)
		case d.Status == pipeline.Protected:
			t.Protect(found.row, d.Reason)
		default:
			t.markUnchanged(found.row, d.Identity, d.At)
		}
	}
	if number := t.User(user); number >= 0 {
		t.countRequests(int32(number))
	}
	return nil
}

// countRequests counts what planning sends for a user, after a decision on its rows.
func (t *Table) countRequests(number int32) {
	t.users.at(number).planned = int32(len(t.Send(int(number)).Requests))
}

// Decisions returns what was decided for a user, as Decide takes it.
func (t *Table) Decisions(number int) []pipeline.Decision {
	var all []pipeline.Decision
	for _, r := range t.rowsOf(number) {
		row := t.rows.at(r)
		d := pipeline.Decision{Source: t.source(row), Workspace: t.workspace(row), Status: t.statuses[row.status]}
		switch row.status {
		case unchanged:
			a := &t.answers[r]
			d.Identity, d.At = a.identity, time.Unix(0, a.sentAt).UTC()
		case protected:
			d.Reason = t.reasons.at(row.reason)
		default:
			continue
		}
		all = append(all, d)
	}
	return all
}
