package plan

import (
	"iter"

	"corattach/pipeline"
)

// Identities yields each row that COR holds something for, with the identity of its
// pair: rows that are matched, mismatched or unchanged, as far as COR told one.
func (t *Table) Identities() iter.Seq2[int32, pipeline.Identity] {
	return func(yield func(int32, pipeline.Identity) bool) {
		for r := range int32(t.answers.count) {
			switch t.statuses[t.rows.at(r).status] {
			case pipeline.Matched, pipeline.Mismatched, pipeline.Unchanged:
				if identity := t.answers.at(r).identity; identity.Known() && !yield(r, identity) {
					return
				}
			}
		}
	}
}

// Row returns a row with the verdict on it.
func (t *Table) Row(r int32) pipeline.Line {
	var line pipeline.Line
	var pivot pipeline.Pivot
	t.line(r, &line, &pivot)
	line.File = t.place(r).File
	return line
}

// Overwrite marks a row as mismatched because another row of the same identity was
// confirmed with another percentage afterwards.
func (t *Table) Overwrite(r int32, reason string) {
	row := t.rows.at(r)
	row.status, row.reason = t.number(pipeline.Mismatched), t.texts.add(reason)
}

func (t *Table) number(s pipeline.Status) number {
	for n, status := range t.statuses {
		if status == s {
			return number(n)
		}
	}
	return planned
}
