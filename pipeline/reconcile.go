package pipeline

import (
	"fmt"
	"iter"
)

// Ending says what becomes of rows that were never sent.
type Ending struct {
	DryRun bool   // and nothing stood in the way: they are Planned
	Reason string // why they were not sent; used unless DryRun
}

// Judge gives a verdict on every row from all exchanges of the run, of every
// session. It is to be called once, after the last exchange and before Lines
// and UserLines.
func (p *Plan) Judge(exchanges iter.Seq2[Exchange, error], end Ending) error {
	if err := p.spread(exchanges, func(s *shard) *spool { return &s.news }); err != nil {
		return err
	}
	for _, s := range p.shards {
		if err := p.judge(s, end); err != nil {
			return err
		}
	}
	return nil
}

func (p *Plan) judge(s *shard, end Ending) error {
	groups, rows, err := s.groups()
	if err != nil {
		return err
	}
	if err := s.readRulings(groups, rows); err != nil {
		return err
	}
	histories, err := s.news.histories()
	if err != nil {
		return err
	}
	p.Sent += len(histories)
	verdicts := make([]Verdict, rows)
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
		planner.judge(g, histories, end, verdicts, &line)
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

// judge gives the verdicts on the rows of one user, and completes its line.
func (p *planner) judge(g *group, histories map[Key]History, end Ending, verdicts []Verdict, line *UserLine) {
	sent := make(map[pair]Verdict)
	p.findPairs(g.entries)
	if line.Requests > 0 {
		requests := p.requests(g.id, g.entries)
		for i := range requests {
			r := &requests[i]
			r.Past = histories[r.Key()]
			reason := end.Reason
			if i > 0 && r.Chunk > 0 && len(requests[i-1].Past) > 0 && !requests[i-1].Past.accepted() {
				reason = fmt.Sprintf("chunk %d of the request was not accepted", r.Chunk)
			}
			for _, share := range r.Shares {
				sent[pair{r.Source, share.Workspace}] = r.verdict(share, end, reason)
			}
		}
		line.addAnswers(requests, sent)
	}
	line.Worst = Duplicate
	for j, e := range g.entries {
		v := Verdict{Status: g.rulings[j].status, Reason: g.rulings[j].reason}
		if v.Status == Planned {
			v = sent[pair{e.source, e.workspace}]
		}
		verdicts[g.at[j]] = v
		if v.Status.Worse(line.Worst) {
			line.Worst = v.Status
		}
	}
}

func (r *Request) verdict(share Share, end Ending, reason string) Verdict {
	v := r.Past.Judge(r.Source, share)
	switch {
	case len(r.Past) > 0:
	case end.DryRun:
		v.Status = Planned
	default:
		v.Reason = reason
	}
	return v
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

// Lines sets every row against its verdict. rows are to be the same as those
// the plan was made of. The Line is valid until the next one.
func (p *Plan) Lines(rows iter.Seq2[[]Row, error]) iter.Seq2[*Line, error] {
	return func(yield func(*Line, error) bool) {
		readers := make(map[*shard]*spoolReader, len(p.shards))
		for _, s := range p.shards {
			readers[s] = s.verdicts.reader()
		}
		var line Line
		for batch, err := range rows {
			if err != nil {
				yield(nil, err)
				return
			}
			for i := range batch {
				line.Row = batch[i]
				line.Verdict, err = p.verdictOn(&batch[i], readers)
				if !yield(&line, err) || err != nil {
					return
				}
			}
		}
		for _, r := range readers {
			if _, err := r.next(); err == nil {
				yield(nil, fmt.Errorf("the second reading of the input has fewer rows than the first"))
				return
			}
		}
	}
}

func (p *Plan) verdictOn(row *Row, readers map[*shard]*spoolReader) (Verdict, error) {
	if row.User == "" {
		return Verdict{Status: Invalid, Reason: row.Problem}, nil
	}
	record, err := readers[p.shardOf(row.User)].next()
	if err != nil {
		return Verdict{}, fmt.Errorf("the second reading of the input is not like the first at line %d of %s: %w",
			row.Line, p.rules.Files[row.File], err)
	}
	c := cursor(record)
	v := c.verdict()
	if v.Status == Invalid && v.Reason == "" {
		v.Reason = row.Problem
	}
	return v, nil
}

// UserLines returns the users in order of first appearance, each with the sum
// of its rows.
func (p *Plan) UserLines() iter.Seq2[UserLine, error] {
	return func(yield func(UserLine, error) bool) {
		for record, err := range merge(p.spools(func(s *shard) *spool { return &s.lines })) {
			var line UserLine
			if err == nil {
				c := cursor(record)
				line = c.userLine()
			}
			if !yield(line, err) || err != nil {
				return
			}
		}
	}
}
