package pipeline

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"iter"
	"slices"
	"strings"
)

// Plan is what is to be sent for the rows of a run, and what became of them. It
// holds one part of the users in memory at a time; the rest waits in files of
// its directory. It is not for use from several goroutines.
type Plan struct {
	Counts
	rules  Rules
	ending Ending
	seed   maphash.Seed
	shards []*shard
	order  spool // per batch of rows, the number of the shard of each, or noShard
	over   []overAllocated
}

// Counts are the sums of a plan.
type Counts struct {
	Rows          int
	ByStatus      [statusCount]int // rows by what planning says of them: Planned, Invalid, Duplicate or Held
	Users         int              // that rows name
	Sending       int              // users with a request
	Open          int              // users with a request that earlier sessions did not settle
	Sent          int              // requests with an attempt; known after Judge
	Requests      int
	OverAllocated int // users
}

type overAllocated struct {
	first Place
	text  string
}

// compare orders places as the input has them.
func (p Place) compare(other Place) int {
	return cmp.Or(cmp.Compare(p.File, other.File), cmp.Compare(p.Line, other.Line))
}

// maxOverTexts bounds the over-allocated users that Warnings names.
const maxOverTexts = 20

// NewPlan reads all rows and plans them by the rules. past are the exchanges of
// earlier sessions of the run, nil for a new one; requests that they settle are
// not planned again. An error of rows or past is returned as it is. What
// doesn't fit in memory waits in files of dir, which Close removes.
func NewPlan(ctx context.Context, rows iter.Seq2[[]Row, error], past iter.Seq2[Exchange, error], rules Rules, dir string) (*Plan, error) {
	p := &Plan{rules: rules, seed: maphash.MakeSeed(), order: spool{dir: dir, limit: userLimit}}
	for range shardCount {
		p.shards = append(p.shards, newShard(dir))
	}
	read := func() error { return p.read(ctx, rows) }
	readPast := func() error {
		if past == nil {
			return nil
		}
		return p.spread(past, func(s *shard) *spool { return &s.past })
	}
	err := meanwhile(read, readPast)
	if err == nil {
		err = p.eachShard(p.plan)
	}
	if err != nil {
		return nil, errors.Join(err, p.Close())
	}
	for _, s := range p.shards {
		p.add(&s.counts)
		p.over = append(p.over, s.over...)
	}
	return p, nil
}

func (c *Counts) add(other *Counts) {
	for status := range c.ByStatus {
		c.ByStatus[status] += other.ByStatus[status]
	}
	c.Users += other.Users
	c.Sending += other.Sending
	c.Open += other.Open
	c.Requests += other.Requests
	c.OverAllocated += other.OverAllocated
}

// Close removes what waits in files.
func (p *Plan) Close() error {
	errs := []error{p.order.close()}
	for _, s := range p.shards {
		errs = append(errs, s.close())
	}
	return errors.Join(errs...)
}

func (p *Plan) shardOf(id UserID) uint8 {
	return uint8(maphash.String(p.seed, string(id)) % shardCount)
}

// read sorts the rows into shards. A row without a user needs no planning.
func (p *Plan) read(ctx context.Context, rows iter.Seq2[[]Row, error]) error {
	var record, order []byte
	for batch, err := range rows {
		if err = cmp.Or(err, context.Cause(ctx)); err != nil {
			return err
		}
		p.Rows += len(batch)
		order = order[:0]
		for i := range batch {
			row := &batch[i]
			if row.User == "" {
				p.ByStatus[Invalid]++
				order = append(order, noShard)
				continue
			}
			shard := p.shardOf(row.User)
			order = append(order, shard)
			record = appendEntry(record[:0], row)
			if err := p.shards[shard].rows.append(record); err != nil {
				return err
			}
		}
		if err := p.order.append(order); err != nil {
			return err
		}
	}
	return nil
}

// spread sorts exchanges into the shards of their users.
func (p *Plan) spread(exchanges iter.Seq2[Exchange, error], to func(*shard) *spool) error {
	var record []byte
	for e, err := range exchanges {
		if err != nil {
			return err
		}
		record = appendExchange(record[:0], &e)
		if err := to(p.shards[p.shardOf(e.User)]).append(record); err != nil {
			return err
		}
	}
	return nil
}

// plan rules on the rows of one shard and writes down what is to be sent.
func (p *Plan) plan(s *shard) error {
	groups, rows, err := s.groups()
	if err != nil {
		return err
	}
	past, err := histories(&s.past)
	if err != nil {
		return err
	}
	all := make([]ruling, rows)
	var rulings []ruling
	planner := planner{rules: p.rules}
	for i := range groups {
		g := &groups[i]
		rulings = slices.Grow(rulings[:0], len(g.entries))[:len(g.entries)]
		user := planner.user(g.id, g.entries, rulings)
		for j, at := range g.at {
			all[at] = rulings[j]
		}
		s.note(g, user, p.rules)
		if err := s.writeUser(g, user, rulings, past); err != nil {
			return err
		}
	}
	for key := range past {
		return fmt.Errorf("the journal has a request of user %q under %s that the input does not ask for", key.User, key.Source)
	}
	var record []byte
	for i := range all {
		s.counts.ByStatus[all[i].status]++
		record = appendVerdict(record[:0], &Verdict{Status: all[i].status, Reason: all[i].reason})
		if err := s.rulings.append(record); err != nil {
			return err
		}
	}
	return nil
}

// note adds a user to the sums and to the warnings.
func (s *shard) note(g *group, user userPlan, rules Rules) {
	s.counts.Users++
	s.counts.Requests += len(user.requests)
	if len(user.requests) > 0 {
		s.counts.Sending++
	}
	if !user.over {
		return
	}
	s.counts.OverAllocated++
	first := g.entries[0].Place
	s.over = append(s.over, overAllocated{first, fmt.Sprintf("%s:%d: user %q is asked for with %v %%, over the limit of %v %%",
		rules.Files[first.File], first.Line, g.id, user.requested, rules.Limit)})
	if len(s.over) > 2*maxOverTexts {
		s.over = firstOver(s.over)
	}
}

// firstOver returns those of the over-allocated users that appear first.
func firstOver(over []overAllocated) []overAllocated {
	slices.SortFunc(over, func(a, b overAllocated) int { return a.first.compare(b.first) })
	return over[:min(len(over), maxOverTexts)]
}

// Warnings names the first twenty users whose percentages add up to more than
// the limit, in order of first appearance; Counts has their number.
func (p *Plan) Warnings() []string {
	var texts []string
	for _, o := range firstOver(p.over) {
		texts = append(texts, o.text)
	}
	return texts
}

// writeUser writes down the facts about a user and, unless earlier sessions
// settled everything, its requests. It takes what it uses out of past.
func (s *shard) writeUser(g *group, user userPlan, rulings []ruling, past map[Key]History) error {
	first := g.entries[0].Place
	facts := UserLine{
		User: g.id, Rows: len(g.entries), Requested: user.requested, OverAllocated: user.over, Requests: len(user.requests),
		Worst: Duplicate,
	}
	for _, r := range rulings {
		if r.status.Worse(facts.Worst) {
			facts.Worst = r.status
		}
	}
	s.record = appendUserLine(s.record[:0], first, &facts)
	if err := s.facts.append(s.record); err != nil {
		return err
	}
	open, blocked := false, false
	for i := range user.requests {
		r := &user.requests[i]
		r.Past = past[r.Key()]
		delete(past, r.Key())
		if err := r.fits(); err != nil {
			return err
		}
		blocked = blocked && r.Chunk > 0
		done := blocked || r.settled()
		open = open || !done
		blocked = blocked || done && !r.Past.accepted()
	}
	if !open {
		return nil
	}
	s.counts.Open++
	s.record = appendUser(s.record[:0], first, User{g.id, user.requests})
	return s.sends.append(s.record)
}

// fits checks that what was sent before is what is planned now.
func (r Request) fits() error {
	for i := range r.Past {
		if e := &r.Past[i]; r.only(e.Only).Digest() != e.Digest {
			return fmt.Errorf("the journal's request of user %q under %s is not the one that the input asks for", r.User, r.Source)
		}
	}
	return nil
}

// TooManyInvalid says why the guard refuses the run, "" when it does not.
func (p *Plan) TooManyInvalid(maxInvalid Guard) string {
	invalid := p.ByStatus[Invalid]
	if !maxInvalid.Exceeded(invalid, p.Rows) {
		return ""
	}
	return fmt.Sprintf("invalid rows: %d of %d, more than --max-invalid %v", invalid, p.Rows, maxInvalid)
}

// Send returns the users that have something to send, in order of first
// appearance, each with its requests and what was sent for them before.
func (p *Plan) Send() iter.Seq2[User, error] {
	return func(yield func(User, error) bool) {
		for record, err := range merge(p.spools(func(s *shard) *spool { return &s.sends })) {
			c := cursor(strings.Clone(record))
			var user User
			if err == nil {
				user = c.user()
			}
			if !yield(user, err) || err != nil {
				return
			}
		}
	}
}

func (p *Plan) spools(which func(*shard) *spool) []*spool {
	spools := make([]*spool, len(p.shards))
	for i, s := range p.shards {
		spools[i] = which(s)
	}
	return spools
}
