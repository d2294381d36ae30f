package pipeline

import (
	"cmp"
	"fmt"
	"iter"
	"slices"
	"strings"
)

// What earlier runs know of a shard's users, and what the plan makes of it.

// remember sorts what earlier runs know into the shards of their users. Each
// record stands behind its number, in the place of a line that no file has: so
// users without rows come after all others.
func (p *Plan) remember(before Before) error {
	at := Place{File: len(p.rules.Files)}
	if before.Known != nil {
		if err := p.spreadKnown(before.Known, &at, func(s *shard) *spool { return &s.known }); err != nil {
			return err
		}
	}
	var record []byte
	if before.Vanished != nil {
		for v, err := range before.Vanished {
			if err != nil {
				return err
			}
			at.Line++
			record = appendVanished(record[:0], at, &v)
			if err := p.shards[p.shardOf(v.User)].decided.append(record); err != nil {
				return err
			}
		}
	}
	return nil
}

// spreadKnown sorts what is known into the shards, behind places after at.
func (p *Plan) spreadKnown(known iter.Seq2[Known, error], at *Place, to func(*shard) *spool) error {
	var record []byte
	for k, err := range known {
		if err != nil {
			return err
		}
		at.Line++
		record = appendKnown(record[:0], *at, &k)
		if err := to(p.shards[p.shardOf(k.User)]).append(record); err != nil {
			return err
		}
	}
	return nil
}

// earlierUser is what earlier runs know of one user.
type earlierUser struct {
	at      Place
	known   *Known
	decided []Vanished
}

// earlier is what earlier runs know of a shard's users.
type earlier map[UserID]*earlierUser

func (s *shard) earlier() (earlier, error) {
	users, err := s.known.known()
	if err != nil {
		return nil, err
	}
	for c, err := range s.decided.records() {
		if err != nil {
			return nil, err
		}
		at, v := c.vanished()
		if users[v.User] == nil {
			users[v.User] = &earlierUser{at: at}
		}
		users[v.User].decided = append(users[v.User].decided, v)
	}
	return users, nil
}

// known reads what is known of users.
func (s *spool) known() (earlier, error) {
	users := make(earlier)
	for c, err := range s.records() {
		if err != nil {
			return nil, err
		}
		at, known := c.known()
		users[known.User] = &earlierUser{at: at, known: known}
	}
	return users, nil
}

// of returns what is known of a user and takes it out; nil when it is nothing.
func (e earlier) of(id UserID) *earlierUser {
	user := e[id]
	delete(e, id)
	return user
}

// look compares a user's rows with what earlier runs know: it leaves out what
// COR has confirmed, and finds the pairs that have vanished.
func (p *Plan) look(s *shard, known *earlierUser, g *group, rulings []ruling, user *userPlan) error {
	hold := p.hold()
	invalid := slices.IndexFunc(rulings, func(r ruling) bool { return r.status == Invalid })
	if hold == "" && invalid >= 0 {
		hold = fmt.Sprintf("not to be detached: %s, of this user, is invalid", p.rules.at(g.entries[invalid].Place, Place{File: -1}))
	}
	if known == nil {
		return nil
	}
	index := known.known.index()
	if !p.fresh {
		index = nil
	}
	for i := range user.requests {
		r := &user.requests[i]
		p.rules.recall(r, index)
		if !r.Past.unchanged() {
			continue
		}
		if err := s.writeRecalled(g.entries[0].Place, &r.Past[0]); err != nil {
			return err
		}
	}
	p.addVanished(s, known, g.entries, hold, user)
	return nil
}

// hold says why nothing may be detached at all, "" when nothing stands in the
// way.
func (p *Plan) hold() string {
	if p.unsure {
		return "not to be detached: a record of the input does not tell for sure what it is about"
	}
	return ""
}

func (p *Plan) addVanished(s *shard, known *earlierUser, rows []entry, hold string, user *userPlan) {
	user.vanished = known.decided
	if p.fresh {
		var reference Reference
		user.vanished, reference = p.rules.Nightly.vanished(known.known, rows, hold)
		s.counts.Reference.add(reference)
	}
	user.requests = append(user.requests, p.rules.detaches(user.vanished)...)
}

// planVanished plans for the users that the input does not name. It takes what
// it uses out of past.
func (p *Plan) planVanished(s *shard, users earlier, past map[Key]History) error {
	left := make([]UserID, 0, len(users))
	for id := range users {
		left = append(left, id)
	}
	slices.SortFunc(left, func(a, b UserID) int { return cmp.Compare(users[a].at.Line, users[b].at.Line) })
	for _, id := range left {
		var user userPlan
		p.addVanished(s, users[id], nil, p.hold(), &user)
		if _, err := s.writeUser(p.keep(&s.absent), users[id].at, id, &user, past); err != nil {
			return err
		}
	}
	return nil
}

func (s *shard) writeRecalled(at Place, e *Exchange) error {
	s.record = appendExchange(appendPlace(s.record[:0], at), e)
	return s.recalled.append(s.record)
}

// Unchanged returns the requests that are not sent because COR had confirmed
// them before, in the order in which they would be sent. A run keeps them in its
// journal: they are part of what Judge is given.
func (p *Plan) Unchanged() iter.Seq2[Exchange, error] {
	return func(yield func(Exchange, error) bool) {
		for record, err := range merge(p.spools(func(s *shard) *spool { return &s.recalled }), byPlace) {
			var e Exchange
			if err == nil {
				c := cursor(strings.Clone(record))
				c.place()
				e = c.exchange()
			}
			if !yield(e, err) || err != nil {
				return
			}
		}
	}
}

// Vanished returns the vanished pairs: users in order of first appearance, after
// them those that the input does not name. Before Judge they are as planned, and
// a new run keeps them in its journal; after it they have their results.
func (p *Plan) Vanished() iter.Seq2[Vanished, error] {
	return func(yield func(Vanished, error) bool) {
		spools := p.spools(func(s *shard) *spool {
			if s.judged {
				return &s.settled
			}
			return &s.vanished
		})
		for record, err := range merge(spools, byPlace) {
			var v Vanished
			if err == nil {
				c := cursor(strings.Clone(record))
				_, v = c.vanished()
			}
			if p.judged && v.Result == DetachPlanned && !p.ending.DryRun {
				v.Result, v.Reason, v.Resumable = DetachNotSent, p.ending.Reason, true
			}
			if !yield(v, err) || err != nil {
				return
			}
		}
	}
}

// settleVanished writes down what became of a shard's vanished pairs. rows is what
// the rows say of the users that have any.
func (p *Plan) settleVanished(s *shard, histories map[Key]History, rows map[UserID]unsent) error {
	var user []Vanished
	var at Place
	flush := func() error {
		if len(user) > 0 {
			why, found := rows[user[0].User]
			if !found {
				why.reason = p.ending.Reason
			}
			p.rules.settle(user, histories, why, p.ending.DryRun)
		}
		for i := range user {
			s.record = appendVanished(s.record[:0], at, &user[i])
			if err := s.settled.append(s.record); err != nil {
				return err
			}
		}
		user = user[:0]
		return nil
	}
	for c, err := range s.vanished.records() {
		if err != nil {
			return err
		}
		place, v := c.vanished()
		if len(user) > 0 && user[0].User != v.User {
			if err := flush(); err != nil {
				return err
			}
		}
		at = place
		user = append(user, v)
	}
	return flush()
}
