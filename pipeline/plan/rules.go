package plan

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"corattach/pipeline"
)

// Rules say how rows become requests. They are pure settings: the same rows under
// the same rules give the same plan.
type Rules struct {
	Op             pipeline.Op // what is asked of COR in the end
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
// is called once, when all rows of the inputs are added.
func (t *Table) Rule(rules Rules, inputs []pipeline.Input) {
	t.rules, t.inputs = rules, inputs
	t.sortByUser()
	var good []named
	for number := range t.Users() {
		good = t.ruleUser(number, good[:0])
	}
}

// named is a good row and the pair that it names.
type named struct {
	key
	r int32
}

// ruleUser rules on the rows of one user. good is scratch space, and returned.
func (t *Table) ruleUser(number int, good []named) []named {
	u, rows := t.users.at(int32(number)), t.rowsOf(number)
	for _, r := range rows {
		if row := t.rows.at(r); row.status != invalid {
			good = append(good, named{row.key(), r})
		}
	}
	slices.SortStableFunc(good, func(a, b named) int {
		return cmp.Or(cmp.Compare(a.source, b.source), cmp.Compare(a.workspace, b.workspace))
	})
	for rest := good; len(rest) > 0; {
		n := 1
		for n < len(rest) && rest[n].source == rest[0].source {
			n++
		}
		u.planned += t.ruleSource(rest[:n])
		rest = rest[n:]
	}
	culprit := int32(-1)
	for _, r := range rows {
		switch row := t.rows.at(r); {
		case row.status == planned:
			u.requested += pipeline.Percent(row.percent)
		case row.status == invalid && culprit < 0:
			culprit = r
		}
	}
	u.damaged = culprit >= 0
	u.over = !u.damaged && t.rules.Op == pipeline.Attach && t.rules.OverAllocation != IgnoreOver && u.requested > t.rules.Limit
	switch {
	case u.over && t.rules.OverAllocation == RejectOver:
		u.damaged, u.planned = true, 0
		reason := t.reasons.add(fmt.Sprintf("the user's percentages add up to %v, over the limit of %v", u.requested, t.rules.Limit), 0)
		for _, r := range rows {
			t.mark(r, invalid, reason)
		}
	case u.damaged && t.rules.Op == pipeline.Attach: // an invalid row of a detach holds nobody
		u.planned = 0
		for _, r := range rows {
			if t.rows.at(r).status == planned {
				t.mark(r, held, culprit)
			}
		}
	}
	return good
}

func (t *Table) mark(r int32, status number, reason int32) {
	row := t.rows.at(r)
	row.status, row.reason = status, reason
}

// ruleSource rules on the good rows of a user under one source, sorted by workspace:
// all are invalid when a pair is asked for with two percentages, else repeated ones
// are duplicates. It returns how many requests the rows make.
func (t *Table) ruleSource(rows []named) (requests int32) {
	a, b := int32(-1), int32(-1) // of the pairs with two percentages, the one that is the first to have the second
	first, pairs := rows[0], 1
	for _, row := range rows[1:] {
		switch {
		case row.key != first.key:
			first = row
			pairs++
		case t.rows.at(row.r).percent == t.rows.at(first.r).percent:
			t.mark(row.r, duplicate, first.r)
		case b < 0 || row.r < b:
			a, b = first.r, row.r
		}
	}
	if b < 0 {
		chunk := cmp.Or(t.rules.Chunk, pairs)
		return int32((pairs + chunk - 1) / chunk)
	}
	one, two := t.rows.at(a), t.rows.at(b)
	for _, row := range rows {
		reason := fmt.Sprintf("workspace %q is asked for with %v on %s and with %v on %s: which one is meant?",
			t.workspace(one), pipeline.Percent(one.percent), t.seenFrom(a, row.r), pipeline.Percent(two.percent), t.seenFrom(b, row.r))
		t.mark(row.r, invalid, t.reasons.add(reason, 0))
	}
	return 0
}

// seenFrom names the place of a row as seen from another one: its line, and its
// file when that is another one.
func (t *Table) seenFrom(r, from int32) string {
	place := t.place(r)
	if place.File == t.place(from).File {
		return fmt.Sprintf("line %d", place.Line)
	}
	return fmt.Sprintf("line %d of %s", place.Line, t.inputs[place.File].File)
}

// TooManyInvalid says why the input is refused, "" when nothing stands in the way.
func (t *Table) TooManyInvalid(limit pipeline.Limit) string {
	count := 0
	for r := range t.rows.count {
		if t.rows.at(r).status == invalid {
			count++
		}
	}
	if !limit.Exceeded(count, t.Rows()) {
		return ""
	}
	verb := "are"
	if count == 1 {
		verb = "is"
	}
	return fmt.Sprintf("%d of %d rows %s invalid, more than --max-invalid %v", count, t.Rows(), verb, limit)
}

// OverAllocated warns of users above the limit, with the first three of them and what
// they ask for; "" when there is none, or no warning is asked for.
func (t *Table) OverAllocated() string {
	var first []string
	count := 0
	for number := range t.Users() {
		if u := t.users.at(int32(number)); u.over {
			if count++; len(first) < 3 {
				first = append(first, fmt.Sprintf("%q with %v", t.UserID(number), u.requested))
			}
		}
	}
	if count == 0 || t.rules.OverAllocation != WarnOver {
		return ""
	}
	if count > len(first) {
		first = append(first, "…")
	}
	return fmt.Sprintf("%s with more than %v %% in all: %s", pipeline.Count(count, "user"), t.rules.Limit, strings.Join(first, ", "))
}
