package verdict

import (
	"cmp"
	"fmt"
	"iter"
	"slices"

	"corattach/pipeline"
)

// Lines is what is known of the rows of a run, by their numbers.
type Lines interface {
	Row(row int32) pipeline.Line
	Identity(row int32) pipeline.Identity
	PlaceText(row int32) string // file:line
}

// Overwritten finds the pairs of the input that share an identity: they are one
// assignment at COR. The map has, by its number, each row that was matched and is
// Mismatched now, with the reason: COR returned another percentage for the same
// identity afterwards, or in the same answer. The warning says in one line that
// pairs share identities, "" when none do.
//
// held are the rows whose pair has an identity at COR, one row of each pair.
func Overwritten(held iter.Seq[int32], lines Lines, tolerance pipeline.Percent) (overwritten map[int32]string, warning string) {
	holders := slices.Collect(held)
	slices.SortFunc(holders, func(a, b int32) int {
		one, other := lines.Identity(a), lines.Identity(b)
		return cmp.Or(cmp.Compare(one.Workspace, other.Workspace), cmp.Compare(one.User, other.User), cmp.Compare(a, b))
	})
	overwritten = make(map[int32]string)
	groups, first := 0, []int32(nil) // that share an identity; the first of them in input order
	for n := 1; len(holders) > 0; n = 1 {
		for n < len(holders) && lines.Identity(holders[n]) == lines.Identity(holders[0]) {
			n++
		}
		if n > 1 {
			overwrites(holders[:n], lines, tolerance, overwritten)
			if groups++; first == nil || holders[0] < first[0] {
				first = holders[:n]
			}
		}
		holders = holders[n:]
	}
	if groups > 0 {
		warning = fmt.Sprintf("%s and %s are one user and workspace at COR", name(lines, first[0]), name(lines, first[1]))
	}
	if groups > 1 {
		warning += fmt.Sprintf("; so are %d more groups of ids in the input", groups-1)
	}
	return overwritten, warning
}

// overwrites adds the rows of one identity that were matched and are not any more:
// COR's last word on the identity is another percentage.
func overwrites(holders []int32, lines Lines, tolerance pipeline.Percent, overwritten map[int32]string) {
	rows := make([]pipeline.Line, len(holders))
	for i, row := range holders {
		rows[i] = lines.Row(row)
		if rows[i].Pivot == nil { // COR confirmed it in an earlier run
			rows[i].Pivot = &pipeline.Pivot{Percentage: rows[i].Percent.String()}
		}
	}
	last := slices.MaxFunc(rows, func(a, b pipeline.Line) int { return cmp.Compare(a.Number, b.Number) }).Number
	var words []int // the last row for each percentage in the last answer
	for i := range slices.Backward(rows) {
		said := func(word int) bool { return rows[word].Pivot.Percentage == rows[i].Pivot.Percentage }
		if rows[i].Number == last && !slices.ContainsFunc(words, said) {
			words = append(words, i)
		}
	}
	for i, row := range rows {
		differs := func(word int) bool { return !row.Percent.Near(rows[word].Pivot.Percentage, tolerance) }
		other := slices.IndexFunc(words, differs)
		if other < 0 || differs(i) {
			continue
		}
		when := "afterwards"
		if row.Number == last {
			when = "in the same answer"
		}
		by := words[other]
		overwritten[holders[i]] = fmt.Sprintf("%s %s, for which COR returned %s %s", pipeline.OneAtCOR, name(lines, holders[by]), rows[by].Pivot.Percentage, when)
	}
}

func name(lines Lines, row int32) string {
	line := lines.Row(row)
	return fmt.Sprintf("%s (user %q, workspace %q, source %s)", lines.PlaceText(row), line.User, line.Workspace, line.Source)
}
