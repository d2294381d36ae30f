package pipeline

import (
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
)

// Ending says what becomes of rows that were never sent.
type Ending struct {
	DryRun bool   // and nothing stood in the way: they are Planned
	Reason string // why they were not sent; used unless DryRun
}

// Judge gives a verdict on every row from all exchanges of the run: those that
// the plan was made with, and these, which came after them. It is to be called
// once, after the last exchange and before Lines and UserLines.
func (p *Plan) Judge(exchanges iter.Seq2[Exchange, error], end Ending) error {
	p.ending = end
	if err := p.spread(exchanges, func(s *shard) *spool { return &s.news }); err != nil {
		return err
	}
	if err := p.eachShard(p.judge); err != nil {
		return err
	}
	for _, s := range p.shards {
		p.Sent += s.counts.Sent
	}
	return nil
}

// judge judges a shard. Without any exchange what planning said still holds.
func (p *Plan) judge(s *shard) error {
	if s.past.count+s.news.count == 0 {
		return nil
	}
	s.judged = true
	groups, rows, err := s.groups()
	if err != nil {
		return err
	}
	verdicts, err := s.readRulings(rows)
	if err != nil {
		return err
	}
	histories, err := histories(&s.past, &s.news)
	if err != nil {
		return err
	}
	for _, h := range histories {
		if slices.ContainsFunc(h, func(e Exchange) bool { return e.Sent() }) {
			s.counts.Sent++
		}
	}
	planner := planner{rules: p.rules}
	facts := s.facts.reader()
	for i := range groups {
		g := &groups[i]
		record, err := facts.next()
		if err != nil {
			return err
		}
		c := cursor(record)
		line := c.userLine()
		planner.judge(g, histories, p.ending, verdicts, &line)
		if err := s.lines.append(appendUserLine(nil, g.entries[0].Place, &line)); err != nil {
			return err
		}
	}
	var record []byte
	for i := range verdicts {
		record = appendVerdict(record[:0], &verdicts[i])
		if err := s.verdicts.append(record); err != nil {
			return err
		}
	}
	return nil
}

// judge gives the verdicts on the rows of one user that planning would send,
// and completes its line.
func (p *planner) judge(g *group, histories map[Key]History, end Ending, verdicts []Verdict, line *UserLine) {
	if line.Requests == 0 {
		return
	}
	p.findPairs(g.entries)
	requests := p.requests(g.id, g.entries)
	sent := make(map[pair]Verdict, len(g.entries))
	reason, blocked := end.Reason, false
	for i := range requests {
		r := &requests[i]
		r.Past = histories[r.Key()]
		if r.Chunk == 0 {
			reason, blocked = end.Reason, false
		} else if previous := &requests[i-1]; len(previous.Past) > 0 && !previous.Past.accepted() {
			reason = fmt.Sprintf("chunk %d of the request was not accepted", r.Chunk)
			blocked = previous.settled()
		}
		for i, v := range r.Past.Judge(r.Source, r.Shares...) {
			r.complete(&v, end, reason)
			v.Blocked = blocked && v.Status == NotSent
			sent[pair{r.Source, r.Shares[i].Workspace}] = v
		}
	}
	line.addAnswers(requests, sent)
	line.Worst = Duplicate
	for j, e := range g.entries {
		v := &verdicts[g.at[j]]
		if v.Status == Planned {
			*v = sent[pair{e.source, e.workspace}]
		}
		if v.Status.Worse(line.Worst) {
			line.Worst = v.Status
		}
	}
}

// complete says of a request for which nothing was sent why not.
func (r *Request) complete(v *Verdict, end Ending, reason string) {
	switch {
	case len(r.Past) > 0:
	case end.DryRun:
		v.Status = Planned
	default:
		v.Reason = reason
	}
}

// addAnswers notes what COR returned in its last answer about the user, and the
// pairs in any of its answers that are not in sent.
func (u *UserLine) addAnswers(requests []Request, sent map[pair]Verdict) {
	var last *Exchange
	extras := make(map[Pivot]int)
	for i := range requests {
		for j := range requests[i].Past {
			e := &requests[i].Past[j]
			if e.Answer == nil {
				continue
			}
			if last == nil || e.At.After(last.At) {
				last = e
			}
			for _, pivot := range e.Answer.Pivots {
				if _, listed := sent[pair{pivot.Source, pivot.Workspace}]; !listed {
					u.addExtra(extras, pivot)
				}
			}
		}
	}
	if last == nil {
		return
	}
	var returned []string
	for _, pivot := range last.Answer.Pivots {
		returned = append(returned, pivot.Percentage)
	}
	u.Returned = SumReturned(returned)
}

// addExtra adds a pair to the extras; of several mentions the last one stands.
func (u *UserLine) addExtra(index map[Pivot]int, pivot Pivot) {
	key := Pivot{Workspace: pivot.Workspace, Source: pivot.Source}
	if pivot.Workspace == "" {
		key.WorkspaceID = pivot.WorkspaceID
	}
	if at, found := index[key]; found {
		u.Extras[at] = pivot
		return
	}
	index[key] = len(u.Extras)
	u.Extras = append(u.Extras, pivot)
}

// Lines sets every row against its verdict. rows are to be the same as those the
// plan was made of, in their order; of a row that asks for nothing more only its
// place, cells and Raw are looked at, and any other is given to complete before,
// which fills in the rest. The Line is valid until the next one.
func (p *Plan) Lines(rows iter.Seq2[[]Row, error], complete func(*Row)) iter.Seq2[*Line, error] {
	return func(yield func(*Line, error) bool) {
		v := p.verdicts()
		var line Line
		for batch, err := range rows {
			if err != nil {
				yield(nil, err)
				return
			}
			for i := range batch {
				line.Row = batch[i]
				if line.Verdict, err = v.next(); err != nil {
					err = fmt.Errorf("the second reading of the input is not like the first at line %d of %s: %w",
						line.Line, p.rules.Files[line.File], err)
				} else if !line.Status.Settled() {
					complete(&line.Row)
					if line.Status == Invalid && line.Reason == "" {
						line.Reason = line.Problem
					}
				}
				if !yield(&line, err) || err != nil {
					return
				}
			}
		}
		if _, err := v.next(); err != io.EOF {
			yield(nil, errors.New("the second reading of the input has fewer rows than the first"))
		}
	}
}

// verdicts reads the verdicts on all rows in input order.
type verdicts struct {
	ending Ending
	order  *spoolReader
	batch  []byte // shards of the next rows, see Plan.order
	shards []*spoolReader
}

func (p *Plan) verdicts() *verdicts {
	v := &verdicts{ending: p.ending, order: p.order.reader()}
	for _, s := range p.shards {
		from := &s.rulings
		if s.judged {
			from = &s.verdicts
		}
		v.shards = append(v.shards, from.reader())
	}
	return v
}

// next returns the verdict on the next row, and io.EOF after the last one.
func (v *verdicts) next() (Verdict, error) {
	if len(v.batch) == 0 {
		var err error
		if v.batch, err = v.order.next(); err != nil {
			return Verdict{}, err
		}
	}
	shard := v.batch[0]
	v.batch = v.batch[1:]
	if shard == noShard {
		return Verdict{Status: Invalid}, nil
	}
	record, err := v.shards[shard].next()
	if err != nil {
		return Verdict{}, err
	}
	c := cursor(record)
	verdict := c.verdict()
	if verdict.Status == Planned && !v.ending.DryRun {
		verdict.Status, verdict.Reason = NotSent, v.ending.Reason
	}
	return verdict, nil
}

// UserLines returns the users in order of first appearance, each with the sum
// of its rows.
func (p *Plan) UserLines() iter.Seq2[UserLine, error] {
	return func(yield func(UserLine, error) bool) {
		lines := p.spools(func(s *shard) *spool {
			if s.judged {
				return &s.lines
			}
			return &s.facts
		})
		for record, err := range merge(lines) {
			var line UserLine
			if err == nil {
				c := cursor(record)
				line = c.userLine()
			}
			if line.Worst == Planned && !p.ending.DryRun {
				line.Worst = NotSent
			}
			if !yield(line, err) || err != nil {
				return
			}
		}
	}
}
