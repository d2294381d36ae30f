package plan

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"corattach/pipeline"
)

// Rules say how rows become requests. They are pure settings: the same rows under
// the same rules give the same plan.
type Rules struct {
	OverAllocation OverAllocation
	Limit          pipeline.Percent // what a user's percentages may add up to; used unless OverAllocation is IgnoreOver
	Chunk          int              // workspaces per request; 0 = all
}

// OverAllocation says what becomes of a user whose percentages add up to more
// than the limit.
type OverAllocation string

// The choices of --over-allocation.
const (
	WarnOver   OverAllocation = "warn"
	RejectOver OverAllocation = "reject"
	IgnoreOver OverAllocation = "off"
)

// Rule says of each row whether it is planned, invalid, a duplicate or held. It
// is called once, when all rows are added.
func (t *Table) Rule(rules Rules) {
	t.rules = rules
	t.sortByUser()
	var p planner
	for number := range int32(t.users.count) {
		p.user(t, t.users.at(number))
	}
}

// planner is scratch space for one user after the other.
type planner struct {
	rows      []int32 // of the user
	first     []int   // first[i] is the first good row that names the pair of rows[i]
	pairs     map[pairKey]int
	conflicts []conflict
	shares    []sourceShares
}

// sourceShares is how many rows of a user are planned under a source.
type sourceShares struct {
	source int32
	count  int
}

// pairKey is a pair of one user: places among the cells.
type pairKey struct{ source, workspace int32 }

// conflict is a pair that is asked for with two percentages.
type conflict struct {
	source int32
	a, b   int
}

// user rules on the rows of one user.
func (p *planner) user(t *Table, u *user) {
	p.rows = t.rowsOf(u)
	p.findPairs(t)
	culprit := p.ruleInvalid(t)
	u.damaged = culprit >= 0
	u.requested = p.sum(t)
	if culprit < 0 && t.op == pipeline.Attach && t.rules.OverAllocation != IgnoreOver && u.requested > t.rules.Limit {
		u.over = true
		if t.rules.OverAllocation == RejectOver {
			u.damaged = true
			p.rejectOver(t, u.requested)
			return
		}
	}
	for i, r := range p.rows {
		row := t.rows.at(r)
		switch {
		case row.status == invalid:
		case p.first[i] != i:
			row.status, row.reason = duplicate, p.rows[p.first[i]]
		case culprit >= 0 && t.op == pipeline.Attach: // an invalid row of a detach holds nobody
			row.status, row.reason = held, p.rows[culprit]
		}
	}
	u.planned = p.requests(t)
}

// requests returns how many requests the planned rows of a user make.
func (p *planner) requests(t *Table) (count int32) {
	p.shares = p.shares[:0]
	for _, r := range p.rows {
		row := t.rows.at(r)
		if row.status != planned {
			continue
		}
		source := t.key(row).source
		i := slices.IndexFunc(p.shares, func(s sourceShares) bool { return s.source == source })
		if i < 0 {
			i = len(p.shares)
			p.shares = append(p.shares, sourceShares{source: source})
		}
		if p.shares[i].count++; p.shares[i].count == 1 || t.rules.Chunk > 0 && p.shares[i].count%t.rules.Chunk == 1%t.rules.Chunk {
			count++
		}
	}
	return count
}

// smallUser is the number of rows up to which comparing all pairs is cheaper than
// a map.
const smallUser = 16

func (p *planner) findPairs(t *Table) {
	p.first, p.conflicts, p.pairs = p.first[:0], p.conflicts[:0], nil
	if len(p.rows) > smallUser {
		p.pairs = make(map[pairKey]int, len(p.rows))
	}
	for i, r := range p.rows {
		row := t.rows.at(r)
		p.first = append(p.first, i)
		if row.status == invalid {
			continue
		}
		first := p.firstOf(t, i)
		p.first[i] = first
		if first != i && t.percent(t.rows.at(p.rows[first])) != t.percent(row) && p.conflictOf(t.key(row).source) == nil {
			p.conflicts = append(p.conflicts, conflict{t.key(row).source, first, i})
		}
	}
}

// firstOf returns the first good row up to i that names the same pair as row i.
func (p *planner) firstOf(t *Table, i int) int {
	key := t.key(t.rows.at(p.rows[i]))
	if p.pairs != nil {
		first, found := p.pairs[key]
		if !found {
			p.pairs[key], first = i, i
		}
		return first
	}
	for j := range i {
		if other := t.rows.at(p.rows[j]); other.status != invalid && t.key(other) == key {
			return j
		}
	}
	return i
}

func (p *planner) conflictOf(source int32) *conflict {
	for i := range p.conflicts {
		if p.conflicts[i].source == source {
			return &p.conflicts[i]
		}
	}
	return nil
}

// ruleInvalid marks rows as invalid by a conflict, and returns the first invalid
// row, or -1.
func (p *planner) ruleInvalid(t *Table) int {
	culprit := -1
	for i, r := range p.rows {
		row := t.rows.at(r)
		if row.status != invalid {
			if c := p.conflictOf(t.key(row).source); c != nil {
				row.status, row.reason = invalid, t.texts.add(p.conflictReason(t, c, r))
			}
		}
		if row.status == invalid && culprit < 0 {
			culprit = i
		}
	}
	return culprit
}

func (p *planner) conflictReason(t *Table, c *conflict, from int32) string {
	a, b := p.rows[c.a], p.rows[c.b]
	return fmt.Sprintf("workspace %q is asked for with %v on %s and with %v on %s: which one is meant?",
		t.workspace(t.rows.at(a)), t.percent(t.rows.at(a)), t.seenFrom(a, from), t.percent(t.rows.at(b)), t.seenFrom(b, from))
}

// sum adds up the user's distinct pairs that are no invalid row.
func (p *planner) sum(t *Table) pipeline.Percent {
	var sum pipeline.Percent
	for i, r := range p.rows {
		if row := t.rows.at(r); p.first[i] == i && row.status != invalid {
			sum += t.percent(row)
		}
	}
	return sum
}

func (p *planner) rejectOver(t *Table, sum pipeline.Percent) {
	reason := t.texts.add(fmt.Sprintf("the user's percentages add up to %v, over the limit of %v", sum, t.rules.Limit))
	for _, r := range p.rows {
		row := t.rows.at(r)
		row.status, row.reason = invalid, reason
	}
}

func (t *Table) key(r *row) pairKey {
	return pairKey{*t.sourceCells.meaning(r.source), *t.workspaceCells.meaning(r.workspace)}
}

func (t *Table) percent(r *row) pipeline.Percent { return *t.percentageCells.meaning(r.percentage) }

// seenFrom names the place of a row as seen from another one: its line, and its
// file when that is another one.
func (t *Table) seenFrom(r, from int32) string {
	place := t.place(r)
	line := "line " + itoa(place.Line)
	if from != none && place.File == t.place(from).File {
		return line
	}
	return line + " of " + t.inputs[place.File]
}

func itoa(n int64) string { return strconv.FormatInt(n, 10) }

// TooManyInvalid says why the input is refused, "" when nothing stands in the way.
func (t *Table) TooManyInvalid(limit pipeline.Limit) string {
	count := t.Count(pipeline.Invalid)
	if !limit.Exceeded(count, t.Rows()) {
		return ""
	}
	verb := "are"
	if count == 1 {
		verb = "is"
	}
	return fmt.Sprintf("%d of %d rows %s invalid, more than --max-invalid %v", count, t.Rows(), verb, limit)
}

// Count returns the number of rows with a status.
func (t *Table) Count(status pipeline.Status) int {
	count := 0
	for r := range int32(t.rows.count) {
		if t.statuses[t.rows.at(r).status] == status {
			count++
		}
	}
	return count
}

// OverAllocated returns how many users are above the limit, and the first three of
// them with what they ask for; "" when there is none.
func (t *Table) OverAllocated() (count int, text string) {
	var first []string
	for number := range int32(t.users.count) {
		if u := t.users.at(number); u.over {
			if count++; len(first) < 3 {
				first = append(first, fmt.Sprintf("%q with %v", t.userCells.at(u.cell), u.requested))
			}
		}
	}
	if count > len(first) {
		first = append(first, "…")
	}
	return count, strings.Join(first, ", ")
}
