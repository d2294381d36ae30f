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
// assignment at COR. The map has, by its number, each row that was matched and is
// Mismatched now, with the reason: COR returned another percentage for the same
// identity afterwards, or in the same answer. The warning says in one line that
// pairs share identities, "" when none do.
//
// holders are the rows with a believable pivot, one of each pair; they are sorted
// in place. told is asked only for rows that share an identity.
func Overwritten(holders []Holder, told func(row int32) Told, tolerance pipeline.Percent) (overwritten map[int32]string, warning string) {
	slices.SortFunc(holders, func(a, b Holder) int {
		return cmp.Or(cmp.Compare(a.Identity.Workspace, b.Identity.Workspace),
			cmp.Compare(a.Identity.User, b.Identity.User), cmp.Compare(a.Row, b.Row))
	})
	overwritten = make(map[int32]string)
	groups, first := 0, []Holder(nil) // that share an identity; the first of them in input order
	for n := 1; len(holders) > 0; n = 1 {
		for n < len(holders) && holders[n].Identity == holders[0].Identity {
			n++
		}
		if n > 1 && holders[0].Identity.Known() {
			overwrites(holders[:n], told, tolerance, overwritten)
			if groups++; first == nil || holders[0].Row < first[0].Row {
				first = holders[:n]
			}
		}
		holders = holders[n:]
	}
	if groups > 0 {
		warning = fmt.Sprintf("%v and %v are one user and workspace at COR", told(first[0].Row), told(first[1].Row))
	}
	if groups > 1 {
		warning += fmt.Sprintf("; so are %d more groups of ids in the input", groups-1)
	}
	return overwritten, warning
}

// overwrites adds the rows of one identity that were matched and are not any more:
// COR's last word on the identity is another percentage.
func overwrites(holders []Holder, told func(row int32) Told, tolerance pipeline.Percent, overwritten map[int32]string) {
	rows := make([]Told, len(holders))
	for i, h := range holders {
		rows[i] = told(h.Row)
	}
	last := slices.MaxFunc(rows, func(a, b Told) int { return cmp.Compare(a.Number, b.Number) }).Number
	var words []Told // the last row for each percentage in the last answer
	for _, row := range slices.Backward(rows) {
		if row.Number == last && !slices.ContainsFunc(words, func(w Told) bool { return w.Returned == row.Returned }) {
			words = append(words, row)
		}
	}
	for i, row := range rows {
		other := slices.IndexFunc(words, func(w Told) bool { return !row.Asked.Near(w.Returned, tolerance) })
		if other < 0 || !row.Asked.Near(row.Returned, tolerance) {
			continue
		}
		when := "afterwards"
		if row.Number == last {
			when = "in the same answer"
		}
		overwritten[holders[i].Row] = fmt.Sprintf("%s %v, for which COR returned %s %s", pipeline.OneAtCOR, words[other], words[other].Returned, when)
	}
}

// String names the row.
func (t Told) String() string {
	return fmt.Sprintf("%s (user %q, workspace %q, source %s)", t.Place, t.User, t.Workspace, t.Source)
}
