package verdict

import (
	"cmp"
	"fmt"
	"slices"

	"corattach/pipeline"
)

// Holder is a row whose pair has an identity at COR.
type Holder struct {
	Row      int32 // the caller's number of the row, in input order
	Identity pipeline.Identity
}

// Told is what a row asked for and what COR told of it.
type Told struct {
	pipeline.Pair
	Place    string // of the row, as people read it: file:line
	Asked    pipeline.Percent
	Returned string // the percentage that COR returned, as it wrote the number
	Number   int64  // of the attempt; 0 for a row that COR confirmed in an earlier run
}

// Overwritten finds the pairs of the input that share an identity: they are one
// assignment at COR. The first result has, by its number, each row that was matched
// and is not any more, with the reason: COR returned another percentage for the
// same identity afterwards, or in the same answer. Such a row is Mismatched. The
// second has the rows of each shared identity, in input order.
//
// holders are the rows with a believable pivot, one of each pair; they are sorted
// in place. told is asked only for rows that share an identity.
func Overwritten(holders []Holder, told func(row int32) Told, tolerance pipeline.Percent) (map[int32]string, [][]Told) {
	overwritten := make(map[int32]string)
	var clashes [][]Told
	for _, group := range shared(holders) {
		rows := make([]Told, len(group))
		for i, h := range group {
			rows[i] = told(h.Row)
		}
		for i, reason := range overwrites(rows, tolerance) {
			overwritten[group[i].Row] = reason
		}
		clashes = append(clashes, rows)
	}
	return overwritten, clashes
}

// shared returns the holders of each identity that has several, in input order.
func shared(holders []Holder) [][]Holder {
	slices.SortFunc(holders, func(a, b Holder) int {
		return cmp.Or(cmp.Compare(a.Identity.Workspace, b.Identity.Workspace),
			cmp.Compare(a.Identity.User, b.Identity.User), cmp.Compare(a.Row, b.Row))
	})
	var groups [][]Holder
	for rest := holders; len(rest) > 0; {
		n := 1
		for n < len(rest) && rest[n].Identity == rest[0].Identity {
			n++
		}
		if n > 1 && rest[0].Identity.Known() {
			groups = append(groups, rest[:n])
		}
		rest = rest[n:]
	}
	slices.SortFunc(groups, func(a, b []Holder) int { return cmp.Compare(a[0].Row, b[0].Row) })
	return groups
}

// overwrites returns the rows of one identity that were matched and are not any
// more, by their place among them: COR's last word on the identity is another
// percentage.
func overwrites(rows []Told, tolerance pipeline.Percent) map[int]string {
	last := slices.MaxFunc(rows, func(a, b Told) int { return cmp.Compare(a.Number, b.Number) }).Number
	reasons := make(map[int]string)
	for i := range rows {
		row, when := &rows[i], "afterwards"
		if row.Number == last {
			when = "in the same answer"
		}
		for j := range rows {
			other := &rows[j]
			if other.Number == last && row.Asked.Near(row.Returned, tolerance) && !row.Asked.Near(other.Returned, tolerance) {
				reasons[i] = fmt.Sprintf("%s %v, for which COR returned %s %s", pipeline.OneAtCOR, other, other.Returned, when)
			}
		}
	}
	return reasons
}

// String names the row.
func (t *Told) String() string {
	return fmt.Sprintf("%s (user %q, workspace %q, source %s)", t.Place, t.User, t.Workspace, t.Source)
}

// Warning says in one line that pairs of the input share identities, "" when none
// do. clashes is the second result of Overwritten.
func Warning(clashes [][]Told) string {
	if len(clashes) == 0 {
		return ""
	}
	text := fmt.Sprintf("%v and %v are one user and workspace at COR", &clashes[0][0], &clashes[0][1])
	if len(clashes) > 1 {
		text += fmt.Sprintf("; so are %d more groups of ids in the input", len(clashes)-1)
	}
	return text
}
