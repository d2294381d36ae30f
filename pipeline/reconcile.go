package pipeline

import (
	"cmp"
	"fmt"
	"iter"
	"slices"
)

// Ending says what becomes of rows that were never sent.
type Ending struct {
	DryRun bool   // and nothing stood in the way: they are Planned
	Reason string // why they were not sent; used unless DryRun
}

// Judge gives a verdict on every row from all exchanges of the run: those of
// Before, and those that came after them. It is to be called once, after the last
// exchange and before Lines and UserLines.
func (p *Plan) Judge(exchanges iter.Seq2[Exchange, error], end Ending) error {
	p.ending, p.judged = end, true
	if err := p.spread(exchanges, func(s *shard) *spool { return &s.news }); err != nil {
		return err
	}
	if err := p.eachShard(p.judge); err != nil {
		return err
	}
	for _, s := range p.shards {
		p.Sent += s.counts.Sent
		p.NotSent += s.counts.NotSent
	}
	return nil
}

// judge judges a shard. Without any exchange what planning said still holds.
func (p *Plan) judge(t *table, s *shard) error {
	if s.past.count+s.news.count == 0 {
		s.counts.NotSent = s.counts.ByStatus[Planned]
		return nil
	}
	s.judged = true
	if err := t.load(s); err != nil {
		return err
	}
	verdicts, err := s.rulings.all(len(t.users))
	if err != nil {
		return err
	}
	histories, err := historiesOf(&s.past, &s.news)
	if err != nil {
		return err
	}
	for _, h := range histories {
		if slices.ContainsFunc(h, func(e Exchange) bool { return e.Sent() }) {
			s.counts.Sent++
		}
	}
	removals := removalsOf(histories)
	unsent := make(map[UserID]unsent)
	facts := s.facts.reader()
	for g := range t.groups() {
		record, err := facts.next()
		if err != nil {
			return err
		}
		c := cursor(string(record))
		line := c.userLine()
		t.judge(g, histories, removals[g.id], p.ending, verdicts, &line)
		s.record = appendUserLine(s.record[:0], &line)
		if err := s.lines.append(s.record); err != nil {
			return err
		}
		unsent[g.id] = p.unsent(g, verdicts)
	}
	if err := p.settleVanished(s, histories, unsent); err != nil {
		return err
	}
	for i := range verdicts {
		if verdicts[i].Status == NotSent {
			s.counts.NotSent++
		}
		if s.record, err = s.verdicts.add(&verdicts[i], s.record); err != nil {
			return err
		}
	}
	return nil
}

// unsent says why nothing was sent to detach vanished pairs, and whether a resume
// won't either.
type unsent struct {
	reason  string
	forGood bool
}

// unsent is what the rows of a user say: with one that was not sent nothing is
// detached.
func (p *Plan) unsent(g *group, verdicts []Verdict) unsent {
	u := unsent{reason: p.ending.Reason}
	for j, e := range g.entries {
		v := &verdicts[g.at[j]]
		if v.Status == NotSent && !u.forGood && (v.Blocked || u.reason == "") {
			u = unsent{fmt.Sprintf("not to be detached: %s, of this user, was not sent", p.rules.at(e.Place, Place{File: -1})), v.Blocked}
		}
	}
	return u
}

// removalsOf returns what was sent to detach vanished pairs, by user, in the order
// it was begun.
func removalsOf(histories map[Key]History) map[UserID]History {
	removals := make(map[UserID]History)
	for key, h := range histories {
		if key.Vanished {
			removals[key.User] = append(removals[key.User], h...)
		}
	}
	for _, h := range removals {
		slices.SortStableFunc(h, func(a, b Exchange) int {
			return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.Source, b.Source), cmp.Compare(a.Chunk, b.Chunk))
		})
	}
	return removals
}

// judge gives the verdicts on the rows of one user that planning would send,
// and completes its line. removals are what was sent for its vanished pairs.
func (p *planner) judge(g *group, histories map[Key]History, removals History, end Ending, verdicts []Verdict, line *UserLine) {
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
		if r.Past.unchanged() {
			line.Requests--
		}
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
	line.addAnswers(requests, removals, sent)
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
func (u *UserLine) addAnswers(requests []Request, removals History, sent map[pair]Verdict) {
	var last *Exchange
	extras := make(map[Pivot]int)
	add := func(h History) {
		for i := range h {
			e := &h[i]
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
	for i := range requests {
		add(requests[i].Past)
	}
	add(removals)
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
