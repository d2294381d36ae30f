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
	store  *store
	shards []*shard
	order  spool // per row the number of its shard, or noShard
	over   []overAllocated
	unsure bool // a record does not tell for sure what it is about
	judged bool // ending is known

	fresh bool // a new run: what to make of what is known is decided now
}

// Counts are the sums of a plan.
type Counts struct {
	Rows          int
	ByStatus      [statusCount]int // rows by what planning says of them: Planned, Invalid, Duplicate or Held
	Users         int              // that rows name
	Sending       int              // users with a request
	Open          int              // users with a request that earlier sessions did not settle
	Sent          int              // requests with an attempt; known after Judge
	NotSent       int              // rows that were to be sent, and were not; known after Judge
	Requests      int
	OverAllocated int // users
	Reference
}

// Reference counts what the job's reference has, and what of it the input has
// no more.
type Reference struct {
	JobRows, JobUsers   int // JobRows are distinct pairs
	GoneRows, GoneUsers int
}

// Before is what is known before the rows are planned. The zero value is a new
// run that knows nothing.
type Before struct {
	Exchanges iter.Seq2[Exchange, error] // of the run's earlier sessions; what they settle is not sent again, and Judge has them
	Vanished  iter.Seq2[Vanished, error] // as the run's first session decided, each user's together
	Known     iter.Seq2[Known, error]    // what the ledger holds of the target, each user once
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

// NewPlan reads all rows and plans them by the rules. An error of rows or of
// before is returned as it is. What doesn't fit in memory waits in files of
// dir, which Close removes.
func NewPlan(ctx context.Context, rows iter.Seq2[Batch, error], before Before, rules Rules, dir string) (*Plan, error) {
	store := &store{dir: dir}
	p := &Plan{rules: rules, seed: maphash.MakeSeed(), store: store, order: spool{store: store, limit: rowsLimit}}
	p.fresh = before.Vanished == nil
	for range shardCount {
		p.shards = append(p.shards, newShard(store))
	}
	past := func() error { return nil }
	if before.Exchanges != nil {
		past = func() error { return p.spread(before.Exchanges, func(s *shard) *spool { return &s.past }) }
	}
	err := meanwhile(func() error { return p.read(ctx, rows) }, past)
	if err == nil {
		err = p.remember(before)
	}
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
	c.Reference.add(other.Reference)
}

// Close removes what waits in files.
func (p *Plan) Close() error { return p.store.close() }

// plan rules on the rows of one shard and writes down what is to be sent.
func (p *Plan) plan(t *table, s *shard) error {
	if err := t.load(s); err != nil {
		return err
	}
	past, err := historiesOf(&s.past)
	if err != nil {
		return err
	}
	earlier, err := s.earlier()
	if err != nil {
		return err
	}
	t.clear()
	for g := range t.groups() {
		rulings := t.scratch(len(g.entries))
		user := t.user(g.id, g.entries, rulings)
		if err := p.look(s, earlier.of(g.id), g, rulings, &user); err != nil {
			return err
		}
		s.note(g, user, p.rules)
		if err := s.writeFacts(g, user, rulings); err != nil {
			return err
		}
		sends, err := s.writeUser(p.keep(&s.sends), g.entries[0].Place, g.id, &user, past)
		if err != nil {
			return err
		}
		t.mark(g, rulings, sends)
	}
	if err := p.planVanished(s, earlier, past); err != nil {
		return err
	}
	for key := range past {
		return fmt.Errorf("the journal has a request of user %q under %s that the input does not ask for", key.User, key.Source)
	}
	return s.writeRulings(t)
}

// note adds a user to the sums and to the warnings.
func (s *shard) note(g *group, user userPlan, rules Rules) {
	s.counts.Users++
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

// writeFacts writes down what is known of a user with rows.
func (s *shard) writeFacts(g *group, user userPlan, rulings []ruling) error {
	facts := UserLine{
		User: g.id, Rows: len(g.entries), Requested: user.requested, OverAllocated: user.over, Requests: len(user.requests),
		Worst: Duplicate,
	}
	for _, r := range rulings {
		if r.status.Worse(facts.Worst) {
			facts.Worst = r.status
		}
	}
	s.record = appendUserLine(s.record[:0], &facts)
	return s.facts.append(s.record)
}

// keep returns the spool for what is to be sent; nil when nothing is.
func (p *Plan) keep(sends *spool) *spool {
	if p.rules.Unsent {
		return nil
	}
	return sends
}

// writeUser writes down a user's vanished pairs and, unless earlier sessions or
// runs settled everything, its requests to sends, if there is such: then it is
// true. It takes what it uses out of past.
func (s *shard) writeUser(sends *spool, at Place, id UserID, user *userPlan, past map[Key]History) (bool, error) {
	for i := range user.vanished {
		s.record = appendVanished(s.record[:0], at, &user.vanished[i])
		if err := s.vanished.append(s.record); err != nil {
			return false, err
		}
	}
	sending, open, blocked := false, false, false
	stuck := false // a row stays unsent: nothing is detached
	for i := range user.requests {
		r := &user.requests[i]
		if then, found := past[r.Key()]; found {
			r.Past = then
			delete(past, r.Key())
		}
		if err := r.fits(); err != nil {
			return false, err
		}
		if !r.Past.unchanged() {
			sending = true
			s.counts.Requests++
		}
		blocked = blocked && r.Chunk > 0 || stuck && r.Vanished
		stuck = stuck || blocked && !r.Vanished
		done := blocked || r.settled()
		open = open || !done
		blocked = blocked || done && !r.Past.accepted()
	}
	if sending {
		s.counts.Sending++
	}
	if !open {
		return false, nil
	}
	s.counts.Open++
	if sends == nil {
		return false, nil
	}
	s.record = appendUser(s.record[:0], at, User{id, user.requests})
	return true, sends.append(s.record)
}

// fits checks that what was sent before is what is planned now.
func (r Request) fits() error {
	for i := range r.Past {
		if e := &r.Past[i]; !slices.Equal(r.only(e.Only).Shares, e.Shares) {
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
// appearance, each with its requests and what was sent for them before; after
// them those without a row. Under Rules.Unsent there are none.
func (p *Plan) Send() iter.Seq2[User, error] {
	return func(yield func(User, error) bool) {
		one := func(record string, err error) bool {
			c := cursor(record)
			var user User
			if err == nil {
				user = c.user()
			}
			return yield(user, err) && err == nil
		}
		for record, err := range p.users(markSends, func(s *shard) *spool { return &s.sends }) {
			if !one(string(record), err) {
				return
			}
		}
		for record, err := range merge(p.spools(func(s *shard) *spool { return &s.absent }), byPlace) {
			if !one(strings.Clone(record), err) {
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
