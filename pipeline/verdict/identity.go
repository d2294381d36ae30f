package verdict

import (
	"cmp"
	"fmt"
	"iter"
	"slices"

	"corattach/pipeline"
)

// holder is a row whose pair has an identity at COR.
type holder struct {
	row      int32
	identity pipeline.Identity
}

// Lines is what is known of the rows of a run, by their numbers.
type Lines interface {
	Row(row int32) pipeline.Line
	PlaceText(row int32) string // file:line
}

// Overwritten finds the pairs of the input that share an identity: they are one
// assignment at COR. The map has, by its number, each row that was matched and is
// Mismatched now, with the reason: COR returned another percentage for the same
// identity afterwards, or in the same answer. The warning says in one line that
// pairs share identities, "" when none do.
//
// identities are those of the rows that COR holds something for, one row of each
// pair. lines is asked only for rows that share an identity.
func Overwritten(identities iter.Seq2[int32, pipeline.Identity], lines Lines, tolerance pipeline.Percent) (overwritten map[int32]string, warning string) {
	var holders []holder
	for row, identity := range identities {
		holders = append(holders, holder{row, identity})
	}
	slices.SortFunc(holders, func(a, b holder) int {
		return cmp.Or(cmp.Compare(a.identity.Workspace, b.identity.Workspace),
			cmp.Compare(a.identity.User, b.identity.User), cmp.Compare(a.row, b.row))
	})
	overwritten = make(map[int32]string)
	groups, first := 0, []holder(nil) // that share an identity; the first of them in input order
	for n := 1; len(holders) > 0; n = 1 {
		for n < len(holders) && holders[n].identity == holders[0].identity {
			n++
		}
		if n > 1 && holders[0].identity.Known() {
			overwrites(holders[:n], lines, tolerance, overwritten)
			if groups++; first == nil || holders[0].row < first[0].row {
				first = holders[:n]
			}
		}
		holders = holders[n:]
	}
	if groups > 0 {
		warning = fmt.Sprintf("%s and %s are one user and workspace at COR", name(lines, first[0].row), name(lines, first[1].row))
	}
	if groups > 1 {
		warning += fmt.Sprintf("; so are %d more groups of ids in the input", groups-1)
	}
	return overwritten, warning
}

// overwrites adds the rows of one identity that were matched and are not any more:
// COR's last word on the identity is another percentage.
func overwrites(holders []holder, lines Lines, tolerance pipeline.Percent, overwritten map[int32]string) {
	rows := make([]pipeline.Line, len(holders))
	for i, h := range holders {
		rows[i] = lines.Row(h.row)
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
		overwritten[holders[i].row] = fmt.Sprintf("%s %s, for which COR returned %s %s", pipeline.OneAtCOR, name(lines, holders[by].row), rows[by].Pivot.Percentage, when)
	}
}

func name(lines Lines, row int32) string {
	line := lines.Row(row)
	return fmt.Sprintf("%s (user %q, workspace %q, source %s)", lines.PlaceText(row), line.User, line.Workspace, line.Source)
}
